"""Configuration of u-blox receivers of generation 9 and later: UBX-CFG-VALSET, in RAM only.

Keys and values: u-blox F9 HPG interface description (UBX-18010854), section 5.9; the first digit
of a key gives the size of its value.  RAM, so that a receiver that is taken out forgets all of it,
and one that restarts is configured again when its line opens or its messages fail to come.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

import attrs

from drivers.api import Garbled
from drivers.gnss.ubx import CFG_VALSET, MON_VER, frame

RAM = 1
MAX_ITEMS = 64  # of one CFG-VALSET
_HEAD = struct.Struct("<BBH")
_KEY = struct.Struct("<I")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}

MESSAGE_RATES_UART1 = {
    "NAV-CLOCK": 0x2091_0066,
    "NAV-SAT": 0x2091_0016,
    "NAV-TIMEBDS": 0x2091_0052,
    "NAV-TIMEGPS": 0x2091_0048,
    "NAV-TIMELS": 0x2091_0061,
    "NAV-TIMEUTC": 0x2091_005C,
    "MON-RF": 0x2091_035A,
    "SEC-SIG": 0x2091_0635,
    "TIM-TP": 0x2091_017E,
}

TMODE_MODE = 0x2003_0001
TMODE_POS_TYPE = 0x2003_0002
TMODE_LAT = 0x4003_0009
TMODE_LON = 0x4003_000A
TMODE_HEIGHT = 0x4003_000B
TMODE_FIXED_POS_ACC = 0x4003_000F
TMODE_SVIN_MIN_DUR = 0x4003_0010
TMODE_SVIN_ACC_LIMIT = 0x4003_0011
TP_ANT_CABLEDELAY = 0x3005_0001

HALF_AXIS_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING)

_SURVEY_IN, _FIXED, _LATITUDE_LONGITUDE = 1, 2, 1


@attrs.frozen
class Place:
    """Where the antenna is: 1e-7 degrees, cm over the ellipsoid, how well known in 0.1 mm."""

    latitude_e7: int
    longitude_e7: int
    height_cm: int
    accuracy_01mm: int

    def from_centre_m(self) -> tuple[float, float, float]:
        """Give x, y and z from the Earth's centre, by the ellipsoid of WGS 84 (NGA.STND.0036)."""
        latitude = math.radians(self.latitude_e7 / 1e7)
        longitude = math.radians(self.longitude_e7 / 1e7)
        height_m = self.height_cm / 100
        normal_m = HALF_AXIS_M / math.sqrt(1 - ECCENTRICITY_2 * math.sin(latitude) ** 2)
        from_axis_m = (normal_m + height_m) * math.cos(latitude)
        return (
            from_axis_m * math.cos(longitude),
            from_axis_m * math.sin(longitude),
            (normal_m * (1 - ECCENTRICITY_2) + height_m) * math.sin(latitude),
        )


def value_set(items: Mapping[int, int], layers: int = RAM) -> bytes:
    """Write a CFG-VALSET frame of at most 64 items; negative values in two's complement."""
    if len(items) > MAX_ITEMS:
        raise ValueError(f"{len(items)} items")
    body = _HEAD.pack(0, layers, 0)
    for key, value in items.items():
        size = _SIZES[key >> 28]
        body += _KEY.pack(key) + (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return frame(CFG_VALSET, body)


def decode_value_set(payload: bytes) -> tuple[int, dict[int, int]]:
    """Read the layers and the items of a CFG-VALSET payload; values unsigned.  Raises Garbled."""
    if len(payload) < _HEAD.size:
        raise Garbled("CFG-VALSET is short")
    layers, position = payload[1], _HEAD.size
    items: dict[int, int] = {}
    while position < len(payload):
        key = int.from_bytes(payload[position : position + _KEY.size], "little")
        start = position + _KEY.size
        size = _SIZES.get(key >> 28)
        if size is None or start + size > len(payload) or len(items) == MAX_ITEMS:
            raise Garbled("CFG-VALSET is short, or has an unknown size or too many items")
        position = start + size
        items[key] = int.from_bytes(payload[start:position], "little")
    return layers, items


def timing_messages() -> bytes:
    """Write what asks for the version and switches the messages about time on, once a fix."""
    return frame(MON_VER, b"") + value_set(dict.fromkeys(MESSAGE_RATES_UART1.values(), 1))


def fixed_position(place: Place) -> bytes:
    """Write what sets the timing mode with a known position."""
    return value_set(
        {
            TMODE_MODE: _FIXED,
            TMODE_POS_TYPE: _LATITUDE_LONGITUDE,
            TMODE_LAT: place.latitude_e7,
            TMODE_LON: place.longitude_e7,
            TMODE_HEIGHT: place.height_cm,
            TMODE_FIXED_POS_ACC: place.accuracy_01mm,
        }
    )


def survey_in(min_s: int, accuracy_01mm: int) -> bytes:
    """Write what lets the receiver find its position itself: at least `min_s` and so well."""
    return value_set(
        {
            TMODE_MODE: _SURVEY_IN,
            TMODE_SVIN_MIN_DUR: min_s,
            TMODE_SVIN_ACC_LIMIT: accuracy_01mm,
        }
    )


def cable_delay(delay_ns: int) -> bytes:
    """Write what the antenna's cable delays, to be taken off the pulse; 16 bits, signed."""
    return value_set({TP_ANT_CABLEDELAY: delay_ns})
