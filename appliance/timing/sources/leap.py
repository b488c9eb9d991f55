"""TAI - UTC and the next leap second: the satellites' word first, the IERS file as a cross-check.

A new value or a warning is believed when two constellations agree, or one and the file.  ITU-R
TF.460-6 has leap seconds announced eight weeks ahead, at the ends of June and December by
preference; satellites repeat it some weeks later.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from itertools import pairwise

import attrs

from appliance.errors import Malformed
from appliance.quantities import SECONDS_PER_DAY, render_second
from appliance.timing.trusted import Leap

NTP_EPOCH_S = -2_208_988_800
"""1900-01-01 in POSIX seconds, from which leap-seconds.list counts."""

COVERED_S = 28 * SECONDS_PER_DAY
"""How far a decoded "no leap" reaches: eight weeks of notice less four until it is broadcast."""

FRESH_S = 3600
"""How long a constellation's word counts; they repeat it every 12.5 to 30 minutes."""

DOUBT_BEFORE_S = SECONDS_PER_DAY
"""When a warning that nobody else confirms or denies makes the leap unknown."""

GUARD_S = 2
_LEAST_TAI_UTC_S, _MOST_TAI_UTC_S = 10, 127
_EXPIRES = re.compile(rb"#@\s+(\d{1,12})\s*")
_CHANGE = re.compile(rb"(\d{1,12})\s+(\d{1,3})\s*(?:#.*)?")


@attrs.frozen
class LeapTable:
    """leap-seconds.list: until when it holds (POSIX s), and (POSIX s, TAI - UTC from then on)."""

    expires_s: int
    changes: tuple[tuple[int, int], ...]

    def tai_utc_at(self, utc_s: int) -> int | None:
        """Tell TAI - UTC at an instant, None before the first entry."""
        told = [tai_utc_s for since_s, tai_utc_s in self.changes if since_s <= utc_s]
        return told[-1] if told else None

    def next_after(self, utc_s: int) -> tuple[int, int] | None:
        """Tell the first change after an instant."""
        return next((change for change in self.changes if change[0] > utc_s), None)


def parse_leap_table(text: bytes) -> LeapTable:
    """Read the IERS/NIST file leap-seconds.list.  Raises Malformed."""
    expires_s: int | None = None
    changes: list[tuple[int, int]] = []
    for line in text.splitlines():
        stripped = line.strip()
        if match := _EXPIRES.fullmatch(stripped):
            expires_s = int(match[1]) + NTP_EPOCH_S
        elif stripped and not stripped.startswith(b"#"):
            change = _CHANGE.fullmatch(stripped)
            if change is None:
                raise Malformed("not a line of leap-seconds.list")
            changes.append((int(change[1]) + NTP_EPOCH_S, int(change[2])))
    if expires_s is None or not changes:
        raise Malformed("leap-seconds.list tells no expiry or no leap second")
    for (early_s, before), (late_s, now) in pairwise(changes):
        if early_s >= late_s or abs(now - before) != 1:
            raise Malformed("leap-seconds.list is out of order")
    return LeapTable(expires_s, tuple(changes))


def next_possible_leap_s(utc_s: int) -> int:
    """Tell the POSIX second of the next end of June or December after `utc_s`."""
    year = int(render_second(utc_s)[:4])
    candidates = (
        _day_start_s(year, 7),
        _day_start_s(year + 1, 1),
    )
    return next(start_s for start_s in candidates if start_s > utc_s)


def _day_start_s(year: int, month: int) -> int:
    """Give the POSIX second at which the 1st of January or July begins."""
    days = (year - 1970) * 365 + (year - 1969) // 4 - (year - 1901) // 100 + (year - 1601) // 400
    is_leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (days + (181 + is_leap_year if month == 7 else 0)) * SECONDS_PER_DAY


@attrs.frozen
class Broadcast:
    """What one constellation told last, at the POSIX second `heard_s`."""

    heard_s: int
    tai_utc_s: int | None
    leap: Leap
    leap_at_utc_s: int | None = None


class LeapFault(enum.Enum):
    """What is wrong with what is told of leap seconds."""

    COUNT = "a constellation tells another TAI - UTC"
    WARNING = "one constellation alone warns of a leap second"
    FILE_EXPIRED = "the leap second file has expired"
    FILE_DIFFERS = "the leap second file contradicts the satellites"


@attrs.frozen
class LeapBelief:
    """What holds now: TAI - UTC, the leap ahead and the TAI second from which it holds (or 0)."""

    tai_utc_s: int
    leap: Leap
    leap_at_tai_s: int = 0
    faults: frozenset[LeapFault] = frozenset()


class LeapWatch:
    """Collects what constellations tell and judges it against the file and what held before."""

    def __init__(self, tai_utc_s: int, covered_until_s: int = 0) -> None:
        self.tai_utc_s = tai_utc_s
        self.table: LeapTable | None = None
        self.covered_until_s = covered_until_s
        self._told: dict[str, Broadcast] = {}
        self._announced: tuple[Leap, int] | None = None
        self._passed_s = 0

    def hear(self, constellation: str, told: Broadcast) -> None:
        """Take what a constellation broadcasts."""
        self._told[constellation] = told

    def judge(self, utc_s: int) -> LeapBelief:
        """Tell what to believe at `utc_s`, and carry an announced leap through its instant.

        `utc_s` is TAI less `tai_utc_s`, so it runs on through an inserted second.
        """
        faults = self._judge_file(utc_s)
        self._pass_announced(utc_s)
        fresh = self._fresh(utc_s)
        faults |= self._judge_counts(utc_s, fresh)
        leap, at_s, more = self._judge_warnings(utc_s, fresh)
        faults |= more
        if leap is Leap.NONE and any(told.leap is Leap.NONE for told in fresh.values()):
            heard_s = max(told.heard_s for told in fresh.values() if told.leap is Leap.NONE)
            self.covered_until_s = max(self.covered_until_s, heard_s + COVERED_S)
        if leap is Leap.NONE and self._is_uncovered(utc_s):
            leap = Leap.UNKNOWN
        if leap in (Leap.INSERT, Leap.DELETE):
            self._announced = (leap, at_s)
            step_s = 1 if leap is Leap.INSERT else -1
            return LeapBelief(self.tai_utc_s, leap, at_s + self.tai_utc_s + step_s, faults)
        return LeapBelief(self.tai_utc_s, leap, 0, faults)

    def _fresh(self, utc_s: int) -> dict[str, Broadcast]:
        """Give the words that count: what was told before the last leap second is over."""
        since_s = max(utc_s - FRESH_S, self._passed_s)
        return {name: told for name, told in self._told.items() if told.heard_s >= since_s}

    def _pass_announced(self, utc_s: int) -> None:
        """Count an announced leap once its instant has passed, by the old count of seconds."""
        if self._announced is None:
            return
        leap, at_s = self._announced
        step_s = 1 if leap is Leap.INSERT else -1
        if utc_s < at_s + step_s:
            return
        self.tai_utc_s += step_s
        self._announced = None
        self._passed_s = at_s
        self.covered_until_s = max(self.covered_until_s, at_s + COVERED_S)

    def _judge_counts(self, utc_s: int, fresh: dict[str, Broadcast]) -> frozenset[LeapFault]:
        """Take a new count that two agree on, or one and the file; a lone one is at fault."""
        counts = Counter(t.tai_utc_s for t in fresh.values() if t.tai_utc_s is not None)
        if self.table and (by_file := self.table.tai_utc_at(utc_s)) is not None:
            counts[by_file] += 1
        if not counts:
            return frozenset()
        for count, votes in counts.items():
            is_sane = _LEAST_TAI_UTC_S < count <= _MOST_TAI_UTC_S
            if count > self.tai_utc_s and is_sane and votes >= 2 and votes * 2 > counts.total():
                self.tai_utc_s = count
        told = {t.tai_utc_s for t in fresh.values()} - {None, self.tai_utc_s}
        return frozenset({LeapFault.COUNT}) if told else frozenset()

    def _judge_warnings(
        self, utc_s: int, fresh: dict[str, Broadcast]
    ) -> tuple[Leap, int, frozenset[LeapFault]]:
        """Give the leap to believe, its POSIX second, and the faults seen."""
        denials = sum(told.leap is Leap.NONE for told in fresh.values())
        if self._announced is not None:
            if denials < 2:
                return (*self._announced, frozenset())
            self._announced = None
        by_file = self._warned_by_file(utc_s)
        warnings = _count_warnings(max(utc_s, self._passed_s), fresh)
        if by_file:
            warnings[by_file] += 1
        if not warnings:
            return Leap.NONE, 0, frozenset()
        (leap, at_s), votes = warnings.most_common(1)[0]
        if votes >= 2:
            return leap, at_s, frozenset()
        if by_file == (leap, at_s):
            return leap, at_s, frozenset({LeapFault.FILE_DIFFERS} if denials else ())
        is_near = at_s - DOUBT_BEFORE_S <= utc_s
        is_open = is_near and not denials and not self._is_denied_by_file(at_s)
        return Leap.UNKNOWN if is_open else Leap.NONE, 0, frozenset({LeapFault.WARNING})

    def _warned_by_file(self, utc_s: int) -> tuple[Leap, int] | None:
        change = self.table.next_after(utc_s) if self.table else None
        if change is None:
            return None
        return (Leap.INSERT if change[1] > self.tai_utc_s else Leap.DELETE), change[0]

    def _is_denied_by_file(self, at_s: int) -> bool:
        return self.table is not None and at_s < self.table.expires_s

    def _judge_file(self, utc_s: int) -> frozenset[LeapFault]:
        if self.table and utc_s >= self.table.expires_s:
            return frozenset({LeapFault.FILE_EXPIRED})
        return frozenset()

    def _is_uncovered(self, utc_s: int) -> bool:
        """Tell whether a leap that nobody could tell us of may have been."""
        covered_s = max(self.covered_until_s, self.table.expires_s if self.table else 0)
        return utc_s >= next_possible_leap_s(covered_s) - GUARD_S


def _count_warnings(utc_s: int, fresh: dict[str, Broadcast]) -> Counter[tuple[Leap, int]]:
    """Count who warns of which leap still ahead."""
    warnings: Counter[tuple[Leap, int]] = Counter()
    for told in fresh.values():
        if told.leap in (Leap.INSERT, Leap.DELETE):
            at_s = told.leap_at_utc_s or next_month_end_s(told.heard_s)
            if at_s > utc_s:
                warnings[told.leap, at_s] += 1
    return warnings


def next_month_end_s(utc_s: int) -> int:
    """Tell the POSIX second at which the next month begins."""
    day = utc_s // SECONDS_PER_DAY
    while render_second((day := day + 1) * SECONDS_PER_DAY)[6:8] != b"01":
        pass
    return day * SECONDS_PER_DAY
