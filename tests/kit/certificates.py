"""Throw-away certificates, made by a library that is not ours."""

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.asn1 import der
from appliance.tsp.template import SignerCertificate

_FROM = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_TO = dt.datetime(2036, 1, 1, tzinfo=dt.UTC)


@functools.cache
def signer_certificate() -> SignerCertificate:
    """Give a P-256 certificate under a root, as a template takes it."""
    root_key, tsa_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    root = _certificate("Test root", root_key, "Test root", root_key, serial_number=1)
    tsa = _certificate("Test TSA", tsa_key, "Test root", root_key, serial_number=0x80_0000_0001)
    return SignerCertificate(
        certificate=tsa.public_bytes(Encoding.DER),
        issuer=tsa.issuer.public_bytes(),
        serial_number=der.integer(tsa.serial_number),
        subject=tsa.subject.public_bytes(),
        chain=(root.public_bytes(Encoding.DER),),
    )


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    serial_number: int,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
        .sign(issuer_key, SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
