"""Answering OCSP requests by a delegated responder (RFC 6960, RFC 5019, RFC 8954)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import Extension, KeyUsage
from appliance.asn1.status.ocsp import (
    CertId,
    CertStatus,
    CertStatusKind,
    OcspRequest,
    ResponseStatus,
    SingleResponse,
    decode_request,
)
from appliance.asn1.status.ocsp_writing import encode_error, encode_response, encode_response_data
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import ApplianceError, Fault, Malformed, NotFound, Refused, Unavailable
from appliance.pki.issuing import Sign
from appliance.pki.ocsp.asking import issuer_keys
from appliance.pki.ocsp.memory import AnswerMemory
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content
from appliance.quantities import US_PER_S, Utc

Lookup = Callable[[CertId], CertStatus]
"""Tells of one certificate; raises NotFound for an issuer it does not speak for."""

_UNDERSTOOD = frozenset({oids.OCSP_NONCE})
_STATUSES = {
    Malformed: ResponseStatus.MALFORMED_REQUEST,
    NotFound: ResponseStatus.UNAUTHORIZED,  # RFC 5019 2.2.3
    Refused: ResponseStatus.UNAUTHORIZED,
    Unavailable: ResponseStatus.TRY_LATER,
}


@attrs.frozen
class Responder:
    """Who signs the answers: the certificate that the authority gave it, and its key."""

    certificate: Certificate
    algorithm: KeyAlgorithm
    sign: Sign


def check_responder(certificate: Certificate) -> None:
    """Check that a certificate may sign answers, and that clients need not ask about itself.

    Raises Refused without OCSPSigning, digitalSignature or id-pkix-ocsp-nocheck.  RFC 6960
    4.2.2.2.
    """
    extensions = certificate.extensions
    if oids.OCSP_SIGNING not in (extensions.extended_key_usage or ()):
        raise Refused("an OCSP responder has the purpose OCSPSigning")
    if KeyUsage.DIGITAL_SIGNATURE not in (extensions.key_usage or ()):
        raise Refused("an OCSP responder's key may make digital signatures")
    nocheck: Extension | None = extensions.find(oids.OCSP_NOCHECK)
    if nocheck is None:
        raise Refused("an OCSP responder's certificate has id-pkix-ocsp-nocheck")


def answer(
    request: OcspRequest,
    lookup: Lookup,
    responder: Responder,
    *,
    this_update: Utc,
    next_update: Utc,
    produced_at: Utc,
) -> bytes:
    """Answer all that was asked, in one signed response; the nonce is copied.

    Raises Malformed for critical extensions that are not understood, and what `lookup` raises.
    """
    if request.critical - _UNDERSTOOD:
        raise Malformed("a critical extension is not understood")
    responses = [
        SingleResponse(cert_id, lookup(cert_id), this_update, next_update)
        for cert_id in request.cert_ids
    ]
    name = responder.certificate.subject.der
    tbs = encode_response_data(name, produced_at, responses, request.nonce)
    signature = signature_content(responder.algorithm, responder.sign(tbs))
    algorithm = SIGNATURE_ALGORITHMS[responder.algorithm]
    return encode_response(tbs, algorithm, signature, [responder.certificate.der])


def error_answer(error: ApplianceError) -> bytes:
    """Translate what went wrong to an OCSPResponse.  RFC 6960 2.3."""
    return encode_error(_STATUSES.get(type(error), ResponseStatus.INTERNAL_ERROR))


@attrs.frozen
class Served:
    """An authority that answers are given for: its certificate, responder, and what it knows."""

    issuer: Certificate
    responder: Responder
    lookup: Lookup


class OcspDesk:
    """Answers requests in octets for several authorities, each by its own responder.

    An answer holds for `lifetime_s`.  One without nonce about one known certificate is kept and
    given again for half of that, unless `forget` is told that something changed.
    """

    def __init__(self, *, lifetime_s: int, kept: int = 10_000) -> None:
        self._lifetime_us = lifetime_s * US_PER_S
        self._served: dict[tuple[str, bytes, bytes], Served] = {}
        self._memory = AnswerMemory(kept)

    def serve(self, served: Served) -> None:
        """Answer for one more authority, or by a new responder.  Raises Refused for an unfit one.

        The responder's certificate stands directly under the authority's.  RFC 6960 4.2.2.2.
        """
        check_responder(served.responder.certificate)
        if served.responder.certificate.issuer.der != served.issuer.subject.der:
            raise Refused("an OCSP responder is certified by the authority it answers for")
        for key in issuer_keys(served.issuer):
            self._served[key] = served
        self._memory.clear()

    def forget(self, serial_number_tlv: bytes) -> None:
        """Give no old answer about this number any more."""
        self._memory.forget(serial_number_tlv)

    def answer(self, octets: bytes, now: Utc) -> bytes:
        """Answer a request; what cannot be answered is answered with an error."""
        try:
            request = decode_request(octets)
            known = self._memory.find(request, now)
            return known if known is not None else self._answer(request, now)
        except ApplianceError as error:
            return error_answer(error)

    def _answer(self, request: OcspRequest, now: Utc) -> bytes:
        first = self._served_for(request.cert_ids[0])
        validity = first.responder.certificate.validity
        if not validity.not_before <= now <= validity.not_after:
            raise Fault("the certificate of the OCSP responder does not hold now")
        told: list[CertStatus] = []

        def lookup(cert_id: CertId) -> CertStatus:
            # One response has one signer, and it speaks for one authority.
            if self._served_for(cert_id) is not first:
                raise NotFound("certificates of two authorities in one request")
            told.append(first.lookup(cert_id))
            return told[-1]

        octets = answer(
            request,
            lookup,
            first.responder,
            this_update=now,
            next_update=Utc(now.posix_us + self._lifetime_us),
            produced_at=now,
        )
        # A number that is unknown now may be issued at any moment.
        if all(status.kind is not CertStatusKind.UNKNOWN for status in told):
            self._memory.keep(request, octets, Utc(now.posix_us + self._lifetime_us // 2))
        return octets

    def _served_for(self, cert_id: CertId) -> Served:
        served = self._served.get(cert_id.issuer)
        if served is None:
            raise NotFound("no authority of this name and key here")
        return served
