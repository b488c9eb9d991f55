"""Where a certificate says that lists, OCSP and its issuer's certificate are to be had.

RFC 5280 4.2.1.13 and 4.2.2.1.  Only addresses that are URIs are given, in the order of their text.
"""

from __future__ import annotations

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import Extensions
from appliance.asn1.status.crl import distribution_point_names
from appliance.errors import Malformed

MAX_DESCRIPTIONS = 32

_URI = der.context(6, constructed=False)


def crl_urls(extensions: Extensions) -> tuple[str, ...]:
    """Give the addresses of whole lists.  Raises Malformed."""
    points = extensions.find(oids.CRL_DISTRIBUTION_POINTS)
    names = () if points is None else distribution_point_names(points.value)
    return tuple(sorted(url for name in names if (url := _url(name)) is not None))


def ocsp_urls(extensions: Extensions) -> tuple[str, ...]:
    """Give the addresses of OCSP responders.  Raises Malformed."""
    return _access(extensions, oids.AD_OCSP)


def issuer_urls(extensions: Extensions) -> tuple[str, ...]:
    """Give the addresses of the issuer's certificate.  Raises Malformed."""
    return _access(extensions, oids.AD_CA_ISSUERS)


def _access(extensions: Extensions, method: str) -> tuple[str, ...]:
    found = extensions.find(oids.AUTHORITY_INFO_ACCESS)
    if found is None:
        return ()
    data = found.value
    position, end = der.whole(data, der.SEQUENCE)
    urls: list[str] = []
    for count, (tag, _, start, stop) in enumerate(der.children(data, position, end)):
        if tag != der.SEQUENCE or count == MAX_DESCRIPTIONS:
            raise Malformed("authorityInfoAccess has something else than methods, or too many")
        oid_start, oid_stop = der.expect(data, start, stop, der.OBJECT_IDENTIFIER)
        der.finish(der.read(data, oid_stop, stop)[2], stop)
        url = _url(data[oid_stop:stop])
        if url is not None and der.oid_text(data, oid_start, oid_stop) == method:
            urls.append(url)
    return tuple(sorted(urls))


def _url(name: bytes) -> str | None:
    """Read a GeneralName of a URI; None for any other."""
    tag, start, stop = der.read(name, 0, len(name))
    text = name[start:stop]
    return text.decode() if tag == _URI and text.isascii() else None
