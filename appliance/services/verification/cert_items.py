"""The items of a certificate that ParseCert gives one at a time, by their numbers in GM/T 0006."""

from __future__ import annotations

import enum

import msgspec

from appliance.asn1 import oids
from appliance.pki.particulars import NamePart, Particulars


class CertItem(enum.IntEnum):
    """What of a certificate is asked for.  GM/T 0006-2012 6.3.4."""

    VERSION = 0x01
    SERIAL = 0x02
    ISSUER = 0x05
    VALID_TIME = 0x06
    SUBJECT = 0x07
    PUBLIC_KEY = 0x08
    EXTENSIONS = 0x09
    AUTHORITY_KEY_IDENTIFIER = 0x11
    SUBJECT_KEY_IDENTIFIER = 0x12
    KEY_USAGE = 0x13
    PRIVATE_KEY_USAGE_PERIOD = 0x14
    CERTIFICATE_POLICIES = 0x15
    POLICY_MAPPINGS = 0x16
    BASIC_CONSTRAINTS = 0x17
    POLICY_CONSTRAINTS = 0x18
    EXT_KEY_USAGE = 0x19
    CRL_DISTRIBUTION_POINTS = 0x1A
    SELF_DEFINED_EXTENSIONS = 0x1C
    ISSUER_CN = 0x21
    ISSUER_O = 0x22
    ISSUER_OU = 0x23
    SUBJECT_CN = 0x31
    SUBJECT_O = 0x32
    SUBJECT_OU = 0x33
    SUBJECT_EMAIL = 0x34
    NOT_BEFORE = 0x35
    NOT_AFTER = 0x36


_DIRECT = {
    CertItem.SERIAL: "serial_number",
    CertItem.ISSUER: "issuer",
    CertItem.SUBJECT: "subject",
    CertItem.AUTHORITY_KEY_IDENTIFIER: "authority_key_id",
    CertItem.SUBJECT_KEY_IDENTIFIER: "subject_key_id",
    CertItem.NOT_BEFORE: "not_before",
    CertItem.NOT_AFTER: "not_after",
}
_LISTS = {
    CertItem.KEY_USAGE: "key_usage",
    CertItem.CERTIFICATE_POLICIES: "policies",
    CertItem.EXT_KEY_USAGE: "extended_key_usage",
    CertItem.CRL_DISTRIBUTION_POINTS: "crl_urls",
}
_PARTS = {
    CertItem.ISSUER_CN: ("issuer_parts", oids.COMMON_NAME),
    CertItem.ISSUER_O: ("issuer_parts", oids.ORGANIZATION),
    CertItem.ISSUER_OU: ("issuer_parts", oids.ORGANIZATIONAL_UNIT),
    CertItem.SUBJECT_CN: ("subject_parts", oids.COMMON_NAME),
    CertItem.SUBJECT_O: ("subject_parts", oids.ORGANIZATION),
    CertItem.SUBJECT_OU: ("subject_parts", oids.ORGANIZATIONAL_UNIT),
    CertItem.SUBJECT_EMAIL: ("subject_parts", oids.EMAIL_ADDRESS),
}
_EXTENSIONS = {
    CertItem.POLICY_MAPPINGS: oids.POLICY_MAPPINGS,
    CertItem.POLICY_CONSTRAINTS: oids.POLICY_CONSTRAINTS,
}


def item_of(item: CertItem, told: Particulars) -> str:
    """Give one item as text, empty where the certificate has none.

    Several values are separated by commas; extensions are JSON, keys and undecoded values base64.
    """
    if item in _DIRECT:
        return str(getattr(told, _DIRECT[item]))
    if item in _LISTS:
        return ",".join(getattr(told, _LISTS[item]))
    if item in _PARTS:
        field, oid = _PARTS[item]
        parts: tuple[NamePart, ...] = getattr(told, field)
        return ",".join(part.value for part in parts if part.oid == oid)
    return _composed(item, told)


def _composed(item: CertItem, told: Particulars) -> str:
    if item is CertItem.VERSION:
        return str(told.version)
    if item is CertItem.VALID_TIME:
        return f"{told.not_before},{told.not_after}"
    if item is CertItem.PRIVATE_KEY_USAGE_PERIOD:
        return ",".join(
            each or "" for each in (told.private_key_not_before, told.private_key_not_after)
        ).strip(",")
    if item is CertItem.BASIC_CONSTRAINTS:
        return f"CA:{told.is_ca},pathlen:{told.path_len}"
    if item is CertItem.PUBLIC_KEY:
        return _base64(told.key)
    wanted = _EXTENSIONS.get(item)
    chosen = [
        each
        for each in told.extensions
        if item is CertItem.EXTENSIONS
        or each.oid == wanted
        or (item is CertItem.SELF_DEFINED_EXTENSIONS and not each.name)
    ]
    return msgspec.json.encode(chosen).decode()


def _base64(octets: bytes) -> str:
    return str(msgspec.to_builtins(octets))
