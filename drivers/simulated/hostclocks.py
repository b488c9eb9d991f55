"""The host's clocks as a virtual host has them: MONOTONIC_RAW with its error, and REALTIME.

RAW runs at a rate of its own that wanders; a scenario may stop it (a paused virtual machine) or
start it anew (a reboot).  Segments of the last minutes are kept so that a test may ask for the
truth at a RAW reading.
"""

from __future__ import annotations

import random  # noqa: TID251  (a seeded model; nothing secret comes of it)
from collections import deque

import attrs

MAX_PPM = 20.0
WANDER_PER_SQRT_S = 1e-9
WANDER_DECAY_PER_S = 1e-4
REALTIME_ERROR_NS = 2_000_000
KEPT_SEGMENTS = 900
BOOT_RAW_NS = 20_000_000_000


@attrs.frozen
class _Segment:
    """A stretch of time from an instant on, in which RAW runs at `rate` against TAI."""

    tai_ns: int
    raw_ns: int
    rate: float


class HostClocks:
    """CLOCK_MONOTONIC_RAW against TAI, and how far CLOCK_REALTIME is from UTC."""

    def __init__(self, *, seed: int, tai_ns: int, raw_ns: int, ppm: float | None) -> None:
        self._random = random.Random(seed)  # noqa: S311  (a model, no secret)
        drawn_ppm = self._random.uniform(-MAX_PPM, MAX_PPM)
        self._error = (drawn_ppm if ppm is None else ppm) * 1e-6
        self._wander = 0.0
        self._segments = deque([_Segment(tai_ns, raw_ns, 1.0 + self._error)], KEPT_SEGMENTS)
        self.is_stalled = False
        self.is_off = False
        self.realtime_offset_ns = self._random.randrange(-REALTIME_ERROR_NS, REALTIME_ERROR_NS)

    def advance(self, tai_ns: int) -> None:
        """Begin a new stretch at a TAI instant."""
        kick = self._random.gauss(0.0, WANDER_PER_SQRT_S)
        self._wander += kick - WANDER_DECAY_PER_S * self._wander
        self._begin_segment(tai_ns)

    def _begin_segment(self, tai_ns: int) -> None:
        rate = 0.0 if self.is_stalled else 1.0 + self._error + self._wander
        self._segments.append(_Segment(tai_ns, self.raw_at(tai_ns), rate))

    def stall(self, tai_ns: int, *, is_stalled: bool) -> None:
        """Stop RAW, or let it go on."""
        self.is_stalled = is_stalled
        self._begin_segment(tai_ns)

    def reboot(self, tai_ns: int) -> None:
        """Start RAW anew, as a boot does."""
        rate = 1.0 + self._error + self._wander
        self._segments.clear()
        self._segments.append(_Segment(tai_ns, BOOT_RAW_NS, rate))

    def raw_at(self, tai_ns: int) -> int:
        """Tell what RAW reads at an instant of TAI, of the last quarter of an hour."""
        for segment in reversed(self._segments):
            if segment.tai_ns <= tai_ns:
                break
        return segment.raw_ns + int((tai_ns - segment.tai_ns) * segment.rate)

    def tai_at(self, raw_ns: int) -> int:
        """Tell the TAI truth at a reading of RAW, of the last quarter of an hour."""
        for segment in reversed(self._segments):
            if segment.raw_ns <= raw_ns:
                break
        return segment.tai_ns + int((raw_ns - segment.raw_ns) / (segment.rate or 1.0))
