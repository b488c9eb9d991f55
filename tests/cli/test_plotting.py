from __future__ import annotations

import io
import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from appliance.cli.clock.curves import (
    SEVERITY,
    Column,
    Minute,
    OffsetAxis,
    Series,
    fold,
    format_ns,
    offset_axis,
    stability_curves,
    time_ticks,
)
from appliance.cli.clock.plot_png import SIZE, STATE_COLOURS, draw_png
from appliance.cli.clock.plot_text import LETTERS, WIDTH, draw_text
from appliance.quantities import Provenance
from appliance.timing.trusted import ClockState

START_S = 1_795_046_400  # 2026-11-19 00:00 UTC
VANISHED = ((1, 10_000), (6, 10_900), (12, 13_200), (24, 22_500), (48, 49_000), (72, 83_200))
DOTS = {chr(code) for code in range(0x2801, 0x2900)}
BAND = "░"


def minute(index: int) -> Minute:
    """Two days locked, half a day of holdover, half a day locked."""
    is_holdover = 2880 <= index < 3600
    grown_ns = (index - 2880) * 60 if is_holdover else 0
    return Minute(
        START_S + 60 * index,
        ClockState.HOLDOVER if is_holdover else ClockState.READY,
        10_000 + grown_ns,
        None if is_holdover else round(40 * math.sin(index * 1.7)),
        round(1000 * math.sin(index / 400)),
    )


def series(
    minutes: int = 4320, provenance: Provenance = Provenance.SIMULATED, first: int = 0
) -> Series:
    return Series(tuple(map(minute, range(first, first + minutes))), provenance, VANISHED)


def offset_rows(text: list[str]) -> list[str]:
    """The part of the rows of the first panel that lies right of its axis."""
    start = next(row for row, line in enumerate(text) if line.startswith("Offset")) + 1
    end = next(row for row, line in enumerate(text) if "└" in line)
    return [line[11:] for line in text[start:end]]


def test_every_axis_of_the_text_has_its_unit() -> None:
    text = "\n".join(draw_text(series()))
    for label in ("10 us ┤", "-10 us ┤", "0 ns ┤", "UTC", "11-20", "1e-10 ┤", "1e3 s", "tau"):
        assert label in text


def test_the_text_fits_80_columns() -> None:
    assert WIDTH == 80
    assert max(map(len, draw_text(series()))) == 80


def test_the_band_of_the_bound_covers_the_rows_of_the_offset() -> None:
    rows = offset_rows(draw_text(series()))
    both = 0
    for cells in zip(*(row.ljust(69) for row in rows), strict=True):
        dots = [row for row, cell in enumerate(cells) if cell in DOTS]
        band = [row for row, cell in enumerate(cells) if cell == BAND]
        assert band
        if dots:
            assert min(band) < min(dots)
            assert max(dots) < max(band)
            both += 1
    assert both > 50


def test_an_offset_beyond_the_bound_is_drawn_outside_the_band() -> None:
    wild = Minute(START_S, ClockState.UNTRUSTED, 10_000, 900_000, 0)
    rows = offset_rows(draw_text(Series((wild,), Provenance.HARDWARE)))
    column = [row[0] for row in rows]
    assert min(row for row, cell in enumerate(column) if cell in DOTS) < column.index(BAND)


def test_in_holdover_the_band_grows_and_no_offset_is_drawn() -> None:
    holdover = series(720, first=2880)
    rows = [row.ljust(69) for row in offset_rows(draw_text(holdover))]
    heights = [sum(cell == BAND for cell in cells) for cells in zip(*rows, strict=True)]
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]
    assert not DOTS & set("".join(rows))


def test_the_states_stand_below_with_their_names() -> None:
    text = draw_text(series())
    strip = next(line for line in text if line.strip().startswith("state"))[11:]
    assert strip.strip("R").strip("H") == ""
    assert strip[0] == strip[-1] == "R"
    assert "R READY  H HOLDOVER" in "\n".join(text)


def test_colours_change_nothing_but_colours() -> None:
    plain, coloured = draw_text(series()), draw_text(series(), is_coloured=True)
    assert "\x1b" not in "".join(plain)
    assert sum(line != other for line, other in zip(plain, coloured, strict=True)) == 1
    assert "\x1b[30;43m" in "".join(coloured)


def test_a_column_shows_the_worst_of_its_states() -> None:
    torn = Minute(START_S + 4320 * 60, ClockState.UNTRUSTED, None, None, None)
    columns = fold(Series((*series().minutes, torn), Provenance.HARDWARE), 40)
    assert columns[-1] is not None
    assert columns[-1].state is ClockState.UNTRUSTED
    assert columns[-1].bound_ns == 10_000


def test_every_state_has_a_rank_a_letter_and_a_colour() -> None:
    assert set(SEVERITY) == set(LETTERS) == set(STATE_COLOURS) == set(ClockState)
    assert len(set(LETTERS.values())) == len(set(STATE_COLOURS.values())) == len(ClockState)


def test_missing_minutes_leave_columns_empty() -> None:
    kept = series(100).minutes[:25] + series(100).minutes[75:]
    columns = fold(Series(kept, Provenance.HARDWARE), 100)
    assert [column is None for column in columns] == [25 <= at < 75 for at in range(100)]


def test_one_minute_fills_every_column() -> None:
    assert fold(series(1), 5) == [Column(10_000, (0, 0), ClockState.READY)] * 5


def test_simulated_time_says_so_and_other_time_does_not() -> None:
    assert "SIMULATED" in draw_text(series())[0]
    assert "SIMULATED" not in "\n".join(draw_text(series(provenance=Provenance.HARDWARE)))


def test_the_bars_of_the_holdover_grow_with_the_bound() -> None:
    lines = [line for line in draw_text(series()) if " h │" in line]
    lengths = [line.count("█") for line in lines]
    assert lengths == sorted(lengths)
    assert lines[-1].split("│")[0].strip() == "72 h"
    assert lines[-1].endswith("±83.2 us")


def test_what_cannot_be_drawn_is_said() -> None:
    text = "\n".join(draw_text(Series(series(3).minutes, Provenance.HARDWARE)))
    assert "too few minutes" in text
    assert "no forecast" in text
    assert draw_png(Series(series(3).minutes, Provenance.HARDWARE)).startswith(b"\x89PNG")


def test_the_stability_is_reckoned_from_minutes_in_a_row() -> None:
    curves = {curve.name: curve.points for curve in stability_curves(series())}
    taus_s = [tau_s for tau_s, _ in curves["reference - clock"]]
    assert taus_s == [60.0 * 2**n for n in range(len(taus_s))]
    assert 4 * taus_s[-1] <= 2880 * 60 < 8 * taus_s[-1]
    assert curves["oscillator - TAI"][-1][0] > taus_s[-1] / 2


def test_the_png_has_its_signature_and_size() -> None:
    png = draw_png(series())
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == SIZE
        colours = {colour for _, colour in image.getcolors(1 << 20)}
    assert tuple(bytes.fromhex(STATE_COLOURS[ClockState.HOLDOVER][1:])) in colours


def test_the_plot_of_simulated_time_bears_a_red_label() -> None:
    def label(provenance: Provenance) -> tuple[int, ...]:
        with Image.open(io.BytesIO(draw_png(series(200, provenance)))) as image:
            return image.getpixel((1080, 52))

    assert label(Provenance.SIMULATED) == (0xC0, 0x34, 0x2B)
    assert label(Provenance.HARDWARE) == (255, 255, 255)


@given(st.integers(0, 4 * 10**9), st.integers(60, 400 * 86_400), st.integers(4, 15))
def test_the_ticks_of_time_are_monotone_and_few(start_s: int, length_s: int, most: int) -> None:
    places = [place for place, _ in time_ticks((start_s, start_s + length_s), most)]
    assert places == sorted(set(places))
    assert all(0 <= place < 1 for place in places)
    assert len(places) <= most + 1


@given(st.floats(1, 1e10), st.floats(1, 1e6), st.floats(0.05, 0.5))
def test_the_ticks_of_offset_are_monotone_and_apart(top: float, knee: float, gap: float) -> None:
    ticks = OffsetAxis(top, knee).ticks(gap)
    places = [place for place, _ in ticks]
    assert (0.5, "0 ns") in ticks
    assert all(late - early >= gap * 0.999 for early, late in itertools.pairwise(places))
    assert all(0 <= place <= 1 for place in places)


def test_the_axis_of_offset_holds_all_that_is_drawn() -> None:
    axis = offset_axis(series())
    assert 0 < axis.place(-53_140) < 0.5 < axis.place(40) < axis.place(53_140) < 1


def test_times_are_written_in_the_unit_that_fits() -> None:
    assert [format_ns(each) for each in (0, -85, 999.6, 1200, 72_000, 1.5e6, 2e9)] == [
        *("0 ns", "-85 ns", "1 us", "1.2 us", "72 us", "1.5 ms", "2 s")
    ]
