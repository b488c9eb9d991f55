"""Makes one GnssEpoch of all that a receiver says in a second.

A second begins with its first frame and lasts until a frame tells another time, or 0.9 s.  The
time is NAV-TIMEUTC's or its CASIC twin's where valid, else ZDA's, else RMC's, else GPS time and
its leap seconds.  The fix is good if one of RMC, GGA, NAV-SAT says so and none of the binary time
messages denies it.  Leap seconds count only as broadcast: a receiver's built-in table is not told.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, TypeVar

import attrs

from drivers.api import Antenna, Constellation, GnssEpoch, LeapNotice
from drivers.gnss import casic, nmea, ubx
from drivers.gnss.satellites import (
    SYSTEM_OF_NMEA_ID,
    SYSTEM_OF_TALKER,
    are_of,
    gnss_name,
    nmea_name,
)
from drivers.gnss.splitter import Frame, Protocol

SECOND_NS = 900_000_000
HELD_NS = 30_000_000_000
"""How long the receiver's health and announcements hold when they are not sent each second."""

GPS_TO_TAI_S = 19
BDT_TO_TAI_S = 33
GPS_EPOCH_POSIX_S = 315_964_800  # 1980-01-06
WEEK_S = 604_800
MAX_SATELLITES = 128

_ANTENNA_TEXT = re.compile(r"ANT(?:ENNA |STATUS=)(OK|OPEN|SHORT)")
_SIMULATED_TEXT = re.compile(r"\bSIM(?:ULAT(?:ED|OR|ION))?\b", re.IGNORECASE)
_ANTENNA_CODES = {2: Antenna.OK, 3: Antenna.SHORT, 4: Antenna.OPEN}
_LEAPS = {0: LeapNotice.NONE, 1: LeapNotice.INSERT, -1: LeapNotice.DELETE}
_TIMES_OF_DAY = (nmea.Rmc, nmea.Gga, nmea.Zda)
_UTCS = (ubx.NavTimeUtc, casic.NavTimeUtc)
_TIMES = (*_TIMES_OF_DAY, *_UTCS, ubx.NavTimeGps, ubx.NavTimeBds)

Message = nmea.Sentence | ubx.Message | casic.Message
T = TypeVar("T")


@attrs.define
class _Second:
    """What was said in one second: the last message of each kind, and the satellites."""

    raw_ns: int
    told: dict[type[Any], Any] = attrs.Factory(dict)
    used: dict[str, None] = attrs.Factory(dict)
    cn0: dict[str, int] = attrs.Factory(dict)
    day_second: int | None = None
    is_given: bool = False

    def last(self, kind: type[T]) -> T | None:
        """Give the last message of a kind."""
        message: T | None = self.told.get(kind)
        return message


class EpochAssembler:
    """Gathers frames into seconds; pure, the time of each frame is an argument."""

    def __init__(
        self,
        source: str,
        constellation: Constellation = Constellation.MIXED,
        *,
        is_simulated: bool = False,
    ) -> None:
        self.is_simulated = is_simulated
        self._source = source
        self._constellation = constellation
        self._second: _Second | None = None
        self._held: dict[type[Any], tuple[Any, int]] = {}
        self._antenna = Antenna.UNKNOWN

    def take(self, frame: Frame, raw_ns: int) -> GnssEpoch | None:
        """Take a frame; gives the second before when the frame begins another.  Raises Garbled."""
        message = decode(frame)
        if message is None:
            return None
        day_second = _day_second(message)
        done = None
        second = self._second
        if second is None or not _belongs(second, raw_ns, day_second):
            done = self.flush()
            second = self._second = _Second(raw_ns)
        if day_second is not None:
            second.day_second = day_second
        self._note(second, message, raw_ns)
        return done

    def flush(self) -> GnssEpoch | None:
        """Give the second as it is, once; None when it tells nothing of the time."""
        second = self._second
        if second is None or second.is_given or not _tells_time(second):
            return None
        second.is_given = True
        return self._epoch(second)

    def _note(self, second: _Second, message: Message, raw_ns: int) -> None:
        second.told[type(message)] = message
        match message:
            case nmea.Gsv():
                _note_in_view(second, message)
            case nmea.Gsa():
                _note_used(second, message)
            case nmea.Rmc() | nmea.Gga():
                self.is_simulated |= message.is_simulated
            case ubx.NavTimeLs() | ubx.MonRf() | ubx.MonHw() | ubx.SecSig():
                self._held[type(message)] = (message, raw_ns)
            case nmea.Txt():
                self._note_text(message.text)
            case ubx.MonVer():
                self._note_text(message.software)

    def _note_text(self, text: str) -> None:
        if _SIMULATED_TEXT.search(text):
            self.is_simulated = True
        if found := _ANTENNA_TEXT.search(text):
            self._antenna = Antenna[found[1]]

    def _last_held(self, kind: type[T], raw_ns: int) -> T | None:
        message, noted_ns = self._held.get(kind, (None, 0))
        return message if raw_ns - noted_ns < HELD_NS else None

    # --- what a second says -----------------------------------------------------------------------

    def _epoch(self, second: _Second) -> GnssEpoch:
        satellites, cn0_dbhz = _satellites(second)
        is_own = are_of(self._constellation, satellites)
        constellation = self._constellation if is_own else Constellation.MIXED
        utc_s = _utc_s(second)
        announced = self._last_held(ubx.NavTimeLs, second.raw_ns)
        leap, leap_at_utc_s = _leap(announced, utc_s)
        gps_week, beidou_week = _weeks(second)
        jamming, spoofing = self._interference(second.raw_ns)
        return GnssEpoch(
            source=self._source,
            raw_ns=second.raw_ns,
            is_simulated=self.is_simulated,
            constellation=constellation,
            is_valid=_is_valid(second, constellation, len(satellites)),
            utc_s=utc_s,
            tai_utc_s=_tai_utc_s(second, constellation, announced),
            leap=leap,
            leap_at_utc_s=leap_at_utc_s,
            gps_week=gps_week,
            beidou_week=beidou_week,
            satellites=satellites,
            cn0_dbhz=cn0_dbhz,
            accuracy_ns=_accuracy_ns(second, constellation),
            sawtooth_ps=_sawtooth_ps(second),
            antenna=self._antenna_state(second.raw_ns),
            jamming=jamming,
            spoofing=spoofing,
        )

    def _antenna_state(self, raw_ns: int) -> Antenna:
        """Give the worst that the RF paths say, else the last text about the antenna."""
        rf = self._last_held(ubx.MonRf, raw_ns)
        hw = self._last_held(ubx.MonHw, raw_ns)
        codes = [block.antenna for block in rf.blocks] if rf else [hw.antenna] if hw else []
        told = [code for code in codes if code in _ANTENNA_CODES]
        return _ANTENNA_CODES[max(told)] if told else self._antenna

    def _interference(self, raw_ns: int) -> tuple[int | None, int | None]:
        """Give the worst of what is told about jamming, and spoofing."""
        signals = self._last_held(ubx.SecSig, raw_ns)
        rf = self._last_held(ubx.MonRf, raw_ns)
        hw = self._last_held(ubx.MonHw, raw_ns)
        told = [block.jamming for block in rf.blocks] if rf else []
        told += [each.jamming for each in (signals, hw) if each]
        spoofing = min(signals.spoofing, 3) if signals else None
        return max(told, default=None), spoofing


def decode(frame: Frame) -> Message | None:
    """Read a frame of any of the protocols; None for what we do not know.  Raises Garbled."""
    if frame.protocol is Protocol.NMEA:
        return nmea.decode(frame.body)
    if frame.protocol is Protocol.UBX:
        return ubx.decode(frame.message, frame.body)
    return casic.decode(frame.message, frame.body)


def _day_second(message: Message) -> int | None:
    """Tell the second of the day that a message is of, if it tells one."""
    if isinstance(message, _TIMES_OF_DAY):
        return None if message.time_ms is None else message.time_ms // 1000
    if isinstance(message, _UTCS) and message.is_valid:
        return message.hour * 3600 + message.minute * 60 + message.second
    return None


def _belongs(second: _Second, raw_ns: int, day_second: int | None) -> bool:
    if raw_ns - second.raw_ns >= SECOND_NS:
        return False
    return day_second is None or second.day_second in (None, day_second)


def _tells_time(second: _Second) -> bool:
    return any(kind in second.told for kind in _TIMES)


def _note_in_view(second: _Second, gsv: nmea.Gsv) -> None:
    system = SYSTEM_OF_TALKER.get(gsv.talker, "")
    cn0 = second.cn0
    for satellite in gsv.satellites:
        heard = satellite.cn0_dbhz
        if heard and len(cn0) < MAX_SATELLITES:
            name = nmea_name(system, satellite.number)
            if heard > cn0.get(name, 0):
                cn0[name] = heard


def _note_used(second: _Second, gsa: nmea.Gsa) -> None:
    system = SYSTEM_OF_TALKER.get(gsa.talker, "")
    if gsa.system is not None:
        system = SYSTEM_OF_NMEA_ID.get(gsa.system, system)
    if len(second.used) < MAX_SATELLITES:
        second.used.update(dict.fromkeys(nmea_name(system, each) for each in gsa.numbers))


def _satellites(second: _Second) -> tuple[tuple[str, ...], float | None]:
    """List the satellites used, and the mean C/N0 of them, or of all in view when none is."""
    used, cn0 = second.used, second.cn0
    if sky := second.last(ubx.NavSat):
        names = [(gnss_name(each.gnss, each.number), each) for each in sky.satellites]
        used = {name: None for name, each in names if each.is_used}
        cn0 = {name: each.cn0_dbhz for name, each in names if each.cn0_dbhz}
    heard = [cn0[name] for name in used if name in cn0] or list(cn0.values())
    return tuple(sorted(used)), round(sum(heard) / len(heard), 1) if heard else None


def _utc_s(second: _Second) -> int | None:
    for binary in (second.last(ubx.NavTimeUtc), second.last(casic.NavTimeUtc)):
        if binary is not None and binary.is_valid:
            return _civil_s(binary)
    for sentence in (second.last(nmea.Zda), second.last(nmea.Rmc)):
        if sentence and sentence.date and sentence.time_ms is not None:
            return nmea.posix_s(sentence.date, sentence.time_ms)
    gps = second.last(ubx.NavTimeGps)
    if gps is None or not (gps.is_time_valid and gps.is_leap_valid):
        return None
    week_s = gps.week * WEEK_S + (gps.itow_ms + 500) // 1000
    return GPS_EPOCH_POSIX_S + week_s - gps.leap_s


def _civil_s(utc: ubx.NavTimeUtc | casic.NavTimeUtc) -> int | None:
    """Give the POSIX second of calendar fields; None when they are no date."""
    try:
        date = dt.date(utc.year, utc.month, utc.day)
    except ValueError:
        return None
    return nmea.posix_s(date, (utc.hour * 3600 + utc.minute * 60 + utc.second) * 1000)


def _is_valid(second: _Second, constellation: Constellation, used: int) -> bool:
    rmc, gga = second.last(nmea.Rmc), second.last(nmea.Gga)
    fixes = [each.has_fix for each in (rmc, gga) if each]
    if second.last(ubx.NavSat):
        fixes.append(used > 0)
    gps, beidou = second.last(ubx.NavTimeGps), second.last(ubx.NavTimeBds)
    own = beidou if constellation is Constellation.BEIDOU else gps
    times = [own.is_time_valid] if own else []
    utcs = (second.last(ubx.NavTimeUtc), second.last(casic.NavTimeUtc))
    times += [each.is_valid for each in utcs if each]
    return any(fixes or times) and all(times)


def _tai_utc_s(
    second: _Second, constellation: Constellation, announced: ubx.NavTimeLs | None
) -> int | None:
    """Give TAI - UTC by the receiver's own constellation first, then as any satellite says."""
    told = {}
    if (gps := second.last(ubx.NavTimeGps)) and gps.is_leap_valid:
        told[Constellation.GPS] = gps.leap_s + GPS_TO_TAI_S
    if (beidou := second.last(ubx.NavTimeBds)) and beidou.is_leap_valid:
        told[Constellation.BEIDOU] = beidou.leap_s + BDT_TO_TAI_S
    if clock := second.last(casic.NavClock):
        if clock.systems[0].is_valid:
            told[Constellation.GPS] = clock.systems[0].leap_s + GPS_TO_TAI_S
        if clock.systems[1].is_valid:
            told[Constellation.BEIDOU] = clock.systems[1].leap_s + BDT_TO_TAI_S
    if announced and announced.is_current_broadcast:
        told.setdefault(constellation, announced.current_s + GPS_TO_TAI_S)
    elif announced:
        return None
    return told.get(constellation, next(iter(told.values()), None))


def _leap(announced: ubx.NavTimeLs | None, utc_s: int | None) -> tuple[LeapNotice, int | None]:
    """Read the announcement; the event is at the UTC midnight next to when it is said to be."""
    if announced is None or not announced.is_change_broadcast:
        return LeapNotice.UNKNOWN, None
    leap = _LEAPS.get(announced.change_s, LeapNotice.UNKNOWN)
    if announced.until_event_s < 0:
        leap = LeapNotice.NONE
    if leap in (LeapNotice.NONE, LeapNotice.UNKNOWN) or utc_s is None:
        return leap, None
    days = (utc_s + announced.until_event_s + nmea.DAY_S // 2) // nmea.DAY_S
    return leap, days * nmea.DAY_S


def _weeks(second: _Second) -> tuple[int | None, int | None]:
    """Give GPS week in 10 bits and BeiDou week in 13."""
    gps, beidou = second.last(ubx.NavTimeGps), second.last(ubx.NavTimeBds)
    gps_week = gps.week if gps and gps.is_time_valid else None
    beidou_week = beidou.week if beidou and beidou.is_time_valid else None
    if clock := second.last(casic.NavClock):
        gps_week = clock.systems[0].week if clock.systems[0].is_valid else gps_week
        beidou_week = clock.systems[1].week if clock.systems[1].is_valid else beidou_week
    return (
        None if gps_week is None else gps_week % 1024,
        None if beidou_week is None else beidou_week % 8192,
    )


def _accuracy_ns(second: _Second, constellation: Constellation) -> int | None:
    beidou = second.last(ubx.NavTimeBds) if constellation is Constellation.BEIDOU else None
    told = (
        beidou,
        second.last(ubx.NavTimeGps),
        second.last(ubx.NavTimeUtc),
        second.last(ubx.NavClock),
    )
    return next((each.accuracy_ns for each in told if each), None)


def _sawtooth_ps(second: _Second) -> int | None:
    pulse = second.last(ubx.TimTp)
    if pulse and pulse.is_error_valid:
        return pulse.error_ps
    other = second.last(casic.TimTp)
    return other.error_ps if other else None
