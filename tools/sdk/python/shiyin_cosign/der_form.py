"""Requests and answers in DER, and their frames on a stream.  Section 11; tags are implicit."""

from __future__ import annotations

from shiyin_cosign import der
from shiyin_cosign.codes import Code
from shiyin_cosign.encoding import text
from shiyin_cosign.enrolment import Message
from shiyin_cosign.errors import Malformed, Rejected
from shiyin_cosign.phone import Result
from shiyin_cosign.requests import Request

ID_OCTETS = 16
HEAD_OCTETS = 4
ANSWER_OCTETS_MAX = 1 << 20

_REQUEST, _RESPONSE, _ENROL, _ENROL_RESP, _ERROR = 0xA1, 0xA2, 0xA4, 0xA5, 0xA9
_OCTETS, _CODE = 0x80, 0x81
_TRIES_LEFT, _EPOCH = 0x80, 0x81
_HEAD = der.integer(1) + der.integer(3, der.ENUMERATED)


def encode_request(identifier: bytes, request: Request) -> bytes:
    """Render a request in its frame."""
    names = (request.verb.value, request.uid, request.device)
    items = (der.write(der.OCTET_STRING, item) for item in request.items)
    return _frame(
        identifier,
        _REQUEST,
        *(der.write(der.UTF8_STRING, name.encode()) for name in names),
        der.integer(request.epoch),
        der.integer(request.ctr),
        der.write(der.OCTET_STRING, request.mac),
        der.write(der.OCTET_STRING, request.signature),
        der.write(der.SEQUENCE, *items),
    )


def encode_message(identifier: bytes, message: Message) -> bytes:
    """Render a message of an enrolment in its frame."""
    return _frame(
        identifier,
        _ENROL,
        der.integer(message.step),
        der.write(der.OCTET_STRING, message.octets),
        der.write(der.OCTET_STRING, message.mac),
    )


def decode_results(identifier: bytes, frame: bytes) -> list[Result]:
    """Read the answer to a request.  Raises Malformed, and Rejected for an error."""
    return [_result(element) for element in _body(identifier, frame, _RESPONSE)]


def decode_message(identifier: bytes, frame: bytes) -> Message:
    """Read the answer to a message of an enrolment.  Raises Malformed, and Rejected."""
    parts = _body(identifier, frame, _ENROL_RESP)
    if len(parts) != 3:
        raise Malformed("a message of an enrolment has three parts")
    step, octets, mac = parts
    return Message(
        step.integer(),
        octets.expect(der.OCTET_STRING).content,
        mac.expect(der.OCTET_STRING).content,
    )


def _frame(identifier: bytes, tag: int, *parts: bytes) -> bytes:
    body = der.write(tag, *parts)
    octets = der.write(der.SEQUENCE, _HEAD, der.write(der.OCTET_STRING, identifier), body)
    return len(octets).to_bytes(HEAD_OCTETS, "big") + octets


def _body(identifier: bytes, frame: bytes, tag: int) -> list[der.Element]:
    """Read the parts of the body that is awaited.  Raises Rejected for an error in its place."""
    parts = der.read(frame, der.SEQUENCE).children()
    if len(parts) != 4 or parts[0].encoded + parts[1].encoded != _HEAD:
        raise Malformed("not a CosignMsg of version 1 and suite 3")
    named, body = parts[2].expect(der.OCTET_STRING).content, parts[3]
    if body.tag == _ERROR and named in (identifier, bytes(ID_OCTETS)):
        raise _rejection(body.children())
    if named != identifier:
        raise Malformed("an answer to another question")
    return body.expect(tag).children()


def _rejection(parts: list[der.Element]) -> Rejected:
    if len(parts) < 2:
        raise Malformed("an error has a code and a text")
    numbers = {part.tag: der.number(part.content) for part in parts[2:]}
    return Rejected(
        Code.of(parts[0].integer()),
        text(parts[1].expect(der.UTF8_STRING).content),
        tries_left=numbers.get(_TRIES_LEFT),
        epoch=numbers.get(_EPOCH),
    )


def _result(element: der.Element) -> Result:
    if element.tag == _OCTETS:
        return element.content
    if element.tag == _CODE:
        return Code.of(der.number(element.content))
    raise Malformed("a result is neither octets nor a code")
