"""GeneralNames, and the subtrees of them in nameConstraints: a strict, bounded decoder.

RFC 5280 4.2.1.6 and 4.2.1.10.  Nothing is compared here.
"""

from __future__ import annotations

import enum

import attrs

from appliance.asn1 import der
from appliance.asn1.names import read_name
from appliance.errors import Malformed

MAX_NAMES = 256


class NameKind(enum.Enum):
    """The forms of a GeneralName, by tag number."""

    OTHER = 0
    EMAIL = 1
    DNS = 2
    X400 = 3
    DIRECTORY = 4
    EDI_PARTY = 5
    URI = 6
    IP = 7
    REGISTERED_ID = 8


_TEXTS = (NameKind.EMAIL, NameKind.DNS, NameKind.URI)
_CONSTRUCTED = (NameKind.OTHER, NameKind.X400, NameKind.DIRECTORY, NameKind.EDI_PARTY)
_KINDS = {der.context(kind.value, constructed=kind in _CONSTRUCTED): kind for kind in NameKind}
_ADDRESS_OCTETS = (4, 16)
_SUBTREE_OCTETS = (8, 32)


@attrs.frozen
class GeneralName:
    """One name: ASCII of a text, the octets of an address, the TLV of a Name, or the content.

    An address in a subtree is followed by its mask.
    """

    kind: NameKind
    value: bytes


@attrs.frozen
class NameConstraints:
    """Where the names below a CA must lie, and where they must not.  RFC 5280 4.2.1.10."""

    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]


def decode_general_names(data: bytes) -> tuple[GeneralName, ...]:
    """Decode GeneralNames that fill `data`, as subjectAltName holds them.  Raises Malformed."""
    start, stop = der.whole(data, der.SEQUENCE)
    names: list[GeneralName] = []
    for tag, _, name_start, name_stop in der.children(data, start, stop):
        if len(names) == MAX_NAMES:
            raise Malformed("GeneralNames has too many names")
        names.append(_general_name(data, tag, (name_start, name_stop), _ADDRESS_OCTETS))
    if not names:
        raise Malformed("GeneralNames is empty")
    return tuple(names)


def decode_name_constraints(data: bytes) -> NameConstraints:
    """Decode NameConstraints that fill `data`.

    Raises Malformed also for minimum and maximum, which RFC 5280 4.2.1.10 leaves no use for.
    """
    position, end = der.whole(data, der.SEQUENCE)
    fields: list[tuple[GeneralName, ...]] = []
    for number in (0, 1):
        if position < end and data[position] == der.context(number):
            start, position = der.expect(data, position, end, der.context(number))
            fields.append(_subtrees(data, start, position))
        else:
            fields.append(())
    der.finish(position, end)
    if not any(fields):
        raise Malformed("nameConstraints is empty")
    return NameConstraints(*fields)


def _subtrees(data: bytes, start: int, stop: int) -> tuple[GeneralName, ...]:
    bases: list[GeneralName] = []
    for tag, _, subtree_start, subtree_stop in der.children(data, start, stop):
        if tag != der.SEQUENCE or len(bases) == MAX_NAMES:
            raise Malformed("GeneralSubtrees has something else than subtrees, or too many")
        name_tag, name_start, name_stop = der.read(data, subtree_start, subtree_stop)
        der.finish(name_stop, subtree_stop)
        bases.append(_general_name(data, name_tag, (name_start, name_stop), _SUBTREE_OCTETS))
    if not bases:
        raise Malformed("GeneralSubtrees is empty")
    return tuple(bases)


def _general_name(
    data: bytes, tag: int, content: tuple[int, int], address_octets: tuple[int, int]
) -> GeneralName:
    start, stop = content
    kind = _KINDS.get(tag)
    if kind is None:
        raise Malformed("GeneralName is of no known form")
    value = data[start:stop]
    if kind is NameKind.DIRECTORY:
        der.finish(read_name(data, start, stop)[1], stop)
    elif kind in _TEXTS and not value.isascii():
        raise Malformed("IA5String is not ASCII")
    elif kind is NameKind.IP and len(value) not in address_octets:
        raise Malformed("iPAddress is of no known length")
    return GeneralName(kind, value)
