"""OCSP requests and responses written (RFC 6960 4.1.1, 4.2.1); signing is the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.extension.extensions import extension
from appliance.asn1.status.ocsp import (
    NONCE_OCTETS,
    CertId,
    CertStatus,
    ResponseStatus,
    SingleResponse,
)
from appliance.errors import Malformed
from appliance.quantities import US_PER_S, Utc, render_second

_REVOKED = der.context(1)


def make_cert_id(
    hash_oid: str, issuer_name_hash: bytes, issuer_key_hash: bytes, serial_number_tlv: bytes
) -> CertId:
    """Make a CertID; the hash has NULL parameters, as every client writes it."""
    encoded = der.sequence(
        algorithm_identifier(hash_oid, null=True),
        der.octet_string(issuer_name_hash),
        der.octet_string(issuer_key_hash),
        serial_number_tlv,
    )
    return CertId(hash_oid, issuer_name_hash, issuer_key_hash, serial_number_tlv, encoded)


def encode_request(cert_ids: Iterable[CertId], nonce: bytes | None = None) -> bytes:
    """Render an OCSPRequest without signature.  Raises Malformed for a nonce past RFC 8954 2.1."""
    requests = der.sequence(*(der.sequence(cert_id.der) for cert_id in cert_ids))
    return der.sequence(der.sequence(requests, _extensions(2, nonce)))


def encode_error(status: ResponseStatus) -> bytes:
    """Render an OCSPResponse that says why there is no answer."""
    assert status is not ResponseStatus.SUCCESSFUL
    return der.sequence(der.tlv(der.ENUMERATED, bytes((status.value,))))


def encode_response_data(
    responder: bytes, produced_at: Utc, responses: Iterable[SingleResponse], nonce: bytes | None
) -> bytes:
    """Render a ResponseData of the responder with this Name, all times to the second."""
    return der.sequence(
        der.tlv(der.context(1), responder),
        _time(produced_at),
        der.sequence(*(_single(each) for each in responses)),
        _extensions(1, nonce),
    )


def encode_response(
    tbs: bytes, algorithm: bytes, signature: bytes, certificates: Sequence[bytes]
) -> bytes:
    """Render a successful OCSPResponse from its ResponseData and the content of `signature`."""
    held = der.tlv(der.context(0), der.sequence(*certificates)) if certificates else b""
    basic = der.sequence(tbs, algorithm, der.bit_string(signature), held)
    typed = der.sequence(der.oid(oids.OCSP_BASIC), der.octet_string(basic))
    return der.sequence(der.tlv(der.ENUMERATED, b"\0"), der.tlv(der.context(0), typed))


def ocsp_nocheck() -> bytes:
    """Render id-pkix-ocsp-nocheck for a responder's certificate.  RFC 6960 4.2.2.2.1."""
    return extension(oids.OCSP_NOCHECK, der.NULL_VALUE)


def _single(response: SingleResponse) -> bytes:
    following = b""
    if response.next_update is not None:
        following = der.tlv(der.context(0), _time(response.next_update))
    return der.sequence(
        response.cert_id.der, _status(response.status), _time(response.this_update), following
    )


def _status(status: CertStatus) -> bytes:
    if status.revoked_at is None:
        return der.tlv(der.context(status.kind.value, constructed=False))
    if status.reason is None:
        return der.tlv(_REVOKED, _time(status.revoked_at))
    reason = der.tlv(der.ENUMERATED, bytes((status.reason.value,)))
    return der.tlv(_REVOKED, _time(status.revoked_at), der.tlv(der.context(0), reason))


def _extensions(number: int, nonce: bytes | None) -> bytes:
    if nonce is None:
        return b""
    if len(nonce) not in NONCE_OCTETS:
        raise Malformed("a nonce has 1 to 32 octets (RFC 8954 2.1)")
    value = extension(oids.OCSP_NONCE, der.octet_string(nonce))
    return der.tlv(der.context(number), der.sequence(value))


def _time(instant: Utc) -> bytes:
    """GeneralizedTime without a fraction.  RFC 6960 4.2.2.1, RFC 5019 2.2.4."""
    second = render_second(instant.posix_us // US_PER_S)
    return der.tlv(der.GENERALIZED_TIME, second + b"Z")
