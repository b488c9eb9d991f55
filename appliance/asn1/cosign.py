"""CosignMsg: what phones and the box say to each other in DER.

docs/protocol-cosign.md section 11.  Octets stay octets here; what they mean is `cosign`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from appliance.asn1 import der
from appliance.errors import Malformed

ID_OCTETS = 16
NO_ID = bytes(ID_OCTETS)
"""The id of an answer to a message whose own could not be read."""

_VERSION_1 = der.integer(1)
_SUITE_3 = der.tlv(der.ENUMERATED, b"\x03")
_REQUEST, _RESPONSE, _ENROL, _ENROL_RESP, _ERROR = (der.context(tag) for tag in (1, 2, 4, 5, 9))
_OCTETS, _CODE = der.context(0, constructed=False), der.context(1, constructed=False)
_TRIES_LEFT, _EPOCH = _OCTETS, _CODE
_NUMBER_OCTETS = 9
"""The content of an INTEGER of 64 bits without a sign."""


@attrs.frozen
class Request:
    """A request of an enrolled phone; `items` as their octets."""

    verb: str
    uid: str
    device: str
    epoch: int
    ctr: int
    mac: bytes
    signature: bytes
    items: tuple[bytes, ...]


@attrs.frozen
class Response:
    """A result for each item: octets, or the number of a code."""

    results: tuple[bytes | int, ...]


@attrs.frozen
class Enrol:
    """A message of an enrolment from the phone."""

    step: int
    message: bytes
    mac: bytes


@attrs.frozen
class EnrolResp:
    """A message of an enrolment to the phone."""

    step: int
    message: bytes
    mac: bytes


@attrs.frozen
class Error:
    """The whole question is refused: the number of a code, a sentence, what the code tells."""

    code: int
    text: str
    tries_left: int | None = None
    epoch: int | None = None


Body = Request | Response | Enrol | EnrolResp | Error


@attrs.frozen
class CosignMsg:
    """One message; `id` is the asker's, and its answer has the same."""

    id: bytes
    body: Body


# --- reading -------------------------------------------------------------------------------------


def read_id(data: bytes) -> bytes:
    """Read the id of a message whatever follows it; NO_ID where there is none to read."""
    try:
        identifier, _, _ = _read_head(data)
    except Malformed:
        return NO_ID
    return identifier


def decode_message(data: bytes) -> CosignMsg:
    """Decode a message that fills `data`.  Raises Malformed for what is not strict DER of it."""
    identifier, position, end = _read_head(data)
    tag, start, stop = der.read(data, position, end)
    der.finish(stop, end)
    read = _READERS.get(tag)
    if read is None:
        raise Malformed(f"no body of a CosignMsg has the tag 0x{tag:02x}")
    return CosignMsg(identifier, read(_Cursor(data, start, stop)))


def _read_head(data: bytes) -> tuple[bytes, int, int]:
    """Read version, suite and id; gives the id, where the body starts and where all ends."""
    position, end = der.whole(data, der.SEQUENCE)
    if not data.startswith(_VERSION_1 + _SUITE_3, position, end):
        raise Malformed("not of version 1 and suite 3")
    position += len(_VERSION_1 + _SUITE_3)
    start, stop = der.expect(data, position, end, der.OCTET_STRING)
    if stop - start != ID_OCTETS:
        raise Malformed(f"an id has {ID_OCTETS} octets")
    return data[start:stop], stop, end


class _Cursor:
    """Reads the values of one container in their order."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self._data = data
        self._position = position
        self._end = end

    def __bool__(self) -> bool:
        return self._position < self._end

    def octets(self) -> bytes:
        start, stop = self._next(der.OCTET_STRING)
        return self._data[start:stop]

    def text(self) -> str:
        start, stop = self._next(der.UTF8_STRING)
        try:
            return self._data[start:stop].decode()
        except UnicodeDecodeError:
            raise Malformed("UTF8String is not UTF-8") from None

    def number(self, tag: int = der.INTEGER) -> int:
        start, stop = self._next(tag)
        return _number(self._data, start, stop)

    def optional_number(self, tag: int) -> int | None:
        is_there = self and self._data[self._position] == tag
        return self.number(tag) if is_there else None

    def octets_of(self) -> tuple[bytes, ...]:
        """Read a SEQUENCE OF OCTET STRING."""
        inner = _Cursor(self._data, *self._next(der.SEQUENCE))
        found = []
        while inner:
            found.append(inner.octets())
        return tuple(found)

    def results(self) -> tuple[bytes | int, ...]:
        """Read Results to the end."""
        found: list[bytes | int] = []
        for tag, _, start, stop in der.children(self._data, self._position, self._end):
            if tag == _OCTETS:
                found.append(self._data[start:stop])
            elif tag == _CODE:
                found.append(_number(self._data, start, stop))
            else:
                raise Malformed(f"no Result has the tag 0x{tag:02x}")
        return tuple(found)

    def finish(self) -> None:
        der.finish(self._position, self._end)

    def _next(self, tag: int) -> tuple[int, int]:
        start, self._position = der.expect(self._data, self._position, self._end, tag)
        return start, self._position


def _number(data: bytes, start: int, stop: int) -> int:
    number = der.integer_value(data, start, stop, max_octets=_NUMBER_OCTETS)
    if not 0 <= number < 1 << 64:
        raise Malformed("a number of a CosignMsg is 0 to 2^64 - 1")
    return number


def _read_request(cursor: _Cursor) -> Request:
    request = Request(
        verb=cursor.text(),
        uid=cursor.text(),
        device=cursor.text(),
        epoch=cursor.number(),
        ctr=cursor.number(),
        mac=cursor.octets(),
        signature=cursor.octets(),
        items=cursor.octets_of(),
    )
    cursor.finish()
    return request


def _read_response(cursor: _Cursor) -> Response:
    return Response(cursor.results())


def _read_enrol(cursor: _Cursor) -> Enrol:
    enrol = Enrol(cursor.number(), cursor.octets(), cursor.octets())
    cursor.finish()
    return enrol


def _read_enrol_resp(cursor: _Cursor) -> EnrolResp:
    return EnrolResp(**attrs.asdict(_read_enrol(cursor)))


def _read_error(cursor: _Cursor) -> Error:
    error = Error(
        cursor.number(),
        cursor.text(),
        cursor.optional_number(_TRIES_LEFT),
        cursor.optional_number(_EPOCH),
    )
    cursor.finish()
    return error


_READERS: Mapping[int, Callable[[_Cursor], Body]] = {
    _REQUEST: _read_request,
    _RESPONSE: _read_response,
    _ENROL: _read_enrol,
    _ENROL_RESP: _read_enrol_resp,
    _ERROR: _read_error,
}


# --- writing -------------------------------------------------------------------------------------


def encode_message(message: CosignMsg) -> bytes:
    """Render a message."""
    return der.sequence(_VERSION_1, _SUITE_3, der.octet_string(message.id), _body(message.body))


def _body(body: Body) -> bytes:
    match body:
        case Request():
            return _request(body)
        case Response(results):
            return der.tlv(_RESPONSE, *map(_result, results))
        case Enrol(step, message, mac):
            return der.tlv(_ENROL, *_enrolment(step, message, mac))
        case EnrolResp(step, message, mac):
            return der.tlv(_ENROL_RESP, *_enrolment(step, message, mac))
        case Error(code, text, tries_left, epoch):
            parts = [der.integer(code), der.utf8_string(text)]
            numbers = ((_TRIES_LEFT, tries_left), (_EPOCH, epoch))
            parts += [_tagged(tag, number) for tag, number in numbers if number is not None]
            return der.tlv(_ERROR, *parts)


def _request(request: Request) -> bytes:
    texts: Sequence[str] = (request.verb, request.uid, request.device)
    return der.tlv(
        _REQUEST,
        *map(der.utf8_string, texts),
        der.integer(request.epoch),
        der.integer(request.ctr),
        der.octet_string(request.mac),
        der.octet_string(request.signature),
        der.sequence(*map(der.octet_string, request.items)),
    )


def _enrolment(step: int, message: bytes, mac: bytes) -> tuple[bytes, bytes, bytes]:
    return der.integer(step), der.octet_string(message), der.octet_string(mac)


def _result(result: bytes | int) -> bytes:
    return der.tlv(_OCTETS, result) if isinstance(result, bytes) else _tagged(_CODE, result)


def _tagged(tag: int, number: int) -> bytes:
    return bytes((tag,)) + der.integer(number)[1:]
