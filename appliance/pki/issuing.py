"""Issuing certificates: a template says what one contains; number, times, signing are arguments.

The same writer serves SM2, P-256 and RSA, for the subject and for the issuer.  `issue` makes those
of the box's own hierarchy from a `CertificateTemplate`, which only code can name; `issue_from`
makes users' from a `templates.Template`, within its bounds.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import attrs

from appliance.asn1 import der, keys, oids, sm2
from appliance.asn1.extension import extensions, writers
from appliance.asn1.extension.extensions import KeyUsage, PrivateKeyUsagePeriod
from appliance.asn1.extension.general_names import NameConstraints
from appliance.asn1.keys import PublicKeyInfo
from appliance.asn1.x509 import Validity, assemble, decode_certificate, encode_tbs
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Refused
from appliance.pki.public_keys import algorithm_of
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content
from appliance.pki.templates import bounds
from appliance.pki.templates.custom_extensions import encode_custom
from appliance.pki.templates.places import Fields
from appliance.pki.templates.subject_names import encode_alternatives, encode_subject
from appliance.pki.templates.template import Template
from appliance.quantities import US_PER_S, Utc

Sign = Callable[[bytes], bytes]
"""Signs one message as `SigningKey.sign_many` signs many: SM2 gives r||s, the others their DER."""

_SPKI_WRITERS = {
    KeyAlgorithm.SM2: sm2.public_key_to_spki,
    KeyAlgorithm.P256: keys.p256_spki,
    KeyAlgorithm.RSA: keys.rsa_spki,
}


@attrs.frozen(cache_hash=True)
class Addresses:
    """URLs that certificates carry: the issuer's list, its OCSP responder, its certificate.

    What is empty is left out.
    """

    crl: str = ""
    ocsp: str = ""
    issuer_certificate: str = ""


@attrs.frozen
class CertificateTemplate:
    """What a certificate of this kind contains beside names, key and validity.

    A CA has `is_ca` and perhaps `path_len` and `constraints`.  `private_key_usage_s` seconds from
    notBefore the private key stops signing, so that its signatures can be verified for the rest of
    the validity.
    """

    name: str
    key_usage: frozenset[KeyUsage]
    is_ca: bool = False
    path_len: int | None = None
    extended_key_usage: tuple[str, ...] = ()
    private_key_usage_s: int | None = None
    constraints: NameConstraints | None = None
    addresses: Addresses = Addresses()


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


def issuing_ca_template(
    addresses: Addresses, constraints: NameConstraints | None = None
) -> CertificateTemplate:
    """Give the template of a CA that issues to users and to no further CA."""
    return CertificateTemplate(
        name="issuing-ca",
        key_usage=ROOT.key_usage,
        is_ca=True,
        path_len=0,
        constraints=constraints,
        addresses=addresses,
    )


@attrs.frozen(cache_hash=True)
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
    return _key_identifier(keys.read_spki(spki, 0, len(spki))[0])


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
    _check_validity(validity)
    tbs = encode_tbs(
        serial_number=_number(serial_number),
        algorithm=SIGNATURE_ALGORITHMS[issuer.algorithm],
        issuer=issuer.name,
        validity=validity,
        subject=subject,
        spki=spki,
        extensions=_extensions(template, spki, validity, issuer.key_id),
    )
    return seal(tbs, issuer, sign(tbs))


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


def seal(tbs: bytes, issuer: IssuerIdentity, signature: bytes) -> bytes:
    """Make a certificate of a TBSCertificate and a signature as `SigningKey.sign_many` gives it."""
    content = signature_content(issuer.algorithm, signature)
    return assemble(tbs, SIGNATURE_ALGORITHMS[issuer.algorithm], content)


def _key_identifier(key: PublicKeyInfo) -> bytes:
    return hashlib.sha256(key.octets).digest()[:20]


def _number(serial_number: bytes) -> int:
    number = int.from_bytes(serial_number, "big")
    if not 0 < number < 1 << 159:
        raise Refused("a serial number is positive and at most 159 bits long")
    return number


def _check_validity(validity: Validity) -> None:
    if validity.not_after.posix_us <= validity.not_before.posix_us:
        raise Refused("a certificate ends after it begins")


def _extensions(
    template: CertificateTemplate, spki: bytes, validity: Validity, issuer_key_id: bytes
) -> list[bytes]:
    subject_key_id = key_identifier(spki)
    made = []
    if template.is_ca:
        made.append(extensions.basic_constraints(template.path_len))
    if template.constraints is not None:
        made.append(writers.name_constraints(template.constraints))
    made.append(extensions.key_usage(template.key_usage))
    if template.extended_key_usage:
        made.append(extensions.extended_key_usage(*template.extended_key_usage))
    if template.private_key_usage_s is not None:
        made.append(_usage_period(validity, template.private_key_usage_s))
    made.append(extensions.subject_key_id(subject_key_id))
    made.append(extensions.authority_key_id(issuer_key_id))
    made.append(_addresses(template.addresses))
    return made


def _addresses(addresses: Addresses) -> bytes:
    """Render cRLDistributionPoints and authorityInfoAccess as far as there are addresses."""
    points = writers.crl_distribution_points([addresses.crl]) if addresses.crl else b""
    if not (addresses.ocsp or addresses.issuer_certificate):
        return points
    return points + writers.authority_info_access(
        ocsp=addresses.ocsp, issuer_certificate=addresses.issuer_certificate
    )


def _usage_period(validity: Validity, length_s: int) -> bytes:
    start_s = validity.not_before.posix_us // US_PER_S
    end_s = min(start_s + length_s, validity.not_after.posix_us // US_PER_S)
    period = PrivateKeyUsagePeriod(Utc(start_s * US_PER_S), Utc(end_s * US_PER_S))
    return extensions.private_key_usage_period(period)


# --- users' certificates --------------------------------------------------------------------------


def issue_from(  # noqa: PLR0913  as many things make a certificate
    template: Template,
    fields: Fields,
    spki: bytes,
    *,
    serial_number: bytes,
    validity: Validity,
    issuer: IssuerIdentity,
    addresses: Addresses,
    sign: Sign,
) -> bytes:
    """Make a user's certificate in DER from a template filled with `fields`, signed by `issuer`.

    The bounds are looked for twice, in the template and in the octets made.  Raises as `tbs_from`
    and `bounds.check_certificate` do.
    """
    tbs = tbs_from(
        template,
        fields,
        spki,
        serial_number=serial_number,
        validity=validity,
        issuer=issuer,
        addresses=addresses,
    )
    unsigned = assemble(tbs, SIGNATURE_ALGORITHMS[issuer.algorithm], b"")
    bounds.check_certificate(decode_certificate(unsigned), template.kind)
    return seal(tbs, issuer, sign(tbs))


def tbs_from(
    template: Template,
    fields: Fields,
    spki: bytes,
    *,
    serial_number: bytes,
    validity: Validity,
    issuer: IssuerIdentity,
    addresses: Addresses,
) -> bytes:
    """Make the TBSCertificate of a user, for `seal` to close: many of them are signed at once.

    Whoever signs it puts it before `bounds.check_certificate` first, as `issue_from` does.  Raises
    Refused as `issue` does, for a template past its bounds, a missing field and a key that the
    template is not for; Malformed for a field that cannot stand where it is asked for.
    """
    return _render(
        _plate(template, issuer, addresses),
        fields,
        spki,
        number=_number(serial_number),
        validity=validity,
    )


@attrs.frozen
class _Plate:
    """A template rendered as far as it is the same in each certificate of an issuer.

    `before` and `after` are the extensions around those that are filled.
    """

    template: Template
    issuer: IssuerIdentity
    before: bytes
    after: bytes


@functools.lru_cache(64)
def _plate(template: Template, issuer: IssuerIdentity, addresses: Addresses) -> _Plate:
    bounds.check_template(template)
    before = [extensions.key_usage(template.usages)]
    if template.purposes:
        before.append(extensions.extended_key_usage(*template.purposes, critical=False))
    if template.policies:
        before.append(writers.certificate_policies(template.policies))
    before += [encode_custom(each, {}) for each in template.extensions if each.is_fixed]
    after = extensions.authority_key_id(issuer.key_id) + _addresses(addresses)
    return _Plate(template, issuer, b"".join(before), after)


def _render(
    plate: _Plate, fields: Fields, spki: bytes, *, number: int, validity: Validity
) -> bytes:
    template = plate.template
    key, end = keys.read_spki(spki, 0, len(spki))
    der.finish(end, len(spki))
    if algorithm_of(key) not in template.algorithms:
        raise Refused(f"the template {template.name} is not for a key of this kind")
    _check_validity(validity)
    return encode_tbs(
        serial_number=number,
        algorithm=SIGNATURE_ALGORITHMS[plate.issuer.algorithm],
        issuer=plate.issuer.name,
        validity=validity,
        subject=encode_subject(template.subject, fields),
        spki=spki,
        extensions=(
            plate.before,
            encode_alternatives(template.subject_alt_names, fields),
            *(encode_custom(each, fields) for each in template.extensions if not each.is_fixed),
            extensions.subject_key_id(_key_identifier(key)),
            plate.after,
        ),
    )
