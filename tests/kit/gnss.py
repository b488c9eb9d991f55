"""What receivers send in one second, made by our own encoders, and what becomes of it."""

import datetime as dt
import enum
from pathlib import Path
from typing import Any

import attrs
import msgspec

from drivers.api import Constellation, GnssEpoch
from drivers.gnss import casic, nmea, ubx
from drivers.gnss.epoch import EpochAssembler
from drivers.gnss.splitter import Splitter

CAPTURES = Path(__file__).resolve().parents[1] / "captures" / "gnss"
NOON_S = 1_790_000_000 // nmea.DAY_S * nmea.DAY_S + 43_200
"""The POSIX second of a noon in September 2026."""

LEAP_S = 18
NS = 1_000_000_000
GPS_NUMBERS = (3, 7, 12, 19, 25, 31)
BEIDOU_NUMBERS = (6, 16, 21, 36, 39, 45)


def civil(posix_s: int) -> tuple[dt.date, int]:
    """Split a POSIX second into a date and ms of the day."""
    day, second = divmod(posix_s, nmea.DAY_S)
    return dt.date(1970, 1, 1) + dt.timedelta(days=day), second * 1000


def sentences(posix_s: int, *, is_valid: bool = True, **changes: Any) -> list[nmea.Sentence]:
    """Give what a receiver of GPS and BeiDou says in NMEA 4.11; `changes` are RMC's."""
    date, time_ms = civil(posix_s)
    place: dict[str, Any] = {"latitude_e7": 312_345_678, "longitude_e7": 1_214_567_890}
    rmc = nmea.Rmc(
        time_ms=time_ms, date=date, is_valid=is_valid, mode="A" if is_valid else "N", **place
    )
    used = (GPS_NUMBERS, BEIDOU_NUMBERS) if is_valid else ((), ())
    return [
        attrs.evolve(rmc, **changes),
        nmea.Gga(time_ms=time_ms, quality=int(is_valid), satellites=12, **place),
        nmea.Gsa(fix=3 if is_valid else 1, numbers=used[0], system=1),
        nmea.Gsa(fix=3 if is_valid else 1, numbers=used[1], system=4),
        *in_view("GP", GPS_NUMBERS),
        *in_view("GB", BEIDOU_NUMBERS),
        nmea.Zda(time_ms=time_ms, date=date),
    ]


def in_view(talker: str, numbers: tuple[int, ...], cn0_dbhz: int = 44) -> list[nmea.Sentence]:
    """Give the GSV sentences of some satellites."""
    parts = [numbers[at : at + 4] for at in range(0, len(numbers), 4)]
    return [
        nmea.Gsv(
            talker=talker,
            parts=len(parts),
            part=place,
            in_view=len(numbers),
            satellites=tuple(nmea.InView(each, 40, 120, cn0_dbhz) for each in part),
            signal=1,
        )
        for place, part in enumerate(parts, 1)
    ]


def nmea_second(posix_s: int, **changes: Any) -> bytes:
    """Give a second of `sentences` as octets."""
    return b"".join(map(nmea.encode, sentences(posix_s, **changes)))


def gps_time(posix_s: int) -> tuple[int, int]:
    """Give GPS week, in full, and time of week in s."""
    return divmod(posix_s - 315_964_800 + LEAP_S, 604_800)


def beidou_time(posix_s: int) -> tuple[int, int]:
    """Give BeiDou week and second of week."""
    return divmod(posix_s - 1_136_073_600 + LEAP_S - 14, 604_800)


def ubx_messages(posix_s: int) -> list[ubx.Message]:
    """Give what a u-blox timing receiver says in UBX."""
    week, tow_s = gps_time(posix_s)
    beidou_week, sow_s = beidou_time(posix_s)
    date, ms = civil(posix_s)
    minutes, second = divmod(ms // 1000, 60)
    itow_ms = tow_s * 1000
    clock = (date.year, date.month, date.day, minutes // 60, minutes % 60, second)
    return [
        ubx.NavTimeGps(itow_ms, -3, week, LEAP_S, 0b111, 15),
        ubx.NavTimeBds(itow_ms, sow_s, 4, beidou_week, LEAP_S - 14, 0b111, 17),
        ubx.NavTimeUtc(itow_ms, 16, -3, *clock, 0b0011_0111),
        ubx.NavTimeLs(itow_ms, 0, 2, LEAP_S, 2, 0, 0, 0, 0, 0b11),
        ubx.NavClock(itow_ms, 12_345, -40, 15, 220),
        ubx.NavSat(itow_ms, 1, tuple(sky())),
        ubx.MonRf(0, (ubx.RfBlock(0, 1, 2, 1, 0, 85, 5_000, 9, 0, 0, 0, 0),)),
        ubx.SecSig(1, 1),
        ubx.TimTp(itow_ms + 1000, 0, -2_345, week, 0b11, 0x30),
    ]


def sky() -> list[ubx.NavSatellite]:
    """Give the satellites of NAV-SAT; one is heard and not used."""
    used = [ubx.NavSatellite(0, each, 45, 40, 120, 1, 0x1F) for each in GPS_NUMBERS]
    used += [ubx.NavSatellite(3, each, 42, 50, 220, -1, 0x1F) for each in BEIDOU_NUMBERS]
    return [*used, ubx.NavSatellite(6, 5, 20, 5, 10, 0, 0x14)]


def ubx_second(posix_s: int) -> bytes:
    """Give a second of `ubx_messages` as octets."""
    return b"".join(map(ubx.encode, ubx_messages(posix_s)))


def casic_second(posix_s: int) -> bytes:
    """Give a second of an AT6558: its messages about time after its sentences."""
    week, tow_s = gps_time(posix_s)
    beidou_week, sow_s = beidou_time(posix_s)
    date, ms = civil(posix_s)
    minutes, second = divmod(ms // 1000, 60)
    clock = (date.year, date.month, date.day, minutes // 60, minutes % 60, second)
    systems = (
        casic.SystemTime(tow_s * 1000.0, 0.0, week, LEAP_S, 7),
        casic.SystemTime(sow_s * 1000.0, 0.0, beidou_week, LEAP_S - 14, 7),
        casic.SystemTime(0.0, 0.0, 0, 0, 0),
    )
    messages: list[casic.Message] = [
        casic.NavTimeUtc(1000, 0.5, 0.0, 0, *clock, 7, casic.TimeSource.BEIDOU, 3),
        casic.NavClock(1000, 0.25, 0.5, 0.5, systems),
        casic.TimTp(1000, 1.5e-9, tow_s + 1.0, week, 0, 3),
    ]
    antenna = nmea.encode(nmea.Txt(talker="GP", severity=1, text="ANTENNA OK"))
    return nmea_second(posix_s) + antenna + b"".join(map(casic.encode, messages))


def epochs(octets: bytes, *, constellation: Constellation = Constellation.MIXED) -> list[GnssEpoch]:
    """Read a stream whose times tell its seconds apart."""
    assembler = EpochAssembler("gnss0", constellation)
    found = [assembler.take(frame, 0) for frame in Splitter().feed(octets)]
    return [each for each in [*found, assembler.flush()] if each]


def as_json(values: list[GnssEpoch]) -> bytes:
    """Write epochs as the golden readings are kept."""

    def plain(_instance: type, _field: Any, value: Any) -> Any:
        return value.value if isinstance(value, enum.Enum) else value

    rows = [attrs.asdict(each, value_serializer=plain) for each in values]
    return msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n"
