"""Distinguished names compared as people mean them.  RFC 5280 7.1.

Strings of any type are equal when their NFKC forms are, cases folded and spaces at the ends dropped
and within made one: what RFC 4518 prepares for caseIgnoreMatch, without its table of characters to
prohibit.  A value that is no string is compared as DER.
"""

from __future__ import annotations

import functools
import unicodedata

from appliance.asn1 import der
from appliance.asn1.names import Name
from appliance.asn1.x509 import Certificate

Relative = frozenset[tuple[bytes, str | bytes]]
"""One RelativeDistinguishedName: (the content of its type, the value as compared)."""

_CHARSETS = {
    der.UTF8_STRING: "utf-8",
    der.PRINTABLE_STRING: "ascii",
    der.IA5_STRING: "ascii",
    0x12: "ascii",  # NumericString
    0x14: "latin-1",  # TeletexString, as it is met
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}


def same_name(one: Name, other: Name) -> bool:
    """Tell whether two names match."""
    return one.der == other.der or canonical(one.der) == canonical(other.der)


def is_self_issued(certificate: Certificate) -> bool:
    """Tell whether subject and issuer are the same, however they are spelt.  RFC 5280 3.2."""
    return same_name(certificate.subject, certificate.issuer)


@functools.lru_cache(1024)
def canonical(name: bytes) -> tuple[Relative, ...]:
    """Give a Name, a TLV that `read_name` has read, in the form that is compared."""
    start, stop = der.whole(name, der.SEQUENCE)
    return tuple(
        frozenset(
            _attribute(name, pair_start, pair_stop)
            for _, _, pair_start, pair_stop in der.children(name, set_start, set_stop)
        )
        for _, _, set_start, set_stop in der.children(name, start, stop)
    )


def _attribute(data: bytes, start: int, stop: int) -> tuple[bytes, str | bytes]:
    kind_start, kind_stop = der.expect(data, start, stop, der.OBJECT_IDENTIFIER)
    tag, value_start, value_stop = der.read(data, kind_stop, stop)
    kind = data[kind_start:kind_stop]
    try:
        text = data[value_start:value_stop].decode(_CHARSETS[tag])
    except (KeyError, UnicodeDecodeError):
        return kind, data[kind_stop:stop]
    return kind, " ".join(unicodedata.normalize("NFKC", text).casefold().split())
