"""The signer's half of OCSP: answers from its own connection to the index, in its own thread."""

from __future__ import annotations

from collections.abc import Callable

from appliance.asn1 import der
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import (
    GOOD,
    UNKNOWN,
    CertId,
    CertStatus,
    CertStatusKind,
    ResponseStatus,
)
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.errors import Unavailable
from appliance.pki.ocsp.answering import Lookup, OcspDesk, Responder, Served
from appliance.pki.states import CertificateState
from appliance.quantities import US_PER_S, Utc
from appliance.services.certifying.authority import Issuer
from appliance.services.certifying.own import Own
from appliance.store.issued import IssuedCertificate, IssuedIndex

TRY_LATER = encode_error(ResponseStatus.TRY_LATER)


class StatusRoom:
    """Answers for the authorities that it was told of."""

    def __init__(self, *, lifetime_s: int, now: Callable[[], Utc]) -> None:
        self._desk = OcspDesk(lifetime_s=lifetime_s)
        self._now = now
        self._is_ready = False

    def serve(self, issuer: Issuer, responder: Own, index: IssuedIndex) -> None:
        """Answer for one more authority, or by a renewed responder."""
        authority = issuer.identity
        signer = Responder(responder.certificate, responder.key.algorithm, responder.sign)
        lookup = lookup_in(index, authority.name)
        self._desk.serve(Served(authority.certificate, signer, lookup))
        self._is_ready = True

    def forget(self, serial: bytes) -> None:
        """Give no old answer about this serial number any more."""
        self._desk.forget(der.integer(int.from_bytes(serial, "big")))

    def answer(self, request: bytes) -> bytes:
        """Answer an OCSPRequest; before there is time and an authority, to be asked again."""
        if not self._is_ready:
            return TRY_LATER
        try:
            return self._desk.answer(request, self._now())
        except Unavailable:
            return TRY_LATER

    def rest(self) -> None:
        """Nothing waits to be done."""

    def close(self) -> None:
        """The keys belong to the certifier."""


def lookup_in(index: IssuedIndex, authority: str) -> Lookup:
    """Give what tells of an authority's certificates; one that it never issued is unknown."""

    def lookup(cert_id: CertId) -> CertStatus:
        # An INTEGER of an octet of length; a positive one may begin with a zero.
        found = index.find(authority, cert_id.serial_number_tlv[2:].lstrip(b"\0"))
        return UNKNOWN if found is None else _status(found)

    return lookup


def _status(found: IssuedCertificate) -> CertStatus:
    if found.state is CertificateState.VALID:
        return GOOD
    assert found.revoked_us is not None
    reason = CrlReason(found.reason) if found.reason else None
    revoked_at = Utc(found.revoked_us // US_PER_S * US_PER_S)
    return CertStatus(CertStatusKind.REVOKED, revoked_at, reason)
