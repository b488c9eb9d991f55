"""Extensions of a customer's own: an OID, a kind of value, its criticality, and the value.

The value is fixed in a template or filled from a user's fields; each kind says how it is written.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.asn1 import der
from appliance.asn1.extension import extensions
from appliance.asn1.names import printable_string, shows
from appliance.errors import Malformed
from appliance.pki.templates import places
from appliance.pki.templates.places import Fields
from appliance.quantities import Utc

MAX_TEXT = 4096
MAX_DEPTH = 16

Oid = Annotated[
    str,
    Meta(
        pattern=r"^([01]\.[1-3]?[0-9]|2\.(0|[1-9][0-9]{0,8}))(\.(0|[1-9][0-9]{0,38}))*\Z",
        max_length=128,
    ),
]
"""A dotted OID in its only spelling; it fits 64 octets."""


class ExtensionKind(enum.Enum):
    """How a value is spelt in a template, and the ASN.1 type that it becomes."""

    UTF8 = "utf8"
    IA5 = "ia5"
    PRINTABLE = "printable"
    INTEGER = "integer"  # a number, or its decimal digits
    BOOLEAN = "boolean"  # true or false
    OCTETS = "octets"  # hex of an OCTET STRING's content
    OID = "oid"
    TIME = "time"  # RFC 3339 in UTC to the second, as 2026-01-31T08:00:00Z
    NULL = "null"  # no value
    DER = "der"  # hex of one whole value


class CustomExtension(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """An extension as a template has it; `optional` leaves it out when a field is missing."""

    oid: Oid
    kind: ExtensionKind
    critical: bool = False
    value: bool | int | Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    optional: bool = False

    @property
    def pattern(self) -> str:
        """The value as text with places."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value)

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same in each certificate.  Raises Malformed for a stray brace."""
        return not places.has_places(self.pattern)


def encode_custom(custom: CustomExtension, fields: Fields) -> bytes:
    """Render the Extension, filled; nothing where it is optional and a field is missing.

    Raises Malformed for a value that is not of its kind, Refused for a field that is missing.
    """
    if custom.optional and not places.can_fill(custom.pattern, fields):
        return b""
    text = places.fill(custom.pattern, fields)
    if len(text) > MAX_TEXT:
        raise Malformed(f"the value of extension {custom.oid} is too long")
    return extensions.extension(
        custom.oid, encode_value(custom.kind, text), critical=custom.critical
    )


def encode_value(kind: ExtensionKind, text: str) -> bytes:
    """Render a value in DER.  Raises Malformed for text that does not spell one of its kind."""
    return _WRITERS[kind](text)


def _utf8(text: str) -> bytes:
    if not shows(text):
        raise Malformed("a text is empty or has characters that do not show")
    return der.utf8_string(text)


def _ia5(text: str) -> bytes:
    if not (text.isascii() and shows(text)):
        raise Malformed("an IA5String here is printable ASCII")
    return der.tlv(der.IA5_STRING, text.encode())


def _printable(text: str) -> bytes:
    if not shows(text):
        raise Malformed("a text is empty or has characters that do not show")
    return printable_string(text)


def _integer(text: str) -> bytes:
    if not re.fullmatch(r"0|-?[1-9][0-9]{0,75}", text, re.ASCII):
        raise Malformed("an integer is at most 76 decimal digits without zeros in front")
    return der.integer(int(text))


def _boolean(text: str) -> bytes:
    if text not in ("true", "false"):
        raise Malformed("a boolean is true or false")
    return der.tlv(der.BOOLEAN, b"\xff" if text == "true" else b"\x00")


def _octets(text: str) -> bytes:
    return der.octet_string(_hex(text))


def _oid(text: str) -> bytes:
    try:
        msgspec.convert(text, Oid)
    except msgspec.ValidationError:
        raise Malformed("an OID is dotted decimal") from None
    return der.oid(text)


def _time(text: str) -> bytes:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
        raise Malformed("a time is written as 2026-01-31T08:00:00Z")
    octets = re.sub(r"[-:T]", "", text).encode()
    Utc.parse_generalized_time(octets)
    return der.tlv(der.GENERALIZED_TIME, octets)


def _null(text: str) -> bytes:
    if text:
        raise Malformed("a null has no value")
    return der.NULL_VALUE


def _der(text: str) -> bytes:
    value = _hex(text)
    tag, start, stop = der.read(value, 0, len(value))
    der.finish(stop, len(value))
    _check_value(value, tag, (start, stop), MAX_DEPTH)
    return value


def _hex(text: str) -> bytes:
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", text, re.ASCII):
        raise Malformed("octets are written in pairs of hex digits")
    return bytes.fromhex(text)


def _check_value(data: bytes, tag: int, content: tuple[int, int], depth: int) -> None:
    """Walk a value to its last octet; the primitive types that have one spelling must have it."""
    start, stop = content
    if tag & 0x20:
        if depth == 0:
            raise Malformed("a DER value is nested too deeply")
        if tag < 0x40 and tag not in (der.SEQUENCE, der.SET):
            raise Malformed("a string in DER is primitive")
        for inner, _, inner_start, inner_stop in der.children(data, start, stop):
            _check_value(data, inner, (inner_start, inner_stop), depth - 1)
    elif check := _PRIMITIVES.get(tag):
        check(data, start, stop)
    elif tag in (der.SEQUENCE & ~0x20, der.SET & ~0x20, 0):
        raise Malformed("a DER value has a tag that no value has")


def _check_integer(data: bytes, start: int, stop: int) -> None:
    der.integer_value(data, start, stop, max_octets=MAX_TEXT)


def _check_bits(data: bytes, start: int, stop: int) -> None:
    unused = data[start] if start < stop else 8
    if unused > 7 or (unused and stop - start < 2) or data[stop - 1] & ((1 << unused) - 1):
        raise Malformed("BIT STRING is not DER")


def _check_utf8(data: bytes, start: int, stop: int) -> None:
    try:
        data[start:stop].decode()
    except UnicodeDecodeError:
        raise Malformed("UTF8String is not UTF-8") from None


def _check_null(_data: bytes, start: int, stop: int) -> None:
    der.finish(start, stop)


_PRIMITIVES: dict[int, Callable[[bytes, int, int], object]] = {
    der.BOOLEAN: der.boolean_value,
    der.INTEGER: _check_integer,
    der.ENUMERATED: _check_integer,
    der.BIT_STRING: _check_bits,
    der.NULL: _check_null,
    der.OBJECT_IDENTIFIER: der.oid_text,
    der.UTF8_STRING: _check_utf8,
}
_WRITERS: dict[ExtensionKind, Callable[[str], bytes]] = {
    ExtensionKind.UTF8: _utf8,
    ExtensionKind.IA5: _ia5,
    ExtensionKind.PRINTABLE: _printable,
    ExtensionKind.INTEGER: _integer,
    ExtensionKind.BOOLEAN: _boolean,
    ExtensionKind.OCTETS: _octets,
    ExtensionKind.OID: _oid,
    ExtensionKind.TIME: _time,
    ExtensionKind.NULL: _null,
    ExtensionKind.DER: _der,
}
