"""Suspicion of the reference: it moves as the oscillator cannot.

Three kinds of evidence: residuals of minutes, singly and by means over windows, that no noise of
the receiver explains; changes of them within half an hour, in which slow errors drop out; and
rehearsed holdover of 1, 6 and 24 h that misses by many sigma.
"""

from __future__ import annotations

import collections
import enum
import math
from collections.abc import Iterable, Sequence

import attrs

from appliance.timing.holdover.rehearsal import HOUR_S, Missed

LEAST_S = 80e-9
REHEARSAL_SIGMAS = 6.0
SLOW_SIGMA_S = 7e-9
"""What no averaging of minutes takes from a receiver's error."""

LOOKS = (((1, 2, 3, 5), 5.0), ((1, 2, 3, 5, 10), 5.0), ((5, 10), 6.0))
"""Over how many minutes residuals are averaged, and by how many sigma the means may stand off.

The first is of the latest outlook, the others of some twenty minutes and two hours ago: those find
what is slow enough to be followed.  By chance all this happens less than once in 10 unit-years.
"""


@attrs.frozen
class Span:
    """A change to look for: of the mean of `latest` minutes to that of `base`, `apart` before.

    `slow` is the share in it of what the oscillator wanders in the time between two outlooks; less
    than `floor_s` is never held against a receiver.
    """

    latest: int
    apart: int
    base: int
    slow: float
    floor_s: float


SPANS = (Span(1, 3, 5, 0.27, 60e-9), Span(5, 17, 10, 0.8, 70e-9))
SPAN_SIGMAS = 5.5
SPAN_MINUTES = max(span.apart + span.base for span in SPANS)
"""In 56 clean unit-days of a good, a typical and an adverse grade none went beyond 4.5 sigma."""

REHEARSED_S = (HOUR_S, 6 * HOUR_S, 24 * HOUR_S)


class Evidence(enum.Enum):
    """What gave the alarm."""

    RESIDUAL = "residual"
    CHANGE = "change"
    REHEARSAL = "rehearsal"


@attrs.frozen
class Residual:
    """How far a measured phase lies from what was expected, and by how much it may."""

    residual_s: float
    sigma_s: float


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
        self._recent: tuple[collections.deque[Residual], ...] = tuple(
            collections.deque(maxlen=windows[-1]) for windows, _ in LOOKS
        )

    def watch(self, t_s: float, white_var: float, looks: Sequence[Residual]) -> None:
        """Take a minute's residuals to outlooks of several ages, as in LOOKS."""
        for residual, recent, look in zip(looks, self._recent, LOOKS, strict=True):
            recent.append(residual)
            if self.alarm is None:
                self.alarm = _judge(t_s, white_var, recent, *look)

    def compare(
        self, t_s: float, white_var: float, track: Sequence[float], wander_s: float
    ) -> None:
        """Take the last minutes' residuals to one outlook, the newest first."""
        for span in SPANS:
            if self.alarm is None and len(track) >= span.apart + span.base:
                self.alarm = _change(t_s, white_var, track, wander_s, span)

    def hear(self, t_s: float, missed: Iterable[Missed], scale: float) -> None:
        """Take rehearsals that ended; `scale` is by how much this unit misses as a rule."""
        for one in missed:
            limit_s = REHEARSAL_SIGMAS * scale * one.sigma_s
            if self.alarm is None and one.horizon_s in REHEARSED_S and abs(one.error_s) > limit_s:
                self.alarm = Alarm(t_s, Evidence.REHEARSAL, one.error_s, limit_s)

    def pause(self) -> None:
        """Forget the minutes before a gap; an alarm stands."""
        for recent in self._recent:
            recent.clear()

    def reset(self) -> None:
        """Drop the alarm."""
        self.alarm = None
        for recent in self._recent:
            recent.clear()


def _change(
    t_s: float, white_var: float, track: Sequence[float], wander_s: float, span: Span
) -> Alarm | None:
    latest_s = sum(track[: span.latest]) / span.latest
    change_s = latest_s - sum(track[span.apart : span.apart + span.base]) / span.base
    white = white_var * (1 / span.latest + 1 / span.base)
    spread_s = math.sqrt(white + (span.slow * wander_s) ** 2)
    limit_s = max(span.floor_s, SPAN_SIGMAS * spread_s)
    return Alarm(t_s, Evidence.CHANGE, change_s, limit_s) if abs(change_s) > limit_s else None


def _judge(
    t_s: float,
    white_var: float,
    recent: collections.deque[Residual],
    windows: tuple[int, ...],
    sigmas: float,
) -> Alarm | None:
    """Hold the means of the last minutes against what noise may do, and 80 ns."""
    total_s = sigma_s = 0.0
    for count, one in enumerate(reversed(recent), 1):
        total_s += one.residual_s
        sigma_s = max(sigma_s, one.sigma_s)
        if abs(total_s) > count * LEAST_S and count in windows:
            spread_s = math.sqrt(white_var / count + sigma_s**2 + SLOW_SIGMA_S**2)
            limit_s = max(LEAST_S, sigmas * spread_s)
            if abs(total_s) > count * limit_s:
                return Alarm(t_s, Evidence.RESIDUAL, total_s / count, limit_s)
    return None
