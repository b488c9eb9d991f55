"""Which certificate a signer names as its own: SigningCertificate, version 1 or 2 (RFC 5035)."""

from __future__ import annotations

import msgspec

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import read_algorithm
from appliance.errors import Malformed

_DIRECTORY_NAME = der.context(4)


class EssCertId(msgspec.Struct, frozen=True, gc=False):
    """The first ESSCertID or ESSCertIDv2: the signer's own certificate.

    `issuer` is a Name TLV and `serial_number` its number; both are None without issuerSerial.
    """

    hash_algorithm: str
    cert_hash: bytes
    issuer: bytes | None
    serial_number: int | None


def read_signing_certificate(value: bytes) -> EssCertId:
    """Read a SigningCertificate, whose hash is SHA-1.  Raises Malformed.  RFC 5035 5.4.1."""
    return _first_cert_id(value, versioned=False)


def read_signing_certificate_v2(value: bytes) -> EssCertId:
    """Read a SigningCertificateV2; SHA-256 spelt out, though DEFAULT, is taken.

    Raises Malformed.  RFC 5035 5.4.1.
    """
    return _first_cert_id(value, versioned=True)


def _first_cert_id(value: bytes, *, versioned: bool) -> EssCertId:
    start, stop = der.whole(value, der.SEQUENCE)
    certs_start, certs_stop = der.expect(value, start, stop, der.SEQUENCE)
    if certs_stop < stop:  # policies, which nobody acts on
        der.finish(der.expect(value, certs_stop, stop, der.SEQUENCE)[1], stop)
    start, stop = der.expect(value, certs_start, certs_stop, der.SEQUENCE)
    algorithm = oids.SHA1
    if versioned:
        algorithm, start = _hash_algorithm(value, start, stop)
    hash_start, hash_stop = der.expect(value, start, stop, der.OCTET_STRING)
    issuer, serial_number = None, None
    if hash_stop < stop:
        issuer, serial_number = _issuer_serial(value, hash_stop, stop)
    return EssCertId(algorithm, value[hash_start:hash_stop], issuer, serial_number)


def _hash_algorithm(value: bytes, position: int, end: int) -> tuple[str, int]:
    if der.read(value, position, end)[0] != der.SEQUENCE:
        return oids.SHA256, position
    algorithm, stop = read_algorithm(value, position, end)
    if not algorithm.is_plain:
        raise Malformed("the hash algorithm has parameters")
    return algorithm.oid, stop


def _issuer_serial(value: bytes, position: int, end: int) -> tuple[bytes, int]:
    """Read IssuerSerial with one directoryName (RFC 5035 5.4.1.1)."""
    start, stop = der.expect(value, position, end, der.SEQUENCE)
    der.finish(stop, end)
    names_start, names_stop = der.expect(value, start, stop, der.SEQUENCE)
    name_start, name_stop = der.expect(value, names_start, names_stop, _DIRECTORY_NAME)
    der.finish(name_stop, names_stop)
    der.finish(der.expect(value, name_start, name_stop, der.SEQUENCE)[1], name_stop)
    serial_start, serial_stop = der.expect(value, names_stop, stop, der.INTEGER)
    der.finish(serial_stop, stop)
    return value[name_start:name_stop], der.integer_value(value, serial_start, serial_stop)
