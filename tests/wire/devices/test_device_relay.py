"""Questions between phones and those who answer: numbers, deadlines, amounts, rates."""

import msgspec
import pytest
from kit.device_api import MAC, REQUEST, Devices, body_of, message_of, text_of
from kit.logs import logged
from twisted.internet.defer import Deferred

from appliance.cosign.codes import Code
from appliance.cosign.requests import Verb
from appliance.errors import Unavailable
from appliance.services.cosigning.messages import (
    CodeAnswer,
    EnrolAnswer,
    ResultsAnswer,
    TlsAnswer,
    TlsAsk,
)
from appliance.wire.devices.lane import LaneLimits
from appliance.wire.devices.relay import PATIENCE_S, POLL_PATIENCE_S
from appliance.wire.rates import RateTable

ENROL = {"message": text_of(b"M"), "mac": text_of(MAC)}
CLIENT = bytes(6)


def asking(coroutine):
    """Begin something; gives the list that its outcome comes to."""
    found = []
    Deferred.fromCoroutine(coroutine).addCallbacks(
        found.append, lambda failure: found.append(failure.value)
    )
    return found


def code_of(answer):
    return msgspec.json.decode(answer.body)["code"]


# --- who is away ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.SIGN, Verb.TASKS])
def test_nobody_to_ask_is_told_at_once(verb):
    answer = Devices(is_staffed=False).post(verb.value, body_of(REQUEST))
    assert (answer.status, code_of(answer)) == (503, "unavailable")
    assert answer.fields["retry-after"] == "1"


def test_one_who_goes_away_amid_questions_leaves_nobody_waiting():
    devices = Devices(lambda _ask: None)
    found = asking(devices.relay.request(REQUEST, CLIENT))
    assert devices.relay.is_busy
    devices.signer.lane.left()
    assert [each.code for each in found] == [Code.UNAVAILABLE]
    assert not devices.relay.is_busy


@pytest.mark.parametrize(
    ("verb", "patience_s"), [(Verb.SIGN, PATIENCE_S), (Verb.TASKS, POLL_PATIENCE_S)]
)
def test_an_answer_that_is_late_is_not_waited_for(verb, patience_s):
    devices = Devices(lambda _ask: None)
    request = msgspec.structs.replace(REQUEST, verb=verb)
    found = asking(devices.relay.request(request, CLIENT))
    devices.clock.advance(patience_s - 1)
    assert found == []
    devices.clock.advance(1)
    assert [each.code for each in found] == [Code.UNAVAILABLE]
    side = devices.manager if verb is Verb.TASKS else devices.signer
    side.say(ResultsAnswer(side.asked[0].number, [b"1", b"2"]))
    assert len(found) == 1


def test_answers_find_who_asked_by_their_numbers():
    devices = Devices(lambda _ask: None)
    first, second = (asking(devices.relay.request(REQUEST, CLIENT)) for _ in range(2))
    one, two = (ask.number for ask in devices.signer.asked)
    devices.signer.say(ResultsAnswer(two, [b"2", b"2"]))
    devices.signer.say(ResultsAnswer(one + two, [b"3", b"3"]))
    assert (first, [each.results for each in second]) == ([], [[b"2", b"2"]])
    devices.signer.say(ResultsAnswer(one, [b"1", b"1"]))
    assert [each.results for each in first] == [[b"1", b"1"]]


# --- answers that are none ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda ask: ResultsAnswer(ask.number, [b"one"]),
        lambda ask: ResultsAnswer(ask.number, [b"one", b"two", b"three"]),
        lambda ask: ResultsAnswer(ask.number, [b"one", 0]),
        lambda ask: ResultsAnswer(ask.number, [b"one", 99]),
        lambda ask: EnrolAnswer(ask.number, b"M", MAC),
    ],
    ids=["one too few", "one too many", "no code", "a code of tomorrow", "another kind"],
)
def test_an_answer_to_something_else_is_told_to_nobody(answer):
    devices = Devices(answer)
    with logged() as events:
        found = devices.post("sign", body_of(REQUEST))
    assert (found.status, code_of(found)) == (503, "unavailable")
    assert len(events) == 1


def test_an_enrolment_is_not_answered_by_results():
    devices = Devices(lambda ask: ResultsAnswer(ask.number, []))
    with logged() as events:
        assert devices.post("enrol/1", ENROL).status == 503
    assert len(events) == 1


# --- amounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [LaneLimits(questions=2), LaneLimits(per_source=2), LaneLimits(octets=300)],
    ids=["in all", "of one source", "octets"],
)
def test_what_is_under_way_is_bounded(limits):
    devices = Devices(lambda _ask: None, lane=limits)
    found = [asking(devices.relay.request(REQUEST, CLIENT)) for _ in range(3)]
    assert [len(each) for each in found] == [0, 0, 1]
    assert found[2][0].code is Code.TOO_MANY
    devices.signer.say(ResultsAnswer(devices.signer.asked[0].number, [b"1", b"2"]))
    assert asking(devices.relay.request(REQUEST, CLIENT)) == []


def test_one_source_leaves_room_for_others():
    devices = Devices(lambda _ask: None, lane=LaneLimits(per_source=1))
    asking(devices.relay.request(REQUEST, CLIENT))
    assert asking(devices.relay.request(REQUEST, CLIENT))[0].code is Code.TOO_MANY
    assert asking(devices.relay.request(REQUEST, b"\x0a" + CLIENT[1:])) == []


# --- rates ----------------------------------------------------------------------------------------


def test_enrolments_of_one_address_are_held_to_a_rate_over_both_transports():
    devices = Devices(enrolments=RateTable(1, 2))
    assert [devices.post("enrol/1", ENROL).status for _ in range(3)] == [200, 200, 429]
    assert devices.post("enrol/1", ENROL, host="192.0.2.2").status == 200
    assert devices.post("sign", body_of(REQUEST)).status == 200
    devices.clock.advance(1)
    assert devices.post("enrol/1", ENROL).status == 200


@pytest.mark.parametrize(
    ("code", "is_counted"),
    [
        (Code.CREDENTIAL_REJECTED, True),
        (Code.ACTIVATION_REJECTED, True),
        (Code.DEVICE_UNKNOWN, True),
        (Code.PIN_WRONG, False),
        (Code.UNAVAILABLE, False),
        (Code.EPOCH_MISMATCH, False),
    ],
)
def test_who_shows_no_right_to_anything_is_held_to_a_rate(code, is_counted):
    devices = Devices(lambda ask: CodeAnswer(ask.number, code), rejections=RateTable(1, 2))
    found = [code_of(devices.post("sign", body_of(REQUEST))) for _ in range(3)]
    assert found == [code.value, code.value, "too_many" if is_counted else code.value]
    assert len(devices.signer.asked) == 3 - is_counted
    phone = devices.open_tcp()
    phone.ask(message_of(REQUEST))
    assert phone.answers[0].body.code == (Code.TOO_MANY if is_counted else code).number
    devices.clock.advance(2)
    assert code_of(devices.post("sign", body_of(REQUEST))) == code.value


def test_requests_that_are_answered_are_held_to_no_rate():
    devices = Devices(rejections=RateTable(1, 1))
    assert {devices.post("sign", body_of(REQUEST)).status for _ in range(20)} == {200}


# --- the front's own certificate ------------------------------------------------------------------


def test_a_certificate_is_asked_of_the_manager():
    devices = Devices(lambda ask: TlsAnswer(ask.number, [b"leaf", b"root"]))
    assert asking(devices.relay.certify(b"csr")) == [[b"leaf", b"root"]]
    (ask,) = devices.manager.asked
    assert isinstance(ask, TlsAsk)
    assert ask.csr == b"csr"


def test_without_a_manager_there_is_no_certificate():
    (error,) = asking(Devices(is_staffed=False).relay.certify(b"csr"))
    assert isinstance(error, Unavailable)


def test_a_manager_that_declines_gives_none():
    devices = Devices(lambda ask: CodeAnswer(ask.number, Code.UNAVAILABLE))
    assert asking(devices.relay.certify(b"csr")) == [[]]
