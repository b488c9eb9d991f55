"""The signature of a token: the scheme behind what is written, and the ways SM2 is got wrong."""

from __future__ import annotations

from appliance.asn1 import der, oids, sm2
from appliance.asn1.signed.cms import Signer
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Malformed
from appliance.tsp.verifying.report import Deviation, Finding, Reason, Sm2Id

_RSA_BY_DIGEST = {
    oids.SHA256: oids.SHA256_WITH_RSA,
    oids.SHA384: oids.SHA384_WITH_RSA,
    oids.SHA512: oids.SHA512_WITH_RSA,
}
_ECDSA_BY_DIGEST = {
    oids.SHA256: oids.ECDSA_WITH_SHA256,
    oids.SHA384: oids.ECDSA_WITH_SHA384,
    oids.SHA512: oids.ECDSA_WITH_SHA512,
}
_SM2_BY_DIGEST = {oids.SM3: oids.SM2_WITH_SM3}
_SCHEMES = {
    # RFC 3370 3.2 has rsaEncryption stand for whichever hash the digestAlgorithm is.
    oids.RSA_ENCRYPTION: _RSA_BY_DIGEST,
    **{oid: {hashed: oid} for hashed, oid in _RSA_BY_DIGEST.items()},
    **{oid: {hashed: oid} for hashed, oid in _ECDSA_BY_DIGEST.items()},
    # GM/T 0010 writes SM2-1, and some write the curve, or the type of the key.
    oids.SM2_WITH_SM3: _SM2_BY_DIGEST,
    oids.SM2_SIGN: _SM2_BY_DIGEST,
    oids.SM2_CURVE: _SM2_BY_DIGEST,
    oids.EC_PUBLIC_KEY: {**_ECDSA_BY_DIGEST, **_SM2_BY_DIGEST},
}
"""Signature algorithm as written -> digest algorithm -> scheme."""

DEVIATIONS = {
    oids.SM2_SIGN: Deviation.SM2_1_AS_SIGNATURE,
    oids.SM2_CURVE: Deviation.CURVE_AS_SIGNATURE,
    oids.EC_PUBLIC_KEY: Deviation.KEY_TYPE_AS_SIGNATURE,
}
"""The signature algorithms that are let pass, and told."""


def judge_signature(
    signer: Signer, certificate: Certificate, engine: Sm2Engine
) -> tuple[Finding | None, Sm2Id | None]:
    """Verify the signature; for SM2 tell also the ID it was made under."""
    written = signer.signature_algorithm
    by_digest = _SCHEMES.get(written.oid)
    if by_digest is None or not (written.is_plain or _is_curve(signer, certificate)):
        detail = f"The signature algorithm {written.oid} is not known here."
        return Finding(Reason.UNSUPPORTED, detail), None
    scheme = by_digest.get(signer.digest_algorithm)
    if scheme is None:
        detail = f"{written.oid} does not sign digests of {signer.digest_algorithm}."
        return Finding(Reason.ALGORITHM_MISMATCH, detail), None
    octets, signature = signer.signed_octets, signer.signature
    verdict = verify_signature(engine, certificate.spki, scheme, octets, signature)
    if verdict is Verification.UNSUPPORTED:
        detail = f"{written.oid} with the signer's key is not known here."
        return Finding(Reason.UNSUPPORTED, detail), None
    is_sm2 = scheme == oids.SM2_WITH_SM3
    if verdict is Verification.VALID:
        return None, Sm2Id.STANDARD if is_sm2 else None
    sm2_id = diagnose_sm2(certificate.spki, octets, signature, engine) if is_sm2 else None
    if sm2_id is None:
        return Finding(Reason.BAD_SIGNATURE, "The signature does not verify."), None
    detail = f"The SM2 signature verifies only under a user ID that is {sm2_id.value}."
    return Finding(Reason.NON_STANDARD_SM2_ID, detail), sm2_id


def diagnose_sm2(spki: bytes, octets: bytes, encoded: bytes, engine: Sm2Engine) -> Sm2Id | None:
    """Try what OpenSSL 1.1 to 3 make by default: the empty ID, and a digest without Z.

    None also for what is no SM2 key or signature.
    """
    try:
        public = sm2.public_key_from_spki(spki)
        signature = sm2.signature_from_der(encoded)
    except Malformed:
        return None
    if engine.verify_digest(public, engine.message_digest(public, octets, b""), signature):
        return Sm2Id.EMPTY
    if engine.verify_digest(public, engine.sm3(octets), signature):
        return Sm2Id.NO_Z
    return None


def _is_curve(signer: Signer, certificate: Certificate) -> bool:
    """Tell whether ecPublicKey stands there with the curve of the signer's key, as in its SPKI."""
    written, curve = signer.signature_algorithm, certificate.key.curve
    return (
        written.oid == oids.EC_PUBLIC_KEY
        and curve is not None
        and written.parameters == der.oid(curve)
    )
