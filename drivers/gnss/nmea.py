"""NMEA 0183 sentences of satellite receivers: RMC, ZDA, GGA, GSA, GSV and TXT, both ways.

Talkers: GP, GL, GA, GB and BD (BeiDou; BD is the older Chinese one), GQ, GN (several).  Version
4.11 adds the system id to GSA and the signal id to GSV; older sentences lack both.  The fields are
as the u-blox interface descriptions (UBX-19014286) and gpsd's NMEA.adoc give them; sentences that
we do not know are not an error.  Times of day are in ms, from 86_400_000 on in a leap second;
positions in 1e-7 degrees.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable

import attrs

from drivers.api import Garbled

MAX_SENTENCE = 128
"""Octets of a sentence without its line end; the standard says 82, receivers send some more."""

DAY_S = 86_400
_EPOCH_ORDINAL = 719_163  # 1970-01-01
_MODES_WITHOUT_FIX = ("N", "E", "M", "S")  # none, dead reckoning, manual, simulator
_QUALITIES_WITHOUT_FIX = (0, 6, 7, 8)
_SIMULATOR_QUALITY = 8


def nmea_checksum(body: bytes) -> int:
    """Fold the octets between `$` and `*` by exclusive or; at most 128 of them."""
    number = int.from_bytes(body, "little")
    for bits in (512, 256, 128, 64, 32, 16, 8):
        number ^= number >> bits
    return number & 0xFF


@attrs.frozen(kw_only=True)
class Rmc:
    """Recommended minimum: time of day, date, and whether the fix is good."""

    talker: str = "GN"
    time_ms: int | None
    date: dt.date | None
    is_valid: bool
    mode: str = ""
    latitude_e7: int | None = None
    longitude_e7: int | None = None

    @property
    def has_fix(self) -> bool:
        """Tell whether the status is A, by satellites."""
        return self.is_valid and self.mode not in _MODES_WITHOUT_FIX

    @property
    def is_simulated(self) -> bool:
        """Tell whether the receiver says it is a simulator."""
        return self.mode == "S"


@attrs.frozen(kw_only=True)
class Zda:
    """Time of day and date with four digits of the year."""

    talker: str = "GN"
    time_ms: int | None
    date: dt.date | None


@attrs.frozen(kw_only=True)
class Gga:
    """Fix data: time of day, quality, number of satellites; HDOP and altitude in 0.1 (m)."""

    talker: str = "GN"
    time_ms: int | None
    quality: int
    satellites: int = 0
    latitude_e7: int | None = None
    longitude_e7: int | None = None
    hdop_dm: int = 10
    altitude_dm: int = 0

    @property
    def has_fix(self) -> bool:
        """Tell whether satellites gave the fix."""
        return self.quality not in _QUALITIES_WITHOUT_FIX

    @property
    def is_simulated(self) -> bool:
        """Tell whether the receiver says it is a simulator."""
        return self.quality == _SIMULATOR_QUALITY


@attrs.frozen(kw_only=True)
class Gsa:
    """The satellites used, by number; `system` is 1 GPS, 2 GLONASS, 3 Galileo, 4 BeiDou, 5 QZSS.

    None for a sentence older than 4.10: the talker tells then, or the numbers.
    """

    talker: str = "GN"
    fix: int
    numbers: tuple[int, ...]
    system: int | None = None


@attrs.frozen
class InView:
    """One satellite in view; None is "not told", a C/N0 of None is not tracked."""

    number: int
    elevation_deg: int | None
    azimuth_deg: int | None
    cn0_dbhz: int | None


@attrs.frozen(kw_only=True)
class Gsv:
    """Satellites in view, at most four of `in_view`: sentence `part` of `parts`."""

    talker: str = "GP"
    parts: int
    part: int
    in_view: int
    satellites: tuple[InView, ...]
    signal: int | None = None


@attrs.frozen(kw_only=True)
class Txt:
    """A line of text; `severity` is 0 error, 1 warning, 2 notice, 7 by the user."""

    talker: str = "GN"
    severity: int
    text: str


Sentence = Rmc | Zda | Gga | Gsa | Gsv | Txt


# --- reading --------------------------------------------------------------------------------------


def decode(body: bytes) -> Sentence | None:
    """Read what stands between `$` and `*`; None for a sentence we do not know.

    Raises Garbled when a sentence that we know is not what it should be.
    """
    return _decode_again(body) if body[2:4] == b"GS" else _decode(body)


def _decode(body: bytes) -> Sentence | None:
    try:
        address, *fields = body.decode("ascii").split(",")
        reader = _READERS.get(address[2:])
        if reader is None or len(address) != 5 or address[0] == "P":
            return None
        return reader(address[:2], fields)
    except (ValueError, IndexError) as error:
        raise Garbled(f"NMEA {body[:5]!r} is malformed") from error


_decode_again = functools.lru_cache(maxsize=1024)(_decode)
"""For GSA and GSV, which a receiver that stands still repeats second by second."""


def _read_rmc(talker: str, fields: list[str]) -> Rmc:
    return Rmc(
        talker=talker,
        time_ms=_time_ms(fields[0]),
        is_valid=_one_of(fields[1], "AV") == "A",
        latitude_e7=_degrees_e7(fields[2], fields[3], "NS"),
        longitude_e7=_degrees_e7(fields[4], fields[5], "EW"),
        date=_short_date(fields[8]),
        mode=fields[11][:1] if len(fields) > 11 else "",
    )


def _read_zda(talker: str, fields: list[str]) -> Zda:
    day, month, year = fields[1:4]
    date = _date(_number(year), month, day) if year and month and day else None
    return Zda(talker=talker, time_ms=_time_ms(fields[0]), date=date)


def _read_gga(talker: str, fields: list[str]) -> Gga:
    return Gga(
        talker=talker,
        time_ms=_time_ms(fields[0]),
        latitude_e7=_degrees_e7(fields[1], fields[2], "NS"),
        longitude_e7=_degrees_e7(fields[3], fields[4], "EW"),
        quality=_digits(fields[5]) or 0,
        satellites=_digits(fields[6]) or 0,
        hdop_dm=_tenths(fields[7]),
        altitude_dm=_tenths(fields[8]),
    )


def _read_gsa(talker: str, fields: list[str]) -> Gsa:
    system = fields[17] if len(fields) > 17 else ""
    return Gsa(
        talker=talker,
        fix=_digits(fields[1]) or 1,
        numbers=_numbers(tuple(fields[2:14])),
        system=int(system, 16) if len(system) == 1 else None,
    )


def _read_gsv(talker: str, fields: list[str]) -> Gsv:
    count, odd = divmod(len(fields) - 3, 4)
    signal = fields[-1] if odd == 1 else ""
    told = [tuple(fields[3 + 4 * each : 7 + 4 * each]) for each in range(min(count, 4))]
    return Gsv(
        talker=talker,
        parts=_number(fields[0]),
        part=_number(fields[1]),
        in_view=_number(fields[2]),
        satellites=tuple([_in_view(each) for each in told if each[0]]),
        signal=int(signal, 16) if signal else None,
    )


# A receiver that stands still says the same again and again: what is read often is remembered.


@functools.lru_cache(maxsize=4096)
def _in_view(fields: tuple[str, ...]) -> InView:
    number, elevation, azimuth, cn0 = fields
    return InView(_number(number), _signed(elevation), _digits(azimuth), _digits(cn0))


@functools.lru_cache(maxsize=64)
def _numbers(fields: tuple[str, ...]) -> tuple[int, ...]:
    return tuple([_number(each) for each in fields if each])


def _read_txt(talker: str, fields: list[str]) -> Txt:
    return Txt(talker=talker, severity=_number(fields[2]), text=",".join(fields[3:]))


_READERS: dict[str, Callable[[str, list[str]], Sentence]] = {
    "RMC": _read_rmc,
    "ZDA": _read_zda,
    "GGA": _read_gga,
    "GSA": _read_gsa,
    "GSV": _read_gsv,
    "TXT": _read_txt,
}


def _number(text: str) -> int:
    """Read digits, and nothing else that `int` would take; at most nine."""
    if not text.isdigit() or len(text) > 9:
        raise ValueError(text)
    return int(text)


def _digits(text: str) -> int | None:
    return _number(text) if text else None


def _signed(text: str) -> int | None:
    return -_number(text[1:]) if text[:1] == "-" else _digits(text)


def _one_of(text: str, letters: str) -> str:
    if len(text) != 1 or text not in letters:
        raise ValueError(text)
    return text


def _fraction(text: str, places: int) -> int:
    """Read digits after a point as an integer of so many places; further ones are cut off."""
    return _number((text + "0" * places)[:places])


@functools.lru_cache(maxsize=64)
def _tenths(text: str) -> int:
    if not text:
        return 0
    whole, _, part = text.lstrip("-").partition(".")
    size = _number(whole) * 10 + _fraction(part, 1)
    return -size if text[0] == "-" else size


@functools.lru_cache(maxsize=16)
def _time_ms(text: str) -> int | None:
    """Read hhmmss.sss; the only second 60 is 23:59:60, a leap second."""
    if not text:
        return None
    whole, _, part = text.partition(".")
    if len(whole) != 6:
        raise ValueError(text)
    clock = _number(whole)
    hour, minute, second = clock // 10_000, clock // 100 % 100, clock % 100
    if hour > 23 or minute > 59 or second > 59 + (clock == 235_960):
        raise ValueError(text)
    return (hour * 3600 + minute * 60 + second) * 1000 + _fraction(part, 3)


@functools.lru_cache(maxsize=16)
def _short_date(text: str) -> dt.date | None:
    """Read ddmmyy; the year is one of this century."""
    if not text:
        return None
    if len(text) != 6:
        raise ValueError(text)
    return _date(2000 + _number(text[4:]), text[2:4], text[:2])


@functools.lru_cache(maxsize=16)
def _date(year: int, month: str, day: str) -> dt.date:
    return dt.date(year, _number(month), _number(day))


@functools.lru_cache(maxsize=16)
def _degrees_e7(text: str, side: str, sides: str) -> int | None:
    """Read (d)ddmm.mmmm and its hemisphere."""
    if not text:
        return None
    whole, _, part = text.partition(".")
    degrees, minutes = divmod(_number(whole), 100)
    minutes_e6 = minutes * 1_000_000 + _fraction(part, 6)
    if minutes > 59 or degrees > 180:
        raise ValueError(text)
    size = degrees * 10_000_000 + (minutes_e6 + 3) // 6
    return -size if _one_of(side, sides) == sides[1] else size


def posix_s(date: dt.date, time_ms: int) -> int:
    """Join a date and a time of day; 23:59:60 is the same POSIX second as the 00:00:00 after it."""
    return (date.toordinal() - _EPOCH_ORDINAL) * DAY_S + time_ms // 1000


# --- writing --------------------------------------------------------------------------------------


def encode(sentence: Sentence) -> bytes:
    """Write a sentence, from `$` to the line feed."""
    match sentence:
        case Rmc():
            fields = ["RMC", *_write_rmc(sentence)]
        case Zda():
            fields = ["ZDA", *_write_zda(sentence)]
        case Gga():
            fields = ["GGA", *_write_gga(sentence)]
        case Gsa():
            fields = ["GSA", *_write_gsa(sentence)]
        case Gsv():
            fields = ["GSV", *_write_gsv(sentence)]
        case Txt():
            fields = ["TXT", "01", "01", f"{sentence.severity:02d}", sentence.text]
    return frame((sentence.talker + ",".join(fields)).encode("ascii"))


def frame(body: bytes) -> bytes:
    """Put `$`, checksum and line end around a sentence of any kind."""
    return b"$%b*%02X\r\n" % (body, nmea_checksum(body))


def _write_rmc(rmc: Rmc) -> list[str]:
    date = f"{rmc.date:%d%m%y}" if rmc.date else ""
    status = "A" if rmc.is_valid else "V"
    place = [*_angle(rmc.latitude_e7, 2, "NS"), *_angle(rmc.longitude_e7, 3, "EW")]
    return [_clock(rmc.time_ms), status, *place, "0.00", "", date, "", "", rmc.mode, "V"]


def _write_zda(zda: Zda) -> list[str]:
    date = [f"{zda.date:%d}", f"{zda.date:%m}", f"{zda.date.year:04d}"] if zda.date else [""] * 3
    return [_clock(zda.time_ms), *date, "00", "00"]


def _write_gga(gga: Gga) -> list[str]:
    place = [*_angle(gga.latitude_e7, 2, "NS"), *_angle(gga.longitude_e7, 3, "EW")]
    heights = [_tenths_text(gga.altitude_dm), "M", "0.0", "M", "", ""]
    count = f"{gga.satellites:02d}"
    hdop = _tenths_text(gga.hdop_dm)
    return [_clock(gga.time_ms), *place, str(gga.quality), count, hdop, *heights]


def _write_gsa(gsa: Gsa) -> list[str]:
    numbers = [f"{each:02d}" for each in gsa.numbers]
    dops = ["1.6", "1.0", "1.2"]
    system = [f"{gsa.system:X}"] if gsa.system is not None else []
    return ["A", str(gsa.fix), *numbers, *[""] * (12 - len(numbers)), *dops, *system]


def _write_gsv(gsv: Gsv) -> list[str]:
    told = [text for each in gsv.satellites for text in _in_view_text(each)]
    signal = [f"{gsv.signal:X}"] if gsv.signal is not None else []
    return [str(gsv.parts), str(gsv.part), f"{gsv.in_view:02d}", *told, *signal]


def _in_view_text(satellite: InView) -> list[str]:
    angles = [(satellite.elevation_deg, 2), (satellite.azimuth_deg, 3), (satellite.cn0_dbhz, 2)]
    told = ["" if value is None else f"{value:0{width}d}" for value, width in angles]
    return [f"{satellite.number:02d}", *told]


def _clock(time_ms: int | None) -> str:
    """Write hhmmss.sss; ms from 86 400 000 on are the leap second 23:59:60."""
    if time_ms is None:
        return ""
    second, ms = divmod(time_ms, 1000)
    leap = max(second - DAY_S + 1, 0)
    minute, second = divmod(second - leap, 60)
    return f"{minute // 60:02d}{minute % 60:02d}{second + leap:02d}.{ms:03d}"


def _angle(size_e7: int | None, digits: int, sides: str) -> list[str]:
    if size_e7 is None:
        return ["", ""]
    degrees, rest_e7 = divmod(abs(size_e7), 10_000_000)
    minutes, part_e6 = divmod(rest_e7 * 6, 1_000_000)
    return [f"{degrees:0{digits}d}{minutes:02d}.{part_e6:06d}", sides[size_e7 < 0]]


def _tenths_text(size: int) -> str:
    return f"{'-' if size < 0 else ''}{abs(size) // 10}.{abs(size) % 10}"
