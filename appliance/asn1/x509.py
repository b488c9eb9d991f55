"""Certificates (RFC 5280 4.1): a strict, bounded decoder, the value it gives, and a writer.

The signature is not judged here, nor is any rule about what a certificate may be used for.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from appliance.asn1 import der
from appliance.asn1.algorithm import AlgorithmIdentifier, read_algorithm
from appliance.asn1.extension.extensions import Extensions, read_extensions
from appliance.asn1.keys import PublicKeyInfo, read_spki
from appliance.asn1.names import Name, read_name
from appliance.errors import Malformed
from appliance.quantities import US_PER_S, Utc, render_second

MAX_OCTETS = 1 << 16

_V3 = 2
_ISSUER_UNIQUE_ID = der.context(1, constructed=False)
_SUBJECT_UNIQUE_ID = der.context(2, constructed=False)


@attrs.frozen
class Validity:
    """The instants between which a certificate holds, both included; whole seconds when written."""

    not_before: Utc
    not_after: Utc


@attrs.frozen(eq=False, repr=False)
class Certificate:
    """A decoded certificate; two are equal when their DER is.

    `tbs` is the TLV the signature covers; `signature` is what signatureValue holds, as the scheme
    writes it (SM2 and ECDSA: DER of r and s).
    """

    der: bytes
    tbs: bytes
    serial_number: int
    serial_number_tlv: bytes
    issuer: Name
    validity: Validity
    subject: Name
    key: PublicKeyInfo
    extensions: Extensions
    signature_algorithm: AlgorithmIdentifier
    signature: bytes

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER."""
        return self.key.der

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name.  RFC 5280 3.2."""
        return self.subject.der == self.issuer.der

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<Certificate {self.serial_number:x} of {self.subject}>"


@attrs.frozen
class _Tbs:
    """Where a TBSCertificate ends, and what it said on the way."""

    stop: int
    serial_number: int
    serial_number_tlv: bytes
    algorithm_tlv: bytes
    issuer: Name
    validity: Validity
    subject: Name
    key: PublicKeyInfo
    extensions: Extensions


def decode_certificate(data: bytes) -> Certificate:
    """Decode one certificate that fills `data`.  RFC 5280 4.1.

    Raises Malformed for anything that is not strict DER, for a repeated or ill-formed extension,
    for signature algorithms that differ inside and outside, and past `MAX_OCTETS`.
    """
    if len(data) > MAX_OCTETS:
        raise Malformed("certificate is too long")
    start, stop = der.whole(data, der.SEQUENCE)
    tbs = _read_tbs(data, start, stop)
    algorithm, at = read_algorithm(data, tbs.stop, stop)
    if data[tbs.stop : at] != tbs.algorithm_tlv:
        raise Malformed("signature algorithms of certificate and TBSCertificate differ")
    signature_start, signature_stop = der.expect(data, at, stop, der.BIT_STRING)
    der.finish(signature_stop, stop)
    return Certificate(
        der=data,
        tbs=data[start : tbs.stop],
        serial_number=tbs.serial_number,
        serial_number_tlv=tbs.serial_number_tlv,
        issuer=tbs.issuer,
        validity=tbs.validity,
        subject=tbs.subject,
        key=tbs.key,
        extensions=tbs.extensions,
        signature_algorithm=algorithm,
        signature=der.bit_string_octets(data, signature_start, signature_stop),
    )


def _read_tbs(data: bytes, position: int, end: int) -> _Tbs:
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    version, serial_at = _read_version(data, start, stop)
    serial_start, serial_stop = der.expect(data, serial_at, stop, der.INTEGER)
    algorithm_stop = read_algorithm(data, serial_stop, stop)[1]
    issuer, issuer_stop = read_name(data, algorithm_stop, stop)
    validity, validity_stop = _read_validity(data, issuer_stop, stop)
    subject, subject_stop = read_name(data, validity_stop, stop)
    key, key_stop = read_spki(data, subject_stop, stop)
    return _Tbs(
        stop=stop,
        serial_number=der.integer_value(data, serial_start, serial_stop),
        serial_number_tlv=data[serial_at:serial_stop],
        algorithm_tlv=data[serial_stop:algorithm_stop],
        issuer=issuer,
        validity=validity,
        subject=subject,
        key=key,
        extensions=_read_tail(data, key_stop, stop, version),
    )


def _read_version(data: bytes, position: int, end: int) -> tuple[int, int]:
    tag, start, stop = der.read(data, position, end)
    if tag != der.context(0):
        return 0, position
    inner_start, inner_stop = der.expect(data, start, stop, der.INTEGER)
    der.finish(inner_stop, stop)
    version = der.integer_value(data, inner_start, inner_stop)
    if version not in (1, 2):
        raise Malformed("certificate version is neither v2 nor v3 where one is written")
    return version, stop


def _read_validity(data: bytes, position: int, end: int) -> tuple[Validity, int]:
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    not_before, middle = read_time(data, start, stop)
    not_after, last = read_time(data, middle, stop)
    der.finish(last, stop)
    return Validity(not_before, not_after), stop


def read_time(data: bytes, position: int, end: int) -> tuple[Utc, int]:
    """Read a Time and where it ends.  Raises Malformed.  RFC 5280 4.1.2.5.

    Either form is taken for any year, as both are met.
    """
    tag, start, stop = der.read(data, position, end)
    text = data[start:stop]
    if tag == der.UTC_TIME and len(text) == 13:
        return Utc.parse_generalized_time((b"20" if text < b"50" else b"19") + text), stop
    if tag == der.GENERALIZED_TIME and len(text) == 15:
        return Utc.parse_generalized_time(text), stop
    raise Malformed("time is not in a form of RFC 5280 4.1.2.5")


def _read_tail(data: bytes, position: int, end: int, version: int) -> Extensions:
    for tag in (_ISSUER_UNIQUE_ID, _SUBJECT_UNIQUE_ID):
        if version and position < end and data[position] == tag:
            position = der.read(data, position, end)[2]
    if position == end:
        return Extensions()
    if version != _V3:
        raise Malformed("extensions in a certificate that is not v3")
    start, stop = der.expect(data, position, end, der.context(3))
    der.finish(stop, end)
    return read_extensions(data, start, stop)


# --- writing --------------------------------------------------------------------------------------


def encode_tbs(
    *,
    serial_number: int,
    algorithm: bytes,
    issuer: bytes,
    validity: Validity,
    subject: bytes,
    spki: bytes,
    extensions: Iterable[bytes],
) -> bytes:
    """Render a v3 TBSCertificate; all but the number and the instants is given in DER."""
    return der.sequence(
        der.tlv(der.context(0), der.integer(_V3)),
        der.integer(serial_number),
        algorithm,
        issuer,
        der.sequence(write_time(validity.not_before), write_time(validity.not_after)),
        subject,
        spki,
        der.tlv(der.context(3), der.sequence(*extensions)),
    )


def assemble(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """Render a Certificate from its TBSCertificate and the content of signatureValue."""
    return der.sequence(tbs, algorithm, der.bit_string(signature))


def write_time(instant: Utc) -> bytes:
    """Render UTCTime through 2049, then GeneralizedTime, to the second.  RFC 5280 4.1.2.5."""
    text = render_second(instant.posix_us // US_PER_S) + b"Z"
    if b"1950" <= text < b"2050":
        return der.tlv(der.UTC_TIME, text[2:])
    return der.tlv(der.GENERALIZED_TIME, text)
