"""One verdict on any signature the box meets: SM2 by the engine, RSA and ECDSA by `classical`."""

from __future__ import annotations

import enum

from appliance.asn1 import oids, sm2
from appliance.crypto import classical
from appliance.crypto.api import Sm2Engine
from appliance.errors import Malformed

SM2_SIGNATURE_OIDS = frozenset({oids.SM2_WITH_SM3, oids.SM2_SIGN, oids.SM2_CURVE})
"""All three stand in the field for SM2 with SM3 and the default ID.  GM/T 0006, GM/T 0010."""


class Verification(enum.Enum):
    """What became of a signature."""

    VALID = "valid"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"  # no scheme we know pairs this algorithm with this key


def verify_signature(
    engine: Sm2Engine, spki_der: bytes, algorithm_oid: str, message: bytes, signature_der: bytes
) -> Verification:
    """Verify a signature over `message` by SubjectPublicKeyInfo and signature algorithm.

    `signature_der` is the content of the signature's BIT STRING or OCTET STRING.  Nothing is raised
    for what a sender may write.
    """
    if algorithm_oid in SM2_SIGNATURE_OIDS:
        return _verify_sm2(engine, spki_der, message, signature_der)
    verdict = classical.verify(spki_der, algorithm_oid, message, signature_der)
    if verdict is None:
        return Verification.UNSUPPORTED
    return Verification.VALID if verdict else Verification.INVALID


def _verify_sm2(
    engine: Sm2Engine, spki_der: bytes, message: bytes, signature_der: bytes
) -> Verification:
    try:
        public = sm2.public_key_from_spki(spki_der)
    except Malformed:
        return Verification.UNSUPPORTED
    try:
        signature = sm2.signature_from_der(signature_der)
    except Malformed:
        return Verification.INVALID
    is_valid = engine.verify(public, message, signature)
    return Verification.VALID if is_valid else Verification.INVALID
