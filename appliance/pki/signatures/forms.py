"""The forms in which signatures are handed over, and how one is told from another.

A pair r, s stands as DER, as r||s of fixed width, or as the ECCSIGNATUREBLOB of a USB key: two
fields of 64 octets, the numbers at their right ends (GM/T 0016-2012 6.4.6).
"""

from __future__ import annotations

import enum

from appliance.asn1 import der, oids
from appliance.asn1.keys import PublicKeyInfo
from appliance.asn1.signed.signed_data import is_signed_data
from appliance.errors import Malformed

_BLOB_FIELD = 64
_BLOB_OCTETS = 2 * _BLOB_FIELD
_SCALAR_OCTETS = {oids.SM2_CURVE: 32, oids.PRIME256V1: 32, oids.SECP384R1: 48}


class Form(enum.Enum):
    """How a signature is written; AUTO looks at it."""

    AUTO = "auto"
    RAW = "raw"
    DER = "der"
    SKF = "skf"
    CMS = "cms"


def recognise(signature: bytes, form: Form, key: PublicKeyInfo | None) -> Form:
    """Tell the form of a signature made by `key`; any but AUTO is taken at its word."""
    if form is not Form.AUTO:
        return form
    if is_signed_data(signature):
        return Form.CMS
    width = _width(key)
    if width and len(signature) == 2 * width:
        return Form.RAW
    if width and len(signature) == _BLOB_OCTETS and not any(signature[: _BLOB_FIELD - width]):
        return Form.SKF
    return Form.DER


def to_der(signature: bytes, form: Form, key: PublicKeyInfo) -> bytes:
    """Write a bare signature as schemes have it: r and s in DER, or the octets of RSA.

    Raises Malformed for a width that is not the key's.
    """
    width = _width(key)
    if form is Form.DER or not width:
        return signature
    field = width
    if form is Form.SKF:
        field = _BLOB_FIELD
    if len(signature) != 2 * field:
        raise Malformed(f"the signature is not {2 * field} octets long")
    numbers = [int.from_bytes(half, "big") for half in (signature[:field], signature[field:])]
    if max(numbers) >> 8 * width:
        raise Malformed(f"a number of the signature does not fit {width} octets")
    return der.sequence(*map(der.integer, numbers))


def _width(key: PublicKeyInfo | None) -> int:
    """Give the octets of a scalar of the key's curve; 0 for a key without a known one."""
    return 0 if key is None or key.curve is None else _SCALAR_OCTETS.get(key.curve, 0)
