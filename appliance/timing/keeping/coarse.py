"""The first fix: a line through the last minute's seconds, until minutes have been learned."""

from __future__ import annotations

import math
from collections import deque

import attrs

WINDOW = 64
LEAST_SAMPLES = 3
LINE_SAMPLES = 10
FREQ_UNKNOWN = 5e-8
FREQ_WANDER = 2e-9
FLOOR_S = 250e-9
PS_PER_S = 1e12


@attrs.frozen
class Fix:
    """A phase in seconds, the frequency beside it and the bound on the phase's error."""

    phase_s: float
    freq: float
    bound_s: float


class CoarseFix:
    """The last seconds' phases: (sequence, phase in ps from the base)."""

    def __init__(self) -> None:
        self._line: deque[tuple[int, int]] = deque(maxlen=WINDOW)
        self._sequence = 0
        self._fits: tuple[float, float, float, float] | None = None

    @property
    def count(self) -> int:
        """How many seconds it stands on."""
        return len(self._line)

    @property
    def last(self) -> int:
        """The sequence of the last second."""
        return self._line[-1][0] if self._line else 0

    def add(self, sequence: int, phase_ps: int) -> None:
        """Take a second."""
        self._line.append((sequence, phase_ps))
        self._fits = None

    def at(self, t_s: float) -> Fix | None:
        """Tell the phase at `t_s` of the sequence's axis; None before three seconds were taken."""
        if len(self._line) < LEAST_SAMPLES:
            return None
        if self._fits is None:
            self._fits = self._fit()
        t_mean_s, phase_s, freq, spread_s = self._fits
        count, ahead_s = len(self._line), t_s - t_mean_s
        if count < LINE_SAMPLES:
            bound_s = FLOOR_S + 5 * spread_s + FREQ_UNKNOWN * abs(ahead_s)
            return Fix(phase_s, 0.0, bound_s)
        # Of a fitted line: sigma / sqrt(n) at its middle, sigma * sqrt(12 / n^3) in its slope.
        sigma_s = spread_s / math.sqrt(count)
        slope = sigma_s * math.sqrt(12.0) / count
        bound_s = FLOOR_S + 5 * (sigma_s + slope * abs(ahead_s)) + FREQ_WANDER * abs(ahead_s)
        return Fix(phase_s + freq * ahead_s, freq, bound_s)

    def _fit(self) -> tuple[float, float, float, float]:
        line, count = self._line, len(self._line)
        t_mean = sum(t for t, _ in line) / count
        mean = sum(phase for _, phase in line) / count
        moments = sum((t - t_mean) ** 2 for t, _ in line)
        slope = sum((t - t_mean) * phase for t, phase in line) / moments
        if count < LINE_SAMPLES:
            spread = max(abs(phase - mean) for _, phase in line)
            return t_mean, mean / PS_PER_S, 0.0, spread / PS_PER_S
        squares = sum((phase - mean - slope * (t - t_mean)) ** 2 for t, phase in line)
        spread = math.sqrt(squares / (count - 2))
        return t_mean, mean / PS_PER_S, slope / PS_PER_S, spread / PS_PER_S
