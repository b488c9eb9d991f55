"""The plot of the clock as a PNG, drawn with Pillow (docs/decisions/011)."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import attrs
from PIL import Image, ImageDraw, ImageFont

from appliance.cli.clock.curves import (
    SEVERITY,
    Column,
    Curve,
    OffsetAxis,
    Series,
    fold,
    format_ns,
    offset_axis,
    stability_axes,
    stability_curves,
    time_ticks,
)
from appliance.quantities import Provenance
from appliance.timing.trusted import ClockState

SIZE = (1280, 900)
_FINE = 2
"""Drawn so many times larger, then reduced: Pillow's lines have hard edges."""

_INK, _QUIET, _GRID, _PAPER = "#1d2733", "#66717e", "#e4e8ed", "#ffffff"
_BAND, _EDGE, _LINE, _BAR, _ALERT = "#dbe8f8", "#8fb3df", "#17467e", "#4a7fbe", "#c0342b"
_CURVES = ("#17467e", "#d0782a")
STATE_COLOURS = {
    ClockState.READY: "#2f9e63",
    ClockState.LOCKED: "#8ecfa6",
    ClockState.REACQUIRE: "#5fb3c9",
    ClockState.HOLDOVER: "#eeb03c",
    ClockState.DEGRADED: "#dd7436",
    ClockState.ACQUIRE: "#a594d1",
    ClockState.WARMUP: "#cdbfa6",
    ClockState.COLD: "#a5adb6",
    ClockState.UNTRUSTED: "#c0342b",
}


@attrs.frozen
class Box:
    """A panel's inside, in pixels of the finished picture."""

    left: int
    top: int
    right: int
    bottom: int

    def x(self, place: float) -> float:
        """Find the pixel of a place along the bottom."""
        return self.left + place * (self.right - self.left)

    def y(self, place: float) -> float:
        """Find the pixel of a place along the left, 0 at the bottom."""
        return self.bottom - place * (self.bottom - self.top)


_OFFSETS = Box(96, 136, 1248, 470)
_STATES = Box(96, 504, 1248, 522)
_STABILITY = Box(96, 640, 610, 842)
_HOLDOVER = Box(710, 640, 1248, 842)


class Canvas:
    """A sheet that takes pixels of the finished picture and draws them finely."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (SIZE[0] * _FINE, SIZE[1] * _FINE), _PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1) -> None:
        """Draw a line through points."""
        scaled = [(x * _FINE, y * _FINE) for x, y in points]
        self._draw.line(scaled, colour, max(1, round(width * _FINE)), "curve")

    def block(self, box: tuple[float, float, float, float], colour: str, radius: int = 0) -> None:
        """Fill a rectangle from (left, top) to (right, bottom)."""
        left, top, right, bottom = (round(each * _FINE) for each in box)
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        self._draw.rounded_rectangle(corners, radius * _FINE, colour)

    def polygon(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Fill a polygon."""
        self._draw.polygon([(x * _FINE, y * _FINE) for x, y in points], colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """Fill a circle."""
        self._draw.circle((x * _FINE, y * _FINE), radius * _FINE, colour)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        anchor: str = "ls",
        size: int = 14,
        colour: str = _INK,
    ) -> float:
        """Write a line at an anchor (Pillow's two letters) and tell how wide it is."""
        font = ImageFont.load_default(size * _FINE)
        self._draw.text((at[0] * _FINE, at[1] * _FINE), text, colour, font, anchor)
        return self._draw.textlength(text, font) / _FINE

    def png(self) -> bytes:
        """Reduce the sheet to its size and encode it."""
        out = io.BytesIO()
        self._image.resize(SIZE, Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
        return out.getvalue()


def draw_png(series: Series) -> bytes:
    """Draw all panels as a PNG of `SIZE` pixels."""
    canvas = Canvas()
    _draw_title(canvas, series)
    _draw_offsets(canvas, series)
    _draw_states(canvas, series)
    _draw_stability(canvas, stability_curves(series))
    _draw_holdover(canvas, series.vanished)
    return canvas.png()


def _draw_title(canvas: Canvas, series: Series) -> None:
    canvas.text((32, 48), series.title, size=28)
    canvas.text((32, 74), series.subtitle, colour=_QUIET, size=15)
    if series.provenance is Provenance.SIMULATED:
        canvas.block((1068, 24, 1248, 60), _ALERT, radius=6)
        canvas.text((1158, 43), "SIMULATED", "mm", 22, _PAPER)


def _draw_offsets(canvas: Canvas, series: Series) -> None:
    box, axis = _OFFSETS, offset_axis(series)
    columns = fold(series, box.right - box.left)
    _head(canvas, box, "Offset of the reference against the clock")
    _legend(canvas, box, (("offset", _LINE), ("error bound, either way", _EDGE)))
    for run in _runs(columns):
        _draw_band(canvas, box, axis, run)
    for place, label in axis.ticks(0.07):
        canvas.line([(box.left, box.y(place)), (box.right, box.y(place))], _GRID)
        canvas.text((box.left - 10, box.y(place)), label, "rm", 13, _QUIET)
    for place, label in time_ticks(series.span_s, 13):
        canvas.line([(box.x(place), box.top), (box.x(place), box.bottom)], _GRID)
        canvas.text((box.x(place), box.bottom + 8), label, "mt", 13, _QUIET)
    canvas.text((box.left - 10, box.bottom + 8), "UTC", "rt", 13, _QUIET)
    for index, column in enumerate(columns):
        if column is not None and column.offsets_ns is not None:
            low, high = map(axis.place, column.offsets_ns)
            x = box.left + index + 0.5
            canvas.line([(x, box.y(low) + 0.75), (x, box.y(high) - 0.75)], _LINE)
    _frame(canvas, box)


def _runs(columns: Sequence[Column | None]) -> list[list[tuple[int, int]]]:
    """Cut the columns at their gaps: runs of (column, bound_ns)."""
    runs: list[list[tuple[int, int]]] = [[]]
    for index, column in enumerate(columns):
        if column is not None and column.bound_ns is not None:
            runs[-1].append((index, column.bound_ns))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _draw_band(canvas: Canvas, box: Box, axis: OffsetAxis, run: list[tuple[int, int]]) -> None:
    edges = [
        [
            (box.left + index + side, box.y(axis.place(sign * bound)))
            for index, bound in run
            for side in (0, 1)
        ]
        for sign in (1, -1)
    ]
    canvas.polygon(edges[0] + edges[1][::-1], _BAND)
    for edge in edges:
        canvas.line(edge, _EDGE, 1.5)


def _draw_states(canvas: Canvas, series: Series) -> None:
    box = _STATES
    columns = fold(series, box.right - box.left)
    states = [None if column is None else column.state for column in columns]
    at = box.left
    for state, same in itertools.groupby(states):
        count = len(list(same))
        if state is not None:
            canvas.block((at, box.top, at + count, box.bottom), STATE_COLOURS[state])
        at += count
    canvas.text((box.left - 10, (box.top + box.bottom) / 2), "state", "rm", 13, _QUIET)
    x: float = box.left
    for state in (each for each in SEVERITY if each in states):
        canvas.block((x, box.bottom + 12, x + 14, box.bottom + 26), STATE_COLOURS[state], 2)
        x += 44 + canvas.text((x + 20, box.bottom + 19), state.name, "lm", 13, _QUIET)


def _draw_stability(canvas: Canvas, curves: list[Curve]) -> None:
    box = _STABILITY
    _head(canvas, box, "Stability: Allan deviation (ADEV)")
    _frame(canvas, box)
    if not curves:
        _say(canvas, box, "too few minutes in a row")
        return
    _legend(canvas, box, [(curve.name, _CURVES[i]) for i, curve in enumerate(curves)])
    taus, deviations = stability_axes(curves)
    for place, exponent in deviations.decades(0.1):
        canvas.line([(box.left, box.y(place)), (box.right, box.y(place))], _GRID)
        canvas.text((box.left - 10, box.y(place)), f"1e{exponent}", "rm", 13, _QUIET)
    for place, exponent in taus.decades(0.1):
        canvas.line([(box.x(place), box.top), (box.x(place), box.bottom)], _GRID)
        canvas.text((box.x(place), box.bottom + 8), f"1e{exponent} s", "mt", 13, _QUIET)
    canvas.text((box.left - 10, box.bottom + 8), "tau", "rt", 13, _QUIET)
    for curve, colour in zip(curves, _CURVES, strict=False):
        points = [(box.x(taus.place(t)), box.y(deviations.place(d))) for t, d in curve.points]
        canvas.line(points, colour, 2)
        for x, y in points:
            canvas.disc(x, y, 3.5, colour)
    _frame(canvas, box)


def _draw_holdover(canvas: Canvas, vanished: tuple[tuple[int, int], ...]) -> None:
    box = _HOLDOVER
    _head(canvas, box, "Holdover: the bound, if satellites vanished now")
    _frame(canvas, box)
    if not vanished:
        _say(canvas, box, "no forecast is known")
        return
    largest = max(bound_ns for _, bound_ns in vanished)
    pitch = (box.right - box.left) / len(vanished)
    for index, (hours, bound_ns) in enumerate(vanished):
        middle = box.left + (index + 0.5) * pitch
        top = box.y(0.86 * bound_ns / largest)
        half = min(32.0, pitch / 3)
        canvas.block((middle - half, top, middle + half, box.bottom), _BAR)
        canvas.text((middle, top - 6), f"±{format_ns(bound_ns)}", "ms", 14)
        canvas.text((middle, box.bottom + 8), f"{hours} h", "mt", 13, _QUIET)


def _head(canvas: Canvas, box: Box, text: str) -> None:
    canvas.text((box.left, box.top - 16), text, size=17)


def _say(canvas: Canvas, box: Box, text: str) -> None:
    canvas.text((box.x(0.5), box.y(0.5)), text, "mm", 15, _QUIET)


def _frame(canvas: Canvas, box: Box) -> None:
    canvas.line([(box.left, box.top), (box.left, box.bottom), (box.right, box.bottom)], _QUIET)


def _legend(canvas: Canvas, box: Box, entries: Sequence[tuple[str, str]]) -> None:
    """Write names with their colours along the top, from the right."""
    x: float = box.right
    for name, colour in reversed(entries):
        x -= canvas.text((x, box.top - 20), name, "rm", 13, _QUIET) + 22
        canvas.block((x, box.top - 22, x + 16, box.top - 18), colour, 2)
        x -= 18
