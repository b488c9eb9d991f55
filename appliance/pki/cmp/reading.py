"""CMP messages that come back: cp, kup, rp, pkiConf, pollRep and error.  RFC 4210 5.2, 5.3."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import attrs

from appliance.asn1 import der
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed

MAX_OCTETS = 256 * 1024
_MAX_CERTIFICATES = 16
_MAX_TEXT = 1000


class Kind(enum.Enum):
    """The bodies we understand, by their tag."""

    CP = 3
    KUP = 8
    RP = 12
    PKI_CONF = 19
    ERROR = 23
    POLL_REP = 26


class Status(enum.Enum):
    """What became of a request.  RFC 4210 5.2.3, PKIStatus."""

    ACCEPTED = 0
    GRANTED_WITH_MODS = 1
    REJECTION = 2
    WAITING = 3
    REVOCATION_WARNING = 4
    REVOCATION_NOTIFICATION = 5
    KEY_UPDATE_WARNING = 6


@attrs.frozen
class Answer:
    """An answer taken apart; what its kind does not have is empty.

    `algorithm` is the TLV of protectionAlg, `protected` the ProtectedPart that `protection` seals.
    """

    kind: Kind
    transaction: bytes
    nonce: bytes
    answers: bytes
    implicit_confirm: bool
    algorithm: bytes
    protected: bytes
    protection: bytes
    request_id: int = 0
    status: Status | None = None
    text: str = ""
    certificate: Certificate | None = None
    extra: tuple[Certificate, ...] = ()
    check_after_s: int = 0


@attrs.frozen
class _Header:
    transaction: bytes = b""
    nonce: bytes = b""
    answers: bytes = b""
    algorithm: bytes = b""
    implicit_confirm: bool = False


@attrs.frozen
class _Body:
    request_id: int = 0
    status: Status | None = None
    text: str = ""
    certificate: Certificate | None = None
    extra: tuple[Certificate, ...] = ()
    check_after_s: int = 0


def read_answer(data: bytes) -> Answer:
    """Take a PKIMessage apart.  Raises Malformed, also for a body we would never be sent."""
    if len(data) > MAX_OCTETS:
        raise Malformed("the CMP message is too long")
    start, end = der.whole(data, der.SEQUENCE)
    header_start, header_stop = der.expect(data, start, end, der.SEQUENCE)
    tag, body_start, body_stop = der.read(data, header_stop, end)
    kind = _kind(tag)
    header = _read_header(data, header_start, header_stop)
    body = _READERS[kind](data, body_start, body_stop)
    protection, extra = b"", body.extra
    for tail_tag, _, tail_start, tail_stop in der.children(data, body_stop, end):
        if tail_tag == der.context(0):
            first, last = der.expect(data, tail_start, tail_stop, der.BIT_STRING)
            protection = der.bit_string_octets(data, first, last)
        elif tail_tag == der.context(1):
            first, last = der.expect(data, tail_start, tail_stop, der.SEQUENCE)
            extra += _certificates(data, first, last)
        else:
            raise Malformed("the CMP message has a part that none has")
    return Answer(
        kind=kind,
        transaction=header.transaction,
        nonce=header.nonce,
        answers=header.answers,
        implicit_confirm=header.implicit_confirm,
        algorithm=header.algorithm,
        protected=der.sequence(data[start:body_stop]),
        protection=protection,
        request_id=body.request_id,
        status=body.status,
        text=body.text,
        certificate=body.certificate,
        extra=extra,
        check_after_s=body.check_after_s,
    )


def _kind(tag: int) -> Kind:
    for kind in Kind:
        if tag == der.context(kind.value):
            return kind
    raise Malformed("the CMP message is of a kind that answers nothing we ask")


def _read_header(data: bytes, start: int, stop: int) -> _Header:
    at = der.expect(data, start, stop, der.INTEGER)[1]
    for _ in ("sender", "recipient"):
        at = der.read(data, at, stop)[2]
    fields: dict[int, tuple[int, int]] = {}
    for tag, _, inner_start, inner_stop in der.children(data, at, stop):
        fields[tag & 0x1F] = inner_start, inner_stop

    def octets(number: int) -> bytes:
        if number not in fields:
            return b""
        first, last = der.expect(data, *fields[number], der.OCTET_STRING)
        return data[first:last]

    first, last = fields.get(1, (0, 0))
    return _Header(
        transaction=octets(4),
        nonce=octets(5),
        answers=octets(6),
        algorithm=data[first:last],
        implicit_confirm=8 in fields and der.oid("1.3.6.1.5.5.7.4.13") in data[slice(*fields[8])],
    )


def _read_cert_rep(data: bytes, start: int, stop: int) -> _Body:
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    extra: tuple[Certificate, ...] = ()
    tag, inner_start, inner_stop = der.read(data, start, stop)
    if tag == der.context(1):
        first, last = der.expect(data, inner_start, inner_stop, der.SEQUENCE)
        extra = _certificates(data, first, last)
        start = inner_stop
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    start, stop = der.expect(data, start, stop, der.SEQUENCE)  # the first CertResponse: we ask one
    first, at = der.expect(data, start, stop, der.INTEGER)
    request_id = der.integer_value(data, first, at)
    status, text, at = _read_status(data, at, stop)
    return _Body(request_id, status, text, _certified(data, at, stop), extra)


def _certified(data: bytes, at: int, stop: int) -> Certificate | None:
    """Read CertifiedKeyPair's certificate; none came when the request is not granted yet."""
    if at == stop or data[at] != der.SEQUENCE:
        return None
    start, stop = der.expect(data, at, stop, der.SEQUENCE)
    tag, first, last = der.read(data, start, stop)
    if tag != der.context(0):
        raise Malformed("the authority encrypts the certificate, which was not asked")
    return decode_certificate(data[first:last])


def _read_rev_rep(data: bytes, start: int, stop: int) -> _Body:
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    status, text, _ = _read_status(data, start, stop)
    return _Body(status=status, text=text)


def _read_error(data: bytes, start: int, stop: int) -> _Body:
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    status, text, at = _read_status(data, start, stop)
    for tag, tlv, _, tlv_stop in der.children(data, at, stop):
        if tag == der.SEQUENCE:
            text = "; ".join(filter(None, (text, _free_text(data, tlv, tlv_stop)[0])))
    return _Body(status=status, text=text)


def _read_poll_rep(data: bytes, start: int, stop: int) -> _Body:
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    start, stop = der.expect(data, start, stop, der.SEQUENCE)
    first, at = der.expect(data, start, stop, der.INTEGER)
    request_id = der.integer_value(data, first, at)
    first, at = der.expect(data, at, stop, der.INTEGER)
    return _Body(
        request_id, Status.WAITING, check_after_s=max(0, der.integer_value(data, first, at))
    )


def _read_nothing(data: bytes, start: int, stop: int) -> _Body:
    first, last = der.expect(data, start, stop, der.NULL)
    der.finish(first, last)
    return _Body()


_READERS = {
    Kind.CP: _read_cert_rep,
    Kind.KUP: _read_cert_rep,
    Kind.RP: _read_rev_rep,
    Kind.PKI_CONF: _read_nothing,
    Kind.ERROR: _read_error,
    Kind.POLL_REP: _read_poll_rep,
}


def _read_status(data: bytes, position: int, end: int) -> tuple[Status, str, int]:
    """Read a PKIStatusInfo: status, what is said, where it ends."""
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    first, at = der.expect(data, start, stop, der.INTEGER)
    try:
        status = Status(der.integer_value(data, first, at))
    except ValueError:
        raise Malformed("the CMP message has a status that none is") from None
    text = ""
    if at < stop and data[at] == der.SEQUENCE:
        text, at = _free_text(data, at, stop)
    return status, text, stop


def _free_text(data: bytes, position: int, end: int) -> tuple[str, int]:
    start, stop = der.expect(data, position, end, der.SEQUENCE)
    said = (
        data[first:last].decode("utf-8", "replace")
        for tag, _, first, last in der.children(data, start, stop)
        if tag == der.UTF8_STRING
    )
    return "; ".join(said)[:_MAX_TEXT], stop


def _certificates(data: bytes, start: int, stop: int) -> tuple[Certificate, ...]:
    return tuple(_each_certificate(data, start, stop))


def _each_certificate(data: bytes, start: int, stop: int) -> Iterator[Certificate]:
    for count, (_, first, _, last) in enumerate(der.children(data, start, stop)):
        if count == _MAX_CERTIFICATES:
            raise Malformed("the CMP message brings too many certificates")
        yield decode_certificate(data[first:last])
