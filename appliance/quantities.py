"""Instants, accuracies and their provenance: the words every other room uses.

Instants inside the box are TAI nanoseconds since 1970-01-01T00:00:00 TAI, as `int`.  Civil instants
are `Utc`; Beijing time exists only where a person reads.
"""

from __future__ import annotations

import calendar
import enum
import functools
import re
from typing import Self

import attrs

from appliance.errors import Malformed

NS_PER_S = 1_000_000_000
NS_PER_US = 1_000
US_PER_S = 1_000_000
SECONDS_PER_DAY = 86_400

_GENERALIZED_TIME = re.compile(rb"\d{14}(?:\.(\d{0,8}[1-9]))?Z")


class Provenance(enum.IntEnum):
    """Where an instant comes from: a simulated clock taints whatever is made from it."""

    SIMULATED = 0
    SYSTEM = 1
    HARDWARE = 2


@attrs.frozen(order=True)
class Utc:
    """A civil instant: `posix_us` microseconds since 1970 began in UTC, leap seconds left out."""

    posix_us: int

    @classmethod
    def from_tai(cls, tai_ns: int, utc_offset_s: int) -> Self:
        """Convert TAI nanoseconds by TAI - UTC = `utc_offset_s`; the part below 1 us is dropped."""
        return cls((tai_ns - utc_offset_s * NS_PER_S) // NS_PER_US)

    @classmethod
    def parse_generalized_time(cls, text: bytes) -> Self:
        """Read a GeneralizedTime in the form RFC 3161 2.4.2 allows.

        A fraction has no trailing zero; digits past the microsecond are dropped.  Raises Malformed.
        """
        match = _GENERALIZED_TIME.fullmatch(text)
        if match is None:
            raise Malformed("not a GeneralizedTime of RFC 3161 2.4.2")
        hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:14])
        if hour > 23 or minute > 59 or second > 59:
            raise Malformed("no such time of day in GeneralizedTime")
        posix_s = _midnight_s(text[:8]) + 3600 * hour + 60 * minute + second
        fraction = match[1]
        if fraction is None:
            return cls(posix_s * US_PER_S)
        return cls(posix_s * US_PER_S + int(fraction.ljust(6, b"0")[:6]))

    def generalized_time(self) -> bytes:
        """Render as GeneralizedTime, the fraction without trailing zeros (RFC 3161 2.4.2)."""
        second, micros = divmod(self.posix_us, US_PER_S)
        head = render_second(second)
        if not micros:
            return head + b"Z"
        return head + (b".%06d" % micros).rstrip(b"0") + b"Z"

    def isoformat(self) -> str:
        """Render as RFC 3339 with six digits of fraction and `Z`."""
        return self._clock_face(0) + "Z"

    def beijing(self) -> str:
        """Render as civil time of UTC+8, for people."""
        return self._clock_face(8 * 3600) + "+08:00"

    def _clock_face(self, shift_s: int) -> str:
        second, micros = divmod(self.posix_us, US_PER_S)
        text = render_second(second + shift_s).decode()
        date = f"{text[:4]}-{text[4:6]}-{text[6:8]}"
        return f"{date}T{text[8:10]}:{text[10:12]}:{text[12:]}.{micros:06d}"


@functools.lru_cache(256)
def _midnight_s(date: bytes) -> int:
    """Give the POSIX seconds at which a day of YYYYMMDD begins.  Raises Malformed."""
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    if year < 1 or not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        raise Malformed("no such day in GeneralizedTime")
    return calendar.timegm((year, month, day, 0, 0, 0))


def render_second(posix_s: int) -> bytes:
    """Render a whole UTC second as YYYYMMDDhhmmss.  Years 1 to 9999."""
    days, rest = divmod(posix_s, SECONDS_PER_DAY)
    # Civil date from a day count, by eras of 400 years that start on 1 March.
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    hour, minute, second = rest // 3600, rest // 60 % 60, rest % 60
    return b"%04d%02d%02d%02d%02d%02d" % (year, month, day, hour, minute, second)


@attrs.frozen(order=True)
class Accuracy:
    """What TSTInfo says of genTime's error: `micros_total` us either way (RFC 3161 2.4.2)."""

    micros_total: int

    @classmethod
    def covering(cls, bound_ns: int) -> Self:
        """Round an error bound up to the next step of 1-2-5 microseconds."""
        micros = max(1, -(-bound_ns // NS_PER_US))
        decade = 1
        while decade * 10 < micros:
            decade *= 10
        return cls(next(step * decade for step in (1, 2, 5, 10) if step * decade >= micros))

    @property
    def parts(self) -> tuple[int, int, int]:
        """Seconds, milliseconds and microseconds, the last two from 0 to 999."""
        seconds, rest = divmod(self.micros_total, US_PER_S)
        return seconds, rest // 1000, rest % 1000
