"""The log of offsets: what is written is read again, and what is torn is passed over."""

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.logs import logged
from twisted.logger import LogLevel

from appliance.quantities import NS_PER_S, SECONDS_PER_DAY, Provenance
from appliance.store.history import COLUMNS, KEPT_DAYS, HistoryRow, HistoryWriter, read_history
from appliance.timing.alarms import Alarm
from appliance.timing.keeping.config import EnsembleStatus, Statement
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState, Leap

TAI_S = 1_800_000_037
STATEMENT = Statement(
    raw_ns=1,
    tai_ns=TAI_S * NS_PER_S,
    rate_e12=-12,
    bound_ns=15_000,
    bound_growth_e12=0,
    utc_offset_s=37,
    leap=Leap.NONE,
    leap_at_tai_ns=0,
    state=ClockState.HOLDOVER,
    provenance=Provenance.SIMULATED,
)
STATUS = EnsembleStatus(
    state=ClockState.HOLDOVER,
    cause=Cause.LOST,
    since_raw_ns=0,
    provenance=Provenance.SIMULATED,
    offset_ns=-700,
    bound_ns=15_000,
    learned_s=0.0,
    sources=(),
    agreeing=frozenset({"oscillator", "gnss"}),
    dissenting=frozenset(),
    vanished=(),
    alarms=frozenset({Alarm.REFERENCE_LOST, Alarm.ANTENNA}),
    temperature_mk=313_150,
)


def after(seconds: int) -> Statement:
    return attrs.evolve(STATEMENT, tai_ns=STATEMENT.tai_ns + seconds * NS_PER_S)


def written(folder: Path, *seconds: int) -> HistoryWriter:
    writer = HistoryWriter(folder, lambda: STATUS)
    for second in seconds:
        writer(after(second))
    return writer


def test_a_minute_is_written_once_and_read_again(tmp_path: Path) -> None:
    written(tmp_path, *range(120))
    rows = read_history(tmp_path, 0)
    assert [row.tai_s // 60 for row in rows] == [TAI_S // 60 + n for n in range(len(rows))]
    assert len(rows) in (2, 3)
    assert rows[0] == HistoryRow(
        utc_s=TAI_S - 37,
        tai_s=TAI_S,
        state=ClockState.HOLDOVER,
        cause="LOST",
        provenance=Provenance.SIMULATED,
        offset_ns=-700,
        fresh_offset_ns=None,
        bound_ns=15_000,
        rate_e12=-12,
        temperature_mk=313_150,
        agreeing=("gnss", "oscillator"),
        alarms=("ANTENNA", "REFERENCE_LOST"),
    )


def test_a_new_day_has_a_file_of_its_own(tmp_path: Path) -> None:
    written(tmp_path, 0)
    written(tmp_path, SECONDS_PER_DAY)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "2027-01-15.csv",
        "2027-01-16.csv",
    ]


def test_so_many_days_are_kept_and_the_oldest_goes_first(tmp_path: Path) -> None:
    for day in range(KEPT_DAYS + 2):
        written(tmp_path, day * SECONDS_PER_DAY)
    days = sorted(path.stem for path in tmp_path.iterdir())
    assert len(days) == KEPT_DAYS
    assert (days[0], days[-1]) == ("2027-01-17", "2028-02-20")


def test_a_date_far_ahead_does_not_cost_the_history(tmp_path: Path) -> None:
    written(tmp_path, 0)
    written(tmp_path, 20 * 366 * SECONDS_PER_DAY)
    assert len(read_history(tmp_path, 0)) == 2


def test_only_what_is_young_enough_is_read(tmp_path: Path) -> None:
    written(tmp_path, 0)
    written(tmp_path, SECONDS_PER_DAY)
    assert [row.tai_s for row in read_history(tmp_path, TAI_S)] == [TAI_S + SECONDS_PER_DAY]


def test_a_torn_last_line_and_foreign_ones_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path, 0, 60)
    (path,) = tmp_path.iterdir()
    whole = path.read_text("ascii")
    path.write_text('nonsense\n"\n' + whole + whole.splitlines()[1][:40], "ascii")
    assert len(read_history(tmp_path, 0)) == 2


def test_a_line_torn_by_a_full_disk_costs_no_other(tmp_path: Path) -> None:
    written(tmp_path, 0)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert read_history(tmp_path, 0) == []
    written(tmp_path, 60)
    assert [row.tai_s for row in read_history(tmp_path, 0)] == [TAI_S + 60]


def test_a_file_that_the_disk_left_empty_is_begun_again(tmp_path: Path) -> None:
    written(tmp_path, 0)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for remains in (b"", whole[:7]):
        path.write_bytes(remains)
        written(tmp_path, 0)
        assert path.read_bytes() == whole


def test_a_file_begins_with_the_names_of_its_columns(tmp_path: Path) -> None:
    written(tmp_path, 0, 60)
    (path,) = tmp_path.iterdir()
    lines = path.read_text("ascii").splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1] == (
        "2027-01-15T08:00:00.000000Z,1800000037,HOLDOVER,LOST,SIMULATED,"
        "-700,,15000,-12,313150,gnss oscillator,ANTENNA REFERENCE_LOST"
    )
    assert len(lines) == 3


def test_a_clock_without_a_time_writes_nothing(tmp_path: Path) -> None:
    HistoryWriter(tmp_path, lambda: STATUS)(attrs.evolve(STATEMENT, tai_ns=0))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_does_not_stop_the_clock(tmp_path: Path) -> None:
    blocked = tmp_path / "history"
    blocked.write_text("in the way")
    with logged(LogLevel.error) as events:
        written(blocked, *range(60))
    assert len(events) == 2  # TAI_S lies within a minute
    assert blocked.read_text() == "in the way"


def test_no_history_is_no_error(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none", 0) == []


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_reading_it_does_not_fail(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    folder = tmp_path_factory.mktemp("history")
    (folder / "2027-01-15.csv").write_bytes(octets)
    assert read_history(folder, 0) == []
