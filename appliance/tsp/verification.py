"""Verifying a token: the checks of RFC 3161 2.2, RFC 5652 5.6 and RFC 5816, with a reason in words.

Certificates and paths that held once are remembered in `Trust`; nothing else is kept between
tokens.  Revocation is not looked at here.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Self

import attrs

from appliance.asn1 import der, ess, oids, sm2
from appliance.asn1.cms import SignedToken, Signer, decode_token
from appliance.asn1.extensions import KeyUsage, read_extensions
from appliance.asn1.tsp import PKIFailureInfo, TSTInfo, decode_response, decode_tst_info
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Malformed
from appliance.pki.path import PathCache, PathCode
from appliance.quantities import Utc
from appliance.tsp.hashes import Imprint, digest
from appliance.tsp.report import Finding, Reason, Report, Sm2Id

_GRANTED = (0, 1)  # granted, grantedWithMods

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
    # GM/T 0010 writes SM2-1, and some write the curve.
    oids.SM2_WITH_SM3: _SM2_BY_DIGEST,
    oids.SM2_SIGN: _SM2_BY_DIGEST,
    oids.SM2_CURVE: _SM2_BY_DIGEST,
}
"""Signature algorithm as written -> digest algorithm -> scheme."""

_OPEN_PATHS = {
    PathCode.UNKNOWN_ISSUER: Reason.NO_TRUST_ANCHOR,
    PathCode.TOO_MANY_CANDIDATES: Reason.NO_TRUST_ANCHOR,
    PathCode.UNSUPPORTED_ALGORITHM: Reason.UNSUPPORTED,
    PathCode.UNSUPPORTED_CRITICAL_EXTENSION: Reason.UNSUPPORTED,
}
_VERSIONS = {
    oids.SIGNED_DATA: (3,),  # RFC 5652 5.1: the content is not id-data
    oids.GMT0010_SIGNED_DATA: (1, 3),
}
_TSA_USAGES = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION})
_TST_INFO_OID = der.oid(oids.TST_INFO)
_GENUINE = Finding(Reason.GENUINE, "The token is genuine.")


@attrs.frozen
class Trust:
    """An engine for SM2, and the roots with what was learnt under them."""

    engine: Sm2Engine
    paths: PathCache

    @classmethod
    def under(cls, engine: Sm2Engine, roots: Sequence[Certificate]) -> Self:
        """Trust these roots."""
        return cls(engine, PathCache(roots, functools.partial(verify_signature, engine)))


@attrs.frozen
class Expected:
    """What the token must say: the document's imprint; the request's nonce and policy, if known."""

    imprint: Imprint
    nonce: int | None = None
    policy: str | None = None


def verify_token(
    data: bytes,
    expected: Expected,
    trust: Trust,
    intermediates: Sequence[Certificate] = (),
) -> Report:
    """Judge a TimeStampToken, or a TimeStampResp with one inside.

    `intermediates` are certificates that may be missing in the token, the signer's own included.
    Nothing is raised for what `data` may be.
    """
    try:
        opened = _open(data)
        if isinstance(opened, Finding):
            return Report(finding=opened)
        tst_info = decode_tst_info(opened.econtent)
        supplied = [trust.paths.certificate(encoded) for encoded in opened.certificates]
        return _judge(opened, tst_info, expected, trust, [*supplied, *intermediates])
    except Malformed as error:
        return Report(finding=Finding(Reason.MALFORMED, f"Not well-formed: {error}."))


def _open(data: bytes) -> SignedToken | Finding:
    """Find the token: a TimeStampResp begins with a SEQUENCE, a token with an OID."""
    start, end = der.whole(data, der.SEQUENCE)
    if der.read(data, start, end)[0] == der.SEQUENCE:
        response = decode_response(data)
        if response.status not in _GRANTED:
            return Finding(Reason.REJECTION, _rejection(response.failure, response.status_texts))
        data = response.token
    token = decode_token(data)
    versions = _VERSIONS.get(token.content_type)
    if versions is None:
        return Finding(Reason.NOT_A_TIMESTAMP, f"The content is {token.content_type}, not signed.")
    if token.econtent_type != oids.TST_INFO:
        return Finding(
            Reason.NOT_A_TIMESTAMP, f"The signed content is {token.econtent_type}, no TSTInfo."
        )
    if token.version not in versions or token.signer.version != _signer_version(token.signer):
        return Finding(Reason.UNSUPPORTED, "A version in the token is not what RFC 5652 asks for.")
    return token


def _signer_version(signer: Signer) -> int:
    """SignerInfo's version follows from how it names the signer.  RFC 5652 5.3."""
    return 1 if signer.key_identifier is None else 3


def _judge(
    token: SignedToken,
    tst_info: TSTInfo,
    expected: Expected,
    trust: Trust,
    certificates: list[Certificate],
) -> Report:
    algorithm = token.signer.signature_algorithm.oid
    signer = _find_signer(token.signer, certificates)
    if isinstance(signer, Finding):
        return Report(finding=signer, tst_info=tst_info, algorithm=algorithm)
    sm2_id = None
    finding = _content_fault(token, tst_info) or _certificate_fault(signer, tst_info.gen_time)
    if finding is None:
        finding, sm2_id = _judge_signature(token.signer, signer, trust.engine)
    finding = finding or _expectation_fault(tst_info, expected)
    chain: tuple[Certificate, ...] = ()
    if finding is None:
        path = trust.paths.validate(signer, certificates, tst_info.gen_time)
        chain = path.chain
        if not path.is_valid:
            reason = _OPEN_PATHS.get(path.code, Reason.BAD_PATH)
            finding = Finding(reason, f"At genTime, {path}")
    return Report(
        finding=finding or _GENUINE,
        tst_info=tst_info,
        algorithm=algorithm,
        signer=signer,
        chain=chain,
        sm2_id=sm2_id,
    )


def _rejection(failure: int | None, texts: tuple[str, ...]) -> str:
    named = {bit.value: bit.name for bit in PKIFailureInfo}
    bit = "" if failure is None else f" ({named.get(failure, failure)})"
    return f"The authority refused{bit}: {' '.join(texts) or 'it gave no reason'!r}."


# --- the signer's certificate ---------------------------------------------------------------------


def _find_signer(signer: Signer, certificates: Sequence[Certificate]) -> Certificate | Finding:
    """Pick the certificate that SignerInfo names and the signed ESSCertID pins (RFC 5816 2.2.1)."""
    named = [certificate for certificate in certificates if _is_named(signer, certificate)]
    if not named:
        return Finding(
            Reason.NO_SIGNER_CERTIFICATE, "The signer's certificate is neither inside nor supplied."
        )
    pins = _ess_cert_ids(signer)
    if not pins:
        return Finding(Reason.SIGNER_MISMATCH, "The token does not pin its signer's certificate.")
    for certificate in named:
        if all(_is_pinned(pin, certificate) for pin in pins):
            return certificate
    return Finding(Reason.SIGNER_MISMATCH, "The signer's certificate is not the one it pinned.")


def _is_named(signer: Signer, certificate: Certificate) -> bool:
    if signer.key_identifier is not None:
        return signer.key_identifier == certificate.extensions.subject_key_id
    return (
        signer.serial_number == certificate.serial_number
        and signer.issuer == certificate.issuer.der
    )


def _ess_cert_ids(signer: Signer) -> list[ess.EssCertId]:
    """Read what pins the certificate, in both versions; either is signed."""
    return [
        *map(ess.read_signing_certificate, signer.values(oids.SIGNING_CERTIFICATE)),
        *map(ess.read_signing_certificate_v2, signer.values(oids.SIGNING_CERTIFICATE_V2)),
    ]


def _is_pinned(pin: ess.EssCertId, certificate: Certificate) -> bool:
    if pin.issuer is not None and (
        pin.issuer != certificate.issuer.der or pin.serial_number != certificate.serial_number
    ):
        return False
    if pin.hash_algorithm == oids.SHA1:
        # ESSCertID of RFC 2634 knows no other hash; a second preimage is still out of reach.
        return pin.cert_hash == hashlib.sha1(certificate.der, usedforsecurity=False).digest()
    return pin.cert_hash == digest(pin.hash_algorithm, certificate.der)


def _certificate_fault(certificate: Certificate, gen_time: Utc) -> Finding | None:
    """Check that the certificate is for time-stamping and nothing else.  RFC 3161 2.3."""
    purposes = certificate.extensions.find(oids.EXTENDED_KEY_USAGE)
    if (
        purposes is None
        or not purposes.critical
        or certificate.extensions.extended_key_usage != (oids.TIME_STAMPING,)
    ):
        return Finding(
            Reason.UNFIT_CERTIFICATE, "The signer's certificate is not for time-stamping alone."
        )
    usage = certificate.extensions.key_usage
    if usage is not None and not (usage and usage <= _TSA_USAGES):
        return Finding(
            Reason.UNFIT_CERTIFICATE, "The signer's key may be used for more than signing, or less."
        )
    period = certificate.extensions.private_key_usage_period
    if period is not None and (
        (period.not_before is not None and gen_time < period.not_before)
        or (period.not_after is not None and gen_time > period.not_after)
    ):
        return Finding(
            Reason.UNFIT_CERTIFICATE, "genTime lies outside the signer's private key usage period."
        )
    return None


# --- what was signed ------------------------------------------------------------------------------


def _content_fault(token: SignedToken, tst_info: TSTInfo) -> Finding | None:
    """Check the signed attributes against the content, and the content's own rules."""
    if tst_info.version != 1:
        return Finding(Reason.UNSUPPORTED, f"TSTInfo is of version {tst_info.version}, not 1.")
    if _has_critical_extension(token.econtent, tst_info):
        return Finding(Reason.UNSUPPORTED, "TSTInfo has a critical extension nobody here knows.")
    signer = token.signer
    if signer.values(oids.CONTENT_TYPE) != (_TST_INFO_OID,):
        return Finding(Reason.CONTENT_MISMATCH, "The signed content type is not that of a TSTInfo.")
    if signer.digest_algorithm not in token.digest_algorithms:
        return Finding(Reason.ALGORITHM_MISMATCH, "SignedData does not list the signer's digest.")
    expected = digest(signer.digest_algorithm, token.econtent)
    if expected is None:
        return Finding(
            Reason.UNSUPPORTED, f"The digest algorithm {signer.digest_algorithm} is not known here."
        )
    if signer.values(oids.MESSAGE_DIGEST) != (der.octet_string(expected),):
        return Finding(
            Reason.CONTENT_MISMATCH, "The signed messageDigest is not the digest of the TSTInfo."
        )
    return None


def _has_critical_extension(econtent: bytes, tst_info: TSTInfo) -> bool:
    if not tst_info.has_extensions:
        return False
    start, end = der.whole(econtent, der.SEQUENCE)
    *_, (_, tlv_start, _, _) = der.children(econtent, start, end)
    listed = bytes((der.SEQUENCE,)) + econtent[tlv_start + 1 :]  # [1] IMPLICIT Extensions
    return any(extension.critical for extension in read_extensions(listed, 0, len(listed)).listed)


def _expectation_fault(tst_info: TSTInfo, expected: Expected) -> Finding | None:
    imprint = expected.imprint(tst_info.hash_algorithm)
    if imprint is None:
        return Finding(
            Reason.UNSUPPORTED,
            f"The document's digest under {tst_info.hash_algorithm} is not known here.",
        )
    if imprint != tst_info.imprint:
        return Finding(Reason.IMPRINT_MISMATCH, "The token is for another document.")
    if expected.nonce is not None and der.integer(expected.nonce) != tst_info.nonce_tlv:
        return Finding(Reason.NONCE_MISMATCH, "The token answers another request.")
    if expected.policy is not None and expected.policy != tst_info.policy:
        return Finding(Reason.POLICY_MISMATCH, f"The token is under policy {tst_info.policy}.")
    return None


# --- the signature --------------------------------------------------------------------------------


def _judge_signature(
    signer: Signer, certificate: Certificate, engine: Sm2Engine
) -> tuple[Finding | None, Sm2Id | None]:
    """Verify the signature; for SM2 tell also the ID it was made under."""
    written = signer.signature_algorithm
    by_digest = _SCHEMES.get(written.oid)
    if by_digest is None or not written.is_plain:
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
    sm2_id = _diagnose_sm2(certificate, octets, signature, engine) if is_sm2 else None
    if sm2_id is None:
        return Finding(Reason.BAD_SIGNATURE, "The signature does not verify."), None
    detail = f"The SM2 signature verifies only under a user ID that is {sm2_id.value}."
    return Finding(Reason.NON_STANDARD_SM2_ID, detail), sm2_id


def _diagnose_sm2(
    certificate: Certificate, octets: bytes, encoded: bytes, engine: Sm2Engine
) -> Sm2Id | None:
    """Try what OpenSSL 1.1 to 3 make by default: the empty ID, and a digest without Z."""
    try:
        signature = sm2.signature_from_der(encoded)
    except Malformed:
        return None
    public = sm2.public_key_from_spki(certificate.spki)
    if engine.verify_digest(public, engine.message_digest(public, octets, b""), signature):
        return Sm2Id.EMPTY
    if engine.verify_digest(public, engine.sm3(octets), signature):
        return Sm2Id.NO_Z
    return None
