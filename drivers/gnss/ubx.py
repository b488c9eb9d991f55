"""UBX messages of u-blox receivers about time and its health, both ways.

A frame is B5 62, class, id, a 16-bit length, the payload, and Fletcher's 8-bit sum of what lies
between; all numbers are little-endian.  Layouts: u-blox interface descriptions F9 HPG
(UBX-18010854) and M8 (UBX-13003221), SEC-SIG also F9 DBD (UBX-23006360).  Fields are in the order
of the payload and in its units; reserved octets are written as zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import accumulate
from typing import Any, TypeVar

import attrs

from drivers.api import Garbled

UBX_OVERHEAD = 8
M = TypeVar("M", bound="Message")


def ubx_checksum(octets: bytes) -> bytes:
    """Sum the octets from the class to the payload's end (8-bit Fletcher, RFC 1145)."""
    return bytes((sum(octets) & 0xFF, sum(accumulate(octets)) & 0xFF))


@attrs.frozen
class NavTimeGps:
    """GPS time of the navigation epoch; `leap_s` is GPS - UTC; accuracy in ns."""

    itow_ms: int
    ftow_ns: int
    week: int
    leap_s: int
    valid: int
    accuracy_ns: int

    @property
    def is_time_valid(self) -> bool:
        """Tell whether time of week and week number are known."""
        return self.valid & 0b11 == 0b11

    @property
    def is_leap_valid(self) -> bool:
        """Tell whether the leap seconds are known."""
        return bool(self.valid & 0b100)


@attrs.frozen
class NavTimeBds:
    """BeiDou time of the navigation epoch; `leap_s` is BDT - UTC; accuracy in ns."""

    itow_ms: int
    sow_s: int
    fsow_ns: int
    week: int
    leap_s: int
    valid: int
    accuracy_ns: int

    @property
    def is_time_valid(self) -> bool:
        """Tell whether second of week and week number are known."""
        return self.valid & 0b11 == 0b11

    @property
    def is_leap_valid(self) -> bool:
        """Tell whether the leap seconds are known."""
        return bool(self.valid & 0b100)


@attrs.frozen
class NavTimeUtc:
    """UTC of the navigation epoch, rounded to the second that `nano_ns` is relative to."""

    itow_ms: int
    accuracy_ns: int
    nano_ns: int
    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    valid: int

    @property
    def is_valid(self) -> bool:
        """Tell whether time, week and leap seconds are all known."""
        return self.valid & 0b111 == 0b111


@attrs.frozen
class NavTimeLs:
    """Leap seconds: GPS - UTC now and where from; the change to come (+1, -1) and in how long.

    Source 0 is the firmware's own table, 255 unknown; 2 GPS, 3 SBAS, 4 BeiDou, 5 Galileo.
    """

    itow_ms: int
    version: int
    current_source: int
    current_s: int
    change_source: int
    change_s: int
    until_event_s: int
    event_week: int
    event_day: int
    valid: int

    @property
    def is_current_broadcast(self) -> bool:
        """Tell whether satellites gave the current value."""
        return bool(self.valid & 1) and 1 <= self.current_source <= 6

    @property
    def is_change_broadcast(self) -> bool:
        """Tell whether satellites gave the announcement, or that there is none."""
        return bool(self.valid & 2) and 2 <= self.change_source <= 6


@attrs.frozen
class NavClock:
    """The receiver's clock: bias in ns, drift in ns/s, accuracies in ns and ps/s."""

    itow_ms: int
    bias_ns: int
    drift_ns_s: int
    accuracy_ns: int
    frequency_accuracy_ps_s: int


@attrs.frozen
class NavSatellite:
    """One satellite: C/N0 in dBHz, angles in degrees, residual in 0.1 m."""

    gnss: int
    number: int
    cn0_dbhz: int
    elevation_deg: int
    azimuth_deg: int
    residual_dm: int
    flags: int

    @property
    def is_used(self) -> bool:
        """Tell whether it takes part in the solution."""
        return bool(self.flags & 0x08)


@attrs.frozen
class NavSat:
    """The satellites; at most 255."""

    itow_ms: int
    version: int
    satellites: tuple[NavSatellite, ...]


@attrs.frozen
class TimTp:
    """The next time pulse: its time of week and the error of its quantisation in ps."""

    tow_ms: int
    tow_sub_ms: int
    error_ps: int
    week: int
    flags: int
    reference: int

    @property
    def is_error_valid(self) -> bool:
        """Tell whether `error_ps` means something (qErrInvalid, bit 4)."""
        return not self.flags & 0x10


@attrs.frozen
class RfBlock:
    """One RF path: antenna 2 ok, 3 short, 4 open; jamming 1 ok, 2 warning, 3 critical."""

    block: int
    flags: int
    antenna: int
    antenna_power: int
    post_status: int
    noise_per_ms: int
    agc: int
    jam_indicator: int
    offset_i: int
    magnitude_i: int
    offset_q: int
    magnitude_q: int

    @property
    def jamming(self) -> int:
        """Give the state of jamming."""
        return self.flags & 0b11


@attrs.frozen
class MonRf:
    """What the RF paths of an F9 see."""

    version: int
    blocks: tuple[RfBlock, ...]


@attrs.frozen
class MonHw:
    """What the front end of an M8 sees; antenna and jamming as in RfBlock."""

    noise_per_ms: int
    agc: int
    antenna: int
    antenna_power: int
    flags: int
    jam_indicator: int

    @property
    def jamming(self) -> int:
        """Give the state of jamming."""
        return self.flags >> 2 & 0b11


@attrs.frozen
class SecSig:
    """Jamming (0 unknown, 1 ok, 2 warning, 3 critical) and spoofing (1 no, 2, 3 affirmed)."""

    jamming: int
    spoofing: int


@attrs.frozen
class MonVer:
    """The receiver's software, hardware and extensions, as text."""

    software: str
    hardware: str
    extensions: tuple[str, ...] = ()


@attrs.frozen
class Ack:
    """The receiver took a configuration message, or did not."""

    message: int
    is_accepted: bool


Message = (
    NavTimeGps
    | NavTimeBds
    | NavTimeUtc
    | NavTimeLs
    | NavClock
    | NavSat
    | TimTp
    | MonRf
    | MonHw
    | SecSig
    | MonVer
    | Ack
)

NAV_CLOCK = 0x0122
NAV_SAT = 0x0135
NAV_TIMEBDS = 0x0124
NAV_TIMEGPS = 0x0120
NAV_TIMELS = 0x0126
NAV_TIMEUTC = 0x0121
ACK_NAK = 0x0500
ACK_ACK = 0x0501
CFG_VALSET = 0x068A
MON_VER = 0x0A04
MON_HW = 0x0A09
MON_RF = 0x0A38
TIM_TP = 0x0D01
SEC_SIG = 0x2709

_PLAIN: dict[int, tuple[type[Any], struct.Struct]] = {
    NAV_TIMEGPS: (NavTimeGps, struct.Struct("<IihbBI")),
    NAV_TIMEBDS: (NavTimeBds, struct.Struct("<IIihbBI")),
    NAV_TIMEUTC: (NavTimeUtc, struct.Struct("<IIiHBBBBBB")),
    NAV_TIMELS: (NavTimeLs, struct.Struct("<IB3xBbBbiHH3xB")),
    NAV_CLOCK: (NavClock, struct.Struct("<IiiII")),
    TIM_TP: (TimTp, struct.Struct("<IIiHBB")),
    MON_HW: (MonHw, struct.Struct("<16xHHBBB22xB14x")),
}
_SAT_HEAD = struct.Struct("<IBB2x")
_SAT = struct.Struct("<BBBbhhI")
_RF_HEAD = struct.Struct("<BB2x")
_RF = struct.Struct("<BBBBI4xHHBbBbB3x")
_TEXT, _SHORT_TEXT = 30, 10


# --- reading --------------------------------------------------------------------------------------


def decode(message: int, payload: bytes) -> Message | None:
    """Read the payload of class << 8 | id; None for a message we do not know.

    Raises Garbled when the payload of one that we know has another length or version.
    """
    plain = _PLAIN.get(message)
    if plain is not None:
        made, layout = plain
        if len(payload) != layout.size:
            raise Garbled(f"UBX {message:04X} of {len(payload)} octets")
        value: Message = made(*layout.unpack(payload))
        return value
    reader = _READERS.get(message)
    if reader is None:
        return None
    try:
        return reader(payload)
    except (struct.error, IndexError) as error:
        raise Garbled(f"UBX {message:04X} of {len(payload)} octets") from error


def _read_sat(payload: bytes) -> NavSat:
    itow_ms, version, count = _SAT_HEAD.unpack_from(payload)
    rows = _rows(payload[_SAT_HEAD.size :], count, _SAT)
    return NavSat(itow_ms, version, tuple([NavSatellite(*row) for row in rows]))


def _read_rf(payload: bytes) -> MonRf:
    version, count = _RF_HEAD.unpack_from(payload)
    rows = _rows(payload[_RF_HEAD.size :], count, _RF)
    return MonRf(version, tuple([RfBlock(*row) for row in rows]))


def _rows(octets: bytes, count: int, layout: struct.Struct) -> list[tuple[int, ...]]:
    if len(octets) != count * layout.size:
        raise Garbled(f"{len(octets)} octets for {count} rows of {layout.size}")
    return list(layout.iter_unpack(octets))


def _read_sec_sig(payload: bytes) -> SecSig:
    """Version 1: two octets of flags, in twelve.  Version 2: one octet holds both states."""
    if payload[0] == 1 and len(payload) == 12:
        return SecSig(payload[4] >> 1 & 0b11, payload[8] >> 1 & 0b111)
    if payload[0] == 2 and len(payload) == 4 + 4 * payload[3]:
        return SecSig(payload[1] >> 1 & 0b11, payload[1] >> 4 & 0b111)
    raise Garbled(f"SEC-SIG version {payload[0]} of {len(payload)} octets")


def _read_version(payload: bytes) -> MonVer:
    fixed = _TEXT + _SHORT_TEXT
    if len(payload) < fixed or (len(payload) - fixed) % _TEXT:
        raise Garbled(f"MON-VER of {len(payload)} octets")
    rest = [payload[at : at + _TEXT] for at in range(fixed, len(payload), _TEXT)]
    software, hardware = payload[:_TEXT], payload[_TEXT:fixed]
    return MonVer(_text(software), _text(hardware), tuple([_text(each) for each in rest]))


def _text(octets: bytes) -> str:
    return octets.split(b"\0", 1)[0].decode("ascii", "replace")


def _read_ack(payload: bytes) -> Ack:
    kind, name = struct.unpack("<BB", payload)
    return Ack(kind << 8 | name, is_accepted=True)


def _read_nak(payload: bytes) -> Ack:
    return attrs.evolve(_read_ack(payload), is_accepted=False)


_READERS: dict[int, Callable[[bytes], Message]] = {
    NAV_SAT: _read_sat,
    MON_RF: _read_rf,
    SEC_SIG: _read_sec_sig,
    MON_VER: _read_version,
    ACK_ACK: _read_ack,
    ACK_NAK: _read_nak,
}


# --- writing --------------------------------------------------------------------------------------


def frame(message: int, payload: bytes) -> bytes:
    """Put sync, class, id, length and sum around a payload."""
    inner = struct.pack(">H", message) + struct.pack("<H", len(payload)) + payload
    return b"\xb5\x62" + inner + ubx_checksum(inner)


_KEYS = {made: message for message, (made, _) in _PLAIN.items()}


def encode(value: Message) -> bytes:
    """Write a whole frame."""
    key = _KEYS.get(type(value))
    if key is not None:
        fields = [getattr(value, each.name) for each in attrs.fields(type(value))]
        return frame(key, _PLAIN[key][1].pack(*fields))
    return _encode_other(value)


def _encode_other(value: Message) -> bytes:
    match value:
        case NavSat():
            head = _SAT_HEAD.pack(value.itow_ms, value.version, len(value.satellites))
            return frame(NAV_SAT, head + b"".join(map(_pack_sat, value.satellites)))
        case MonRf():
            head = _RF_HEAD.pack(value.version, len(value.blocks))
            return frame(MON_RF, head + b"".join(map(_pack_rf, value.blocks)))
        case SecSig():
            body = struct.pack("<B3xB3xB3x", 1, value.jamming << 1 | 1, value.spoofing << 1 | 1)
            return frame(SEC_SIG, body)
        case MonVer():
            texts = [(value.hardware, _SHORT_TEXT), *((each, _TEXT) for each in value.extensions)]
            told = [(value.software, _TEXT), *texts]
            return frame(MON_VER, b"".join(text.encode().ljust(size, b"\0") for text, size in told))
        case Ack():
            kind = ACK_ACK if value.is_accepted else ACK_NAK
            return frame(kind, struct.pack(">H", value.message))
    raise TypeError(type(value).__name__)


def _pack_sat(satellite: NavSatellite) -> bytes:
    return _SAT.pack(*attrs.astuple(satellite))


def _pack_rf(block: RfBlock) -> bytes:
    return _RF.pack(*attrs.astuple(block))
