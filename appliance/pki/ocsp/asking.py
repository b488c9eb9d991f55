"""How OCSP names a certificate (RFC 6960 4.1.1), and questions that name one so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from appliance.asn1 import oids
from appliance.asn1.status.ocsp import CertId
from appliance.asn1.status.ocsp_writing import encode_request, make_cert_id
from appliance.asn1.x509 import Certificate
from appliance.errors import Refused

HASHES: dict[str, Callable[[bytes], bytes]] = {
    oids.SHA1: lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    oids.SHA256: lambda data: hashlib.sha256(data).digest(),
    oids.SM3: lambda data: hashlib.new("sm3", data).digest(),
}
"""What may name an issuer.  SHA-1 does no harm there: whoever finds a collision names himself."""


def issuer_keys(issuer: Certificate) -> Iterator[tuple[str, bytes, bytes]]:
    """Give all by which a CertID may name an issuer, in the shape of `CertId.issuer`."""
    for hash_oid, hashed in HASHES.items():
        yield hash_oid, hashed(issuer.subject.der), hashed(issuer.key.octets)


def cert_id_of(
    certificate: Certificate, issuer: Certificate, hash_oid: str = oids.SHA256
) -> CertId:
    """Name a certificate.  Raises Refused for a hash that is none of `HASHES`."""
    hashed = HASHES.get(hash_oid)
    if hashed is None:
        raise Refused("the hash of a CertID is SHA-1, SHA-256 or SM3")
    return make_cert_id(
        hash_oid,
        hashed(certificate.issuer.der),
        hashed(issuer.key.octets),
        certificate.serial_number_tlv,
    )


def make_request(
    certificate: Certificate,
    issuer: Certificate,
    *,
    hash_oid: str = oids.SHA256,
    nonce: bytes | None = None,
) -> bytes:
    """Make an OCSPRequest about one certificate.

    Responders of the lightweight profile know SHA-1 alone (RFC 5019 2.1.1), and no nonce.  Raises
    Refused for another hash than `HASHES`, Malformed for a nonce that is not 1 to 32 octets.
    """
    return encode_request([cert_id_of(certificate, issuer, hash_oid)], nonce)
