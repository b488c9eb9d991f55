"""Certificate extensions (RFC 5280 4.2): read, those the box understands decoded; and written."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import read_oid
from appliance.errors import Malformed
from appliance.quantities import Utc

MAX_EXTENSIONS = 64
MAX_PURPOSES = 32


class KeyUsage(enum.Enum):
    """What keyUsage may allow, by bit number.  RFC 5280 4.2.1.3."""

    DIGITAL_SIGNATURE = 0
    NON_REPUDIATION = 1
    KEY_ENCIPHERMENT = 2
    DATA_ENCIPHERMENT = 3
    KEY_AGREEMENT = 4
    KEY_CERT_SIGN = 5
    CRL_SIGN = 6
    ENCIPHER_ONLY = 7
    DECIPHER_ONLY = 8


@attrs.frozen
class BasicConstraints:
    """Whether the subject is a CA, and how many intermediates may follow it.  RFC 5280 4.2.1.9."""

    ca: bool
    path_len: int | None = None


@attrs.frozen
class PrivateKeyUsagePeriod:
    """When the private key may sign; either end may be open.  RFC 3280 4.2.1.4."""

    not_before: Utc | None
    not_after: Utc | None


@attrs.frozen
class Extension:
    """One extension: dotted type, criticality, and the content of extnValue."""

    oid: str
    critical: bool
    value: bytes


@attrs.frozen
class Extensions:
    """The extensions in the order written; what is absent is None."""

    listed: tuple[Extension, ...] = ()
    basic_constraints: BasicConstraints | None = None
    key_usage: frozenset[KeyUsage] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    private_key_usage_period: PrivateKeyUsagePeriod | None = None

    def find(self, oid: str) -> Extension | None:
        """Give the extension of this type."""
        return next((extension for extension in self.listed if extension.oid == oid), None)


def read_extensions(data: bytes, position: int, end: int) -> Extensions:
    """Read an Extensions that fills the container.  Raises Malformed.

    A type may stand once (RFC 5280 4.2); those named in `Extensions` must decode.
    """
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    der.finish(stop, end)
    values: dict[str, Extension] = {}
    for tag, _, inner_start, inner_stop in der.children(data, start, stop):
        if tag != der.SEQUENCE or len(values) == MAX_EXTENSIONS:
            raise Malformed("Extensions has something else than extensions, or too many")
        extension = _read_extension(data, inner_start, inner_stop)
        if extension.oid in values:
            raise Malformed(f"extension {extension.oid} stands twice")
        values[extension.oid] = extension
    if not values:
        raise Malformed("Extensions is empty")
    return _understood(values)


def _read_extension(data: bytes, position: int, end: int) -> Extension:
    oid, stop = read_oid(data, position, end)
    tag, start, value_stop = der.read(data, stop, end)
    critical = tag == der.BOOLEAN
    if critical:
        if not der.boolean_value(data, start, value_stop):
            raise Malformed("a DEFAULT value is encoded")
        tag, start, value_stop = der.read(data, value_stop, end)
    if tag != der.OCTET_STRING:
        raise Malformed("extnValue is not an OCTET STRING")
    der.finish(value_stop, end)
    return Extension(oid, critical, data[start:value_stop])


def _understood(values: dict[str, Extension]) -> Extensions:
    def content(oid: str) -> bytes | None:
        return values[oid].value if oid in values else None

    constraints = content(oids.BASIC_CONSTRAINTS)
    usage = content(oids.KEY_USAGE)
    purposes = content(oids.EXTENDED_KEY_USAGE)
    subject_key = content(oids.SUBJECT_KEY_IDENTIFIER)
    authority_key = content(oids.AUTHORITY_KEY_IDENTIFIER)
    period = content(oids.PRIVATE_KEY_USAGE_PERIOD)
    return Extensions(
        listed=tuple(values.values()),
        basic_constraints=None if constraints is None else _basic_constraints(constraints),
        key_usage=None if usage is None else _key_usage(usage),
        extended_key_usage=None if purposes is None else _extended_key_usage(purposes),
        subject_key_id=None if subject_key is None else _subject_key_id(subject_key),
        authority_key_id=None if authority_key is None else _authority_key_id(authority_key),
        private_key_usage_period=None if period is None else _usage_period(period),
    )


def _basic_constraints(data: bytes) -> BasicConstraints:
    position, end = der.whole(data, der.SEQUENCE)
    if position == end:
        return BasicConstraints(ca=False)
    start, stop = der.expect(data, position, end, der.BOOLEAN)
    if not der.boolean_value(data, start, stop):
        raise Malformed("a DEFAULT value is encoded")
    if stop == end:
        return BasicConstraints(ca=True)
    start, stop = der.expect(data, stop, end, der.INTEGER)
    der.finish(stop, end)
    path_len = der.integer_value(data, start, stop, max_octets=4)
    if path_len < 0:
        raise Malformed("pathLenConstraint is negative")
    return BasicConstraints(ca=True, path_len=path_len)


@functools.lru_cache(256)
def _key_usage(data: bytes) -> frozenset[KeyUsage]:
    """Decode keyUsage; trailing zero bits, which DER drops, are met in the field and taken."""
    start, stop = der.whole(data, der.BIT_STRING)
    unused, bits = data[start] if start < stop else 8, data[start + 1 : stop]
    if unused > 7 or not 1 <= len(bits) <= 2 or bits[-1] & ((1 << unused) - 1):
        raise Malformed("keyUsage is not a BIT STRING of its length")
    return frozenset(
        usage
        for usage in KeyUsage
        if usage.value // 8 < len(bits) and bits[usage.value // 8] << usage.value % 8 & 0x80
    )


@functools.lru_cache(256)
def _extended_key_usage(data: bytes) -> tuple[str, ...]:
    start, stop = der.whole(data, der.SEQUENCE)
    purposes: list[str] = []
    for tag, _, oid_start, oid_stop in der.children(data, start, stop):
        if tag != der.OBJECT_IDENTIFIER or len(purposes) == MAX_PURPOSES:
            raise Malformed("extKeyUsage has something else than purposes, or too many")
        purposes.append(der.oid_text(data, oid_start, oid_stop))
    if not purposes:
        raise Malformed("extKeyUsage is empty")
    return tuple(purposes)


def _subject_key_id(data: bytes) -> bytes:
    start, stop = der.whole(data, der.OCTET_STRING)
    return data[start:stop]


def _authority_key_id(data: bytes) -> bytes | None:
    """Decode keyIdentifier; issuer and serial, seldom met, are checked for their form alone."""
    start, stop = der.whole(data, der.SEQUENCE)
    fields = list(der.children(data, start, stop))
    tags = [tag for tag, _, _, _ in fields]
    allowed = (der.context(0, constructed=False), der.context(1), der.context(2, constructed=False))
    if tags != [tag for tag in allowed if tag in tags]:
        raise Malformed("authorityKeyIdentifier has fields out of order or unknown")
    if tags and tags[0] == allowed[0]:
        return data[fields[0][2] : fields[0][3]]
    return None


def _usage_period(data: bytes) -> PrivateKeyUsagePeriod:
    start, stop = der.whole(data, der.SEQUENCE)
    ends: list[Utc | None] = []
    position = start
    for number in (0, 1):
        if position < stop and data[position] == der.context(number, constructed=False):
            _, text, position = der.read(data, position, stop)
            ends.append(Utc.parse_generalized_time(data[text:position]))
        else:
            ends.append(None)
    der.finish(position, stop)
    return PrivateKeyUsagePeriod(*ends)


# --- writing --------------------------------------------------------------------------------------


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """Render one Extension around the DER of its value."""
    return der.sequence(_type(oid), der.TRUE if critical else b"", der.octet_string(value))


@functools.lru_cache(256)
def _type(oid: str) -> bytes:
    return der.oid(oid)


def basic_constraints(path_len: int | None = None) -> bytes:
    """Render the basicConstraints of a CA, critical (RFC 5280 4.2.1.9)."""
    limit = b"" if path_len is None else der.integer(path_len)
    return extension(oids.BASIC_CONSTRAINTS, der.sequence(der.TRUE, limit), critical=True)


def key_usage(usages: Iterable[KeyUsage]) -> bytes:
    """Render keyUsage, critical, trailing zero bits dropped (X.690 11.2.2)."""
    numbers = [usage.value for usage in usages]
    last = max(numbers)
    bits = sum(1 << (15 - number) for number in numbers).to_bytes(2, "big")[: last // 8 + 1]
    return extension(oids.KEY_USAGE, der.bit_string(bits, 7 - last % 8), critical=True)


def extended_key_usage(*purposes: str, critical: bool = True) -> bytes:
    """Render extKeyUsage; critical, as RFC 3161 2.3 asks of a TSA, unless told otherwise."""
    value = der.sequence(*(der.oid(purpose) for purpose in purposes))
    return extension(oids.EXTENDED_KEY_USAGE, value, critical=critical)


def subject_key_id(identifier: bytes) -> bytes:
    """Render subjectKeyIdentifier."""
    return extension(oids.SUBJECT_KEY_IDENTIFIER, der.octet_string(identifier))


def authority_key_id(identifier: bytes) -> bytes:
    """Render authorityKeyIdentifier with keyIdentifier alone."""
    field = der.tlv(der.context(0, constructed=False), identifier)
    return extension(oids.AUTHORITY_KEY_IDENTIFIER, der.sequence(field))


def private_key_usage_period(period: PrivateKeyUsagePeriod) -> bytes:
    """Render privateKeyUsagePeriod, whose ends are whole seconds."""
    ends = (period.not_before, period.not_after)
    fields = (
        der.tlv(der.context(number, constructed=False), instant.generalized_time())
        for number, instant in enumerate(ends)
        if instant is not None
    )
    return extension(oids.PRIVATE_KEY_USAGE_PERIOD, der.sequence(*fields))
