"""Distinguished names (RFC 5280 4.1.2.4, X.501): compared as DER, read as text."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import read_oid
from appliance.errors import Malformed

MAX_ATTRIBUTES = 64

_SHORT = {
    oids.COMMON_NAME: "CN",
    oids.COUNTRY: "C",
    oids.LOCALITY: "L",
    oids.PROVINCE: "ST",
    oids.ORGANIZATION: "O",
    oids.ORGANIZATIONAL_UNIT: "OU",
    oids.SERIAL_NUMBER: "serialNumber",
    oids.EMAIL_ADDRESS: "emailAddress",
    oids.UID: "UID",
}
TYPES = {short: oid for oid, short in _SHORT.items()}
"""The dotted types of attributes that are written, by the short names of RFC 4519 and PKCS #9."""

_UTF8_BOUNDS = {
    oids.COMMON_NAME: 64,
    oids.ORGANIZATION: 64,
    oids.ORGANIZATIONAL_UNIT: 64,
    oids.LOCALITY: 128,
    oids.PROVINCE: 128,
    oids.UID: 256,
}
"""How many characters a UTF8String may have.  RFC 5280 appendix A; RFC 4524 for UID."""
_SERIAL_NUMBER_BOUND = 64
_EMAIL_BOUND = 255
_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
# Control, format (which turn text round), surrogate; separators of lines and paragraphs.  Private
# use stays: names of people are written in it.
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NUMERIC_STRING, _TELETEX_STRING, _UNIVERSAL_STRING, _BMP_STRING = 0x12, 0x14, 0x1C, 0x1E
_CHARSETS = {
    der.UTF8_STRING: "utf-8",
    der.PRINTABLE_STRING: "ascii",
    der.IA5_STRING: "ascii",
    _NUMERIC_STRING: "ascii",
    _TELETEX_STRING: "latin-1",
    _UNIVERSAL_STRING: "utf-32-be",
    _BMP_STRING: "utf-16-be",
}


@attrs.frozen
class Name:
    """A Name: its TLV, and its attributes as (dotted type, text) in the order written."""

    der: bytes = attrs.field(repr=False)
    attributes: tuple[tuple[str, str], ...] = attrs.field(eq=False)

    @property
    def common_name(self) -> str:
        """The last CN, or nothing."""
        found = [text for kind, text in self.attributes if kind == oids.COMMON_NAME]
        return found[-1] if found else ""

    def __str__(self) -> str:
        """Give the attributes as people write them, most specific first, nothing unprintable."""
        return ",".join(
            f"{_SHORT.get(kind, kind)}={_printable(text)}"
            for kind, text in reversed(self.attributes)
        )


def encode_name(
    common_name: str, *, organization: str | None = None, country: str | None = None
) -> bytes:
    """Render the Name C, O, CN without those left None.  Raises as `encode_attributes` does."""
    parts = (
        (oids.COUNTRY, country or None),
        (oids.ORGANIZATION, organization or None),
        (oids.COMMON_NAME, common_name),
    )
    return encode_attributes((kind, text) for kind, text in parts if text is not None)


def encode_attributes(attributes: Iterable[tuple[str, str]]) -> bytes:
    """Render a Name of (dotted type, text) in the order given, one a relative name.

    Raises Malformed for a type that is not in `TYPES`, past X.520's bounds, and for characters that
    do not show themselves.
    """
    return der.sequence(*(encode_relative(kind, text) for kind, text in attributes))


@functools.lru_cache(1024)
def encode_relative(kind: str, text: str) -> bytes:
    """Render one RelativeDistinguishedName of one attribute.  Raises as `encode_attributes`."""
    pair = _type(kind) + _attribute_value(kind, text)
    return der.tlv(der.SET, der.header(der.SEQUENCE, len(pair)), pair)


def printable_string(text: str) -> bytes:
    """Render a PrintableString.  Raises Malformed for characters it has not.  X.680 41.4."""
    if not _PRINTABLE.issuperset(text):
        raise Malformed("a PrintableString has letters, digits and few marks")
    return der.tlv(der.PRINTABLE_STRING, text.encode())


def shows(text: str) -> bool:
    """Tell whether each character shows itself and there is more than spaces."""
    if text.isascii():
        return text.isprintable() and not text.isspace() and text != ""
    return bool(text.strip()) and not any(unicodedata.category(mark) in _FORBIDDEN for mark in text)


def read_name(data: bytes, position: int, end: int) -> tuple[Name, int]:
    """Read a Name and where it ends.  Raises Malformed, also past `MAX_ATTRIBUTES`."""
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    attributes: list[tuple[str, str]] = []
    for tag, _, set_start, set_stop in der.children(data, start, stop):
        if tag != der.SET or set_start == set_stop:
            raise Malformed("RelativeDistinguishedName is not a SET of something")
        for pair_tag, _, pair_start, pair_stop in der.children(data, set_start, set_stop):
            if pair_tag != der.SEQUENCE or len(attributes) == MAX_ATTRIBUTES:
                raise Malformed("Name has something else than attributes, or too many")
            attributes.append(_read_attribute(data, pair_start, pair_stop))
    return Name(data[position:stop], tuple(attributes)), stop


def _read_attribute(data: bytes, position: int, end: int) -> tuple[str, str]:
    kind, stop = read_oid(data, position, end)
    tag, value_start, value_stop = der.read(data, stop, end)
    der.finish(value_stop, end)
    value = data[value_start:value_stop]
    try:
        text = value.decode(_CHARSETS[tag])
    except (KeyError, UnicodeDecodeError):
        text = "#" + data[stop:end].hex()  # as RFC 4514 2.4 shows a value that is no string
    return kind, text


@functools.lru_cache(64)
def _type(kind: str) -> bytes:
    return der.oid(kind)


def _attribute_value(kind: str, text: str) -> bytes:
    if not shows(text):
        raise Malformed("a name attribute is empty or has characters that do not show")
    if bound := _UTF8_BOUNDS.get(kind):
        if len(text) > bound:
            raise Malformed(f"{_SHORT[kind]} has 1 to {bound} characters")
        return der.utf8_string(text)
    if kind == oids.COUNTRY:
        return _country(text)
    if kind == oids.SERIAL_NUMBER:
        if len(text) > _SERIAL_NUMBER_BOUND:
            raise Malformed("serialNumber has 1 to 64 characters")
        return printable_string(text)
    if kind == oids.EMAIL_ADDRESS:
        return _email(text)
    raise Malformed("a name has no attribute of this type")


def _email(text: str) -> bytes:
    if len(text) > _EMAIL_BOUND or not text.isascii() or not 0 < text.find("@") < len(text) - 1:
        raise Malformed("an emailAddress is ASCII around an @")
    return der.tlv(der.IA5_STRING, text.encode())


def _country(code: str) -> bytes:
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise Malformed("a country is two letters")
    return der.tlv(der.PRINTABLE_STRING, code.encode())


def _printable(text: str) -> str:
    escaped = "".join("\\" + mark if mark in ',+"\\<>;=' else mark for mark in text)
    return "".join(
        mark if mark.isprintable() else "".join(f"\\{octet:02X}" for octet in _octets(mark))
        for mark in escaped
    )


def _octets(mark: str) -> bytes:
    return mark.encode("utf-8", "surrogatepass")
