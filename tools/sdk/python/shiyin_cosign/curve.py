"""The SM2 curve of GB/T 32918.5, and what is computed from public values alone."""

from __future__ import annotations

from shiyin_cosign.encoding import sm3
from shiyin_cosign.errors import Malformed

SCALAR_OCTETS = 32
POINT_OCTETS = 64

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0

DEFAULT_ID = b"1234567812345678"
_ID_OCTETS_MAX = 0xFFFF // 8  # ENTL counts bits in two octets


def scalar(number: int) -> bytes:
    """Encode an integer mod n."""
    return number.to_bytes(SCALAR_OCTETS, "big")


def point(x: int, y: int) -> bytes:
    """Encode a point."""
    return scalar(x) + scalar(y)


BASE = point(GX, GY)
MINUS_BASE = point(GX, P - GY)
_CURVE_FOR_Z = scalar(A) + scalar(B) + BASE


def reduced(octets: bytes) -> bytes:
    """Reduce any octets, as a big-endian integer, mod n."""
    return scalar(int.from_bytes(octets, "big") % N)


def is_scalar(octets: bytes) -> bool:
    """Tell whether these 32 octets lie in 1..n-1."""
    return len(octets) == SCALAR_OCTETS and 0 < int.from_bytes(octets, "big") < N


def z_value(public: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """Compute Z = SM3(ENTL || ID || a || b || G || public).  GB/T 32918.2 5.5."""
    if len(public) != POINT_OCTETS or len(user_id) > _ID_OCTETS_MAX:
        raise Malformed("no public key of 64 octets, or an ID of over 8191")
    entl = (8 * len(user_id)).to_bytes(2, "big")
    return sm3(entl + user_id + _CURVE_FOR_Z + public)


def message_digest(public: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """Compute e = SM3(Z || message).  GB/T 32918.2 6.1."""
    return sm3(z_value(public, user_id) + message)
