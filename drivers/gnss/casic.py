"""CASIC binary messages of AT6558 and kin (Zhongkewei) about time, both ways.

A frame is BA CE, a 16-bit payload length (a multiple of 4), class, id, the payload, and a 32-bit
sum of all between, by words of 4 octets; numbers are little-endian.  Sources: "CASIC Multimode
Satellite Navigation Receiver Protocol Specification" V4.2.0.3 (2020-01-06), sections 2.2, 2.7,
2.8, 2.11, with what gpsd (drivers/driver_casic.c: NAV-TIMEUTC in 24 octets) and jclark/casictool
(spec/errata.md: class and id in the sum; CFG-TMODE in 40 octets, where the overview says 28) met
in receivers.  One worked frame of Quectel's L76K specification V1.1 agrees with the sum.

Not confirmed by any source: the unit of tAcc ("s^2", scaled "1/c^2"), so it is not given on; the
bits of `valid` in NAV-CLOCK, taken to be those of NAV-TIMEUTC; and whether the BeiDou row of
NAV-CLOCK counts weeks of BDT, as its name says.
"""

from __future__ import annotations

import enum
import math
import struct
from typing import Any

import attrs

from drivers.api import Garbled

CASIC_OVERHEAD = 10

NAV_TIMEUTC = 0x0110
NAV_CLOCK = 0x0111
TIM_TP = 0x0200
ACK_NAK = 0x0500
ACK_ACK = 0x0501
CFG_MSG = 0x0601
CFG_TMODE = 0x0606


def casic_checksum(octets: bytes) -> bytes:
    """Sum the octets from the length to the payload's end as 32-bit words."""
    total = sum(struct.unpack(f"<{len(octets) // 4}I", octets))
    return struct.pack("<I", total & 0xFFFF_FFFF)


class TimeSource(enum.IntEnum):
    """Whose satellites give the time (section 2.7.5, remark 2)."""

    GPS = 0
    BEIDOU = 1
    GLONASS = 2


@attrs.frozen
class NavTimeUtc:
    """UTC of the fix; `valid` has a bit for time of week, week and leap seconds."""

    run_time_ms: int
    accuracy: float
    residual_ms: float
    ms: int
    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    valid: int
    source: int
    date_valid: int

    @property
    def is_valid(self) -> bool:
        """Tell whether time, week, leap seconds and the satellites' date are known."""
        return self.valid & 0b111 == 0b111 and self.date_valid in (2, 3)


@attrs.frozen
class SystemTime:
    """One constellation's time: time of week in ms, UTC fraction in s, week, leap seconds."""

    tow_ms: float
    utc_fraction_s: float
    week: int
    leap_s: int
    valid: int

    @property
    def is_valid(self) -> bool:
        """Tell whether time of week, week and leap seconds are all known."""
        return self.valid & 0b111 == 0b111


@attrs.frozen
class NavClock:
    """The receiver's clock, and the time of GPS, BeiDou and GLONASS, in this order."""

    run_time_ms: int
    frequency_bias: float
    time_accuracy: float
    frequency_accuracy: float
    systems: tuple[SystemTime, SystemTime, SystemTime]


@attrs.frozen
class TimTp:
    """The next pulse: the error of its quantisation in s, its time of week in s, its week."""

    run_time_ms: int
    error_s: float
    tow_s: float
    week: int
    reference: int
    utc_valid: int

    @property
    def error_ps(self) -> int:
        """Give the error in ps."""
        return round(self.error_s * 1e12)


class TimingMode(enum.IntEnum):
    """How the receiver comes by its position (section 2.11.7)."""

    AUTOMATIC = 0
    SURVEY_IN = 1
    FIXED = 2


@attrs.frozen
class CfgTmode:
    """The timing mode: ECEF position in m, variances in m^2, duration in s."""

    mode: int
    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    variance_m2: float = 0.0
    survey_s: int = 0
    survey_variance_m2: float = 0.0


@attrs.frozen
class CfgMsg:
    """How often a message is sent: every `rate`th fix, 0 for never."""

    message: int
    rate: int


@attrs.frozen
class Ack:
    """The receiver took a configuration message, or did not."""

    message: int
    is_accepted: bool


Message = NavTimeUtc | NavClock | TimTp | CfgTmode | CfgMsg | Ack

_UTC = struct.Struct("<IffHHBBBBBBBB")
_CLOCK = struct.Struct("<Ifff")
_SYSTEM = struct.Struct("<dfHbB")
_PULSE = struct.Struct("<IfdHBB4x")
_TMODE = struct.Struct("<IdddfIf")
_MSG = struct.Struct("<BBH")
_ACK = struct.Struct("<BB2x")


def decode(message: int, payload: bytes) -> Message | None:
    """Read the payload of class << 8 | id; None for a message we do not know.

    Raises Garbled when the payload of one that we know has another length, or holds no number.
    """
    try:
        return _decode(message, payload)
    except struct.error as error:
        raise Garbled(f"CASIC {message:04X} of {len(payload)} octets") from error


def _decode(message: int, payload: bytes) -> Message | None:
    match message:
        case 0x0110:
            return NavTimeUtc(*_finite(_UTC.unpack(payload)))
        case 0x0111:
            return _read_clock(payload)
        case 0x0200:
            return TimTp(*_finite(_PULSE.unpack(payload)))
        case 0x0606:
            return CfgTmode(*_finite(_TMODE.unpack(payload)))
        case 0x0601:
            kind, name, rate = _MSG.unpack(payload)
            return CfgMsg(kind << 8 | name, rate)
        case 0x0500 | 0x0501:
            kind, name = _ACK.unpack(payload)
            return Ack(kind << 8 | name, is_accepted=message == ACK_ACK)
    return None


def _read_clock(payload: bytes) -> NavClock:
    if len(payload) != _CLOCK.size + 3 * _SYSTEM.size:
        raise Garbled(f"CASIC NAV-CLOCK of {len(payload)} octets")
    rows = _SYSTEM.iter_unpack(payload[_CLOCK.size :])
    gps, beidou, glonass = (SystemTime(*_finite(row)) for row in rows)
    run_time_ms, bias, time, frequency = _finite(_CLOCK.unpack_from(payload))
    return NavClock(run_time_ms, bias, time, frequency, (gps, beidou, glonass))


def _finite(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    if not all(map(math.isfinite, fields)):
        raise Garbled("CASIC: not a number")
    return fields


def frame(message: int, payload: bytes) -> bytes:
    """Put sync, length, class, id and sum around a payload; its length is a multiple of 4."""
    inner = struct.pack("<H", len(payload)) + struct.pack(">H", message) + payload
    return b"\xba\xce" + inner + casic_checksum(inner)


def encode(value: Message) -> bytes:
    """Write a whole frame."""
    match value:
        case NavTimeUtc():
            return frame(NAV_TIMEUTC, _UTC.pack(*attrs.astuple(value)))
        case NavClock():
            *head, systems = attrs.astuple(value, recurse=False)
            rows = [_SYSTEM.pack(*attrs.astuple(each)) for each in systems]
            return frame(NAV_CLOCK, _CLOCK.pack(*head) + b"".join(rows))
        case TimTp():
            return frame(TIM_TP, _PULSE.pack(*attrs.astuple(value)))
        case CfgTmode():
            return frame(CFG_TMODE, _TMODE.pack(*attrs.astuple(value)))
        case CfgMsg():
            return frame(CFG_MSG, _MSG.pack(value.message >> 8, value.message & 0xFF, value.rate))
        case Ack():
            kind = ACK_ACK if value.is_accepted else ACK_NAK
            return frame(kind, _ACK.pack(value.message >> 8, value.message & 0xFF))


def configure_timing() -> bytes:
    """Give the frames that switch NAV-TIMEUTC, NAV-CLOCK and TIM-TP on, once a fix."""
    wanted = (NAV_TIMEUTC, NAV_CLOCK, TIM_TP)
    return b"".join(encode(CfgMsg(message, 1)) for message in wanted)
