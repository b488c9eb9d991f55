"""Civil time for people: year, month, day, hour, minute, second, with 23:59:60 where it is due.

Tokens never carry a second 60 (OpenSSL and others refuse it); displays, TOD and ZDA do.
"""

from __future__ import annotations

import attrs

from appliance.quantities import NS_PER_S, render_second
from appliance.timing.trusted import Leap, TrustedTime

BEIJING_S = 8 * 3600


@attrs.frozen
class CivilTime:
    """A calendar instant of a zone `offset_s` seconds east of UTC; `second` is 60 in a leap."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    offset_s: int

    def isoformat(self) -> str:
        """Render as RFC 3339 with six digits of fraction, rounded down."""
        date = f"{self.year:04d}-{self.month:02d}-{self.day:02d}"
        clock = f"{self.hour:02d}:{self.minute:02d}:{self.second:02d}"
        hours, minutes = divmod(abs(self.offset_s) // 60, 60)
        sign = "-" if self.offset_s < 0 else "+"
        zone = f"{sign}{hours:02d}:{minutes:02d}" if self.offset_s else "Z"
        return f"{date}T{clock}.{self.nanosecond // 1000:06d}{zone}"


def civil_time(time: TrustedTime, zone_s: int = 0) -> CivilTime:
    """Tell the calendar instant of `time` in a zone `zone_s` seconds east of UTC.

    The inserted second is the last before `leap_at_tai_ns`.
    """
    is_leap_second = (
        time.leap is Leap.INSERT
        and time.leap_at_tai_ns - NS_PER_S <= time.tai_ns < time.leap_at_tai_ns
    )
    tai_ns = time.tai_ns - NS_PER_S if is_leap_second else time.tai_ns
    posix_s, nanosecond = divmod(tai_ns - time.utc_offset_s * NS_PER_S, NS_PER_S)
    digits = render_second(posix_s + zone_s).decode()
    year, month, day, hour, minute, second = (
        int(digits[start:end])
        for start, end in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
    )
    return CivilTime(year, month, day, hour, minute, second + is_leap_second, nanosecond, zone_s)
