"""SM2 values at the edge: DER of what stands raw inside, signatures and public keys.

GM/T 0009-2012 clause 7; RFC 5480 for the SubjectPublicKeyInfo, with the SM2 curve as namedCurve.
"""

from __future__ import annotations

from appliance.asn1 import der, oids
from appliance.errors import Malformed

_SCALAR_OCTETS = 32
_RAW_OCTETS = 2 * _SCALAR_OCTETS
_ALGORITHM = der.sequence(der.oid(oids.EC_PUBLIC_KEY), der.oid(oids.SM2_CURVE))
_SPKI_PREFIX = der.sequence(_ALGORITHM, der.bit_string(b"\x04" + bytes(_RAW_OCTETS)))[:-_RAW_OCTETS]


def signature_to_der(signature: bytes) -> bytes:
    """Render r||s (64 octets) as SEQUENCE { INTEGER r, INTEGER s }."""
    if len(signature) != _RAW_OCTETS:
        raise Malformed("an SM2 signature is 64 octets")
    r = _integer(signature[:_SCALAR_OCTETS])
    s = _integer(signature[_SCALAR_OCTETS:])
    return bytes((der.SEQUENCE, len(r) + len(s))) + r + s


def signature_from_der(encoded: bytes) -> bytes:
    """Read SEQUENCE { INTEGER r, INTEGER s } into r||s (64 octets).

    Each must be non-negative, minimal and fit 32 octets; the range 1 .. n-1 is the engine's matter.
    Raises Malformed.
    """
    position, end = der.whole(encoded, der.SEQUENCE)
    r, position = _scalar(encoded, position, end)
    s, position = _scalar(encoded, position, end)
    der.finish(position, end)
    return r + s


def public_key_to_spki(public: bytes) -> bytes:
    """Render X||Y (64 octets) as SubjectPublicKeyInfo with an uncompressed point."""
    if len(public) != _RAW_OCTETS:
        raise Malformed("an SM2 public key is 64 octets")
    return _SPKI_PREFIX + public


def public_key_from_spki(spki: bytes) -> bytes:
    """Read X||Y (64 octets) from the SubjectPublicKeyInfo of an SM2 key.

    DER leaves exactly one encoding for an uncompressed point, so the frame is compared whole.
    Whether the point is on the curve is the engine's matter.  Raises Malformed for any other key.
    """
    if len(spki) != len(_SPKI_PREFIX) + _RAW_OCTETS or not spki.startswith(_SPKI_PREFIX):
        raise Malformed("not the SubjectPublicKeyInfo of an SM2 key with an uncompressed point")
    return spki[len(_SPKI_PREFIX) :]


def _integer(octets: bytes) -> bytes:
    """Render 32 octets, unsigned, as INTEGER; the two likely cases come first."""
    if octets[0] >= 0x80:
        return b"\x02\x21\x00" + octets
    if octets[0]:
        return b"\x02\x20" + octets
    return der.integer(int.from_bytes(octets, "big"))


def _scalar(encoded: bytes, position: int, end: int) -> tuple[bytes, int]:
    start, stop = der.expect(encoded, position, end, der.INTEGER)
    octets = encoded[start:stop]
    # All but one in 256 are these two, minimal as they stand.
    if len(octets) == _SCALAR_OCTETS and 0 < octets[0] < 0x80:
        return octets, stop
    if len(octets) == _SCALAR_OCTETS + 1 and octets[0] == 0 and octets[1] >= 0x80:
        return octets[1:], stop
    value = der.integer_value(encoded, start, stop, max_octets=_SCALAR_OCTETS + 1)
    if not 0 <= value < 1 << 8 * _SCALAR_OCTETS:
        raise Malformed("INTEGER of an SM2 signature is negative or longer than 32 octets")
    return value.to_bytes(_SCALAR_OCTETS, "big"), stop
