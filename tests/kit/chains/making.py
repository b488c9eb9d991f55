"""Certificates and lists with a knob for each thing that can be odd in one."""

import datetime as dt
import functools
import itertools
from collections.abc import Sequence
from typing import Any, Self

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from appliance.asn1 import der

FROM = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
TO = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Named = str | x509.Name
Extension = tuple[x509.ExtensionType, bool]

_serial_numbers = itertools.count(1000)
_rsa_turns = itertools.count()


class Kind:
    """The algorithm a family of chains is made with."""

    P256 = "p256"
    RSA = "rsa"


@functools.cache
def _rsa_key(_turn: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def new_key(kind: str) -> Key:
    """Make a P-256 key, or take one of four RSA keys in turn."""
    if kind == Kind.RSA:
        return _rsa_key(next(_rsa_turns) % 4)
    return ec.generate_private_key(ec.SECP256R1())


@attrs.frozen(kw_only=True)
class Knobs:
    """What a certificate contains; a CA is one that has `ca`."""

    ca: bool | None = None
    path_len: int | None = None
    usage: str | None = "digital_signature"
    eku: tuple[str, ...] = ()
    eku_critical: bool = False
    san: tuple[x509.GeneralName, ...] = ()
    permitted: tuple[x509.GeneralName, ...] = ()
    excluded: tuple[x509.GeneralName, ...] = ()
    policies: tuple[str, ...] = ()
    mappings: tuple[tuple[str, str], ...] = ()
    require_explicit: int | None = None
    inhibit_mapping: int | None = None
    inhibit_any: int | None = None
    extra: tuple[Extension, ...] = ()
    key_ids: bool = True
    aki: x509.AuthorityKeyIdentifier | None = None
    start: dt.datetime = FROM
    end: dt.datetime = TO
    digest: hashes.HashAlgorithm | None = attrs.field(factory=hashes.SHA256)


CA = Knobs(ca=True, usage="key_cert_sign crl_sign")
LEAF = Knobs()


def but(knobs: Knobs, **changes: Any) -> Knobs:
    """Give the same knobs with some turned."""
    return attrs.evolve(knobs, **changes)


@attrs.frozen(eq=False)
class Subject:
    """A certificate and the key it is for."""

    certificate: x509.Certificate
    key: Key
    kind: str

    @classmethod
    def root(
        cls, kind: str, name: Named = "Root", knobs: Knobs = CA, key: Key | None = None
    ) -> Self:
        """Make a self-signed root."""
        own = key or new_key(kind)
        return cls(make(named(name), own, named(name), own, knobs), own, kind)

    def issue(self, name: Named, knobs: Knobs = LEAF, key: Key | None = None) -> "Subject":
        """Issue a certificate for a new key, or the key given."""
        own = key or new_key(self.kind)
        made = make(named(name), own, self.certificate.subject, self.key, knobs)
        return Subject(made, own, self.kind)

    def ca(self, name: Named, **changes: Any) -> "Subject":
        """Issue an intermediate."""
        return self.issue(name, but(CA, **changes))

    def leaf(self, **changes: Any) -> "Subject":
        """Issue a leaf."""
        return self.issue("Leaf", but(LEAF, **changes))

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.DER)


def named(name: Named) -> x509.Name:
    """Give a Name with this CN under one organization, or the Name itself."""
    if isinstance(name, x509.Name):
        return name
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corpus"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def make(
    subject: x509.Name, key: Key, issuer: x509.Name, issuer_key: Key, knobs: Knobs
) -> x509.Certificate:
    """Make a certificate."""
    builder = x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        next(_serial_numbers),
        knobs.start,
        knobs.end,
    )
    for extension, critical in _extensions(key, issuer_key, knobs):
        builder = builder.add_extension(extension, critical)
    is_edwards = isinstance(issuer_key, ed25519.Ed25519PrivateKey)
    return builder.sign(issuer_key, None if is_edwards else knobs.digest)  # type: ignore[arg-type]


def _extensions(key: Key, issuer_key: Key, knobs: Knobs) -> list[Extension]:
    made: list[Extension] = []
    if knobs.ca is not None:
        made.append((x509.BasicConstraints(knobs.ca, knobs.path_len), True))
    if knobs.usage is not None:
        made.append((key_usage(knobs.usage), True))
    if knobs.eku:
        purposes = x509.ExtendedKeyUsage([ObjectIdentifier(oid) for oid in knobs.eku])
        made.append((purposes, knobs.eku_critical))
    if knobs.san:
        made.append((x509.SubjectAlternativeName(knobs.san), False))
    if knobs.permitted or knobs.excluded:
        subtrees = x509.NameConstraints(knobs.permitted or None, knobs.excluded or None)
        made.append((subtrees, True))
    made += _policy_extensions(knobs)
    if knobs.key_ids:
        made.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        made.append((knobs.aki or authority, False))
    return made + list(knobs.extra)


def _policy_extensions(knobs: Knobs) -> list[Extension]:
    made: list[Extension] = []
    if knobs.policies:
        listed = [x509.PolicyInformation(ObjectIdentifier(oid), None) for oid in knobs.policies]
        made.append((x509.CertificatePolicies(listed), False))
    if knobs.mappings:
        pairs = (der.sequence(der.oid(one), der.oid(other)) for one, other in knobs.mappings)
        made.append((raw("2.5.29.33", der.sequence(*pairs)), True))
    if knobs.require_explicit is not None or knobs.inhibit_mapping is not None:
        limits = x509.PolicyConstraints(knobs.require_explicit, knobs.inhibit_mapping)
        made.append((limits, True))
    if knobs.inhibit_any is not None:
        made.append((x509.InhibitAnyPolicy(knobs.inhibit_any), True))
    return made


def raw(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    """Give an extension of any content."""
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), value)


def key_usage(allowed: str) -> x509.KeyUsage:
    """Give a keyUsage of these words."""
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name in allowed.split() for name in names})


def with_flipped_signature(certificate: bytes) -> bytes:
    """Change the last bit, which is one of the signature's."""
    return certificate[:-1] + bytes([certificate[-1] ^ 1])


def version_1(certificate: Subject, issuer: Subject) -> bytes:
    """Make the same certificate without version and extensions, by our own writer."""
    encoded = certificate.der
    start, stop = der.whole(encoded, der.SEQUENCE)
    tbs_start, tbs_stop = der.expect(encoded, start, stop, der.SEQUENCE)
    fields = [
        encoded[at:end]
        for tag, at, _, end in der.children(encoded, tbs_start, tbs_stop)
        if tag not in (der.context(0), der.context(3))
    ]
    return resigned(der.sequence(*fields), encoded[tbs_stop:], issuer)


def with_extension_twice(certificate: Subject, issuer: Subject) -> bytes:
    """Make the same certificate with its last extension repeated, by our own writer."""
    encoded = certificate.der
    start, stop = der.whole(encoded, der.SEQUENCE)
    tbs_start, tbs_stop = der.expect(encoded, start, stop, der.SEQUENCE)
    fields = list(der.children(encoded, tbs_start, tbs_stop))
    _, _, inside, end = fields[-1]
    inner_start, inner_stop = der.expect(encoded, inside, end, der.SEQUENCE)
    listed = [encoded[at:till] for _, at, _, till in der.children(encoded, inner_start, inner_stop)]
    extensions = der.tlv(der.context(3), der.sequence(*listed, listed[-1]))
    head = encoded[tbs_start : fields[-1][1]]
    return resigned(der.sequence(head, extensions), encoded[tbs_stop:], issuer)


def resigned(tbs: bytes, tail: bytes, issuer: Subject) -> bytes:
    """Sign a P-256 issuer's TBSCertificate; `tail` begins with the algorithm."""
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    signature = issuer.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    _, _, algorithm_stop = der.read(tail, 0, len(tail))
    return der.sequence(tbs, tail[:algorithm_stop], der.bit_string(signature))


@attrs.frozen(kw_only=True)
class ListKnobs:
    """What a list contains beside its entries: (certificate, reason, days before `AT`)."""

    entries: Sequence[tuple[Subject, x509.ReasonFlags | None]] = ()
    this_update: dt.datetime = AT - DAY
    next_update: dt.datetime = AT + 7 * DAY
    number: int = 1
    base: int | None = None
    point: x509.IssuingDistributionPoint | None = None
    extra: tuple[Extension, ...] = ()


def revocation_list(issuer: Subject, **changes: Any) -> bytes:
    """Make a list signed by `issuer`."""
    knobs = attrs.evolve(ListKnobs(), **changes)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(knobs.this_update)
        .next_update(knobs.next_update)
        .add_extension(x509.CRLNumber(knobs.number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    if knobs.base is not None:
        builder = builder.add_extension(x509.DeltaCRLIndicator(knobs.base), critical=True)
    if knobs.point is not None:
        builder = builder.add_extension(knobs.point, critical=True)
    for extension, critical in knobs.extra:
        builder = builder.add_extension(extension, critical)
    for subject, reason in knobs.entries:
        builder = builder.add_revoked_certificate(_entry(subject, reason))
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _entry(subject: Subject, reason: x509.ReasonFlags | None) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(subject.certificate.serial_number)
        .revocation_date(AT - 2 * DAY)
    )
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()
