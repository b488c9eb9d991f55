"""The device API in DER: frames of a stream, and what is asked and answered in them.

docs/protocol-cosign.md section 11.
"""

from __future__ import annotations

import attrs

from appliance.asn1.cosign import (
    NO_ID,
    CosignMsg,
    Enrol,
    EnrolResp,
    Error,
    Request,
    Response,
    decode_message,
    encode_message,
    read_id,
)
from appliance.cosign.codes import Code
from appliance.cosign.requests import DeviceRequest
from appliance.errors import Malformed
from appliance.services.cosigning.messages import CodeAnswer, EnrolAnswer, ResultsAnswer
from appliance.wire.devices.forms import check_enrolment, make_request

HEAD_OCTETS = 4
FRAME_LIMIT = 256 * 1024
ANSWER_LIMIT = 1 << 20
_TEXT_CHARACTERS = 500


class FrameReader:
    """Cuts a stream into frames; holds at most one that is not complete.

    `fault` tells of a length that no frame has, after which nothing is read; empty till then.
    """

    __slots__ = ("_buffer", "fault")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.fault = ""

    @property
    def is_amid(self) -> bool:
        """Tell whether a frame has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take octets and give the frames they complete before any fault."""
        if self.fault:
            return []
        buffer = self._buffer
        buffer += data
        position, frames = 0, []
        while len(buffer) - position >= HEAD_OCTETS:
            start = position + HEAD_OCTETS
            length = int.from_bytes(buffer[position:start], "big")
            if not 1 <= length <= FRAME_LIMIT:
                self.fault = f"a frame of {length} octets: 1 to {FRAME_LIMIT} are taken"
                break
            if start + length > len(buffer):
                break
            position = start + length
            frames.append(bytes(buffer[start:position]))
        del buffer[:position]
        return frames


@attrs.frozen
class Asked:
    """What a frame asks: a message of an enrolment, a request, or nothing that makes sense.

    `id` is what the answer repeats.
    """

    id: bytes
    question: Enrol | DeviceRequest | Malformed


def read_question(frame: bytes) -> Asked:
    """Read what a phone sends; nothing is raised."""
    try:
        message = decode_message(frame)
        return Asked(message.id, _question(message))
    except Malformed as error:
        return Asked(read_id(frame), error)


def _question(message: CosignMsg) -> Enrol | DeviceRequest:
    body = message.body
    if isinstance(body, Enrol):
        check_enrolment(body.step, body.message, body.mac)
        return body
    if isinstance(body, Request):
        return make_request(
            body.verb,
            body.uid,
            body.device,
            body.epoch,
            body.ctr,
            body.mac,
            body.signature,
            body.items,
        )
    raise Malformed("a phone sends requests and enrolments")


def write_answer(
    identifier: bytes, step: int, answer: EnrolAnswer | ResultsAnswer | CodeAnswer
) -> bytes:
    """Render an answer in its frame; `step` is that of the message it answers, else 0."""
    if isinstance(answer, CodeAnswer):
        return write_error(answer.code, answer.detail, identifier, answer.tries_left, answer.epoch)
    body: EnrolResp | Response
    if isinstance(answer, EnrolAnswer):
        body = EnrolResp(step + 1, answer.message, answer.mac)
    else:
        body = Response(tuple(answer.results))
    octets = encode_message(CosignMsg(identifier, body))
    if len(octets) > ANSWER_LIMIT:
        return write_error(Code.TOO_MANY, "the answer is too long: ask for less", identifier)
    return _framed(octets)


def write_error(
    code: Code,
    text: str,
    identifier: bytes = NO_ID,
    tries_left: int | None = None,
    epoch: int | None = None,
) -> bytes:
    """Render a refusal in its frame."""
    said = text[:_TEXT_CHARACTERS].encode("utf-8", "replace").decode()
    return _framed(
        encode_message(CosignMsg(identifier, Error(code.number, said, tries_left, epoch)))
    )


def _framed(octets: bytes) -> bytes:
    return len(octets).to_bytes(HEAD_OCTETS, "big") + octets
