"""Carries a pulse's stamp from CLOCK_REALTIME to CLOCK_MONOTONIC_RAW; pure.

The kernel stamps pulses by CLOCK_REALTIME, which root and chrony may step and slew.  Soon after the
pulse both clocks are read, real/raw/real, and the pulse is as long ago on either.  A stamp is
refused when CLOCK_REALTIME was stepped or slewed hard in between: seen by how far the two clocks
moved apart since the sandwich before, and by an interval between pulses that breaks their rhythm.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

NS_PER_S = 1_000_000_000
TRIES = 5
NARROW_NS = 2_000
MAX_HALF_WIDTH_NS = 50_000
MAX_AGE_NS = 900_000_000
MAX_SLEW_PPM = 1000
"""What adjtime and adjtimex slew at most but for ticks; what is faster is taken for a step."""

RHYTHM_NS_PER_S = 5_000
"""How far a second on the raw clock may differ from the second before (a wander of 5 ppm)."""

MAX_OFF_BEAT = 3
"""After so many pulses off the beat the new rhythm is learnt; a dropped pulse is none."""

MAX_GAP_S = 16


@attrs.frozen
class Sandwich:
    """CLOCK_REALTIME, CLOCK_MONOTONIC_RAW and CLOCK_REALTIME again, read in this order, in ns."""

    before_ns: int
    raw_ns: int
    after_ns: int

    @property
    def real_ns(self) -> int:
        """Give CLOCK_REALTIME at `raw_ns`, within `half_width_ns`."""
        return (self.before_ns + self.after_ns) // 2

    @property
    def half_width_ns(self) -> int:
        """Tell how far off `real_ns` may be."""
        return (self.after_ns - self.before_ns + 1) // 2


def take_sandwich(read_real: Callable[[], int], read_raw: Callable[[], int]) -> Sandwich:
    """Read the clocks, up to five times; gives the narrowest sandwich that is none turned over."""
    best: Sandwich | None = None
    for _ in range(TRIES):
        sandwich = Sandwich(read_real(), read_raw(), read_real())
        is_sound = sandwich.half_width_ns >= 0
        if best is None or (is_sound and sandwich.half_width_ns < abs(best.half_width_ns)):
            best = sandwich
        if 0 <= best.half_width_ns <= NARROW_NS:
            break
    assert best is not None
    return best


@attrs.frozen
class Tied:
    """A pulse on the raw clock, known within `uncertainty_ns`."""

    raw_ns: int
    uncertainty_ns: int


class Refusal(enum.Enum):
    """Why a pulse is not tied."""

    STEPPED = "the host's clock was stepped"
    WIDE = "the host was too busy to read its clocks"
    LATE = "the pulse is too long ago or to come"
    OFF_BEAT = "the pulse breaks the rhythm of those before"


class PulseTie:
    """Ties one pulse after the other; `irq_allowance_ns` is how late an interrupt may be stamped.

    The pulse is taken to be half the allowance before its stamp.
    """

    def __init__(self, irq_allowance_ns: int) -> None:
        self._irq_allowance_ns = irq_allowance_ns
        self._sandwich: Sandwich | None = None
        self._last: Tied | None = None
        self._second_ns: int | None = None
        self._off_beat = 0

    def tie(self, pulse_real_ns: int, sandwich: Sandwich) -> Tied | Refusal:
        """Tie a pulse stamped `pulse_real_ns` by the sandwich read after it."""
        before, self._sandwich = self._sandwich, sandwich
        if not 0 <= sandwich.half_width_ns <= MAX_HALF_WIDTH_NS:
            self._sandwich = None
            return Refusal.STEPPED if sandwich.half_width_ns < 0 else Refusal.WIDE
        if before is not None and _is_stepped(before, sandwich):
            return Refusal.STEPPED
        age_ns = sandwich.real_ns - pulse_real_ns
        if not -sandwich.half_width_ns <= age_ns <= MAX_AGE_NS:
            return Refusal.LATE
        slew_ns = abs(age_ns) * MAX_SLEW_PPM // 1_000_000
        latency_ns = self._irq_allowance_ns // 2
        tied = Tied(
            sandwich.raw_ns - age_ns - latency_ns,
            sandwich.half_width_ns + slew_ns + self._irq_allowance_ns - latency_ns,
        )
        return tied if self._is_on_beat(tied) else Refusal.OFF_BEAT

    def _is_on_beat(self, tied: Tied) -> bool:
        """Hold the pulse against the rhythm; the first three and a new rhythm's teach it."""
        last = self._last
        seconds = 0 if last is None else round((tied.raw_ns - last.raw_ns) / NS_PER_S)
        if last is None or not 1 <= seconds <= MAX_GAP_S:
            self._last, self._second_ns = tied, None
            return True
        second_ns = (tied.raw_ns - last.raw_ns) // seconds
        expected_ns = NS_PER_S if self._second_ns is None else self._second_ns
        slack_ppm = MAX_SLEW_PPM if self._second_ns is None else RHYTHM_NS_PER_S / 1000
        slack_ns = round(slack_ppm * 1000) * seconds + tied.uncertainty_ns + last.uncertainty_ns
        if abs(second_ns - expected_ns) * seconds > slack_ns:
            self._off_beat += 1
            if self._off_beat > MAX_OFF_BEAT:
                self._last, self._second_ns, self._off_beat = tied, None, 0
            return False
        self._last, self._second_ns, self._off_beat = tied, second_ns, 0
        return True


def _is_stepped(before: Sandwich, now: Sandwich) -> bool:
    """Tell whether the clocks moved apart by more than slewing does."""
    elapsed_ns = now.raw_ns - before.raw_ns
    moved_ns = (now.real_ns - before.real_ns) - elapsed_ns
    slack_ns = elapsed_ns * MAX_SLEW_PPM // 1_000_000
    return abs(moved_ns) > slack_ns + now.half_width_ns + before.half_width_ns
