"""What survives a restart of the host: the timeline by the board's counter, leap seconds, taint.

Octets: "SYTE", a version, CRC-32 of the rest (big-endian), MessagePack.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from appliance.errors import Malformed

VERSION = 1
_head = struct.Struct(">4sBI")
_MAGIC = b"SYTE"


class KeptTimeline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A learned timeline and where the board's counters stood; `label` is TAI less sequence."""

    sequence: int
    uptime_s: int
    label: int
    base_ps: int
    discipline: bytes


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ensemble's memory; `tai_ns` is the last TAI it stated, 0 for none."""

    board: str
    tai_ns: int
    tai_utc_s: int
    leap_covered_until_s: int
    is_simulated: bool
    timeline: KeptTimeline | None = None


_decoder = msgspec.msgpack.Decoder(Kept)
_encoder = msgspec.msgpack.Encoder()


def encode_kept(kept: Kept) -> bytes:
    """Render the memory."""
    body = _encoder.encode(kept)
    return _head.pack(_MAGIC, VERSION, zlib.crc32(body)) + body


def decode_kept(octets: bytes) -> Kept:
    """Read the memory.  Raises Malformed."""
    if len(octets) < _head.size:
        raise Malformed("the kept time is too short")
    magic, version, crc = _head.unpack_from(octets)
    body = octets[_head.size :]
    if magic != _MAGIC or version != VERSION:
        raise Malformed("the kept time is of another kind or version")
    if zlib.crc32(body) != crc:
        raise Malformed("the kept time is damaged")
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Malformed("the kept time is not what it should hold") from error
