"""Certificate revocation lists (RFC 5280 clause 5): a strict, bounded decoder and look-ups in one.

A list may be megabytes long, so entries are opened only when the octets of a serial number are
there.  The signature is not judged here, nor whether the list is the right one to ask.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import AlgorithmIdentifier, read_algorithm
from appliance.asn1.extension.extensions import Extensions, read_extensions
from appliance.asn1.names import Name, read_name
from appliance.asn1.x509 import read_time
from appliance.errors import Malformed
from appliance.quantities import Utc

MAX_OCTETS = 8 << 20
MAX_NAMES = 64
MAX_NUMBER_OCTETS = 20  # RFC 5280 5.2.3

_CONTEXT_0 = der.context(0)
_FULL_NAME = der.context(0)
_RELATIVE_NAME = der.context(1)
_NO_EXTENSIONS = Extensions()


class CrlReason(enum.Enum):
    """Why a certificate was revoked.  RFC 5280 5.3.1."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10


@attrs.frozen
class RevokedCertificate:
    """An entry: since when a certificate is revoked, and why, if that is said."""

    revocation_date: Utc
    reason: CrlReason | None
    invalidity_date: Utc | None


@attrs.frozen
class Scope:
    """What an issuingDistributionPoint leaves in the list.  RFC 5280 5.2.5.

    `names` are the GeneralName TLVs of its distribution point, empty for any.  `is_partial` tells
    of a list for some reasons only, for attribute certificates, or for other issuers' certificates.
    """

    names: frozenset[bytes] = frozenset()
    only_users: bool = False
    only_cas: bool = False
    is_partial: bool = False


@attrs.frozen(eq=False, repr=False)
class CertificateList:
    """A decoded list; two are equal when their DER is.

    `critical` holds the types of all critical extensions, those of the entries included.
    `expired_since` is the instant from which expired certificates are kept in the list, if any.
    A delta list has the `base_number` of the complete list it goes on from.  RFC 5280 5.2.3, 5.2.4.
    """

    der: bytes
    tbs: bytes
    issuer: Name
    this_update: Utc
    next_update: Utc | None
    authority_key_id: bytes | None
    scope: Scope
    expired_since: Utc | None
    crl_number: int | None
    base_number: int | None
    critical: frozenset[str]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes
    _entries: tuple[int, int]

    def find(self, serial_number_tlv: bytes) -> RevokedCertificate | None:
        """Find the entry of a serial number; none means not revoked.  Raises Malformed."""
        start, stop = self._entries
        if self.der.find(serial_number_tlv, start, stop) < 0:
            return None
        for entry_start, entry_stop in _walk(self.der, start, stop):
            if self.der.startswith(serial_number_tlv, entry_start, entry_stop):
                return _read_entry(self.der, entry_start, entry_stop)[0]
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CertificateList) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<CertificateList of {self.issuer} at {self.this_update.isoformat()}>"


def decode_crl(data: bytes, *, max_octets: int = MAX_OCTETS) -> CertificateList:
    """Decode one list that fills `data`, v1 or v2, of at most `max_octets`.  RFC 5280 5.1.

    Raises Malformed; entries are looked into only as far as their octets ask for.
    """
    if len(data) > max_octets:
        raise Malformed("certificate list is too long")
    start, stop = der.whole(data, der.SEQUENCE)
    tbs_start, tbs_stop = der.expect(data, start, stop, der.SEQUENCE)
    algorithm, at = read_algorithm(data, tbs_stop, stop)
    signature_start, signature_stop = der.expect(data, at, stop, der.BIT_STRING)
    der.finish(signature_stop, stop)
    is_v2, position = _read_version(data, tbs_start, tbs_stop)
    inner_stop = read_algorithm(data, position, tbs_stop)[1]
    if data[position:inner_stop] != data[tbs_stop:at]:
        raise Malformed("signature algorithms of certificate list and TBSCertList differ")
    issuer, position = read_name(data, inner_stop, tbs_stop)
    this_update, position = read_time(data, position, tbs_stop)
    next_update, position = _read_next_update(data, position, tbs_stop)
    entries, position = _find_entries(data, position, tbs_stop)
    extensions = _read_tail(data, position, tbs_stop, is_v2=is_v2)
    expired = extensions.find(oids.EXPIRED_CERTS_ON_CRL)
    listed = frozenset(extension.oid for extension in extensions.listed if extension.critical)
    return CertificateList(
        der=data,
        tbs=data[start:tbs_stop],
        issuer=issuer,
        this_update=this_update,
        next_update=next_update,
        authority_key_id=extensions.authority_key_id,
        scope=_read_scope(extensions),
        expired_since=None if expired is None else _generalized_time(expired.value),
        crl_number=_read_number(extensions, oids.CRL_NUMBER),
        base_number=_read_number(extensions, oids.DELTA_CRL_INDICATOR),
        critical=listed | _critical_in_entries(data, *entries),
        signature_algorithm=algorithm,
        signature=der.bit_string_octets(data, signature_start, signature_stop),
        entries=entries,
    )


def distribution_point_names(value: bytes) -> frozenset[bytes]:
    """Read the full names in a certificate's cRLDistributionPoints.  Raises Malformed.

    Points that are for some reasons only, or of another issuer, are left out.  RFC 5280 4.2.1.13.
    """
    start, stop = der.whole(value, der.SEQUENCE)
    names: set[bytes] = set()
    for tag, _, point_start, point_stop in der.children(value, start, stop):
        if tag != der.SEQUENCE:
            raise Malformed("cRLDistributionPoints has something else than points")
        fields = list(der.children(value, point_start, point_stop))
        if [field[0] for field in fields] == [_CONTEXT_0]:
            names |= _full_names(value, fields[0][2], point_stop) or set()
    return frozenset(names)


def _read_version(data: bytes, position: int, end: int) -> tuple[bool, int]:
    tag, start, stop = der.read(data, position, end)
    if tag != der.INTEGER:
        return False, position
    if der.integer_value(data, start, stop) != 1:
        raise Malformed("certificate list version is not v2 where one is written")
    return True, stop


def _read_next_update(data: bytes, position: int, end: int) -> tuple[Utc | None, int]:
    if position < end and data[position] in (der.UTC_TIME, der.GENERALIZED_TIME):
        return read_time(data, position, end)
    return None, position


def _find_entries(data: bytes, position: int, end: int) -> tuple[tuple[int, int], int]:
    if position == end or data[position] != der.SEQUENCE:
        return (position, position), position
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    return (start, stop), stop


def _read_tail(data: bytes, position: int, end: int, *, is_v2: bool) -> Extensions:
    if position == end:
        return _NO_EXTENSIONS
    if not is_v2:
        raise Malformed("extensions in a certificate list that is not v2")
    start, stop = der.expect(data, position, end, _CONTEXT_0)
    der.finish(stop, end)
    return read_extensions(data, start, stop)


def _read_number(extensions: Extensions, oid: str) -> int | None:
    found = extensions.find(oid)
    if found is None:
        return None
    start, stop = der.whole(found.value, der.INTEGER)
    number = der.integer_value(found.value, start, stop, max_octets=MAX_NUMBER_OCTETS)
    if number < 0:
        raise Malformed("a CRL number is negative")
    return number


# --- entries --------------------------------------------------------------------------------------


def _walk(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    for tag, _, entry_start, entry_stop in der.children(data, start, stop):
        if tag != der.SEQUENCE:
            raise Malformed("revokedCertificates has something else than entries")
        yield entry_start, entry_stop


def _critical_in_entries(data: bytes, start: int, stop: int) -> frozenset[str]:
    """Give the types of critical extensions in entries, which few lists have."""
    if data.find(der.TRUE, start, stop) < 0:
        return frozenset()
    return frozenset(
        extension.oid
        for entry_start, entry_stop in _walk(data, start, stop)
        for extension in _read_entry(data, entry_start, entry_stop)[1].listed
        if extension.critical
    )


def _read_entry(data: bytes, start: int, stop: int) -> tuple[RevokedCertificate, Extensions]:
    _, position = der.expect(data, start, stop, der.INTEGER)
    revocation_date, position = read_time(data, position, stop)
    extensions = _NO_EXTENSIONS if position == stop else read_extensions(data, position, stop)
    reason = extensions.find(oids.CRL_REASON)
    invalid = extensions.find(oids.INVALIDITY_DATE)
    entry = RevokedCertificate(
        revocation_date,
        None if reason is None else _reason(reason.value),
        None if invalid is None else _generalized_time(invalid.value),
    )
    return entry, extensions


def _reason(value: bytes) -> CrlReason:
    start, stop = der.whole(value, der.ENUMERATED)
    try:
        return CrlReason(der.integer_value(value, start, stop))
    except ValueError:
        raise Malformed("reasonCode is none of RFC 5280 5.3.1") from None


def _generalized_time(value: bytes) -> Utc:
    start, stop = der.whole(value, der.GENERALIZED_TIME)
    return Utc.parse_generalized_time(value[start:stop])


# --- scope ----------------------------------------------------------------------------------------


def _read_scope(extensions: Extensions) -> Scope:
    found = extensions.find(oids.ISSUING_DISTRIBUTION_POINT)
    if found is None:
        return Scope()
    data = found.value
    position, end = der.whole(data, der.SEQUENCE)
    names: set[bytes] | None = set()
    if position < end and data[position] == _CONTEXT_0:
        start, position = der.expect(data, position, end, _CONTEXT_0)
        names = _full_names(data, start, position)
    flags = _read_flags(data, position, end)
    return Scope(
        frozenset(names or ()),
        only_users=1 in flags,
        only_cas=2 in flags,
        is_partial=names is None or bool(flags & {3, 4, 5}),
    )


def _read_flags(data: bytes, position: int, end: int) -> set[int]:
    """Give the numbers of the fields that are set; onlySomeReasons, [3], whatever it says."""
    flags: set[int] = set()
    least = 1
    for tag, _, start, stop in der.children(data, position, end):
        number = tag & 0x1F
        if tag != der.context(number, constructed=False) or not least <= number <= 5:
            raise Malformed("issuingDistributionPoint has fields out of order or unknown")
        if number == 3 or der.boolean_value(data, start, stop):
            flags.add(number)
        least = number + 1
    return flags


def _full_names(data: bytes, start: int, stop: int) -> set[bytes] | None:
    """Read a DistributionPointName; None for a name relative to its issuer's."""
    tag, names_start, names_stop = der.read(data, start, stop)
    der.finish(names_stop, stop)
    if tag == _RELATIVE_NAME:
        return None
    if tag != _FULL_NAME:
        raise Malformed("a distribution point has no name of a known kind")
    names = {data[at:end] for _, at, _, end in der.children(data, names_start, names_stop)}
    if not 0 < len(names) <= MAX_NAMES:
        raise Malformed("a distribution point has no name, or too many")
    return names
