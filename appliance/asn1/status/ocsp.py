"""OCSP (RFC 6960, RFC 8954): a strict, bounded decoder of requests and responses, and a writer.

Signatures are not judged here, nor whether an answer fits a question.
"""

from __future__ import annotations

import enum

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import AlgorithmIdentifier, read_algorithm
from appliance.asn1.extension.extensions import Extensions, read_extensions
from appliance.asn1.names import Name, read_name
from appliance.asn1.status.crl import CrlReason
from appliance.errors import Malformed
from appliance.quantities import Utc

MAX_REQUEST_OCTETS = 16 << 10
MAX_RESPONSE_OCTETS = 256 << 10
MAX_CERT_IDS = 64
MAX_CERTIFICATES = 8
NONCE_OCTETS = range(1, 32 + 1)  # RFC 8954 2.1

_HASH_OCTETS = range(16, 64 + 1)
_DIRECTORY_NAME = der.context(4)
_NO_EXTENSIONS = Extensions()


class ResponseStatus(enum.Enum):
    """OCSPResponseStatus.  RFC 6960 4.2.1."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


class CertStatusKind(enum.Enum):
    """The choices of CertStatus, by tag number.  RFC 6960 4.2.1."""

    GOOD = 0
    REVOKED = 1
    UNKNOWN = 2


@attrs.frozen
class CertStatus:
    """What is said of a certificate; since when and why only where it is revoked."""

    kind: CertStatusKind
    revoked_at: Utc | None = None
    reason: CrlReason | None = None


GOOD = CertStatus(CertStatusKind.GOOD)
UNKNOWN = CertStatus(CertStatusKind.UNKNOWN)


@attrs.frozen
class CertId:
    """A certificate as OCSP names it: by hashes of its issuer's name and key, and its number.

    `der` is the whole TLV as it came, which an answer repeats; two are equal without it, as NULL
    parameters of the hash may stand or be left out.
    """

    hash_oid: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number_tlv: bytes
    der: bytes = attrs.field(eq=False, repr=False)

    @property
    def issuer(self) -> tuple[str, bytes, bytes]:
        """The hash and both hashed values, which name the issuer."""
        return self.hash_oid, self.issuer_name_hash, self.issuer_key_hash


@attrs.frozen
class OcspRequest:
    """A request: what is asked about, the nonce if there is one, and types of critical extensions.

    A signature on it is read over, as answers are the same for everyone.
    """

    cert_ids: tuple[CertId, ...]
    nonce: bytes | None
    critical: frozenset[str]


@attrs.frozen
class SingleResponse:
    """What is said of one certificate, and between which instants; the latter may be open."""

    cert_id: CertId
    status: CertStatus
    this_update: Utc
    next_update: Utc | None
    critical: frozenset[str] = frozenset()


@attrs.frozen(eq=False, repr=False)
class BasicResponse:
    """A BasicOCSPResponse; `tbs` is the TLV the signature covers, certificates are in DER.

    The responder is named by its Name or by the SHA-1 of its key.
    """

    tbs: bytes
    responder_name: Name | None
    responder_key_hash: bytes | None
    produced_at: Utc
    responses: tuple[SingleResponse, ...]
    nonce: bytes | None
    critical: frozenset[str]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes
    certificates: tuple[bytes, ...]


@attrs.frozen
class OcspResponse:
    """A response; `basic` is there exactly when it is successful."""

    status: ResponseStatus
    basic: BasicResponse | None = None


# --- requests read --------------------------------------------------------------------------------


def decode_request(data: bytes) -> OcspRequest:
    """Decode an OCSPRequest that fills `data`.  RFC 6960 4.1.1.

    Raises Malformed, also past `MAX_REQUEST_OCTETS` and `MAX_CERT_IDS`, and for a nonce that is not
    1 to 32 octets (RFC 8954 2.1).
    """
    if len(data) > MAX_REQUEST_OCTETS:
        raise Malformed("OCSPRequest is too long")
    position, end = der.whole(data, der.SEQUENCE)
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    if stop < end:
        _check_signature(data, stop, end)
    if start < stop and data[start] == der.context(1):
        start = _skip_requestor(data, start, stop)
    list_start, list_stop = der.expect(data, start, stop, der.SEQUENCE)
    requests = [
        _read_single_request(data, tag, inner_start, inner_stop)
        for tag, _, inner_start, inner_stop in _bounded(data, list_start, list_stop, MAX_CERT_IDS)
    ]
    extensions = _read_optional_extensions(data, list_stop, stop, 2)
    critical = _critical(extensions).union(*(each[1] for each in requests))
    cert_ids = tuple(each[0] for each in requests)
    return OcspRequest(cert_ids, _nonce(extensions), critical)


def _read_single_request(
    data: bytes, tag: int, start: int, stop: int
) -> tuple[CertId, frozenset[str]]:
    if tag != der.SEQUENCE:
        raise Malformed("requestList has something else than requests")
    cert_id, position = _read_cert_id(data, start, stop)
    return cert_id, _critical(_read_optional_extensions(data, position, stop, 0))


def _read_cert_id(data: bytes, position: int, end: int) -> tuple[CertId, int]:
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    algorithm, at = read_algorithm(data, start, stop)
    if not algorithm.is_plain:
        raise Malformed("hashAlgorithm of CertID has parameters")
    name_start, name_stop = der.expect(data, at, stop, der.OCTET_STRING)
    key_start, key_stop = der.expect(data, name_stop, stop, der.OCTET_STRING)
    if name_stop - name_start not in _HASH_OCTETS or key_stop - key_start != name_stop - name_start:
        raise Malformed("the hashes of CertID are of no known length")
    number_start, number_stop = der.expect(data, key_stop, stop, der.INTEGER)
    der.integer_value(data, number_start, number_stop)
    der.finish(number_stop, stop)
    found = CertId(
        hash_oid=algorithm.oid,
        issuer_name_hash=data[name_start:name_stop],
        issuer_key_hash=data[key_start:key_stop],
        serial_number_tlv=data[key_stop:number_stop],
        der=data[position:stop],
    )
    return found, stop


def _check_signature(data: bytes, position: int, end: int) -> None:
    """Check the form of optionalSignature, whose algorithm and certificates are not looked at."""
    start, stop = der.expect(data, position, end, der.context(0))
    der.finish(stop, end)
    inner_start, inner_stop = der.expect(data, start, stop, der.SEQUENCE)
    der.finish(inner_stop, stop)
    _, at = read_algorithm(data, inner_start, inner_stop)
    signature_start, signature_stop = der.expect(data, at, inner_stop, der.BIT_STRING)
    der.bit_string_octets(data, signature_start, signature_stop)
    _read_certificates(data, signature_stop, inner_stop)


def _skip_requestor(data: bytes, position: int, end: int) -> int:
    start, stop = der.expect(data, position, end, der.context(1))
    tag, name_start, name_stop = der.read(data, start, stop)
    der.finish(name_stop, stop)
    if tag == _DIRECTORY_NAME:
        der.finish(read_name(data, name_start, name_stop)[1], name_stop)
    return stop


# --- responses read -------------------------------------------------------------------------------


def decode_response(data: bytes) -> OcspResponse:
    """Decode an OCSPResponse that fills `data`.  RFC 6960 4.2.1.

    Raises Malformed, also for a responseType other than id-pkix-ocsp-basic and past the bounds.
    """
    if len(data) > MAX_RESPONSE_OCTETS:
        raise Malformed("OCSPResponse is too long")
    position, end = der.whole(data, der.SEQUENCE)
    start, stop = der.expect(data, position, end, der.ENUMERATED)
    try:
        status = ResponseStatus(der.integer_value(data, start, stop))
    except ValueError:
        raise Malformed("responseStatus is none of RFC 6960 4.2.1") from None
    if (stop < end) != (status is ResponseStatus.SUCCESSFUL):
        raise Malformed("responseBytes stands exactly with the status successful")
    if stop == end:
        return OcspResponse(status)
    return OcspResponse(status, _read_response_bytes(data, stop, end))


def _read_response_bytes(data: bytes, position: int, end: int) -> BasicResponse:
    outer_start, outer_stop = der.expect(data, position, end, der.context(0))
    der.finish(outer_stop, end)
    start, stop = der.expect(data, outer_start, outer_stop, der.SEQUENCE)
    der.finish(stop, outer_stop)
    oid_start, oid_stop = der.expect(data, start, stop, der.OBJECT_IDENTIFIER)
    if der.oid_text(data, oid_start, oid_stop) != oids.OCSP_BASIC:
        raise Malformed("responseType is not id-pkix-ocsp-basic")
    octets_start, octets_stop = der.expect(data, oid_stop, stop, der.OCTET_STRING)
    der.finish(octets_stop, stop)
    basic_start, basic_stop = der.expect(data, octets_start, octets_stop, der.SEQUENCE)
    der.finish(basic_stop, octets_stop)
    return _read_basic(data, basic_start, basic_stop)


def _read_basic(data: bytes, position: int, end: int) -> BasicResponse:
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    algorithm, at = read_algorithm(data, stop, end)
    signature_start, signature_stop = der.expect(data, at, end, der.BIT_STRING)
    name, key_hash, produced = _read_responder(data, start, stop)
    produced_at, list_at = _read_time(data, produced, stop)
    list_start, list_stop = der.expect(data, list_at, stop, der.SEQUENCE)
    responses = tuple(
        _read_single_response(data, tag, inner_start, inner_stop)
        for tag, _, inner_start, inner_stop in _bounded(data, list_start, list_stop, MAX_CERT_IDS)
    )
    extensions = _read_optional_extensions(data, list_stop, stop, 1)
    return BasicResponse(
        tbs=data[position:stop],
        responder_name=name,
        responder_key_hash=key_hash,
        produced_at=produced_at,
        responses=responses,
        nonce=_nonce(extensions),
        critical=_critical(extensions),
        signature_algorithm=algorithm,
        signature=der.bit_string_octets(data, signature_start, signature_stop),
        certificates=_read_certificates(data, signature_stop, end),
    )


def _read_responder(data: bytes, position: int, end: int) -> tuple[Name | None, bytes | None, int]:
    tag, start, stop = der.read(data, position, end)
    if tag == der.context(1):
        name, name_stop = read_name(data, start, stop)
        der.finish(name_stop, stop)
        return name, None, stop
    if tag != der.context(2):
        raise Malformed("ResponderID is neither a name nor a key")
    key_start, key_stop = der.expect(data, start, stop, der.OCTET_STRING)
    der.finish(key_stop, stop)
    return None, data[key_start:key_stop], stop


def _read_single_response(data: bytes, tag: int, start: int, stop: int) -> SingleResponse:
    if tag != der.SEQUENCE:
        raise Malformed("responses has something else than SingleResponses")
    cert_id, position = _read_cert_id(data, start, stop)
    status, position = _read_status(data, position, stop)
    this_update, position = _read_time(data, position, stop)
    next_update = None
    if position < stop and data[position] == der.context(0):
        time_start, position = der.expect(data, position, stop, der.context(0))
        next_update, time_stop = _read_time(data, time_start, position)
        der.finish(time_stop, position)
    extensions = _read_optional_extensions(data, position, stop, 1)
    return SingleResponse(cert_id, status, this_update, next_update, _critical(extensions))


def _read_status(data: bytes, position: int, end: int) -> tuple[CertStatus, int]:
    tag, start, stop = der.read(data, position, end)
    if tag == der.context(1):
        revoked_at, at = _read_time(data, start, stop)
        reason = None
        if at < stop:
            reason, at = _read_reason(data, at, stop)
        der.finish(at, stop)
        return CertStatus(CertStatusKind.REVOKED, revoked_at, reason), stop
    der.finish(start, stop)  # IMPLICIT NULL
    for known in (GOOD, UNKNOWN):
        if tag == der.context(known.kind.value, constructed=False):
            return known, stop
    raise Malformed("CertStatus is none of RFC 6960 4.2.1")


def _read_reason(data: bytes, position: int, end: int) -> tuple[CrlReason, int]:
    outer_start, outer_stop = der.expect(data, position, end, der.context(0))
    start, stop = der.expect(data, outer_start, outer_stop, der.ENUMERATED)
    der.finish(stop, outer_stop)
    try:
        return CrlReason(der.integer_value(data, start, stop)), outer_stop
    except ValueError:
        raise Malformed("revocationReason is none of RFC 5280 5.3.1") from None


def _read_time(data: bytes, position: int, end: int) -> tuple[Utc, int]:
    start, stop = der.expect(data, position, end, der.GENERALIZED_TIME)
    return Utc.parse_generalized_time(data[start:stop]), stop


def _read_certificates(data: bytes, position: int, end: int) -> tuple[bytes, ...]:
    """Read certs, [0] EXPLICIT, if it stands; the certificates are not opened."""
    if position == end:
        return ()
    outer_start, outer_stop = der.expect(data, position, end, der.context(0))
    der.finish(outer_stop, end)
    start, stop = der.expect(data, outer_start, outer_stop, der.SEQUENCE)
    der.finish(stop, outer_stop)
    found = _bounded(data, start, stop, MAX_CERTIFICATES)
    return tuple(data[at:inner_stop] for _, at, _, inner_stop in found)


# --- both -----------------------------------------------------------------------------------------


def _bounded(data: bytes, start: int, stop: int, most: int) -> list[tuple[int, int, int, int]]:
    """Walk a SEQUENCE OF that holds something, and no more than `most`."""
    found: list[tuple[int, int, int, int]] = []
    for child in der.children(data, start, stop):
        if len(found) == most:
            raise Malformed("a list of OCSP is too long")
        found.append(child)
    if not found:
        raise Malformed("a list of OCSP is empty")
    return found


def _read_optional_extensions(data: bytes, position: int, end: int, number: int) -> Extensions:
    if position == end:
        return _NO_EXTENSIONS
    start, stop = der.expect(data, position, end, der.context(number))
    der.finish(stop, end)
    return read_extensions(data, start, stop)


def _nonce(extensions: Extensions) -> bytes | None:
    found = extensions.find(oids.OCSP_NONCE)
    if found is None:
        return None
    start, stop = der.whole(found.value, der.OCTET_STRING)
    if stop - start not in NONCE_OCTETS:
        raise Malformed("a nonce has 1 to 32 octets (RFC 8954 2.1)")
    return found.value[start:stop]


def _critical(extensions: Extensions) -> frozenset[str]:
    return frozenset(each.oid for each in extensions.listed if each.critical)
