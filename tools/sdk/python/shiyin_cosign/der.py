"""A small reader and writer of DER.  X.690; one-octet tags and definite lengths alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shiyin_cosign.errors import Malformed

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
ENUMERATED = 0x0A
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31

_LONG = 0x80
_LENGTH_OCTETS_MAX = 4


@dataclass(frozen=True, slots=True)
class Element:
    """One element: `encoded` is the whole of it, `content` what it holds."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> list[Element]:
        """Read its content as elements one after the other.  Raises Malformed."""
        return list(_elements(self.content))

    def expect(self, tag: int) -> Element:
        """Give it back.  Raises Malformed when it has another tag."""
        if self.tag != tag:
            raise Malformed(f"tag {self.tag:#x} stands where {tag:#x} belongs")
        return self

    def integer(self) -> int:
        """Read an INTEGER or ENUMERATED that is not negative.  Raises Malformed."""
        if self.tag not in (INTEGER, ENUMERATED):
            raise Malformed("not an INTEGER")
        return number(self.content)


def number(content: bytes) -> int:
    """Read the content of an INTEGER that is not negative.  Raises Malformed."""
    if not content or content[0] >= _LONG:
        raise Malformed("an INTEGER is empty or negative")
    if len(content) > 1 and content[0] == 0 and content[1] < _LONG:
        raise Malformed("an INTEGER has idle octets")
    return int.from_bytes(content, "big")


def read(octets: bytes, tag: int) -> Element:
    """Read one element and nothing behind it.  Raises Malformed."""
    elements = list(_elements(octets))
    if len(elements) != 1:
        raise Malformed("not one element of DER")
    return elements[0].expect(tag)


def _elements(octets: bytes) -> Iterator[Element]:
    at = 0
    while at < len(octets):
        start, end = _extent(octets, at)
        yield Element(octets[at], octets[start:end], octets[at:end])
        at = end


def _extent(octets: bytes, at: int) -> tuple[int, int]:
    """Find where the content of the element at `at` starts and ends."""
    if at + 2 > len(octets) or octets[at] & 0x1F == 0x1F:
        raise Malformed("an element of DER ends early, or has a long tag")
    start, length = at + 2, octets[at + 1]
    if length >= _LONG:
        count = length - _LONG
        start += count
        digits = octets[at + 2 : start]
        length = int.from_bytes(digits, "big")
        if not 1 <= count <= _LENGTH_OCTETS_MAX or len(digits) != count or not digits[0]:
            raise Malformed("a length of DER is indefinite, too long or padded")
        if length < _LONG:
            raise Malformed("a length of DER is not minimal")
    if start + length > len(octets):
        raise Malformed("an element of DER ends early")
    return start, start + length


def write(tag: int, *parts: bytes) -> bytes:
    """Encode an element from the parts of its content."""
    content = b"".join(parts)
    if len(content) < _LONG:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def integer(number: int, tag: int = INTEGER) -> bytes:
    """Encode an INTEGER of 0 or more."""
    return write(tag, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """Encode an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return write(OBJECT_IDENTIFIER, *(_base128(arc) for arc in (40 * first + second, *rest)))


def _base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(arc & 0x7F | _LONG)
    return bytes(reversed(octets))


def set_of(*elements: bytes) -> bytes:
    """Encode a SET OF, in the order of DER.  X.690 11.6."""
    return write(SET, *sorted(elements))
