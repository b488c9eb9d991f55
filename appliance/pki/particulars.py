"""What a certificate says, taken apart for a person or a program: every field, every extension."""

from __future__ import annotations

import hashlib

import msgspec

from appliance.asn1 import oids
from appliance.asn1.extension.access import crl_urls, issuer_urls, ocsp_urls
from appliance.asn1.extension.extensions import Extension
from appliance.asn1.extension.general_names import GeneralName, NameKind, decode_general_names
from appliance.asn1.extension.policies import decode_certificate_policies
from appliance.asn1.names import Name, read_name
from appliance.asn1.x509 import Certificate
from appliance.errors import Malformed

_V3 = 3
_KEY_NAMES = {
    oids.RSA_ENCRYPTION: "RSA",
    oids.SM2_CURVE: "SM2",
    oids.PRIME256V1: "P-256",
    oids.SECP384R1: "P-384",
}
_EXTENSION_NAMES = {
    oids.SUBJECT_KEY_IDENTIFIER: "subjectKeyIdentifier",
    oids.KEY_USAGE: "keyUsage",
    oids.PRIVATE_KEY_USAGE_PERIOD: "privateKeyUsagePeriod",
    oids.SUBJECT_ALT_NAME: "subjectAltName",
    oids.BASIC_CONSTRAINTS: "basicConstraints",
    oids.NAME_CONSTRAINTS: "nameConstraints",
    oids.CRL_DISTRIBUTION_POINTS: "cRLDistributionPoints",
    oids.CERTIFICATE_POLICIES: "certificatePolicies",
    oids.POLICY_MAPPINGS: "policyMappings",
    oids.AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier",
    oids.POLICY_CONSTRAINTS: "policyConstraints",
    oids.EXTENDED_KEY_USAGE: "extKeyUsage",
    oids.FRESHEST_CRL: "freshestCRL",
    oids.INHIBIT_ANY_POLICY: "inhibitAnyPolicy",
    oids.AUTHORITY_INFO_ACCESS: "authorityInfoAccess",
    oids.OCSP_NOCHECK: "ocspNoCheck",
}


class NamePart(msgspec.Struct, frozen=True):
    """An attribute of a Name, in the order written."""

    oid: str
    value: str


class ExtensionParticulars(msgspec.Struct, frozen=True):
    """An extension: `name` is empty for one of somebody's own, `value` is the DER inside."""

    oid: str
    name: str
    critical: bool
    value: bytes


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
    """All that a certificate says.

    Numbers and identifiers are in hexadecimal, instants in RFC 3339, algorithms and purposes OIDs.
    `odd` names the extensions that are ill-formed inside, whose fields are then left out.
    """

    version: int
    serial_number: str
    subject: str
    subject_parts: tuple[NamePart, ...]
    issuer: str
    issuer_parts: tuple[NamePart, ...]
    not_before: str
    not_after: str
    key_algorithm: str
    key: bytes
    signature_algorithm: str
    fingerprint_sm3: str
    fingerprint_sha256: str
    is_ca: bool = False
    path_len: int | None = None
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    subject_key_id: str = ""
    authority_key_id: str = ""
    private_key_not_before: str | None = None
    private_key_not_after: str | None = None
    alternative_names: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()
    extensions: tuple[ExtensionParticulars, ...] = ()
    odd: tuple[str, ...] = ()


def describe(certificate: Certificate) -> Particulars:
    """Take a certificate apart; nothing is raised for what its extensions hold."""
    extensions = certificate.extensions
    constraints = extensions.basic_constraints
    period = extensions.private_key_usage_period
    ends = (None, None) if period is None else (period.not_before, period.not_after)
    begins_at, ends_at = (None if end is None else end.isoformat() for end in ends)
    usages = sorted(extensions.key_usage or (), key=lambda usage: usage.value)
    reader = _Reader(certificate)
    return Particulars(
        version=_V3 if extensions.listed else _version(certificate),
        serial_number=f"{certificate.serial_number:x}",
        subject=str(certificate.subject),
        subject_parts=_parts(certificate.subject),
        issuer=str(certificate.issuer),
        issuer_parts=_parts(certificate.issuer),
        not_before=certificate.validity.not_before.isoformat(),
        not_after=certificate.validity.not_after.isoformat(),
        key_algorithm=_key_name(certificate),
        key=certificate.spki,
        signature_algorithm=certificate.signature_algorithm.oid,
        fingerprint_sm3=hashlib.new("sm3", certificate.der).hexdigest(),
        fingerprint_sha256=hashlib.sha256(certificate.der).hexdigest(),
        is_ca=constraints is not None and constraints.ca,
        path_len=None if constraints is None else constraints.path_len,
        key_usage=tuple(usage.name.lower() for usage in usages),
        extended_key_usage=extensions.extended_key_usage or (),
        subject_key_id=(extensions.subject_key_id or b"").hex(),
        authority_key_id=(extensions.authority_key_id or b"").hex(),
        private_key_not_before=begins_at,
        private_key_not_after=ends_at,
        alternative_names=reader.alternative_names(),
        policies=reader.policies(),
        crl_urls=reader.urls(oids.CRL_DISTRIBUTION_POINTS, "crl"),
        ocsp_urls=reader.urls(oids.AUTHORITY_INFO_ACCESS, "ocsp"),
        issuer_urls=reader.urls(oids.AUTHORITY_INFO_ACCESS, "issuer"),
        extensions=tuple(map(_extension, extensions.listed)),
        odd=tuple(dict.fromkeys(reader.odd)),
    )


_URL_READERS = {"crl": crl_urls, "ocsp": ocsp_urls, "issuer": issuer_urls}


class _Reader:
    """Reads what extensions hold, and notes those that are ill-formed."""

    def __init__(self, certificate: Certificate) -> None:
        self._extensions = certificate.extensions
        self.odd: list[str] = []

    def alternative_names(self) -> tuple[str, ...]:
        found = self._extensions.find(oids.SUBJECT_ALT_NAME)
        try:
            return () if found is None else tuple(map(_said, decode_general_names(found.value)))
        except Malformed:
            return self._nothing(oids.SUBJECT_ALT_NAME)

    def policies(self) -> tuple[str, ...]:
        found = self._extensions.find(oids.CERTIFICATE_POLICIES)
        try:
            return () if found is None else decode_certificate_policies(found.value)
        except Malformed:
            return self._nothing(oids.CERTIFICATE_POLICIES)

    def urls(self, oid: str, kind: str) -> tuple[str, ...]:
        try:
            return _URL_READERS[kind](self._extensions)
        except Malformed:
            return self._nothing(oid)

    def _nothing(self, oid: str) -> tuple[str, ...]:
        self.odd.append(oid)
        return ()


def _version(certificate: Certificate) -> int:
    """Tell the version of one without extensions: v1 leaves the field out."""
    # The TBSCertificate begins with [0] where the version is written, its number 5 octets on.
    header = 2 + (certificate.tbs[1] & 0x7F if certificate.tbs[1] >= 0x80 else 0)
    return certificate.tbs[header + 4] + 1 if certificate.tbs[header] == 0xA0 else 1


def _key_name(certificate: Certificate) -> str:
    kind = certificate.key.curve or certificate.key.algorithm
    return _KEY_NAMES.get(kind, kind)


def _parts(name: Name) -> tuple[NamePart, ...]:
    return tuple(NamePart(oid, text) for oid, text in name.attributes)


def _extension(extension: Extension) -> ExtensionParticulars:
    name = _EXTENSION_NAMES.get(extension.oid, "")
    return ExtensionParticulars(extension.oid, name, extension.critical, extension.value)


def _said(name: GeneralName) -> str:
    """Write a GeneralName as `kind:value`."""
    value = name.value
    if name.kind in (NameKind.EMAIL, NameKind.DNS, NameKind.URI):
        return f"{name.kind.name.lower()}:{value.decode('ascii')}"
    if name.kind is NameKind.DIRECTORY:
        return f"directory:{read_name(value, 0, len(value))[0]}"
    if name.kind is NameKind.IP:
        return "ip:" + (".".join(map(str, value)) if len(value) == 4 else value.hex(":", 2))
    return f"{name.kind.name.lower()}:#{value.hex()}"
