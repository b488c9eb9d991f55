"""RSASSA-PSS (RFC 8017 8.1), verified by `cryptography`; nothing here signs."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from appliance.asn1 import oids
from appliance.crypto.classical import load_public
from appliance.crypto.verifier import Verification

_HASHES: dict[str, hashes.HashAlgorithm] = {
    oids.SHA256: hashes.SHA256(),
    oids.SHA384: hashes.SHA384(),
    oids.SHA512: hashes.SHA512(),
}
MAX_SALT_OCTETS = 64


def verify_pss(
    spki: bytes, hash_algorithm: str, salt_octets: int | None, message: bytes, signature: bytes
) -> Verification:
    """Verify a signature over `message`; without `salt_octets` any length of salt is taken.

    UNSUPPORTED for what is no RSA key of 2048 to 8192 bits, and for another hash than SHA-2.
    """
    public = load_public(spki)
    hashed = _HASHES.get(hash_algorithm)
    if not isinstance(public, rsa.RSAPublicKey) or hashed is None:
        return Verification.UNSUPPORTED
    if salt_octets is not None and salt_octets > MAX_SALT_OCTETS:
        return Verification.UNSUPPORTED
    salt = padding.PSS.AUTO if salt_octets is None else salt_octets
    try:
        public.verify(signature, message, padding.PSS(padding.MGF1(hashed), salt), hashed)
    except InvalidSignature:
        return Verification.INVALID
    return Verification.VALID
