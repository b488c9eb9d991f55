"""Certificate extensions written that tell of names, policies and addresses.  RFC 5280 4.2."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import extension
from appliance.asn1.extension.general_names import GeneralName, NameConstraints, NameKind
from appliance.errors import Malformed

_CONSTRUCTED = (NameKind.OTHER, NameKind.X400, NameKind.DIRECTORY, NameKind.EDI_PARTY)


def subject_alt_name(names: Iterable[GeneralName], *, critical: bool = False) -> bytes:
    """Render subjectAltName; critical where the subject is empty.  RFC 5280 4.2.1.6."""
    value = der.sequence(*(general_name(name) for name in names))
    return extension(oids.SUBJECT_ALT_NAME, value, critical=critical)


def certificate_policies(policies: Iterable[str]) -> bytes:
    """Render certificatePolicies without qualifiers.  RFC 5280 4.2.1.4."""
    value = der.sequence(*(der.sequence(der.oid(policy)) for policy in policies))
    return extension(oids.CERTIFICATE_POLICIES, value)


def crl_distribution_points(urls: Iterable[str]) -> bytes:
    """Render cRLDistributionPoints, one point a URL.  RFC 5280 4.2.1.13.  Raises Malformed."""
    points = (
        der.sequence(der.tlv(der.context(0), der.tlv(der.context(0), _uri(url)))) for url in urls
    )
    return extension(oids.CRL_DISTRIBUTION_POINTS, der.sequence(*points))


def authority_info_access(*, ocsp: str, issuer_certificate: str) -> bytes:
    """Render authorityInfoAccess of the URLs that are not empty.  Raises Malformed.

    RFC 5280 4.2.2.1: where OCSP is answered, and where the issuer's certificate is.
    """
    methods = ((oids.AD_OCSP, ocsp), (oids.AD_CA_ISSUERS, issuer_certificate))
    value = (der.sequence(der.oid(method), _uri(url)) for method, url in methods if url)
    return extension(oids.AUTHORITY_INFO_ACCESS, der.sequence(*value))


def name_constraints(constraints: NameConstraints) -> bytes:
    """Render nameConstraints of a CA, critical.  RFC 5280 4.2.1.10."""
    fields = (
        der.tlv(der.context(number), *(der.sequence(general_name(base)) for base in bases))
        for number, bases in enumerate((constraints.permitted, constraints.excluded))
        if bases
    )
    return extension(oids.NAME_CONSTRAINTS, der.sequence(*fields), critical=True)


def general_name(name: GeneralName) -> bytes:
    """Render one GeneralName."""
    return der.tlv(der.context(name.kind.value, constructed=name.kind in _CONSTRUCTED), name.value)


def _uri(url: str) -> bytes:
    if not url.isascii() or not url.isprintable() or " " in url or ":" not in url:
        raise Malformed("a URL is printable ASCII with a scheme")
    return general_name(GeneralName(NameKind.URI, url.encode()))
