"""The plot of the clock for a terminal: 80 columns of text, with braille dots for the lines."""

from __future__ import annotations

import itertools

import attrs

from appliance.cli.clock.curves import (
    SEVERITY,
    Curve,
    Series,
    fold,
    format_ns,
    offset_axis,
    stability_axes,
    stability_curves,
    time_ticks,
)
from appliance.timing.trusted import ClockState

WIDTH = 80
_GUTTER = 9
_PLOT = WIDTH - _GUTTER - 2
_OFFSET_ROWS = 15
_STABILITY_ROWS = 9
_BAND = "░"
_MARKS = "●○"

LETTERS = {
    ClockState.READY: "R",
    ClockState.LOCKED: "L",
    ClockState.REACQUIRE: "Q",
    ClockState.HOLDOVER: "H",
    ClockState.DEGRADED: "D",
    ClockState.ACQUIRE: "A",
    ClockState.WARMUP: "W",
    ClockState.COLD: "C",
    ClockState.UNTRUSTED: "U",
}
_GROUNDS = {
    ClockState.READY: 42,
    ClockState.LOCKED: 102,
    ClockState.REACQUIRE: 46,
    ClockState.HOLDOVER: 43,
    ClockState.DEGRADED: 103,
    ClockState.ACQUIRE: 45,
    ClockState.WARMUP: 105,
    ClockState.COLD: 47,
    ClockState.UNTRUSTED: 101,
}
"""Background colours of ECMA-48 (SGR); the letter upon them is black."""

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a braille character's dots, by column and row from the top (Unicode 15, 15.1)."""


@attrs.define
class Grid:
    """Characters under construction: `cells` by row from the top, then by column."""

    cells: list[list[str]]

    @classmethod
    def blank(cls, rows: int) -> Grid:
        """Begin with spaces."""
        return cls([[" "] * _PLOT for _ in range(rows)])

    def row_of(self, place: float) -> int:
        """Find the row of a place, 0 at the bottom."""
        return min(len(self.cells) - 1, max(0, int((1 - place) * len(self.cells))))

    def dot(self, column: int, place: float) -> None:
        """Set a braille dot; `column` counts half characters."""
        dot_row = min(4 * len(self.cells) - 1, max(0, int((1 - place) * 4 * len(self.cells))))
        row, cell = dot_row // 4, column // 2
        held = ord(self.cells[row][cell])
        bits = held - _BRAILLE if held >= _BRAILLE else 0
        self.cells[row][cell] = chr(_BRAILLE | bits | _DOTS[column % 2][dot_row % 4])

    def rows(self, labels: dict[int, str]) -> list[str]:
        """Give the rows with labels at their left."""
        return [
            f"{labels.get(row, ''):>{_GUTTER}} {'┤' if row in labels else '│'}{''.join(cells)}"
            for row, cells in enumerate(self.cells)
        ]


def draw_text(series: Series, *, is_coloured: bool = False) -> list[str]:
    """Draw all panels as rows of at most 80 characters; colours come as ECMA-48 sequences."""
    return [
        series.title,
        series.subtitle,
        "",
        *_draw_offsets(series, is_coloured=is_coloured),
        "",
        *_draw_stability(stability_curves(series)),
        "",
        *_draw_holdover(series.vanished),
    ]


def _draw_offsets(series: Series, *, is_coloured: bool) -> list[str]:
    axis, grid = offset_axis(series), Grid.blank(_OFFSET_ROWS)
    for column, found in enumerate(fold(series, _PLOT)):
        if found is not None and found.bound_ns is not None:
            top = grid.row_of(axis.place(found.bound_ns))
            bottom = grid.row_of(axis.place(-found.bound_ns))
            for row in range(top, bottom + 1):
                grid.cells[row][column] = _BAND
    for column, found in enumerate(fold(series, 2 * _PLOT)):
        if found is not None and found.offsets_ns is not None:
            for place in _filled(grid, *map(axis.place, found.offsets_ns)):
                grid.dot(column, place)
    labels = {grid.row_of(place): text for place, text in axis.ticks(2.2 / _OFFSET_ROWS)}
    return [
        f"Offset of the reference against the clock  ⣿ offset  {_BAND} bound, either way",
        *grid.rows(labels),
        *_draw_time(series),
        *_draw_states(series, is_coloured=is_coloured),
    ]


def _filled(grid: Grid, low: float, high: float) -> list[float]:
    """List places a dot apart from `low` to `high`."""
    step = 1 / (4 * len(grid.cells))
    return [low + step * count for count in range(int((high - low) / step) + 1)] + [high]


def _draw_time(series: Series) -> list[str]:
    rule, labels = ["─"] * _PLOT, [" "] * (_PLOT + 1)
    for place, text in time_ticks(series.span_s, 8):
        at = int(place * _PLOT)
        rule[at] = "┴"
        start = min(at, len(labels) - len(text))
        labels[start : start + len(text)] = text
    return [
        f"{'':>{_GUTTER}} └{''.join(rule)}",
        f"{'UTC':>{_GUTTER}}  {''.join(labels)}".rstrip(),
    ]


def _draw_states(series: Series, *, is_coloured: bool) -> list[str]:
    columns = fold(series, _PLOT)
    states = [None if column is None else column.state for column in columns]
    strip = "".join(
        _paint(state, len(list(same)), is_coloured=is_coloured)
        for state, same in itertools.groupby(states)
    )
    legend = "  ".join(f"{LETTERS[state]} {state.name}" for state in SEVERITY if state in states)
    return [f"{'state':>{_GUTTER}}  {strip}", f"{'':>{_GUTTER}}  {legend}"]


def _paint(state: ClockState | None, count: int, *, is_coloured: bool) -> str:
    if state is None:
        return " " * count
    text = LETTERS[state] * count
    return f"\x1b[30;{_GROUNDS[state]}m{text}\x1b[0m" if is_coloured else text


def _draw_stability(curves: list[Curve]) -> list[str]:
    if not curves:
        return ["Stability: too few minutes in a row for an Allan deviation"]
    taus, deviations = stability_axes(curves)
    grid = Grid.blank(_STABILITY_ROWS)
    for mark, curve in zip(_MARKS, curves, strict=False):
        for tau_s, deviation in curve.points:
            row = grid.row_of(deviations.place(deviation))
            grid.cells[row][int(taus.place(tau_s) * _PLOT)] = mark
    labels = {
        grid.row_of(place): f"1e{exponent}"
        for place, exponent in deviations.decades(1.5 / _STABILITY_ROWS)
    }
    legend = "  ".join(f"{mark} {curve.name}" for mark, curve in zip(_MARKS, curves, strict=False))
    rule, below = ["─"] * _PLOT, [" "] * (_PLOT + 1)
    for place, exponent in taus.decades(0.1):
        text, at = f"1e{exponent} s", int(place * _PLOT)
        rule[at] = "┴"
        start = min(at, len(below) - len(text))
        below[start : start + len(text)] = text
    return [
        f"Stability (ADEV)  {legend}",
        *grid.rows(labels),
        f"{'':>{_GUTTER}} └{''.join(rule)}",
        f"{'tau':>{_GUTTER}}  {''.join(below)}".rstrip(),
    ]


def _draw_holdover(vanished: tuple[tuple[int, int], ...]) -> list[str]:
    if not vanished:
        return ["Holdover: no forecast is known"]
    largest = max(bound_ns for _, bound_ns in vanished)
    room = _PLOT - 12
    rows = ["Holdover: the bound, if satellites vanished now"]
    for hours, bound_ns in vanished:
        bar = "█" * max(1, round(room * bound_ns / largest))
        rows.append(f"{f'{hours} h':>{_GUTTER}} │{bar} ±{format_ns(bound_ns)}")
    return rows
