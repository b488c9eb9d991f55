"""From what is written to what is verified: schemes by algorithm and hash, and the odd SM2 IDs."""

from __future__ import annotations

import hashlib

import attrs

from appliance.asn1 import der, oids, sm2
from appliance.asn1.algorithm import AlgorithmIdentifier
from appliance.asn1.keys import PublicKeyInfo
from appliance.asn1.signed.pss import decode_pss_parameters
from appliance.crypto.api import DEFAULT_ID, Sm2Engine
from appliance.crypto.pss import verify_pss
from appliance.crypto.verifier import SM2_SIGNATURE_OIDS, Verification, verify_signature
from appliance.errors import Malformed
from appliance.pki.signatures.report import SignatureCode

HASHES = {oids.SM3: "sm3", oids.SHA256: "sha256", oids.SHA384: "sha384", oids.SHA512: "sha512"}
"""hashlib's name of each hash a document may be signed with."""

_RSA = {
    oids.SHA256: oids.SHA256_WITH_RSA,
    oids.SHA384: oids.SHA384_WITH_RSA,
    oids.SHA512: oids.SHA512_WITH_RSA,
}
_ECDSA = {
    oids.SHA256: oids.ECDSA_WITH_SHA256,
    oids.SHA384: oids.ECDSA_WITH_SHA384,
    oids.SHA512: oids.ECDSA_WITH_SHA512,
}
_SM2 = {oids.SM3: oids.SM2_WITH_SM3}
_SCHEMES = {
    # RFC 3370 3.2 has rsaEncryption stand for whichever hash the digestAlgorithm is.
    oids.RSA_ENCRYPTION: _RSA,
    **{oid: {hashed: oid} for hashed, oid in _RSA.items()},
    **{oid: {hashed: oid} for hashed, oid in _ECDSA.items()},
    # GM/T 0010 writes SM2-1, and some write the curve, or the type of the key.
    oids.EC_PUBLIC_KEY: {**_ECDSA, **_SM2},
    **dict.fromkeys(SM2_SIGNATURE_OIDS, _SM2),
}
"""Signature algorithm as written -> digest algorithm -> scheme."""

_BY_KEY = {
    oids.SM2_CURVE: (_SM2, oids.SM3),
    oids.PRIME256V1: (_ECDSA, oids.SHA256),
    oids.SECP384R1: (_ECDSA, oids.SHA384),
}


@attrs.frozen
class Scheme:
    """A signature scheme by OID, with its hash; `salt_octets` is of PSS, None for any length."""

    oid: str
    hash_algorithm: str
    salt_octets: int | None = None


def digest(hash_algorithm: str, data: bytes) -> bytes | None:
    """Hash `data` by the OID of the hash; None for one that is not in `HASHES`."""
    name = HASHES.get(hash_algorithm)
    return None if name is None else hashlib.new(name, data).digest()


def written_scheme(
    algorithm: AlgorithmIdentifier, hash_algorithm: str, key: PublicKeyInfo
) -> Scheme | SignatureCode:
    """Give the scheme that a SignerInfo means; UNSUPPORTED or ALGORITHM_MISMATCH without one."""
    if algorithm.oid == oids.RSASSA_PSS:
        return _pss(algorithm.parameters, hash_algorithm)
    by_hash = _SCHEMES.get(algorithm.oid)
    # With ecPublicKey some write the curve along, as in the key itself.
    is_curve = key.curve is not None and algorithm.parameters == der.oid(key.curve)
    if by_hash is None or not (algorithm.is_plain or is_curve):
        return SignatureCode.UNSUPPORTED
    scheme = by_hash.get(hash_algorithm)
    if scheme is None:
        return SignatureCode.ALGORITHM_MISMATCH
    return Scheme(scheme, hash_algorithm)


def key_scheme(
    key: PublicKeyInfo, hash_algorithm: str | None, *, is_pss: bool
) -> Scheme | SignatureCode:
    """Give the scheme a key makes bare signatures with, under its own hash where none is given."""
    if key.algorithm == oids.RSA_ENCRYPTION:
        by_hash, usual = _RSA, oids.SHA256
    elif key.curve in _BY_KEY:
        by_hash, usual = _BY_KEY[key.curve]
    else:
        return SignatureCode.UNSUPPORTED
    hashed = hash_algorithm or usual
    if hashed not in by_hash or (is_pss and by_hash is not _RSA):
        return SignatureCode.ALGORITHM_MISMATCH
    return Scheme(oids.RSASSA_PSS if is_pss else by_hash[hashed], hashed)


def verify_octets(
    engine: Sm2Engine,
    key: PublicKeyInfo,
    scheme: Scheme,
    octets: bytes,
    signature: bytes,
    *,
    sm2_id: bytes = DEFAULT_ID,
) -> SignatureCode:
    """Verify a signature over `octets`; for SM2, Z is made with `sm2_id`."""
    if scheme.oid == oids.RSASSA_PSS:
        verdict = verify_pss(key.der, scheme.hash_algorithm, scheme.salt_octets, octets, signature)
        return _CODES[verdict]
    if scheme.oid == oids.SM2_WITH_SM3:
        return _verify_sm2(engine, key.der, octets, signature, sm2_id)
    return _CODES[verify_signature(engine, key.der, scheme.oid, octets, signature)]


_CODES = {
    Verification.VALID: SignatureCode.VALID,
    Verification.INVALID: SignatureCode.BAD_SIGNATURE,
    Verification.UNSUPPORTED: SignatureCode.UNSUPPORTED,
}


def _pss(parameters: bytes, hash_algorithm: str) -> Scheme | SignatureCode:
    try:
        stated = decode_pss_parameters(parameters)
    except Malformed:
        return SignatureCode.UNSUPPORTED
    if stated.hash_algorithm != hash_algorithm:
        return SignatureCode.ALGORITHM_MISMATCH
    return Scheme(oids.RSASSA_PSS, hash_algorithm, stated.salt_octets)


def _verify_sm2(
    engine: Sm2Engine, spki: bytes, octets: bytes, encoded: bytes, sm2_id: bytes
) -> SignatureCode:
    try:
        public = sm2.public_key_from_spki(spki)
    except Malformed:
        return SignatureCode.UNSUPPORTED
    try:
        signature = sm2.signature_from_der(encoded)
    except Malformed:
        return SignatureCode.BAD_SIGNATURE

    def holds(user_id: bytes) -> bool:
        e = engine.message_digest(public, octets, user_id)
        return engine.verify_digest(public, e, signature)

    if holds(sm2_id):
        return SignatureCode.VALID
    # What OpenSSL makes without being told: the empty ID, or no Z at all.
    others = {DEFAULT_ID, b""} - {sm2_id}
    if any(map(holds, others)) or engine.verify_digest(public, engine.sm3(octets), signature):
        return SignatureCode.NON_STANDARD_SM2_ID
    return SignatureCode.BAD_SIGNATURE
