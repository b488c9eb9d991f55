"""Issuing certificates: a template says what one contains; number, times, signing are arguments.

The same writer serves SM2, P-256 and RSA, for the subject and for the issuer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import attrs

from appliance.asn1 import extensions, keys, oids, sm2
from appliance.asn1.extensions import KeyUsage, PrivateKeyUsagePeriod
from appliance.asn1.x509 import Validity, assemble, encode_tbs
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Refused
from appliance.quantities import US_PER_S, Utc

Sign = Callable[[bytes], bytes]
"""Signs one message as `SigningKey.sign_many` signs many: SM2 gives r||s, the others their DER."""

_SIGNATURE_ALGORITHMS = {
    KeyAlgorithm.SM2: keys.SM2_WITH_SM3,
    KeyAlgorithm.P256: keys.ECDSA_WITH_SHA256,
    KeyAlgorithm.RSA: keys.SHA256_WITH_RSA,
}
_SPKI_WRITERS = {
    KeyAlgorithm.SM2: sm2.public_key_to_spki,
    KeyAlgorithm.P256: keys.p256_spki,
    KeyAlgorithm.RSA: keys.rsa_spki,
}


@attrs.frozen
class CertificateTemplate:
    """What a certificate of this kind contains beside names, key and validity.

    A CA has `is_ca` and perhaps `path_len`.  `private_key_usage_s` seconds from notBefore the
    private key stops signing, so that its signatures can be verified for the rest of the validity.
    """

    name: str
    key_usage: frozenset[KeyUsage]
    is_ca: bool = False
    path_len: int | None = None
    extended_key_usage: tuple[str, ...] = ()
    private_key_usage_s: int | None = None


ROOT = CertificateTemplate(
    name="root",
    key_usage=frozenset({KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN}),
    is_ca=True,
)


def tsa_template(private_key_usage_s: int) -> CertificateTemplate:
    """Give the template of a TSA: timeStamping alone, and critical (RFC 3161 2.3)."""
    return CertificateTemplate(
        name="tsa",
        key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION}),
        extended_key_usage=(oids.TIME_STAMPING,),
        private_key_usage_s=private_key_usage_s,
    )


@attrs.frozen
class IssuerIdentity:
    """Who signs: its Name in DER, the scheme of its key, and its subjectKeyIdentifier."""

    name: bytes
    algorithm: KeyAlgorithm
    key_id: bytes


def spki_of(algorithm: KeyAlgorithm, public: bytes) -> bytes:
    """Render the SubjectPublicKeyInfo of a key as `SigningKey.public` gives it."""
    return _SPKI_WRITERS[algorithm](public)


def key_identifier(spki: bytes) -> bytes:
    """Give the leftmost 160 bits of the SHA-256 of subjectPublicKey.  RFC 7093 2, method 1."""
    key, _ = keys.read_spki(spki, 0, len(spki))
    return hashlib.sha256(key.octets).digest()[:20]


def issue(
    template: CertificateTemplate,
    subject: bytes,
    spki: bytes,
    *,
    serial_number: bytes,
    validity: Validity,
    issuer: IssuerIdentity,
    sign: Sign,
) -> bytes:
    """Make a certificate in DER for the Name `subject` and its key, signed by `issuer`.

    Raises Refused for an empty validity, and for a serial number that is not positive or does not
    fit 20 octets of DER (RFC 5280 4.1.2.2).
    """
    number = int.from_bytes(serial_number, "big")
    if not 0 < number < 1 << 159:
        raise Refused("a serial number is positive and at most 159 bits long")
    if validity.not_after <= validity.not_before:
        raise Refused("a certificate ends after it begins")
    algorithm = _SIGNATURE_ALGORITHMS[issuer.algorithm]
    tbs = encode_tbs(
        serial_number=number,
        algorithm=algorithm,
        issuer=issuer.name,
        validity=validity,
        subject=subject,
        spki=spki,
        extensions=_extensions(template, spki, validity, issuer.key_id),
    )
    signature = sign(tbs)
    if issuer.algorithm is KeyAlgorithm.SM2:
        signature = sm2.signature_to_der(signature)
    return assemble(tbs, algorithm, signature)


def issue_root(
    subject: bytes,
    algorithm: KeyAlgorithm,
    public: bytes,
    *,
    serial_number: bytes,
    validity: Validity,
    sign: Sign,
) -> bytes:
    """Make a self-signed root certificate in DER.  Raises as `issue` does."""
    spki = spki_of(algorithm, public)
    return issue(
        ROOT,
        subject,
        spki,
        serial_number=serial_number,
        validity=validity,
        issuer=IssuerIdentity(subject, algorithm, key_identifier(spki)),
        sign=sign,
    )


def _extensions(
    template: CertificateTemplate, spki: bytes, validity: Validity, issuer_key_id: bytes
) -> list[bytes]:
    subject_key_id = key_identifier(spki)
    made = []
    if template.is_ca:
        made.append(extensions.basic_constraints(template.path_len))
    made.append(extensions.key_usage(template.key_usage))
    if template.extended_key_usage:
        made.append(extensions.extended_key_usage(*template.extended_key_usage))
    if template.private_key_usage_s is not None:
        made.append(_usage_period(validity, template.private_key_usage_s))
    made.append(extensions.subject_key_id(subject_key_id))
    made.append(extensions.authority_key_id(issuer_key_id))
    return made


def _usage_period(validity: Validity, length_s: int) -> bytes:
    start_s = validity.not_before.posix_us // US_PER_S
    end_s = min(start_s + length_s, validity.not_after.posix_us // US_PER_S)
    period = PrivateKeyUsagePeriod(Utc(start_s * US_PER_S), Utc(end_s * US_PER_S))
    return extensions.private_key_usage_period(period)
