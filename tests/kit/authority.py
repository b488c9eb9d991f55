"""A tiny authority for each algorithm: a root, and a TSA certificate directly under it.

Keys are real and made once a session.  Validity is fixed, so tests name their own instants.
"""

import functools
from collections.abc import Sequence

import attrs

from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto import classical
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.pki.issuing import (
    CertificateTemplate,
    IssuerIdentity,
    Sign,
    issue,
    issue_root,
    key_identifier,
    spki_of,
    tsa_template,
)
from appliance.quantities import Utc

VALIDITY = Validity(
    Utc.parse_generalized_time(b"20250101000000Z"), Utc.parse_generalized_time(b"20441231235959Z")
)
STAMPED_AT = Utc.parse_generalized_time(b"20260301083000.123456Z")
TSA = tsa_template(private_key_usage_s=5 * 365 * 86_400)


@attrs.frozen
class Subject:
    """A certificate and the key it is for."""

    key: SigningKey
    certificate: Certificate

    @property
    def identity(self) -> IssuerIdentity:
        """Itself as an issuer."""
        return IssuerIdentity(
            self.certificate.subject.der,
            self.key.algorithm,
            key_identifier(self.certificate.spki),
        )

    def issue(
        self,
        template: CertificateTemplate,
        common_name: str,
        key: SigningKey,
        *,
        validity: Validity = VALIDITY,
        serial_number: bytes = b"\x0f",
    ) -> "Subject":
        """Issue a certificate for `key` under this one."""
        encoded = issue(
            template,
            encode_name(common_name, organization="Shiyin test", country="CN"),
            spki_of(key.algorithm, key.public),
            serial_number=serial_number,
            validity=validity,
            issuer=self.identity,
            sign=signing(self.key),
        )
        return Subject(key, decode_certificate(encoded))


@attrs.frozen
class Authority:
    """A root and a TSA under it."""

    root: Subject
    tsa: Subject


@functools.cache
def authority(algorithm: KeyAlgorithm) -> Authority:
    """Give the session's authority whose keys are all of `algorithm`."""
    root = make_root(algorithm)
    return Authority(root, root.issue(TSA, f"TSA {algorithm.value}", generate(algorithm)))


def make_root(algorithm: KeyAlgorithm, *, validity: Validity = VALIDITY) -> Subject:
    """Make a new self-signed root."""
    key = generate(algorithm)
    encoded = issue_root(
        encode_name(f"Root {algorithm.value}", organization="Shiyin test", country="CN"),
        algorithm,
        key.public,
        serial_number=b"\x01",
        validity=validity,
        sign=signing(key),
    )
    return Subject(key, decode_certificate(encoded))


def generate(algorithm: KeyAlgorithm) -> SigningKey:
    """Make a key."""
    if algorithm is KeyAlgorithm.SM2:
        return LibcryptoEngine().generate()
    return classical.generate(algorithm)


def signing(key: SigningKey) -> Sign:
    """Give the function that signs one message with `key`."""
    return lambda message: key.sign_many([message])[0]


def certificates(subjects: Sequence[Subject]) -> list[Certificate]:
    """Give their certificates."""
    return [subject.certificate for subject in subjects]
