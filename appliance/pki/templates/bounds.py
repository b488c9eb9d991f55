"""The bounds of what a template may have issued, whoever asks; and the same, looked for in octets.

`check_template` reads what is wanted, `check_certificate` what is about to be signed.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.x509 import Certificate
from appliance.errors import Refused
from appliance.pki.templates.template import Template, TemplateKind, check_form
from appliance.quantities import SECONDS_PER_DAY, US_PER_S

VALIDITY_CAPS_S = {
    TemplateKind.PERSON: (5 * 365 + 2) * SECONDS_PER_DAY,
    TemplateKind.DEVICE: (366 + 1) * SECONDS_PER_DAY,
    TemplateKind.SERVER: 397 * SECONDS_PER_DAY,
    TemplateKind.GRANT: SECONDS_PER_DAY,
}
"""How long a certificate of each kind may hold, leap days included."""

_CA_USAGES = frozenset({KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN})
_RESERVED_PURPOSES = frozenset({oids.TIME_STAMPING, oids.OCSP_SIGNING, oids.ANY_EXTENDED_KEY_USAGE})
_RESERVED_ARCS = (
    "2.5.29",  # id-ce
    "1.3.6.1.5.5.7",  # id-pkix: id-pe, and id-pkix-ocsp-nocheck under id-ad
    "2.16.840.1.113730.1",  # Netscape's: its certType is still read as CA and TLS purposes
    "1.3.6.1.4.1.311.21.10",  # Microsoft's application policies, an extKeyUsage by another name
)
_WRITTEN_HERE = frozenset(
    {
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.CERTIFICATE_POLICIES,
        oids.SUBJECT_ALT_NAME,
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.CRL_DISTRIBUTION_POINTS,
        oids.AUTHORITY_INFO_ACCESS,
    }
)


def check_template(template: Template) -> None:
    """Refuse a template that could make more than a user of its kind is due.

    Never a CA, never keyCertSign or cRLSign, never the purposes timeStamping, OCSPSigning and
    anyExtendedKeyUsage, no validity past the kind's cap, and no custom extension under the arcs
    of X.509's own.  Raises Refused, and Malformed as `templates.check_form` does.
    """
    check_form(template)
    _check_usages(template.usages)
    _check_purposes(template.purposes)
    _check_length(template.validity_s, template.kind)
    for custom in template.extensions:
        if _is_reserved(custom.oid):
            raise Refused(f"extension {custom.oid} is not a template's to write")


def check_certificate(certificate: Certificate, kind: TemplateKind) -> None:
    """Refuse to sign what breaks the bounds of its kind, however it came about.  Raises Refused."""
    listed = certificate.extensions
    if listed.basic_constraints is not None:
        raise Refused("a user's certificate has no basicConstraints")
    if not listed.key_usage:
        raise Refused("a user's certificate has a keyUsage")
    _check_usages(listed.key_usage)
    _check_purposes(listed.extended_key_usage or ())
    validity = certificate.validity
    length_us = validity.not_after.posix_us - validity.not_before.posix_us
    _check_length(-(-length_us // US_PER_S), kind)
    if kind is TemplateKind.SERVER and listed.find(oids.SUBJECT_ALT_NAME) is None:
        raise Refused("a server has an alternative name; its common name counts for nothing")
    for extension in listed.listed:
        if extension.oid not in _WRITTEN_HERE and _is_reserved(extension.oid):
            raise Refused(f"extension {extension.oid} is not one of a user's certificate")
    if certificate.is_self_issued:
        raise Refused("a user has another name than the issuer")


def _check_usages(usages: Iterable[KeyUsage]) -> None:
    if not _CA_USAGES.isdisjoint(usages):
        raise Refused("keyCertSign and cRLSign are an authority's alone")


def _check_purposes(purposes: Iterable[str]) -> None:
    if not _RESERVED_PURPOSES.isdisjoint(purposes):
        raise Refused("timeStamping, OCSPSigning and anyExtendedKeyUsage are not a user's")


def _check_length(length_s: int, kind: TemplateKind) -> None:
    if not 0 < length_s <= VALIDITY_CAPS_S[kind]:
        raise Refused(f"a {kind.value} certificate may not hold for {length_s} s")


def _is_reserved(oid: str) -> bool:
    return any(oid == arc or oid.startswith(f"{arc}.") for arc in _RESERVED_ARCS)
