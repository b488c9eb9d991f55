"""The TCP port of phones: one answer a frame, in order here; a length that is none ends it."""

from kit.device_api import Devices, echo
from kit.fuzzing import halves

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
)
from appliance.cosign.codes import Code
from appliance.cosign.requests import Verb
from appliance.errors import Malformed
from appliance.wire.devices.der_form import FRAME_LIMIT

LIFETIME_S = 100.0


def one_input(data: bytes) -> None:
    frames, is_sound = cut(data)
    answers, is_ended = exchange([data])
    assert exchange(halves(data)) == (answers, is_ended)
    assert is_ended is not is_sound
    assert len(answers) == len(frames) + is_ended
    for frame, answer in zip(frames, answers, strict=False):
        check_answer(frame, answer)
    if is_ended:
        assert answers[-1].id == NO_ID
        assert code_of(answers[-1]) is Code.MALFORMED


def check_answer(frame: bytes, answer: CosignMsg) -> None:
    """The signer and the manager of this run answer with what they are asked."""
    try:
        message = decode_message(frame)
    except Malformed:
        assert code_of(answer) is Code.MALFORMED
        return
    assert encode_message(message) == frame
    assert answer.id == message.id
    asked = message.body
    if isinstance(answer.body, EnrolResp):
        assert isinstance(asked, Enrol)
        found = (answer.body.step, answer.body.message, answer.body.mac)
        assert found == (asked.step + 1, asked.message, asked.mac)
    elif isinstance(answer.body, Response):
        assert isinstance(asked, Request)
        assert asked.verb in set(Verb)
        assert answer.body.results == asked.items
    else:
        assert code_of(answer) in (Code.MALFORMED, Code.TOO_MANY)


def code_of(answer: CosignMsg) -> Code:
    assert isinstance(answer.body, Error)
    return Code.of(answer.body.code)


def cut(data: bytes) -> tuple[list[bytes], bool]:
    """Cut a stream by the letter of the page: its frames, and whether it may go on."""
    frames = []
    while len(data) >= 4:
        length = int.from_bytes(data[:4], "big")
        if not 1 <= length <= FRAME_LIMIT:
            return frames, False
        if len(data) < 4 + length:
            break
        frames.append(data[4 : 4 + length])
        data = data[4 + length :]
    return frames, True


def exchange(pieces: list[bytes]) -> tuple[list[CosignMsg], bool]:
    """Send a stream in pieces; gives what was answered, and whether that was the end."""
    devices = Devices(echo)
    phone = devices.open_tcp()
    for piece in pieces:
        phone.send(piece)
    answers, is_ended = phone.answers, phone.is_ended
    devices.clock.pump([LIFETIME_S] * 3)
    assert phone.is_ended
    phone.connection.connectionLost()
    assert not devices.tcp.connections
    return answers, is_ended
