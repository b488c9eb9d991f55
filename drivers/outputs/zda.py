"""The ZDA sentence of NMEA 0183: UTC and date, 23:59:60 where it is due; pure."""

from __future__ import annotations

import attrs

MAX_ZONE_MIN = 13 * 60


@attrs.frozen
class CivilSecond:
    """A second of UTC by the calendar; `second` is 60 in an inserted one."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int


def encode(utc: CivilSecond, *, talker: str = "ZQ", zone_min: int = 0) -> bytes:
    """Write the sentence, from `$` to the line feed.

    `talker` ZQ is a quartz timekeeper's; `zone_min` is the local zone east of UTC.  NMEA counts
    zones the other way: what is to be added to local time to give UTC.
    """
    assert abs(zone_min) <= MAX_ZONE_MIN
    hours, minutes = divmod(abs(zone_min), 60)
    sign = "-" if zone_min > 0 else ""
    body = (
        f"{talker}ZDA,{utc.hour:02d}{utc.minute:02d}{utc.second:02d}.00"
        f",{utc.day:02d},{utc.month:02d},{utc.year:04d},{sign}{hours:02d},{minutes:02d}"
    ).encode("ascii")
    return b"$%b*%02X\r\n" % (body, _checksum(body))


def _checksum(body: bytes) -> int:
    folded = 0
    for octet in body:
        folded ^= octet
    return folded
