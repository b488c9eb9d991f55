"""Distinguished names (RFC 5280 4.1.2.4, X.501): compared as DER, read as text."""

from __future__ import annotations

import attrs

from appliance.asn1 import der, oids
from appliance.errors import Malformed

MAX_ATTRIBUTES = 64

_SHORT = {
    oids.COMMON_NAME: "CN",
    oids.COUNTRY: "C",
    oids.LOCALITY: "L",
    oids.PROVINCE: "ST",
    oids.ORGANIZATION: "O",
    oids.ORGANIZATIONAL_UNIT: "OU",
}
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
    """Render the Name C, O, CN without those left None.  Raises Malformed past X.520's bounds."""
    parts = [
        (oids.COUNTRY, _country(country)) if country else None,
        (oids.ORGANIZATION, _directory_string(organization)) if organization else None,
        (oids.COMMON_NAME, _directory_string(common_name)),
    ]
    return der.sequence(
        *(der.set_of([der.sequence(der.oid(part[0]), part[1])]) for part in parts if part)
    )


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
    start, stop = der.expect(data, position, end, der.OBJECT_IDENTIFIER)
    tag, value_start, value_stop = der.read(data, stop, end)
    der.finish(value_stop, end)
    value = data[value_start:value_stop]
    try:
        text = value.decode(_CHARSETS[tag])
    except (KeyError, UnicodeDecodeError):
        text = "#" + data[stop:end].hex()  # as RFC 4514 2.4 shows a value that is no string
    return der.oid_text(data, start, stop), text


def _directory_string(text: str) -> bytes:
    if not 1 <= len(text) <= 64:  # ub-common-name, ub-organization-name
        raise Malformed("a name attribute has 1 to 64 characters")
    return der.utf8_string(text)


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
