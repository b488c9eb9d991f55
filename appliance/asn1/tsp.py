"""The messages of RFC 3161: TimeStampReq, TimeStampResp and TSTInfo.

What a token must echo (messageImprint, nonce) is kept as the TLV the client sent.
"""

# ruff: noqa: N815 -- the failures are spelt as the standard spells them

from __future__ import annotations

import enum
import functools

import msgspec

from appliance.asn1 import der
from appliance.asn1.algorithm import algorithm_identifier, read_algorithm, read_oid
from appliance.errors import Malformed
from appliance.quantities import Accuracy, Utc

MAX_REQUEST_OCTETS = 4 * 1024
MAX_RESPONSE_OCTETS = 64 * 1024
MAX_NONCE_OCTETS = 64
MAX_SERIAL_OCTETS = 32
MAX_STATUS_TEXTS = 16

_CONTEXT_0 = der.context(0)
_CONTEXT_1 = der.context(1)
_MILLIS = der.context(0, constructed=False)
_MICROS = der.context(1, constructed=False)
_VERSION_1 = der.integer(1)

_ACCURACY_PARTS = (
    (der.INTEGER, 1_000_000, 0, 0x7FFF_FFFF),
    (_MILLIS, 1_000, 1, 999),
    (_MICROS, 1, 1, 999),
)
"""Seconds, millis, micros: tag, microseconds in one, least and greatest value (RFC 3161 2.4.2)."""


class PKIStatus(enum.IntEnum):
    """What became of a request.  RFC 3161 2.4.2."""

    GRANTED = 0
    GRANTED_WITH_MODS = 1
    REJECTION = 2
    WAITING = 3
    REVOCATION_WARNING = 4
    REVOCATION_NOTIFICATION = 5


class PKIFailureInfo(enum.IntEnum):
    """Why a request was rejected: names and bit numbers of RFC 3161 2.4.2."""

    badAlg = 0
    badRequest = 2
    badDataFormat = 5
    timeNotAvailable = 14
    unacceptedPolicy = 15
    unacceptedExtension = 16
    addInfoNotAvailable = 17
    systemFailure = 25


class TimeStampReq(msgspec.Struct, frozen=True, gc=False):
    """A request as it was sent; nothing but its form has been judged.

    `imprint_tlv` is the whole messageImprint, `imprint` its hashedMessage.  `nonce_tlv` is empty
    when there is no nonce.  `has_trailing_octets` tells of octets after the message.
    """

    version: int
    imprint_tlv: bytes
    hash_algorithm: str
    imprint: bytes
    req_policy: str | None
    nonce_tlv: bytes
    cert_req: bool
    has_extensions: bool
    has_trailing_octets: bool


class TimeStampResp(msgspec.Struct, frozen=True, gc=False):
    """A response: `failure` is the lowest bit set in failInfo; `token` is empty unless granted."""

    status: int
    status_texts: tuple[str, ...]
    failure: int | None
    token: bytes


class TSTInfo(msgspec.Struct, frozen=True, gc=False):
    """The content of a token.  `tsa` is the GeneralName TLV; absent TLVs are empty."""

    version: int
    policy: str
    imprint_tlv: bytes
    hash_algorithm: str
    imprint: bytes
    serial_number: int
    gen_time: Utc
    accuracy_us: int | None
    ordering: bool
    nonce_tlv: bytes
    tsa: bytes
    has_extensions: bool

    @property
    def serial_octets(self) -> bytes:
        """The serial number as the content of its INTEGER."""
        return der.integer(self.serial_number)[2:]


# --- TimeStampReq --------------------------------------------------------------------------------


def decode_request(data: bytes) -> TimeStampReq:
    """Decode a TimeStampReq of at most 4 KiB.  Raises Malformed when it is not DER of that form.

    `certReq FALSE` spelt out is let pass: it is not DER, but it is clear and not signed.
    """
    if len(data) > MAX_REQUEST_OCTETS:
        raise Malformed("request is too long")
    position, end = der.expect(data, 0, len(data), der.SEQUENCE)
    version, position = _version(data, position, end)
    imprint_start = position
    hash_algorithm, imprint, position = _message_imprint(data, position, end)
    imprint_tlv = data[imprint_start:position]
    req_policy, nonce_tlv, cert_req, has_extensions = None, b"", False, False
    tag, start, stop = _next(data, position, end)
    if tag == der.OBJECT_IDENTIFIER:
        req_policy, position = read_oid(data, position, end)
        tag, start, stop = _next(data, position, end)
    if tag == der.INTEGER:
        nonce_tlv = _nonce(data, position, start, stop)
        position = stop
        tag, start, stop = _next(data, position, end)
    if tag == der.BOOLEAN:
        cert_req = der.boolean_value(data, start, stop)
        position = stop
        tag, start, stop = _next(data, position, end)
    if tag == _CONTEXT_0:
        has_extensions = True
        position = stop
    der.finish(position, end)
    return TimeStampReq(
        version,
        imprint_tlv,
        hash_algorithm,
        imprint,
        req_policy,
        nonce_tlv,
        cert_req,
        has_extensions,
        end != len(data),
    )


def encode_request(
    *,
    hash_algorithm: str,
    imprint: bytes,
    req_policy: str | None = None,
    nonce: int | None = None,
    cert_req: bool = True,
) -> bytes:
    """Render a TimeStampReq of version 1."""
    return der.sequence(
        _VERSION_1,
        message_imprint(hash_algorithm, imprint),
        b"" if req_policy is None else der.oid(req_policy),
        b"" if nonce is None else der.integer(nonce),
        der.TRUE if cert_req else b"",
    )


def message_imprint(hash_algorithm: str, imprint: bytes) -> bytes:
    """Render a MessageImprint, its algorithm's parameters absent."""
    return der.sequence(algorithm_identifier(hash_algorithm), der.octet_string(imprint))


def _next(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Read the header of an optional value; tag 0 at the end of the container."""
    return der.read(data, position, end) if position < end else (0, end, end)


def _version(data: bytes, position: int, end: int) -> tuple[int, int]:
    if data.startswith(_VERSION_1, position, end):
        return 1, position + len(_VERSION_1)
    start, stop = der.expect(data, position, end, der.INTEGER)
    return der.integer_value(data, start, stop, max_octets=4), stop


def _message_imprint(data: bytes, position: int, end: int) -> tuple[str, bytes, int]:
    """Read a MessageImprint: (hash algorithm, hashedMessage, end).

    What comes before the hash is the same from request to request and is looked up whole.
    """
    if position + 4 > end:
        raise Malformed("DER ends inside messageImprint")
    start = position + 6 + data[position + 3]
    hash_algorithm, size = _imprint_header(data[position:start])
    stop = start + size
    if stop > end:
        raise Malformed("messageImprint runs past its container")
    return hash_algorithm, data[start:stop], stop


@functools.lru_cache(256)
def _imprint_header(header: bytes) -> tuple[str, int]:
    """Parse a MessageImprint up to its hash: (hash algorithm, octets of the hash).

    Only short lengths are read: no hash is so long that its imprint needs more.
    """
    algorithm, position = read_algorithm(header, 2, len(header))
    size = header[-1]
    if (
        position + 2 != len(header)
        or header[position] != der.OCTET_STRING
        or header[:2] != der.header(der.SEQUENCE, position + size)
    ):
        raise Malformed("not a messageImprint")
    if not algorithm.is_plain:
        raise Malformed("the hash algorithm has parameters")
    return algorithm.oid, size


def _nonce(data: bytes, position: int, start: int, stop: int) -> bytes:
    der.integer_value(data, start, stop, max_octets=MAX_NONCE_OCTETS)
    return data[position:stop]


# --- TimeStampResp -------------------------------------------------------------------------------


def decode_response(data: bytes) -> TimeStampResp:
    """Decode a TimeStampResp of at most 64 KiB, the token unopened.  Raises Malformed."""
    if len(data) > MAX_RESPONSE_OCTETS:
        raise Malformed("response is too long")
    position, end = der.whole(data, der.SEQUENCE)
    start, position = der.expect(data, position, end, der.SEQUENCE)
    status, texts, failure = _status_info(data, start, position)
    if position != end:
        _, stop = der.expect(data, position, end, der.SEQUENCE)
        der.finish(stop, end)
    return TimeStampResp(status, texts, failure, data[position:end])


def _status_info(data: bytes, position: int, end: int) -> tuple[int, tuple[str, ...], int | None]:
    start, position = der.expect(data, position, end, der.INTEGER)
    status = der.integer_value(data, start, position, max_octets=4)
    texts: tuple[str, ...] = ()
    failure = None
    tag, start, stop = _next(data, position, end)
    if tag == der.SEQUENCE:
        texts = _status_texts(data, start, stop)
        position = stop
        tag, start, stop = _next(data, position, end)
    if tag == der.BIT_STRING:
        failure = _lowest_bit(data, start, stop)
        position = stop
    der.finish(position, end)
    return status, texts, failure


def _status_texts(data: bytes, position: int, end: int) -> tuple[str, ...]:
    texts: list[str] = []
    for tag, _, start, stop in der.children(data, position, end):
        if tag != der.UTF8_STRING or len(texts) == MAX_STATUS_TEXTS:
            raise Malformed("statusString is not a few UTF8Strings")
        try:
            texts.append(data[start:stop].decode())
        except UnicodeDecodeError as error:
            raise Malformed("statusString is not UTF-8") from error
    return tuple(texts)


def _lowest_bit(data: bytes, start: int, stop: int) -> int | None:
    """Give the number of the first bit set in a BIT STRING of at most 64 octets, if any is."""
    if not 1 <= stop - start <= 65 or data[start] > 7 or (stop - start == 1 and data[start]):
        raise Malformed("failInfo is not a BIT STRING of a sensible length")
    bits = int.from_bytes(data[start + 1 : stop], "big")
    if bits & (1 << data[start]) - 1:
        raise Malformed("failInfo has unused bits set")
    return 8 * (stop - start - 1) - bits.bit_length() if bits else None


def encode_status(status: PKIStatus) -> bytes:
    """Render a TimeStampResp of a status alone, as `waiting` is."""
    return der.sequence(der.sequence(der.integer(status)))


def encode_rejection(failure: PKIFailureInfo, text: str) -> bytes:
    """Render a TimeStampResp of status rejection with one failure bit and one line of text."""
    octet, bit = divmod(failure, 8)
    return der.sequence(
        der.sequence(
            der.integer(PKIStatus.REJECTION),
            der.sequence(der.utf8_string(text)),
            der.bit_string(bytes(octet) + bytes((0x80 >> bit,)), 7 - bit),
        )
    )


# --- TSTInfo -------------------------------------------------------------------------------------


def decode_tst_info(data: bytes) -> TSTInfo:
    """Decode a TSTInfo.  Raises Malformed.  RFC 3161 2.4.2."""
    position, end = der.whole(data, der.SEQUENCE)
    version, position = _version(data, position, end)
    policy, position = read_oid(data, position, end)
    imprint_start = position
    hash_algorithm, imprint, position = _message_imprint(data, position, end)
    imprint_tlv = data[imprint_start:position]
    start, position = der.expect(data, position, end, der.INTEGER)
    serial_number = der.integer_value(data, start, position, max_octets=MAX_SERIAL_OCTETS)
    start, position = der.expect(data, position, end, der.GENERALIZED_TIME)
    gen_time = Utc.parse_generalized_time(data[start:position])
    accuracy_us, ordering, nonce_tlv, tsa = None, False, b"", b""
    tag, start, stop = _next(data, position, end)
    if tag == der.SEQUENCE:
        accuracy_us, position = _accuracy(data[start:stop]), stop
        tag, start, stop = _next(data, position, end)
    if tag == der.BOOLEAN:
        ordering, position = der.boolean_value(data, start, stop), stop
        tag, start, stop = _next(data, position, end)
    if tag == der.INTEGER:
        nonce_tlv, position = _nonce(data, position, start, stop), stop
        tag, start, stop = _next(data, position, end)
    if tag == _CONTEXT_0:
        tsa, position = _general_name(data, start, stop), stop
        tag, start, stop = _next(data, position, end)
    has_extensions = tag == _CONTEXT_1
    der.finish(stop if has_extensions else position, end)
    return TSTInfo(
        version=version,
        policy=policy,
        imprint_tlv=imprint_tlv,
        hash_algorithm=hash_algorithm,
        imprint=imprint,
        serial_number=serial_number,
        gen_time=gen_time,
        accuracy_us=accuracy_us,
        ordering=ordering,
        nonce_tlv=nonce_tlv,
        tsa=tsa,
        has_extensions=has_extensions,
    )


def encode_tst_info(info: TSTInfo) -> bytes:
    """Render a TSTInfo without extensions; its hash stands in `imprint_tlv` alone."""
    assert not info.has_extensions
    return der.sequence(
        der.integer(info.version),
        der.oid(info.policy),
        info.imprint_tlv,
        der.integer(info.serial_number),
        der.tlv(der.GENERALIZED_TIME, info.gen_time.generalized_time()),
        b"" if info.accuracy_us is None else encode_accuracy(Accuracy(info.accuracy_us)),
        der.TRUE if info.ordering else b"",
        info.nonce_tlv,
        der.tlv(_CONTEXT_0, info.tsa) if info.tsa else b"",
    )


def encode_accuracy(accuracy: Accuracy) -> bytes:
    """Render an Accuracy; parts that are zero are left out."""
    seconds, millis, micros = accuracy.parts
    return der.sequence(
        der.integer(seconds) if seconds else b"",
        der.tlv(_MILLIS, der.integer(millis)[2:]) if millis else b"",
        der.tlv(_MICROS, der.integer(micros)[2:]) if micros else b"",
    )


@functools.lru_cache(256)
def _accuracy(data: bytes) -> int:
    """Add up the parts of an Accuracy, in microseconds."""
    total, position, end = 0, 0, len(data)
    for tag, step_us, least, most in _ACCURACY_PARTS:
        found, start, stop = _next(data, position, end)
        if found == tag:
            part = der.integer_value(data, start, stop, max_octets=4)
            if not least <= part <= most:
                raise Malformed("a part of Accuracy is out of its range")
            total += part * step_us
            position = stop
    der.finish(position, end)
    return total


def _general_name(data: bytes, start: int, stop: int) -> bytes:
    _, _, name_stop = der.read(data, start, stop)
    der.finish(name_stop, stop)
    return data[start:stop]
