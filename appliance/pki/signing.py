"""Signatures as certificates, lists and answers carry them: AlgorithmIdentifier and content."""

from __future__ import annotations

from appliance.asn1 import keys, sm2
from appliance.crypto.api import KeyAlgorithm

SIGNATURE_ALGORITHMS = {
    KeyAlgorithm.SM2: keys.SM2_WITH_SM3,
    KeyAlgorithm.P256: keys.ECDSA_WITH_SHA256,
    KeyAlgorithm.RSA: keys.SHA256_WITH_RSA,
}
"""The AlgorithmIdentifier of each scheme, in DER."""


def signature_content(algorithm: KeyAlgorithm, signature: bytes) -> bytes:
    """Give what the BIT STRING holds for a signature as `SigningKey.sign_many` makes it."""
    return sm2.signature_to_der(signature) if algorithm is KeyAlgorithm.SM2 else signature
