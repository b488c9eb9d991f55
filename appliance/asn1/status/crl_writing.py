"""Certificate revocation lists written (RFC 5280 clause 5): entries, their frame, extensions.

An entry costs some two microseconds, as a list may hold a million; what few values repeat, days and
reasons, is rendered once.  Signing, and where the octets go, is the caller's.
"""

from __future__ import annotations

import functools

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import extension
from appliance.asn1.status.crl import CrlReason
from appliance.errors import Malformed
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc, render_second

MAX_SERIAL_OCTETS = 20
MAX_NUMBER_BITS = 159

_V2 = der.integer(1)
_DAYS_KEPT = 4096


def revoked_entry(
    serial_number: bytes,
    revoked_at: Utc,
    reason: CrlReason | None = None,
    invalid_since: Utc | None = None,
) -> bytes:
    """Render an entry for an unsigned big-endian serial number.  RFC 5280 5.3.

    The reason `unspecified` is left out, as 5.3.1 asks.  Raises Malformed for a serial number that
    is not positive or longer than 20 octets.
    """
    if not 0 < (serial_number[0] if serial_number else 0) < 0x80:
        serial_number = _as_integer(serial_number)
    length = len(serial_number)
    if length > MAX_SERIAL_OCTETS:
        raise Malformed("a serial number is at most 20 octets long")
    at = _time(revoked_at)
    said = _reason_only(reason) if invalid_since is None else _both(reason, invalid_since)
    # Every length here is below 128, so that the headers are of two octets.
    inner = 2 + length + len(at) + len(said)
    return b"\x30%c\x02%c%s%s%s" % (inner, length, serial_number, at, said)


def list_head(algorithm: bytes, issuer: bytes, this_update: Utc, next_update: Utc) -> bytes:
    """Render the fields of a v2 TBSCertList before its entries; the first two are given in DER."""
    return b"".join((_V2, algorithm, issuer, _time(this_update), _time(next_update)))


def list_tail(*extensions: bytes) -> bytes:
    """Render crlExtensions, the field after the entries."""
    return der.tlv(der.context(0), der.sequence(*extensions))


def tbs_opening(head: bytes, entry_octets: int, tail: bytes) -> bytes:
    """Render a TBSCertList up to its first entry.

    Without entries revokedCertificates is absent (RFC 5280 5.1.2.6).
    """
    entries = der.header(der.SEQUENCE, entry_octets) if entry_octets else b""
    length = len(head) + len(entries) + entry_octets + len(tail)
    return b"".join((der.header(der.SEQUENCE, length), head, entries))


def crl_number(number: int) -> bytes:
    """Render cRLNumber.  RFC 5280 5.2.3.  Raises Malformed past 20 octets."""
    return extension(oids.CRL_NUMBER, _number(number))


def delta_crl_indicator(base_number: int) -> bytes:
    """Render deltaCRLIndicator, critical.  RFC 5280 5.2.4.  Raises Malformed past 20 octets."""
    return extension(oids.DELTA_CRL_INDICATOR, _number(base_number), critical=True)


def issuing_distribution_point(uri: str) -> bytes:
    """Render issuingDistributionPoint with a URI as its full name, critical.  RFC 5280 5.2.5."""
    return extension(oids.ISSUING_DISTRIBUTION_POINT, der.sequence(_point_name(uri)), critical=True)


def freshest_crl(uri: str) -> bytes:
    """Render freshestCRL: where the delta lists to this list are.  RFC 5280 5.2.6."""
    return extension(oids.FRESHEST_CRL, der.sequence(der.sequence(_point_name(uri))))


def _point_name(uri: str) -> bytes:
    name = der.tlv(der.context(6, constructed=False), uri.encode("ascii"))
    return der.tlv(der.context(0), der.tlv(der.context(0), name))


def _number(value: int) -> bytes:
    if not 0 <= value < 1 << MAX_NUMBER_BITS:
        raise Malformed("a CRL number is not negative and at most 20 octets long")
    return der.integer(value)


def _as_integer(octets: bytes) -> bytes:
    """Give the content of the INTEGER that unsigned octets stand for."""
    octets = octets.lstrip(b"\0")
    if not octets:
        raise Malformed("a serial number is positive")
    return b"\0" + octets if octets[0] >= 0x80 else octets


def _time(instant: Utc) -> bytes:
    """UTCTime through 2049, then GeneralizedTime, to the second.  RFC 5280 5.1.2.4."""
    days, rest = divmod(instant.posix_us // US_PER_S, SECONDS_PER_DAY)
    minutes, second = divmod(rest, 60)
    return b"%s%02d%02d%02dZ" % (_day(days), *divmod(minutes, 60), second)


@functools.lru_cache(_DAYS_KEPT)
def _day(days: int) -> bytes:
    """Render the header of a Time and its date, for a day counted from 1970."""
    date = render_second(days * SECONDS_PER_DAY)[:8]
    if b"1950" <= date < b"2050":
        return der.header(der.UTC_TIME, 13) + date[2:]
    return der.header(der.GENERALIZED_TIME, 15) + date


@functools.cache
def _reason_only(reason: CrlReason | None) -> bytes:
    code = _reason_code(reason)
    return der.sequence(code) if code else b""


def _both(reason: CrlReason | None, invalid_since: Utc) -> bytes:
    second = render_second(invalid_since.posix_us // US_PER_S) + b"Z"
    since = extension(oids.INVALIDITY_DATE, der.tlv(der.GENERALIZED_TIME, second))
    return der.sequence(_reason_code(reason), since)


@functools.cache
def _reason_code(reason: CrlReason | None) -> bytes:
    if reason is None or reason is CrlReason.UNSPECIFIED:
        return b""
    return extension(oids.CRL_REASON, der.tlv(der.ENUMERATED, bytes((reason.value,))))
