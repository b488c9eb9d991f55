"""Verifying a token: the checks of RFC 3161 2.2, RFC 5652 5.6 and RFC 5816, with a reason in words.

Certificates, paths and lists that held once are remembered in `Trust`; nothing else is kept between
tokens.  Revocation is looked at where lists are given.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Self

import attrs
import msgspec

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import read_extensions
from appliance.asn1.signed.cms import MAX_CERTIFICATES, SignedToken, Signer, decode_token
from appliance.asn1.status.crl import CertificateList
from appliance.asn1.tsp import PKIFailureInfo, TSTInfo, decode_response, decode_tst_info
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.verifier import verify_signature
from appliance.errors import Malformed
from appliance.pki.path import PathCache, PathCode, PathResult
from appliance.pki.revocation import RevocationCode, RevocationLists, RevocationStatus
from appliance.quantities import Utc
from appliance.tsp.hashes import Imprint, digest
from appliance.tsp.verifying.report import Deviation, Finding, Reason, Report, Sm2Id
from appliance.tsp.verifying.signature import DEVIATIONS, diagnose_sm2, judge_signature
from appliance.tsp.verifying.signer_certificate import certificate_fault, find_signer

_GRANTED = (0, 1)  # granted, grantedWithMods

_OPEN_PATHS = {
    PathCode.UNKNOWN_ISSUER: Reason.NO_TRUST_ANCHOR,
    PathCode.TOO_MANY_CANDIDATES: Reason.NO_TRUST_ANCHOR,
    PathCode.UNSUPPORTED_ALGORITHM: Reason.UNSUPPORTED,
    PathCode.UNSUPPORTED_CRITICAL_EXTENSION: Reason.UNSUPPORTED,
}
_REVOCATION_REASONS = {
    RevocationCode.REVOKED: Reason.REVOKED,
    RevocationCode.ON_HOLD: Reason.ON_HOLD,
    RevocationCode.NO_LIST: Reason.NO_CRL,
    RevocationCode.STALE: Reason.STALE_CRL,
    RevocationCode.OUT_OF_SCOPE: Reason.CRL_OUT_OF_SCOPE,
    RevocationCode.BAD_SIGNATURE: Reason.BAD_CRL,
    RevocationCode.UNSUPPORTED: Reason.UNSUPPORTED,
}
_VERSIONS = {
    oids.SIGNED_DATA: (3,),  # RFC 5652 5.1: the content is not id-data
    oids.GMT0010_SIGNED_DATA: (1, 3),
}
_TST_INFO_OID = der.oid(oids.TST_INFO)
_GENUINE = Finding(Reason.GENUINE, "The token is genuine.")


@attrs.frozen
class Trust:
    """An engine for SM2, and the roots with what was learnt under them."""

    engine: Sm2Engine
    paths: PathCache
    lists: RevocationLists

    @classmethod
    def under(cls, engine: Sm2Engine, roots: Sequence[Certificate]) -> Self:
        """Trust these roots."""
        verify = functools.partial(verify_signature, engine)
        return cls(engine, PathCache(roots, verify), RevocationLists(verify))


class Expected(msgspec.Struct, frozen=True):
    """What the token must say: the document's imprint; the request's nonce and policy, if known.

    Without an imprint the token is held against no document.
    """

    imprint: Imprint | None
    nonce: int | None = None
    policy: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """What comes along with a token.

    `certificates` may be missing in the token, the signer's own included.  Where there are `crls`,
    one must speak for the signer; with `now` it must be current (see `RevocationLists.status`).
    """

    certificates: Sequence[Certificate] = ()
    crls: Sequence[CertificateList] = ()
    now: Utc | None = None


_NO_EVIDENCE = Evidence()


def verify_token(
    data: bytes, expected: Expected, trust: Trust, evidence: Evidence = _NO_EVIDENCE
) -> Report:
    """Judge a TimeStampToken, or a TimeStampResp with one inside.

    Nothing is raised for what `data` may be.
    """
    try:
        opened = _open(data)
        if isinstance(opened, Finding):
            return Report(finding=opened)
        tst_info = decode_tst_info(opened.econtent)
        supplied = [trust.paths.certificate(encoded) for encoded in opened.certificates]
        certificates = [*supplied, *evidence.certificates]
        everything = Evidence(certificates, evidence.crls, evidence.now)
        return _judge(opened, tst_info, expected, trust, everything)
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
        return Finding(Reason.NOT_A_TIMESTAMP, _wrong_content(token))
    if token.version not in versions:
        detail = f"SignedData is of version {token.version} where RFC 5652 5.1 asks for 3."
        return Finding(Reason.UNSUPPORTED, detail)
    if token.signer.version != _signer_version(token.signer):
        detail = f"SignerInfo is of version {token.signer.version}, against RFC 5652 5.3."
        return Finding(Reason.UNSUPPORTED, detail)
    return token


def _wrong_content(token: SignedToken) -> str:
    """Say what is signed instead of a TSTInfo, or that it is one under another name."""
    try:
        decode_tst_info(token.econtent)
    except Malformed:
        return f"The signed content is {token.econtent_type}, no TSTInfo."
    return f"The signed content is a TSTInfo, but its type says {token.econtent_type}."


def _signer_version(signer: Signer) -> int:
    """SignerInfo's version follows from how it names the signer.  RFC 5652 5.3."""
    return 1 if signer.key_identifier is None else 3


def _judge(
    token: SignedToken, tst_info: TSTInfo, expected: Expected, trust: Trust, evidence: Evidence
) -> Report:
    report = functools.partial(
        Report,
        tst_info=tst_info,
        has_certificates=bool(token.certificates),
        algorithm=token.signer.signature_algorithm.oid,
        deviations=_deviations(token),
    )
    signer = find_signer(token.signer, evidence.certificates)
    if isinstance(signer, Finding):
        return report(finding=signer)
    finding = _content_fault(token, tst_info, trust.engine)
    finding = finding or certificate_fault(signer, tst_info.gen_time)
    if finding is not None:
        return report(finding=finding, signer=signer)
    finding, sm2_id = judge_signature(token.signer, signer, trust.engine)
    finding = finding or _expectation_fault(tst_info, expected)
    if finding is not None:
        return report(finding=finding, signer=signer, sm2_id=sm2_id)
    path = trust.paths.validate(signer, evidence.certificates, tst_info.gen_time)
    finding = _path_fault(path, trust, evidence.certificates)
    statuses: tuple[RevocationStatus, ...] = ()
    if finding is None and evidence.crls:
        statuses = _ask_lists(path.chain, trust, evidence, tst_info.gen_time)
        finding = _revocation_fault(statuses)
    return report(
        finding=finding or _GENUINE,
        signer=signer,
        sm2_id=sm2_id,
        chain=path.chain,
        revocation=statuses,
    )


def _deviations(token: SignedToken) -> tuple[Deviation, ...]:
    """Say what the token writes in a way of its own."""
    written = DEVIATIONS.get(token.signer.signature_algorithm.oid)
    if token.content_type == oids.SIGNED_DATA:
        return () if written is None else (written,)
    return (Deviation.GMT0010_CONTENT_TYPE, *(() if written is None else (written,)))


def _rejection(failure: int | None, texts: tuple[str, ...]) -> str:
    named = {bit.value: bit.name for bit in PKIFailureInfo}
    bit = "" if failure is None else f" ({named.get(failure, failure)})"
    return f"The authority refused{bit}: {' '.join(texts) or 'it gave no reason'!r}."


# --- what was signed ------------------------------------------------------------------------------


def _content_fault(token: SignedToken, tst_info: TSTInfo, engine: Sm2Engine) -> Finding | None:
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
    # The engine's SM3 starts in a quarter of the time that hashlib takes to look it up.
    is_sm3 = signer.digest_algorithm == oids.SM3
    expected = (
        engine.sm3(token.econtent) if is_sm3 else digest(signer.digest_algorithm, token.econtent)
    )
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
    if expected.imprint is not None:
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


# --- the path -------------------------------------------------------------------------------------


def _path_fault(
    path: PathResult, trust: Trust, certificates: Sequence[Certificate]
) -> Finding | None:
    if path.is_valid:
        return None
    if path.code is PathCode.BAD_SIGNATURE and path.at_fault is not None:
        sm2_id = _diagnose_certificate(path.at_fault, trust, certificates)
        if sm2_id is not None:
            detail = (
                f"The certificate of {path.at_fault.subject} is signed under a user ID that is "
                f"{sm2_id.value}."
            )
            return Finding(Reason.NON_STANDARD_SM2_ID, detail)
    return Finding(_OPEN_PATHS.get(path.code, Reason.BAD_PATH), f"At genTime, {path}")


def _diagnose_certificate(
    certificate: Certificate, trust: Trust, certificates: Sequence[Certificate]
) -> Sm2Id | None:
    """Tell the ID under which an SM2 certificate was signed, if it is another than the standard."""
    for issuer in (*trust.paths.roots, *certificates[:MAX_CERTIFICATES]):
        if issuer.subject.der == certificate.issuer.der:
            found = diagnose_sm2(issuer.spki, certificate.tbs, certificate.signature, trust.engine)
            if found is not None:
                return found
    return None


def _ask_lists(
    chain: tuple[Certificate, ...], trust: Trust, evidence: Evidence, gen_time: Utc
) -> tuple[RevocationStatus, ...]:
    """Ask the lists about every certificate below the root.  RFC 3161 clause 4."""
    return tuple(
        trust.lists.status(certificate, issuer, evidence.crls, gen_time, evidence.now)
        for certificate, issuer in itertools.pairwise(chain)
    )


def _revocation_fault(statuses: tuple[RevocationStatus, ...]) -> Finding | None:
    """Take what is worst; an authority above the signer may have no list among those given."""
    weighty = [
        status
        for position, status in enumerate(statuses)
        if status.code is not RevocationCode.GOOD
        and (position == 0 or status.code is not RevocationCode.NO_LIST)
    ]
    if not weighty:
        return None
    worst = next((each for each in weighty if each.code is RevocationCode.REVOKED), weighty[0])
    return Finding(_REVOCATION_REASONS[worst.code], str(worst))
