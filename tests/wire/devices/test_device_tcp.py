"""The TCP port of phones: frames, answers as they come, deadlines, and what ends a connection."""

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.device_api import (
    ID,
    MAC,
    REQUEST,
    Devices,
    body_of,
    framed,
    message_of,
    text_of,
)
from kit.fuzzing import halves
from kit.logs import logged

from appliance.asn1.cosign import (
    NO_ID,
    CosignMsg,
    Enrol,
    EnrolResp,
    Error,
    Response,
    encode_message,
)
from appliance.cosign.codes import Code
from appliance.cosign.requests import ITEM_LIMIT, Verb
from appliance.services.cosigning.messages import CodeAnswer, EnrolAnswer, ResultsAnswer
from appliance.wire.devices.der_form import ANSWER_LIMIT, FRAME_LIMIT, FrameReader
from appliance.wire.devices.tcp import CosignLimits

ASKED = message_of(REQUEST)
ONE = framed(encode_message(CosignMsg(ID, ASKED)))
TASKS = attrs.evolve(ASKED, verb="tasks")


def errors(phone):
    """Give the codes of the refusals so far."""
    return [Code.of(each.body.code) for each in phone.answers if isinstance(each.body, Error)]


# --- what is asked and answered -------------------------------------------------------------------


@pytest.mark.parametrize("verb", Verb)
def test_a_request_is_answered_under_its_id(verb):
    devices = Devices()
    phone = devices.open_tcp()
    phone.ask(attrs.evolve(ASKED, verb=verb.value))
    assert phone.answers == [CosignMsg(ID, Response((b"one", b"two")))]
    (ask,) = [*devices.signer.asked, *devices.manager.asked]
    assert ask.request == msgspec.structs.replace(REQUEST, verb=verb)


@pytest.mark.parametrize("step", [1, 3, 5, 7])
def test_a_message_of_an_enrolment_is_answered_by_the_next(step):
    phone = Devices().open_tcp()
    phone.ask(Enrol(step, b"M", MAC))
    assert phone.answers == [CosignMsg(ID, EnrolResp(step + 1, b"M", MAC))]


@pytest.mark.parametrize("code", Code)
def test_every_code_is_told_by_its_number_with_what_it_tells(code):
    phone = Devices(lambda ask: CodeAnswer(ask.number, code, "a sentence", 4, 2)).open_tcp()
    phone.ask(ASKED)
    assert phone.answers == [CosignMsg(ID, Error(code.number, "a sentence", 4, 2))]


def test_an_item_without_a_result_says_why():
    phone = Devices(lambda ask: ResultsAnswer(ask.number, [b"r", 12])).open_tcp()
    phone.ask(ASKED)
    assert phone.answers == [CosignMsg(ID, Response((b"r", 12)))]


@pytest.mark.parametrize("answer", ["results", "code", "enrolled"])
def test_both_transports_tell_the_same(answer):
    given_answer = {
        "results": lambda ask: ResultsAnswer(ask.number, [b"r", 8]),
        "code": lambda ask: CodeAnswer(ask.number, Code.PIN_WRONG, "no", 3),
        "enrolled": lambda ask: EnrolAnswer(ask.number, b"M2", MAC),
    }[answer]
    devices = Devices(given_answer)
    phone = devices.open_tcp()
    if answer == "enrolled":
        phone.ask(Enrol(1, b"M", MAC))
        said = devices.post("enrol/1", {"message": text_of(b"M"), "mac": text_of(MAC)})
    else:
        phone.ask(ASKED)
        said = devices.post("sign", body_of(REQUEST))
    first, second = devices.signer.asked
    assert msgspec.structs.replace(first, number=0) == msgspec.structs.replace(second, number=0)
    body, told = phone.answers[0].body, msgspec.json.decode(said.body)
    if isinstance(body, Response):
        results = [text_of(body.results[0]), {"code": Code.of(body.results[1]).value}]
        assert told == {"results": results}
    elif isinstance(body, EnrolResp):
        assert told == {"message": text_of(body.message), "mac": text_of(body.mac)}
    else:
        assert (told["code"], told["detail"]) == (Code.of(body.code).value, body.text)
        assert (told["tries_left"], "epoch" in told) == (body.tries_left, body.epoch is not None)


def test_answers_come_as_they_are_ready_each_under_its_id():
    devices = Devices(lambda _ask: None)
    phone = devices.open_tcp()
    phone.ask(TASKS, b"a" * 16)
    phone.ask(ASKED, b"b" * 16)
    devices.signer.say(ResultsAnswer(devices.signer.asked[0].number, [b"1", b"2"]))
    assert [each.id for each in phone.answers] == [b"b" * 16]
    devices.manager.say(ResultsAnswer(devices.manager.asked[0].number, []))
    assert [each.id for each in phone.answers] == [b"b" * 16, b"a" * 16]


def test_an_answer_too_long_for_a_frame_asks_for_less():
    devices = Devices(lambda ask: ResultsAnswer(ask.number, [bytes(1000)] * 1100))
    phone = devices.open_tcp()
    phone.ask(TASKS)
    assert len(phone.transport.value()) < ANSWER_LIMIT
    assert errors(phone) == [Code.TOO_MANY]


# --- what is malformed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        attrs.evolve(ASKED, verb="stamp"),
        attrs.evolve(ASKED, uid=""),
        attrs.evolve(ASKED, uid="é" * 33),
        attrs.evolve(ASKED, device="d" * 65),
        attrs.evolve(ASKED, epoch=1 << 32),
        attrs.evolve(ASKED, ctr=1 << 63),
        attrs.evolve(ASKED, mac=bytes(31)),
        attrs.evolve(ASKED, signature=bytes(63)),
        attrs.evolve(ASKED, items=()),
        attrs.evolve(ASKED, items=(bytes(2049),)),
        attrs.evolve(ASKED, items=(b"",) * (ITEM_LIMIT + 1)),
        Enrol(2, b"M", MAC),
        Enrol(9, b"M", MAC),
        Enrol(1, bytes(4097), MAC),
        Enrol(1, b"M", MAC[1:]),
        EnrolResp(1, b"M", MAC),
        Response(()),
        Error(1, ""),
    ],
    ids=lambda body: type(body).__name__,
)
def test_what_no_phone_sends_is_malformed_under_its_id_and_no_end(body):
    devices = Devices()
    phone = devices.open_tcp()
    phone.ask(body)
    phone.ask(ASKED)
    assert [each.id for each in phone.answers] == [ID, ID]
    assert errors(phone) == [Code.MALFORMED]
    assert len(devices.signer.asked) == 1
    assert not phone.is_ended


def test_five_hundred_items_go_in_one_frame():
    devices = Devices()
    phone = devices.open_tcp()
    phone.ask(attrs.evolve(ASKED, items=(bytes(144),) * ITEM_LIMIT))
    assert len(phone.answers[0].body.results) == ITEM_LIMIT


@pytest.mark.parametrize("length", [0, FRAME_LIMIT + 1, (1 << 32) - 1])
def test_a_length_that_no_frame_has_ends_the_connection_after_what_came_before(length):
    devices = Devices()
    phone = devices.open_tcp()
    phone.send(ONE + length.to_bytes(4, "big") + ONE)
    assert phone.answers[0].body == Response((b"one", b"two"))
    assert phone.answers[1].id == NO_ID
    assert errors(phone) == [Code.MALFORMED]
    assert phone.is_ended
    assert len(devices.signer.asked) == 1


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=5), st.data())
def test_frames_are_the_same_however_a_stream_is_cut(frames, data):
    octets = b"".join(map(framed, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=6)))
    reader, found = FrameReader(), []
    for start, stop in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        found += reader.feed(octets[start:stop])
    assert found == frames
    assert not reader.is_amid
    assert not reader.fault


@given(st.lists(st.binary(max_size=80) | st.just(ONE[4:]), max_size=4), st.binary(max_size=9))
def test_garbage_is_answered_frame_by_frame_and_never_logged(frames, rest):
    whole = Devices().open_tcp()
    pieces = Devices().open_tcp()
    octets = b"".join(map(framed, frames)) + rest
    with logged() as events:
        whole.send(octets)
        for piece in halves(octets):
            pieces.send(piece)
    assert events == []
    assert whole.answers == pieces.answers
    asked = frames[: frames.index(b"")] if b"" in frames else frames
    assert len(whole.answers) >= len(asked)
    for frame, answer in zip(asked, whole.answers, strict=False):
        assert isinstance(answer.body, Response if frame == ONE[4:] else Error)


# --- amounts and deadlines ------------------------------------------------------------------------


def test_no_more_is_under_way_than_the_pipeline_has_room_for():
    devices = Devices(lambda _ask: None, tcp=CosignLimits(pipeline=2))
    phone = devices.open_tcp()
    phone.send(ONE * 3)
    assert len(devices.signer.asked) == 2
    assert not phone.is_read
    devices.signer.say(ResultsAnswer(devices.signer.asked[0].number, [b"1", b"2"]))
    assert len(devices.signer.asked) == 3
    devices.signer.say(ResultsAnswer(devices.signer.asked[1].number, [b"1", b"2"]))
    assert phone.is_read


def test_thousands_of_frames_in_one_read_are_answered_in_turn():
    phone = Devices().open_tcp()
    phone.send(ONE * 3000)
    assert len(phone.answers) == 3000


def test_a_phone_that_does_not_read_is_not_read_from_and_then_cut_off():
    devices = Devices()
    phone = devices.open_tcp()
    phone.connection.pauseProducing()
    assert not phone.is_read
    devices.clock.advance(devices.tcp.limits.write_deadline_s + 2)
    assert phone.is_ended


def test_a_phone_that_reads_again_has_its_further_answers():
    devices = Devices()
    phone = devices.open_tcp()
    phone.connection.pauseProducing()
    phone.send(ONE)
    assert phone.answers == []
    phone.connection.resumeProducing()
    assert len(phone.answers) == 1


def test_a_frame_that_takes_too_long_is_told_so_however_it_trickles():
    devices = Devices(tcp=CosignLimits(frame_deadline_s=10))
    phone = devices.open_tcp()
    for at in range(12):
        if not phone.is_ended:
            phone.send(ONE[at : at + 1])
        devices.clock.advance(1)
    assert errors(phone) == [Code.MALFORMED]
    assert phone.is_ended


@pytest.mark.parametrize(("octets", "wait_s"), [(b"", 10), (ONE, 60)])
def test_a_silent_phone_is_cut_off(octets, wait_s):
    devices = Devices()
    phone = devices.open_tcp()
    if octets:
        phone.send(octets)
    devices.clock.advance(wait_s - 1)
    assert not phone.is_ended
    devices.clock.advance(3)
    assert phone.is_ended


def test_a_phone_that_waits_for_us_is_given_time():
    devices = Devices(lambda _ask: None, tcp=CosignLimits(idle_s=5))
    phone = devices.open_tcp()
    phone.ask(TASKS)
    for _ in range(35):
        devices.clock.advance(1)
    assert not phone.is_ended
    devices.manager.say(ResultsAnswer(devices.manager.asked[0].number, []))
    assert phone.answers == [CosignMsg(ID, Response(()))]


def test_an_answer_for_who_has_left_is_nobody_s():
    devices = Devices(lambda _ask: None)
    phone = devices.open_tcp()
    phone.ask(ASKED)
    phone.connection.connectionLost()
    with logged() as events:
        devices.signer.say(ResultsAnswer(devices.signer.asked[0].number, [b"1", b"2"]))
    assert (phone.answers, events) == ([], [])
