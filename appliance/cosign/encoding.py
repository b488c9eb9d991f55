"""Length-prefixed encoding and domain tags: every hashed list is made here.

docs/protocol-cosign.md section 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from appliance.errors import Malformed

Hash = Callable[[bytes], bytes]
"""SM3 over octets."""

TAG = b"shiyin-cosign-v1"
SUITE = b"\x03"
"""Bound shift; 1 (Lin) and 2 (plain shift) are broken and never spoken."""

_LENGTH = struct.Struct(">H")


def tag(name: str) -> bytes:
    """Give the tag of a domain."""
    return TAG + b"/" + name.encode("ascii")


def lp(*fields: bytes) -> bytes:
    """Encode fields, each under its length.  Raises struct.error for one over 65,535 octets."""
    return b"".join([part for field in fields for part in (_LENGTH.pack(len(field)), field)])


def read_lp(octets: bytes) -> list[bytes]:
    """Read what `lp` wrote.  Raises Malformed."""
    fields, at = [], 0
    while at < len(octets):
        if at + _LENGTH.size > len(octets):
            raise Malformed("a field ends amid its length")
        (size,) = _LENGTH.unpack_from(octets, at)
        at += _LENGTH.size
        if at + size > len(octets):
            raise Malformed("a field ends early")
        fields.append(octets[at : at + size])
        at += size
    return fields


def read_fields(octets: bytes, sizes: Sequence[int | None]) -> list[bytes]:
    """Read exactly so many fields, of these sizes where told.  Raises Malformed."""
    fields = read_lp(octets)
    if len(fields) != len(sizes) or any(
        size is not None and len(field) != size for field, size in zip(fields, sizes, strict=True)
    ):
        raise Malformed("not the fields that stand here")
    return fields


def u8(number: int) -> bytes:
    """Encode in one octet."""
    return number.to_bytes(1, "big")


def u16(number: int) -> bytes:
    """Encode in two octets."""
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    """Encode in four octets."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Encode in eight octets."""
    return number.to_bytes(8, "big")
