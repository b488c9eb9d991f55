"""Signing away from the box: the root's key certifies the requests that ceremonies made.

The key comes as PKCS#8 in PEM, or sealed as a box seals it; it is in memory only while it signs.
"""

from __future__ import annotations

import attrs

from appliance.asn1 import der, oids, pem
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.x509 import Certificate, Validity
from appliance.crypto import classical, sealing
from appliance.crypto.api import KeyAlgorithm, SigningKey, Sm2Engine
from appliance.crypto.sealing import Kek
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Malformed, Refused
from appliance.pki.issuing import (
    Addresses,
    CertificateTemplate,
    IssuerIdentity,
    issue,
    issuing_ca_template,
    key_identifier,
    spki_of,
    tsa_template,
)
from appliance.pki.path import Verify
from appliance.pki.requests import open_request
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from appliance.services.commissioning import draw_serial_number

MAX_DAYS = 20 * 366
_TSA_SIGNS_DAYS = 365
_SM2_OCTETS = 32


@attrs.frozen
class Root:
    """A certificate that may certify authorities, and its key."""

    certificate: Certificate
    key: SigningKey

    def __attrs_post_init__(self) -> None:
        """Refuse a key of another, and a certificate that is no CA's."""
        found = self.certificate.extensions
        if self.certificate.spki != spki_of(self.key.algorithm, self.key.public):
            raise Refused("the key is not that of the issuer's certificate")
        if found.basic_constraints is None or not found.basic_constraints.ca:
            raise Refused("the issuer's certificate is no CA's")
        if KeyUsage.KEY_CERT_SIGN not in (found.key_usage or ()):
            raise Refused("the issuer's certificate does not allow keyCertSign")


def template_of(kind: str, addresses: Addresses) -> CertificateTemplate:
    """Give what a certificate of a kind contains: `issuing` or `tsa`."""
    if kind == "issuing":
        return issuing_ca_template(addresses)
    return attrs.evolve(tsa_template(_TSA_SIGNS_DAYS * SECONDS_PER_DAY), addresses=addresses)


def sign_request(
    csr: bytes, root: Root, template: CertificateTemplate, *, days: int, now: Utc, verify: Verify
) -> bytes:
    """Certify a PKCS#10 request in DER for `days`, within the root's own validity.

    Raises Refused, Malformed.
    """
    opened = open_request(csr, verify)
    own = root.certificate
    start_s = now.posix_us // US_PER_S
    end_s = min(start_s + days * SECONDS_PER_DAY, own.validity.not_after.posix_us // US_PER_S)
    if not 0 < days <= MAX_DAYS or now < own.validity.not_before:
        raise Refused(f"a certificate is for 1 to {MAX_DAYS} days, while its issuer's holds")
    key_id = own.extensions.subject_key_id or key_identifier(own.spki)
    return issue(
        template,
        opened.subject.der,
        opened.spki,
        serial_number=draw_serial_number(),
        validity=Validity(Utc(start_s * US_PER_S), Utc(end_s * US_PER_S)),
        issuer=IssuerIdentity(own.subject.der, root.key.algorithm, key_id),
        sign=lambda tbs: root.key.sign_many([tbs])[0],
    )


def open_pem_key(text: bytes, engine: Sm2Engine) -> SigningKey:
    """Open a private key in PEM: PKCS#8 of SM2, P-256 or RSA, not encrypted.  Raises Malformed."""
    octets = pem.read_one(text, "PRIVATE KEY")
    scalar = _sm2_scalar(octets)
    if scalar is not None:
        with _secret(scalar) as secret:
            return engine.load(secret)
    with _secret(octets) as secret:
        for algorithm in (KeyAlgorithm.P256, KeyAlgorithm.RSA):
            try:
                return classical.load(algorithm, secret)
            except Malformed:
                continue
    raise Malformed("the PEM file holds no private key of SM2, P-256 or RSA from 3072 bits")


def open_sealed_key(blob: bytes, kek_octets: bytes, engine: Sm2Engine) -> SigningKey:
    """Open a key as a box seals it, by the octets of its key-encryption key."""
    with _secret(kek_octets) as octets, Kek.derive(octets) as kek:
        header, secret = sealing.unseal(kek, blob)
    with secret:
        if header.algorithm is KeyAlgorithm.SM2:
            return engine.load(secret)
        return classical.load(header.algorithm, secret)


def _secret(octets: bytes) -> SecretBuffer:
    if not octets:
        raise Malformed("a secret is empty")
    buffer = SecretBuffer(len(octets))
    buffer.view[:] = octets
    return buffer


def _sm2_scalar(octets: bytes) -> bytes | None:
    """Find d in a PrivateKeyInfo of SM2 (RFC 5208, RFC 5915); None for another algorithm."""
    start, end = der.whole(octets, der.SEQUENCE)
    _, position = der.expect(octets, start, end, der.INTEGER)
    algorithm, algorithm_end = der.expect(octets, position, end, der.SEQUENCE)
    wanted = der.oid(oids.EC_PUBLIC_KEY) + der.oid(oids.SM2_CURVE)
    if octets[algorithm:algorithm_end] != wanted:
        return None
    inner, inner_end = der.expect(octets, algorithm_end, end, der.OCTET_STRING)
    start, stop = der.expect(octets, inner, inner_end, der.SEQUENCE)
    _, position = der.expect(octets, start, stop, der.INTEGER)
    scalar, scalar_end = der.expect(octets, position, stop, der.OCTET_STRING)
    if scalar_end - scalar != _SM2_OCTETS:
        raise Malformed("an SM2 private key is 32 octets")
    return octets[scalar:scalar_end]
