"""Whether a receiver's date can be: rolled weeks, years of nonsense, seconds that stand still.

GPS sends ten bits of its week (it rolls every 1024 weeks), BeiDou thirteen (until 2163); so
BeiDou's week tells which of its rounds a GPS week is in.  Without it the product's build and the
last time that was kept bound the past.
"""

from __future__ import annotations

import enum

import attrs

from appliance.quantities import SECONDS_PER_DAY

WEEK_S = 7 * SECONDS_PER_DAY
GPS_EPOCH_S = 315_964_800
"""1980-01-06 in POSIX seconds."""

BEIDOU_EPOCH_S = 1_136_073_600
"""2006-01-01 in POSIX seconds."""

GPS_ROUND = 1024
_GPS_WEEKS_BEFORE_BEIDOU = (BEIDOU_EPOCH_S - GPS_EPOCH_S) // WEEK_S
_ROUND_S = GPS_ROUND * WEEK_S
_LEAP_SLACK_S = 64
"""More than satellite time and UTC will differ by, where a week begins."""

_KEPT_SLACK_S = 2 * SECONDS_PER_DAY


class DateFault(enum.Enum):
    """What is wrong with a receiver's date."""

    ROLLED = "the date is a round of GPS weeks away, and was put right"
    IMPOSSIBLE = "the date cannot be"
    WEEK = "the date is not in the week the satellites tell"
    STUCK = "the date stands still or runs at another rate"


@attrs.frozen
class Dating:
    """A judged date: the POSIX second to use, None when there is none, and what was wrong."""

    utc_s: int | None
    fault: DateFault | None = None


def full_gps_week(week: int, beidou_week: int) -> int:
    """Tell the full GPS week of ten received bits by the BeiDou week of about the same time."""
    expected = beidou_week + _GPS_WEEKS_BEFORE_BEIDOU
    ahead = (week - expected + GPS_ROUND // 2) % GPS_ROUND - GPS_ROUND // 2
    return expected + ahead


def judge_date(
    utc_s: int, *, earliest_s: int, gps_week: int | None = None, beidou_week: int | None = None
) -> Dating:
    """Judge a received date by the earliest that can be and by the weeks of the satellites.

    `earliest_s` is the later of the build's date and the last time kept.  The window is one round
    of GPS weeks long, so at most one round brings a date into it.
    """
    earliest_s -= _KEPT_SLACK_S
    rounds = -(-(earliest_s - utc_s) // _ROUND_S) if utc_s < earliest_s else 0
    dated_s = utc_s + rounds * _ROUND_S
    if dated_s >= earliest_s + _ROUND_S or rounds > 2:
        return Dating(None, DateFault.IMPOSSIBLE)
    if beidou_week is not None and not _is_in_week(dated_s, BEIDOU_EPOCH_S, beidou_week):
        return Dating(None, DateFault.WEEK)
    if gps_week is not None:
        if beidou_week is not None:
            gps_week = full_gps_week(gps_week, beidou_week)
        if not _is_in_gps_week(dated_s, gps_week):
            return Dating(None, DateFault.WEEK)
    if rounds and gps_week is None and beidou_week is None:
        return Dating(None, DateFault.IMPOSSIBLE)
    return Dating(dated_s, DateFault.ROLLED if rounds else None)


def _is_in_week(utc_s: int, epoch_s: int, week: int) -> bool:
    start_s = epoch_s + week * WEEK_S
    return start_s - _LEAP_SLACK_S <= utc_s < start_s + WEEK_S + _LEAP_SLACK_S


def _is_in_gps_week(utc_s: int, week: int) -> bool:
    rounded = (utc_s - GPS_EPOCH_S) // WEEK_S
    return any(
        (near - week) % GPS_ROUND == 0 and _is_in_week(utc_s, GPS_EPOCH_S, near)
        for near in (rounded - 1, rounded, rounded + 1)
    )


class Progress:
    """Sees to it that a receiver's seconds go on as the raw clock does."""

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self.is_steady = True

    def take(self, utc_s: int, raw_ns: int) -> bool:
        """Take a date and when it came; tell whether the dates are steady within two seconds.

        Messages may be late by a second; a leap second is a second.  After a jump the new dates
        are believed once they run steadily for ten seconds.
        """
        if self._first is None:
            self._first = (utc_s, raw_ns)
            return True
        elapsed_s = (raw_ns - self._first[1]) / 1e9
        strayed_s = utc_s - self._first[0] - elapsed_s
        if abs(strayed_s) > 2:
            self.is_steady = False
            self._first = (utc_s, raw_ns)
        elif elapsed_s > 10:
            self.is_steady = True
            if elapsed_s > 600:
                self._first = (utc_s, raw_ns)
        return self.is_steady
