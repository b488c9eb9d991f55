"""Length-prefixed fields, domain tags and SM3.  Section 1 of the specification."""

from __future__ import annotations

import hashlib
import hmac as _hmac
import struct
from collections.abc import Sequence

from shiyin_cosign.errors import Malformed

TAG = b"shiyin-cosign-v1"
SUITE = b"\x03"

_LENGTH = struct.Struct(">H")
_SM3 = hashlib.new("sm3")


def tag(name: str) -> bytes:
    """Give the tag of a domain."""
    return TAG + b"/" + name.encode("ascii")


def lp(*fields: bytes) -> bytes:
    """Encode fields, each under its length.  Raises Malformed for one over 65,535 octets."""
    try:
        return b"".join([part for field in fields for part in (_LENGTH.pack(len(field)), field)])
    except struct.error as error:
        raise Malformed("a field is longer than 65,535 octets") from error


def read_lp(octets: bytes) -> list[bytes]:
    """Read what `lp` wrote.  Raises Malformed."""
    fields, at = [], 0
    while at < len(octets):
        start = at + _LENGTH.size
        if start > len(octets):
            raise Malformed("a field ends amid its length")
        at = start + _LENGTH.unpack_from(octets, at)[0]
        if at > len(octets):
            raise Malformed("a field ends early")
        fields.append(octets[start:at])
    return fields


def read_fields(octets: bytes, sizes: Sequence[int | None]) -> list[bytes]:
    """Read exactly so many fields, of these sizes where told.  Raises Malformed."""
    fields = read_lp(octets)
    if len(fields) != len(sizes) or any(
        size is not None and len(field) != size for field, size in zip(fields, sizes, strict=True)
    ):
        raise Malformed("not the fields that stand here")
    return fields


def read_message(name: str, octets: bytes, sizes: Sequence[int | None]) -> list[bytes]:
    """Read the fields behind the tag of a domain.  Raises Malformed."""
    first, *fields = read_fields(octets, (None, *sizes))
    if first != tag(name):
        raise Malformed(f"not a message of {name}")
    return fields


def text(octets: bytes) -> str:
    """Read UTF-8.  Raises Malformed."""
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a text is not UTF-8") from error


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


def sm3(data: bytes) -> bytes:
    """Hash (GB/T 32905): 32 octets."""
    # A copy costs a third of looking the algorithm up again.
    state = _SM3.copy()
    state.update(data)
    return state.digest()


def hmac_sm3(key: bytes | bytearray, data: bytes) -> bytes:
    """Compute HMAC-SM3: 32 octets."""
    return _hmac.digest(key, data, "sm3")


def equal(left: bytes, right: bytes) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return _hmac.compare_digest(left, right)


def xor(left: bytes, right: bytes) -> bytes:
    """Add octet by octet without carry; both have one length."""
    return bytes([a ^ b for a, b in zip(left, right, strict=True)])
