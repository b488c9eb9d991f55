"""Judging an OCSP answer about one certificate: who signed it, for when, and to which question."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator

import attrs

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.status.ocsp import (
    BasicResponse,
    CertStatus,
    CertStatusKind,
    OcspResponse,
    ResponseStatus,
    SingleResponse,
    decode_response,
)
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.ocsp.asking import HASHES, cert_id_of
from appliance.pki.path import Verify
from appliance.quantities import US_PER_S, Utc

SKEW_S = 300

_UNDERSTOOD = frozenset({oids.OCSP_NONCE})
_UNDERSTOOD_OF_RESPONDER = frozenset(
    {oids.BASIC_CONSTRAINTS, oids.KEY_USAGE, oids.EXTENDED_KEY_USAGE}
)


class OcspCode(enum.Enum):
    """What an answer tells; all but the first three say that it tells nothing."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown to its responder"
    MALFORMED = "the answer is ill-formed"
    NO_ANSWER = "the responder gives no answer"
    OTHER_CERTIFICATE = "the answer is about another certificate"
    NONCE_MISSING = "the answer has no nonce"
    NONCE_DIFFERS = "the answer is to another question"
    NOT_YET_VALID = "the answer is from the future"
    STALE = "the answer is too old"
    NO_RESPONDER = "the certificate of the responder is not there"
    RESPONDER_NOT_DELEGATED = "the responder is not certified by the issuer"
    RESPONDER_NOT_FOR_OCSP = "the responder's certificate is not for OCSP"
    RESPONDER_EXPIRED = "the responder's certificate does not hold"
    BAD_SIGNATURE = "the answer is not signed by its responder"
    UNSUPPORTED_ALGORITHM = "the answer is signed by an algorithm not supported"
    UNSUPPORTED_CRITICAL_EXTENSION = "the answer has a critical extension not supported"


_TOLD = {
    CertStatusKind.GOOD: OcspCode.GOOD,
    CertStatusKind.REVOKED: OcspCode.REVOKED,
    CertStatusKind.UNKNOWN: OcspCode.UNKNOWN,
}
_SIGNATURE_FAULTS = {
    Verification.INVALID: OcspCode.BAD_SIGNATURE,
    Verification.UNSUPPORTED: OcspCode.UNSUPPORTED_ALGORITHM,
}


@attrs.frozen
class OcspVerdict:
    """What is known from an answer: the status told, and who signed it, where these count.

    `refusal` is the responder's own word where it gave no answer.
    """

    code: OcspCode
    status: CertStatus | None = None
    this_update: Utc | None = None
    next_update: Utc | None = None
    responder: Certificate | None = None
    refusal: ResponseStatus | None = None

    @property
    def is_told(self) -> bool:
        """Whether the answer counts."""
        return self.status is not None

    @property
    def must_check_responder(self) -> bool:
        """Whether the responder's certificate may be revoked itself.  RFC 6960 4.2.2.2.1."""
        if self.responder is None or _is_ca(self.responder):
            return False
        return self.responder.extensions.find(oids.OCSP_NOCHECK) is None


def read_response(octets: bytes) -> OcspResponse:
    """Read an OCSPResponse.  Raises Malformed."""
    return decode_response(octets)


def judge_response(
    response: OcspResponse,
    certificate: Certificate,
    issuer: Certificate,
    *,
    at: Utc,
    verify: Verify,
    nonce: bytes | None = None,
    skew_s: int = SKEW_S,
) -> OcspVerdict:
    """Tell what an answer says of `certificate` at the instant `at`, give or take `skew_s`.

    With `nonce`, the answer must repeat it.  Nothing is raised for what a responder may write.
    RFC 6960 3.2.
    """
    basic = response.basic
    if basic is None:
        return OcspVerdict(OcspCode.NO_ANSWER, refusal=response.status)
    single = _find(basic, certificate, issuer)
    if single is None:
        return OcspVerdict(OcspCode.OTHER_CERTIFICATE)
    fault = (
        _extension_fault(basic, single)
        or _nonce_fault(basic, nonce)
        or _time_fault(single, at, skew_s * US_PER_S)
    )
    if fault is not None:
        return OcspVerdict(fault)
    responder = _find_responder(basic, issuer, at, verify)
    if isinstance(responder, OcspCode):
        return OcspVerdict(responder)
    verdict = verify(responder.spki, basic.signature_algorithm.oid, basic.tbs, basic.signature)
    if verdict is not Verification.VALID:
        return OcspVerdict(_SIGNATURE_FAULTS[verdict])
    told = single.status
    return OcspVerdict(_TOLD[told.kind], told, single.this_update, single.next_update, responder)


def _find(
    basic: BasicResponse, certificate: Certificate, issuer: Certificate
) -> SingleResponse | None:
    """Find the newest word on the certificate."""
    about = [
        each
        for each in basic.responses
        if each.cert_id.serial_number_tlv == certificate.serial_number_tlv
        and each.cert_id.hash_oid in HASHES
        and each.cert_id == cert_id_of(certificate, issuer, each.cert_id.hash_oid)
    ]
    return max(about, key=lambda each: each.this_update, default=None)


def _extension_fault(basic: BasicResponse, single: SingleResponse) -> OcspCode | None:
    unknown = (basic.critical | single.critical) - _UNDERSTOOD
    return OcspCode.UNSUPPORTED_CRITICAL_EXTENSION if unknown else None


def _nonce_fault(basic: BasicResponse, nonce: bytes | None) -> OcspCode | None:
    if nonce is None or basic.nonce == nonce:
        return None
    return OcspCode.NONCE_MISSING if basic.nonce is None else OcspCode.NONCE_DIFFERS


def _time_fault(single: SingleResponse, at: Utc, skew_us: int) -> OcspCode | None:
    """Check the times; without nextUpdate an answer is for its own hour (RFC 6960 2.4)."""
    until = single.next_update or single.this_update
    if until < single.this_update:
        return OcspCode.MALFORMED
    if single.this_update.posix_us - skew_us > at.posix_us:
        return OcspCode.NOT_YET_VALID
    if until.posix_us + skew_us < at.posix_us:
        return OcspCode.STALE
    return None


# --- who signed -----------------------------------------------------------------------------------


def _find_responder(
    basic: BasicResponse, issuer: Certificate, at: Utc, verify: Verify
) -> Certificate | OcspCode:
    """Find the certificate of who signed: the issuer's own, or one that it gave for this.

    RFC 6960 4.2.2.2; a responder that is trusted by other means is not known here.
    """
    if _is_named(basic, issuer):
        return issuer
    fault = OcspCode.NO_RESPONDER
    for candidate in _candidates(basic):
        found = _responder_fault(candidate, issuer, at, verify)
        if found is None:
            return candidate
        fault = found
    return fault


def _candidates(basic: BasicResponse) -> Iterator[Certificate]:
    for encoded in basic.certificates:
        try:
            certificate = decode_certificate(encoded)
        except Malformed:
            continue  # one that cannot be read helps nobody, and harms nobody either
        if _is_named(basic, certificate):
            yield certificate


def _is_named(basic: BasicResponse, certificate: Certificate) -> bool:
    if basic.responder_name is not None:
        return basic.responder_name.der == certificate.subject.der
    # KeyHash is SHA-1 by definition (RFC 6960 4.2.1); it finds a key, and proves nothing.
    hashed = hashlib.sha1(certificate.key.octets, usedforsecurity=False).digest()
    return basic.responder_key_hash == hashed


def _responder_fault(
    responder: Certificate, issuer: Certificate, at: Utc, verify: Verify
) -> OcspCode | None:
    extensions = responder.extensions
    if responder.issuer.der != issuer.subject.der:
        return OcspCode.RESPONDER_NOT_DELEGATED
    usage = extensions.key_usage
    if oids.OCSP_SIGNING not in (extensions.extended_key_usage or ()) or (
        usage is not None and not usage & {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION}
    ):
        return OcspCode.RESPONDER_NOT_FOR_OCSP
    if not responder.validity.not_before <= at <= responder.validity.not_after:
        return OcspCode.RESPONDER_EXPIRED
    critical = {each.oid for each in extensions.listed if each.critical}
    if critical - _UNDERSTOOD_OF_RESPONDER:
        return OcspCode.UNSUPPORTED_CRITICAL_EXTENSION
    verdict = verify(
        issuer.spki, responder.signature_algorithm.oid, responder.tbs, responder.signature
    )
    return None if verdict is Verification.VALID else OcspCode.RESPONDER_NOT_DELEGATED


def _is_ca(certificate: Certificate) -> bool:
    constraints = certificate.extensions.basic_constraints
    return constraints is not None and constraints.ca
