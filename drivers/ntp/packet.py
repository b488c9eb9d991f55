"""The NTP header of 48 octets, with integer timestamps; pure.  RFC 5905 7.3.

A 64-bit timestamp counts 2^-32 s of its era; its first bit tells the era: set for 1968 to 2036,
clear for 2036 to 2104 (RFC 4330 3).  Short values count 2^-16 s.
"""

from __future__ import annotations

import enum
import struct

import attrs

from drivers.api import Garbled

HEADER = struct.Struct(">BBbbII4s8s8s8s8s")
HEADER_OCTETS = HEADER.size
NS_PER_S = 1_000_000_000

_TO_POSIX_S = 2_208_988_800  # 1900-01-01 to 1970-01-01
_ERA_S = 1 << 32
_PIVOT = 1 << 63


class Mode(enum.IntEnum):
    """Association modes."""

    SYMMETRIC_ACTIVE = 1
    SYMMETRIC_PASSIVE = 2
    CLIENT = 3
    SERVER = 4
    BROADCAST = 5
    CONTROL = 6
    PRIVATE = 7


class LeapIndicator(enum.IntEnum):
    """The leap indicator, for the end of the month; UNKNOWN is not synchronised."""

    NONE = 0
    INSERT = 1
    DELETE = 2
    UNKNOWN = 3


UNSYNCHRONISED_STRATUM = 16


@attrs.frozen(kw_only=True)
class Packet:
    """A header; the four timestamps are raw octets, so that they are echoed as they came."""

    leap: LeapIndicator = LeapIndicator.NONE
    version: int = 4
    mode: Mode
    stratum: int = 0
    poll: int = 0
    precision: int = 0
    root_delay: int = 0
    root_dispersion: int = 0
    reference_id: bytes = bytes(4)
    reference: bytes = bytes(8)
    origin: bytes = bytes(8)
    receive: bytes = bytes(8)
    transmit: bytes = bytes(8)


def decode(octets: bytes) -> Packet:
    """Read a header that stands alone, without extensions.  Raises Garbled."""
    if len(octets) != HEADER_OCTETS:
        raise Garbled(f"an NTP packet of {len(octets)} octets")
    first, stratum, poll, precision, delay, dispersion, refid, *stamps = HEADER.unpack(octets)
    mode = first & 7
    if not mode:
        raise Garbled("an NTP packet of mode 0")
    return Packet(
        leap=LeapIndicator(first >> 6),
        version=first >> 3 & 7,
        mode=Mode(mode),
        stratum=stratum,
        poll=poll,
        precision=precision,
        root_delay=delay,
        root_dispersion=dispersion,
        reference_id=refid,
        reference=stamps[0],
        origin=stamps[1],
        receive=stamps[2],
        transmit=stamps[3],
    )


def encode(packet: Packet) -> bytes:
    """Write a header."""
    return HEADER.pack(
        packet.leap << 6 | packet.version << 3 | packet.mode,
        packet.stratum,
        packet.poll,
        packet.precision,
        packet.root_delay,
        packet.root_dispersion,
        packet.reference_id,
        packet.reference,
        packet.origin,
        packet.receive,
        packet.transmit,
    )


def timestamp(utc_ns: int) -> bytes:
    """Write POSIX ns as a timestamp, to the nearest 2^-32 s; 1968 to 2104.

    The one instant that would be zero, which is "unknown", is 2^-32 s later.
    """
    second, nanosecond = divmod(utc_ns, NS_PER_S)
    ntp = ((second + _TO_POSIX_S) << 32) + ((nanosecond << 32) + NS_PER_S // 2) // NS_PER_S
    return (ntp & ((1 << 64) - 1) or 1).to_bytes(8, "big")


def utc_ns(stamp: bytes) -> int | None:
    """Read a timestamp as POSIX ns, to the nearest; None for zero, which is "unknown"."""
    ntp = int.from_bytes(stamp, "big")
    if ntp == 0:
        return None
    second = (ntp >> 32) - _TO_POSIX_S + (_ERA_S if ntp < _PIVOT else 0)
    return second * NS_PER_S + (((ntp & 0xFFFF_FFFF) * NS_PER_S + (1 << 31)) >> 32)


def short(size_ns: int) -> int:
    """Write ns as a short value, rounded up so that no bound shrinks; at most 18 h."""
    return min((size_ns * 65_536 + NS_PER_S - 1) // NS_PER_S, 0xFFFF_FFFF)


def short_ns(size: int) -> int:
    """Read a short value in ns, rounded up."""
    return (size * NS_PER_S + 65_535) // 65_536
