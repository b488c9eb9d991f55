"""A clock that says what a test tells it to."""

from typing import Any

import attrs

from appliance.quantities import NS_PER_S, NS_PER_US, Provenance, Utc
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime

UTC_OFFSET_S = 37
NOON = Utc.parse_generalized_time(b"20260301120000Z")


def tai_ns(instant: Utc, utc_offset_s: int = UTC_OFFSET_S) -> int:
    """Convert a civil instant to TAI nanoseconds."""
    return instant.posix_us * NS_PER_US + utc_offset_s * NS_PER_S


GOOD = TrustedTime(
    tai_ns=tai_ns(NOON),
    bound_ns=100_000,
    utc_offset_s=UTC_OFFSET_S,
    leap=Leap.NONE,
    leap_at_tai_ns=0,
    state=ClockState.LOCKED,
    provenance=Provenance.HARDWARE,
)


def reading_at(posix_us: int, **changes: Any) -> TrustedTime:
    """Give a good reading at a POSIX microsecond, with other fields as named."""
    offset_s = changes.get("utc_offset_s", UTC_OFFSET_S)
    return attrs.evolve(GOOD, tai_ns=tai_ns(Utc(posix_us), offset_s), **changes)


@attrs.define
class FakeClock:
    """Gives `reading` whenever it is asked, and counts how often."""

    reading: TrustedTime | NoTime = GOOD
    reads: int = 0

    def __call__(self) -> TrustedTime | NoTime:
        """Read the clock."""
        self.reads += 1
        return self.reading
