"""What the history holds while the clock follows its satellites, and that it can be drawn."""

from pathlib import Path

import pytest
from kit.virtual_timed import Beat, VirtualTimed

from appliance.cli.clock.curves import Minute, Series
from appliance.cli.clock.plot_text import draw_text
from appliance.quantities import Provenance
from appliance.store.history import HistoryRow, HistoryWriter, read_history
from appliance.timing.trusted import ClockState
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A, GNSS_B

REFERENCE_NS = 400
"""What a single pulse of the simulated receivers may be off by, their slow errors too."""


def followed(folder: Path) -> tuple[VirtualTimed, list[tuple[HistoryRow, Beat]]]:
    run = VirtualTimed()
    writer = HistoryWriter(folder, lambda: run.status)
    beats_by_tai_s: dict[int, Beat] = {}
    run.outputs.append(writer)
    run.outputs.append(lambda told: beats_by_tai_s.update({told.tai_ns // 10**9: run.beats[-1]}))
    run.go_until(ClockState.LOCKED, most_s=120)
    run.go(310)
    rows = read_history(folder, 0)
    return run, [(row, beats_by_tai_s[row.tai_s]) for row in rows]


def test_minutes_that_follow_hold_the_reference_less_what_was_told(tmp_path):
    _, minutes = followed(tmp_path)
    assert len(minutes) >= 5
    for row, beat in minutes[1:]:
        assert row.state is ClockState.LOCKED
        assert row.fresh_offset_ns is not None
        # Were the reference the truth, this would be the error of what was told, turned about.
        assert abs(row.fresh_offset_ns + beat.error_ns) <= row.bound_ns + REFERENCE_NS
        assert abs(row.fresh_offset_ns) <= REFERENCE_NS
    assert len({row.fresh_offset_ns for row, _ in minutes}) > 3


def test_a_running_box_has_a_line_of_offsets_to_draw(tmp_path):
    _, minutes = followed(tmp_path)

    def drawn(*, with_offsets: bool) -> str:
        offsets = [row.fresh_offset_ns if with_offsets else None for row, _ in minutes]
        series = Series(
            tuple(
                Minute(row.utc_s, row.state, row.bound_ns, offset_ns, row.offset_ns)
                for (row, _), offset_ns in zip(minutes, offsets, strict=True)
            ),
            Provenance.SIMULATED,
            (),
        )
        return "\n".join(draw_text(series, is_coloured=False))

    def dots(text: str) -> int:
        return sum(0x2801 <= ord(character) < 0x2900 for character in text)

    assert dots(drawn(with_offsets=True)) > dots(drawn(with_offsets=False)) + 10


def test_a_reference_that_is_gone_says_nothing_any_more():
    run = VirtualTimed()
    run.go_until(ClockState.LOCKED, most_s=120)
    run.go(60)
    assert run.status.fresh_offset_ns is not None
    run.begin(Fault.ANTENNA_CUT, GNSS_A, GNSS_B)
    run.go_until(ClockState.HOLDOVER, most_s=60)
    assert run.status.fresh_offset_ns is None


def test_what_is_told_is_the_slewed_time_and_not_the_estimate():
    run = VirtualTimed()
    run.go_until(ClockState.LOCKED, most_s=120)
    run.go(60)
    clock, raw_ns = run.ensemble._clock, run.raw_ns
    before_ns = run.status.fresh_offset_ns
    clock._tai_ns += 5_000
    assert run.ensemble.status(raw_ns).fresh_offset_ns == pytest.approx(before_ns - 5_000, abs=2)
