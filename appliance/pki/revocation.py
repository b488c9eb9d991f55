"""Whether a certificate was revoked, as far as it matters for a signature made at an instant.

Lists are given; none is fetched.  RFC 5280 6.3 tells which list may be asked; RFC 3161 clause 4
tells what a revocation does to tokens that are older than it.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence

import attrs

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.status.crl import (
    CertificateList,
    CrlReason,
    RevokedCertificate,
    decode_crl,
    distribution_point_names,
)
from appliance.asn1.x509 import Certificate
from appliance.crypto.verifier import Verification
from appliance.pki.names import same_name
from appliance.pki.path import Verify
from appliance.quantities import Utc

_REMEMBERED_LISTS = 8

_UNDERSTOOD = frozenset(
    {
        oids.ISSUING_DISTRIBUTION_POINT,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.CRL_REASON,
        oids.DELTA_CRL_INDICATOR,
    }
)
_HARMLESS_BEFORE = (
    CrlReason.UNSPECIFIED,
    CrlReason.AFFILIATION_CHANGED,
    CrlReason.SUPERSEDED,
    CrlReason.CESSATION_OF_OPERATION,
)
"""The reasons under which what was signed before the revocation stays good.  RFC 3161 clause 4.

Without a reason nothing stays good, the same clause says.
"""


class RevocationCode(enum.Enum):
    """What lists tell of a certificate; all but the first three say that they tell nothing."""

    GOOD = "good"
    REVOKED = "revoked"
    ON_HOLD = "on hold"
    NO_LIST = "no list of its issuer"
    STALE = "the list is too old"
    OUT_OF_SCOPE = "the list does not cover it"
    BAD_SIGNATURE = "the list is not signed by its issuer"
    UNSUPPORTED = "the list is of a kind not supported"


@attrs.frozen
class RevocationStatus:
    """What is known of a certificate, from which list, and its entry there, if it has one.

    A GOOD certificate has an entry when it was revoked later, for a reason that does no harm.
    """

    code: RevocationCode
    certificate: Certificate
    crl: CertificateList | None = None
    entry: RevokedCertificate | None = None

    def __str__(self) -> str:
        """Say it in a sentence."""
        said = f"{self.certificate.subject}: {self.code.value}"
        if self.entry is None:
            return f"{said}."
        reason = self.entry.reason
        why = "no reason given" if reason is None else reason.name.lower().replace("_", " ")
        since = self.entry.revocation_date.isoformat()
        later = " then; revoked" if self.code is RevocationCode.GOOD else ""
        return f"{said}{later} since {since} ({why})."


class RevocationLists:
    """Asks lists; what was decoded and found signed is remembered for the last few of them."""

    def __init__(self, verify: Verify) -> None:
        self._verify = verify
        self.decode = functools.lru_cache(_REMEMBERED_LISTS)(decode_crl)
        self._signature = functools.lru_cache(_REMEMBERED_LISTS)(self._verify_list)

    def status(
        self,
        certificate: Certificate,
        issuer: Certificate,
        lists: Sequence[CertificateList],
        signed_at: Utc,
        now: Utc | None,
    ) -> RevocationStatus:
        """Tell what the newest fit list says of a certificate that signed at `signed_at`.

        A delta list counts together with the complete list it goes on from (RFC 5280 5.2.4), never
        by itself; a complete list may be as old as its delta lets it be.
        With `now` a list must be current; without, it must not have ended before `signed_at`.
        Raises Malformed for a list whose entries are.
        """
        named = [crl for crl in lists if same_name(crl.issuer, certificate.issuer)]
        newest_first = sorted(named, key=lambda crl: crl.this_update, reverse=True)
        faults: list[RevocationStatus] = []
        for crl in newest_first:
            delta = self._newest_delta(crl, newest_first, issuer, signed_at, now)
            fault = (
                _scope_fault(crl, certificate)
                or _time_fault(delta or crl, signed_at, now)
                or self._list_fault(crl, issuer)
                or (None if crl.base_number is None else RevocationCode.UNSUPPORTED)
            )
            if fault is None:
                entry = _find(certificate, crl, delta)
                return RevocationStatus(weigh(entry, signed_at), certificate, crl, entry)
            faults.append(RevocationStatus(fault, certificate, crl))
        return faults[0] if faults else RevocationStatus(RevocationCode.NO_LIST, certificate)

    def _newest_delta(
        self,
        crl: CertificateList,
        newest_first: Sequence[CertificateList],
        issuer: Certificate,
        signed_at: Utc,
        now: Utc | None,
    ) -> CertificateList | None:
        """Find what goes on from a complete list and holds by itself."""
        return next(
            (
                delta
                for delta in newest_first
                if _continues(delta, crl)
                and _time_fault(delta, signed_at, now) is None
                and self._list_fault(delta, issuer) is None
            ),
            None,
        )

    def _list_fault(self, crl: CertificateList, issuer: Certificate) -> RevocationCode | None:
        """Check that the list is the issuer's, and one we know how to read."""
        usage = issuer.extensions.key_usage
        if usage is not None and KeyUsage.CRL_SIGN not in usage:
            return RevocationCode.BAD_SIGNATURE
        return self._signature(crl, issuer.spki)

    def _verify_list(self, crl: CertificateList, spki: bytes) -> RevocationCode | None:
        verdict = self._verify(spki, crl.signature_algorithm.oid, crl.tbs, crl.signature)
        if verdict is Verification.INVALID:
            return RevocationCode.BAD_SIGNATURE
        if verdict is Verification.UNSUPPORTED or crl.critical - _UNDERSTOOD:
            return RevocationCode.UNSUPPORTED
        return None


def _continues(delta: CertificateList, crl: CertificateList) -> bool:
    """Tell whether a delta list goes on from a complete one.  RFC 5280 5.2.4 (a) to (c), 6.3.3."""
    if delta.base_number is None or delta.crl_number is None:
        return False
    if crl.base_number is not None or crl.crl_number is None:
        return False
    return (
        delta.base_number <= crl.crl_number <= delta.crl_number
        and delta.scope == crl.scope
        and delta.authority_key_id == crl.authority_key_id
    )


def _find(
    certificate: Certificate, crl: CertificateList, delta: CertificateList | None
) -> RevokedCertificate | None:
    """Find the entry in force: the delta's, and none once it takes the certificate off."""
    newer = None if delta is None else delta.find(certificate.serial_number_tlv)
    if newer is None:
        return crl.find(certificate.serial_number_tlv)
    return None if newer.reason is CrlReason.REMOVE_FROM_CRL else newer


def weigh(entry: RevokedCertificate | None, signed_at: Utc) -> RevocationCode:
    """Say what an entry, or none, does to what was signed at an instant.  RFC 3161 clause 4."""
    if entry is None:
        return RevocationCode.GOOD
    if entry.reason in _HARMLESS_BEFORE and signed_at < entry.revocation_date:
        return RevocationCode.GOOD
    if entry.reason is CrlReason.CERTIFICATE_HOLD:
        return RevocationCode.ON_HOLD
    return RevocationCode.REVOKED


def _scope_fault(crl: CertificateList, certificate: Certificate) -> RevocationCode | None:
    """Check that the list would have the certificate.  RFC 5280 6.3.3 (b)."""
    constraints = certificate.extensions.basic_constraints
    is_ca = constraints is not None and constraints.ca
    scope = crl.scope
    if scope.is_partial or (scope.only_users and is_ca) or (scope.only_cas and not is_ca):
        return RevocationCode.OUT_OF_SCOPE
    if scope.names and not scope.names & _distribution_names(certificate):
        return RevocationCode.OUT_OF_SCOPE
    # An authority may drop a certificate from its lists once it has expired (RFC 5280 3.3).
    end = certificate.validity.not_after
    if crl.this_update > end and (crl.expired_since is None or crl.expired_since > end):
        return RevocationCode.OUT_OF_SCOPE
    return None


def _distribution_names(certificate: Certificate) -> frozenset[bytes]:
    points = certificate.extensions.find(oids.CRL_DISTRIBUTION_POINTS)
    return frozenset() if points is None else distribution_point_names(points.value)


def _time_fault(crl: CertificateList, signed_at: Utc, now: Utc | None) -> RevocationCode | None:
    """Check that the list speaks for the time in question; without nextUpdate its hour is one."""
    until = crl.next_update or crl.this_update
    if until < (signed_at if now is None else now):
        return RevocationCode.STALE
    if now is not None and crl.this_update > now:
        return RevocationCode.OUT_OF_SCOPE
    return None
