"""What a plot of the clock shows, before it has a form: the series, its columns, axes and labels.

`plot_text` and `plot_png` draw it.  Places are fractions of an axis, 0 at its start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import attrs

from appliance.quantities import NS_PER_S, SECONDS_PER_DAY, Provenance, render_second
from appliance.timing.stability import adev, octaves
from appliance.timing.trusted import ClockState

SPACING_S = 60
"""The history has a row a minute."""
_SLACK_S = 3
"""A second's lateness does not break a run of minutes; a restart between them does."""

SEVERITY = (
    ClockState.READY,
    ClockState.LOCKED,
    ClockState.REACQUIRE,
    ClockState.HOLDOVER,
    ClockState.DEGRADED,
    ClockState.ACQUIRE,
    ClockState.WARMUP,
    ClockState.COLD,
    ClockState.UNTRUSTED,
)
"""From the best state to the worst: a column shows the worst of its minutes."""

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))
_TIME_STEPS_S = (
    *(60, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600),
    *(n * SECONDS_PER_DAY for n in (1, 2, 5, 10, 30, 90)),
)


@attrs.frozen
class Minute:
    """One row of the history, at `utc_s`.

    `fresh_offset_ns` is what the reference says less what the clock told, `offset_ns` the
    oscillator's reading less TAI, `bound_ns` the error bound told; None where there was none.
    """

    utc_s: int
    state: ClockState
    bound_ns: int | None
    fresh_offset_ns: int | None
    offset_ns: int | None


@attrs.frozen
class Series:
    """A history of the clock: at least one minute, oldest first, some perhaps missing.

    `vanished` says (hours, bound_ns): the bound so long after the satellites vanish now.
    """

    minutes: tuple[Minute, ...] = attrs.field(validator=attrs.validators.min_len(1))
    provenance: Provenance
    vanished: tuple[tuple[int, int], ...] = ()

    @property
    def span_s(self) -> tuple[int, int]:
        """The time shown: from the first minute to the end of the last, in UTC seconds."""
        return self.minutes[0].utc_s, self.minutes[-1].utc_s + SPACING_S

    @property
    def top_ns(self) -> int:
        """The largest bound or offset of the reference, at least 1 ns."""
        largest = 1
        for minute in self.minutes:
            largest = max(largest, minute.bound_ns or 0, abs(minute.fresh_offset_ns or 0))
        return largest

    @property
    def title(self) -> str:
        """What the plot is of, with SIMULATED in clear where it is no clock of this world."""
        label = {Provenance.SIMULATED: "SIMULATED ", Provenance.SYSTEM: "system clock's "}
        return f"Shiyin: {label.get(self.provenance, '')}time"

    @property
    def subtitle(self) -> str:
        """The days shown, and out of how many minutes."""
        start_s, end_s = self.span_s
        count = len(self.minutes)
        return f"{format_instant(start_s)} to {format_instant(end_s)} UTC, {count} minutes"


@attrs.frozen
class Column:
    """The minutes that fall into one column: the offsets' range, largest bound, worst state."""

    bound_ns: int | None
    offsets_ns: tuple[int, int] | None
    state: ClockState


def fold(series: Series, width: int) -> list[Column | None]:
    """Fold the minutes into `width` columns of equal time; None where none is known."""
    start_s, end_s = series.span_s
    cells: list[list[Minute]] = [[] for _ in range(width)]
    for minute in series.minutes:
        first = (minute.utc_s - start_s) * width // (end_s - start_s)
        last = ((minute.utc_s + SPACING_S - start_s) * width - 1) // (end_s - start_s)
        for cell in cells[first : last + 1]:
            cell.append(minute)
    return [_merge(cell) if cell else None for cell in cells]


def _merge(minutes: Sequence[Minute]) -> Column:
    bounds = [each.bound_ns for each in minutes if each.bound_ns is not None]
    offsets = [each.fresh_offset_ns for each in minutes if each.fresh_offset_ns is not None]
    return Column(
        max(bounds, default=None),
        (min(offsets), max(offsets)) if offsets else None,
        max((each.state for each in minutes), key=SEVERITY.index),
    )


@attrs.frozen
class OffsetAxis:
    """Offsets from -top_ns to top_ns: linear within +-knee_ns, logarithmic beyond.

    So the scatter of nanoseconds and a bound of microseconds are both seen.
    """

    top_ns: float
    knee_ns: float

    def place(self, value_ns: float) -> float:
        """Give 0 for -top_ns, 1 for top_ns."""
        return (
            1 + math.asinh(value_ns / self.knee_ns) / math.asinh(self.top_ns / self.knee_ns)
        ) / 2

    def ticks(self, gap: float) -> list[tuple[float, str]]:
        """List places and labels at least `gap` apart, from the bottom up."""
        upwards = [step * 10**decade for step in (1, 5, 2) for decade in range(11)]
        wanted = [0, *(sign * each for each in upwards for sign in (1, -1))]
        within = [each for each in wanted if abs(each) <= self.top_ns]
        return [(self.place(each), format_ns(each)) for each in thin(within, self.place, gap)]


def offset_axis(series: Series) -> OffsetAxis:
    """Choose the axis of offsets: its knee is three times the usual offset of the reference."""
    known = sorted(
        abs(each.fresh_offset_ns) for each in series.minutes if each.fresh_offset_ns is not None
    )
    top_ns = 1.2 * series.top_ns
    return OffsetAxis(top_ns, max(1.0, 3.0 * known[len(known) // 2]) if known else top_ns / 10)


@attrs.frozen
class DecadeAxis:
    """A logarithmic axis from `low` to `high`, both above 0, low < high."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Give 0 for `low`, 1 for `high`."""
        return math.log(value / self.low) / math.log(self.high / self.low)

    def decades(self, gap: float) -> list[tuple[float, int]]:
        """List places and exponents of the powers of ten, at least `gap` apart."""
        exponents = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        kept = thin(list(exponents), lambda exponent: self.place(10.0**exponent), gap)
        return [(self.place(10.0**exponent), exponent) for exponent in kept]


@attrs.frozen
class Curve:
    """Allan deviations at averaging times in seconds, shortest first, none of them 0."""

    name: str
    points: tuple[tuple[float, float], ...]


def stability_curves(series: Series) -> list[Curve]:
    """Reckon ADEV of the oscillator and of the reference against the clock, where it can be."""
    named: tuple[tuple[str, Callable[[Minute], int | None]], ...] = (
        ("oscillator - TAI", lambda minute: minute.offset_ns),
        ("reference - clock", lambda minute: minute.fresh_offset_ns),
    )
    curves = [Curve(name, _deviations(series, read)) for name, read in named]
    return [curve for curve in curves if len(curve.points) > 1]


def stability_axes(curves: Sequence[Curve]) -> tuple[DecadeAxis, DecadeAxis]:
    """Choose the axes of averaging time and of deviation: at least one curve."""
    taus_s = [tau_s for curve in curves for tau_s, _ in curve.points]
    deviations = [deviation for curve in curves for _, deviation in curve.points]
    return (
        DecadeAxis(min(taus_s) / 1.5, max(taus_s) * 1.5),
        DecadeAxis(min(deviations) / 2, max(deviations) * 2),
    )


def _deviations(
    series: Series, read: Callable[[Minute], int | None]
) -> tuple[tuple[float, float], ...]:
    phases_s = [value / NS_PER_S for value in _longest_run(series.minutes, read)]
    found = ((m * SPACING_S, adev(phases_s, SPACING_S, m)) for m in octaves(len(phases_s)))
    return tuple((float(tau_s), deviation) for tau_s, deviation in found if deviation)


def _longest_run(minutes: Iterable[Minute], read: Callable[[Minute], int | None]) -> Sequence[int]:
    """Find the most values in a row without a minute missing: ADEV bears no gaps."""
    longest: list[int] = []
    run: list[int] = []
    before_s = None
    for minute in minutes:
        value = read(minute)
        is_next = before_s is not None and abs(minute.utc_s - before_s - SPACING_S) <= _SLACK_S
        if value is None or not is_next:
            run = []
        if value is not None:
            run.append(value)
        if len(run) > len(longest):
            longest = run
        before_s = minute.utc_s
    return longest


def time_ticks(span_s: tuple[int, int], most: int) -> list[tuple[float, str]]:
    """List places and labels of round UTC instants within a span, at most about `most`."""
    start_s, end_s = span_s
    fitting = (step for step in _TIME_STEPS_S if (end_s - start_s) / step <= most)
    step_s = next(fitting, _TIME_STEPS_S[-1])
    first_s = -(-start_s // step_s) * step_s
    return [
        ((at_s - start_s) / (end_s - start_s), _clock_label(at_s))
        for at_s in range(first_s, end_s, step_s)
    ]


def _clock_label(utc_s: int) -> str:
    text = format_instant(utc_s)
    return text[5:10] if utc_s % SECONDS_PER_DAY == 0 else text[11:]


def thin(wanted: Sequence[int], place: Callable[[int], float], gap: float) -> list[int]:
    """Keep of values, dearest first, those at least `gap` from any kept before; sorted."""
    kept: list[int] = []
    for value in wanted:
        if all(abs(place(value) - place(other)) >= gap for other in kept):
            kept.append(value)
    return sorted(kept)


def format_ns(value_ns: float) -> str:
    """Write a time in the unit that fits, with three digits at most."""
    for size, unit in _UNITS:
        if abs(value_ns) >= size * 0.9995:
            return f"{value_ns / size:.3g} {unit}"
    return f"{value_ns:.3g} ns"


def format_instant(utc_s: int) -> str:
    """Write an instant as a person reads it, to the minute."""
    text = render_second(utc_s).decode()
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}"
