"""Suspicion of the reference: it moves as the oscillator cannot.

Two kinds of evidence: residuals of minutes, singly and by means over windows, that no noise of the
receiver explains; and rehearsed holdover of 1, 6 and 24 h that misses by many sigma.
"""

from __future__ import annotations

import collections
import enum
import math
from collections.abc import Iterable

import attrs

LEAST_S = 80e-9
SIGMAS = 6.5
REHEARSAL_SIGMAS = 6.0
SLOW_SIGMA_S = 10e-9
WINDOWS = (1, 2, 3, 5, 10, 20)
REHEARSED_S = (3600.0, 6 * 3600.0, 24 * 3600.0)


class Evidence(enum.Enum):
    """What gave the alarm."""

    RESIDUAL = "residual"
    REHEARSAL = "rehearsal"


@attrs.frozen
class Alarm:
    """Since when the reference is suspected, by what, and how far it stood off."""

    since_s: float
    evidence: Evidence
    residual_s: float
    limit_s: float


class Suspicion:
    """Watches residuals; an alarm stands until `reset`."""

    def __init__(self) -> None:
        self.alarm: Alarm | None = None
        self._recent: collections.deque[float] = collections.deque(maxlen=WINDOWS[-1])

    def watch(self, t_s: float, residual_s: float, expected_var: float, white_var: float) -> None:
        """Take the residual of a minute, with the variances of the forecast and of the noise."""
        if self.alarm is not None:
            return
        recent = self._recent
        recent.append(residual_s)
        if -LEAST_S < residual_s < LEAST_S and -LEAST_S < sum(recent) / len(recent) < LEAST_S:
            return
        slow_var = expected_var + SLOW_SIGMA_S**2
        total_s = 0.0
        for count, one_s in enumerate(reversed(recent), 1):
            total_s += one_s
            if count in WINDOWS:
                limit_s = max(LEAST_S, SIGMAS * math.sqrt(white_var / count + slow_var))
                if abs(total_s) > count * limit_s:
                    self.alarm = Alarm(t_s, Evidence.RESIDUAL, total_s / count, limit_s)
                    return

    def hear(self, t_s: float, seen: Iterable[tuple[float, float]]) -> None:
        """Take rehearsals that ended: horizon and error over what was predicted."""
        for horizon_s, ratio in seen:
            if self.alarm is None and horizon_s in REHEARSED_S and abs(ratio) > REHEARSAL_SIGMAS:
                self.alarm = Alarm(t_s, Evidence.REHEARSAL, math.nan, math.nan)

    def pause(self) -> None:
        """Forget the minutes before a gap; an alarm stands."""
        self._recent.clear()

    def reset(self) -> None:
        """Drop the alarm."""
        self.alarm = None
        self._recent.clear()
