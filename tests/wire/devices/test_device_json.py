"""The device API in JSON: octets strictly read, codes as statuses, nothing else ever answered."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.device_api import MAC, REQUEST, SIGNATURE, Devices, body_of, text_of
from kit.logs import logged
from kit.rest import JSON, render

from appliance.cosign.codes import Code
from appliance.cosign.requests import ITEM_LIMIT, OF_MANAGER, DeviceRequest, Verb
from appliance.errors import Malformed
from appliance.services.cosigning.messages import CodeAnswer, EnrolAsk, RequestAsk, ResultsAnswer
from appliance.wire.devices.json_form import BODY_LIMIT, read_octets, write_octets
from appliance.wire.http.values import PROBLEM

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64).filter(
    lambda text: len(text.encode()) <= 64 and "\0" not in text
)
REQUESTS = st.builds(
    DeviceRequest,
    st.sampled_from(Verb),
    NAMES,
    NAMES,
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 63) - 1),
    st.just(b"") | st.binary(min_size=32, max_size=32),
    st.binary(min_size=64, max_size=64),
    st.lists(st.binary(max_size=200), min_size=1, max_size=5),
)


def document():
    """Fetch the description of the API."""
    client = Devices().open_http()
    client.send(render("GET", "/v1/device/openapi.json", {}))
    (answer,) = client.answers
    assert answer.fields["content-type"] == JSON
    return json.loads(answer.body)


PATHS = document()["paths"]


def told(path):
    """Give the statuses that the document tells of."""
    return {int(status) for status in PATHS[f"/v1/device/{path}"]["post"]["responses"]}


# --- octets ---------------------------------------------------------------------------------------


@given(st.binary(max_size=100))
def test_octets_come_back_as_they_went_and_as_the_standard_library_has_them(octets):
    assert write_octets(octets) == text_of(octets)
    assert read_octets(text_of(octets)) == octets


@given(st.text(max_size=12) | st.text("AQgw-_+/=\n", max_size=8))
def test_there_is_one_way_to_write_octets(text):
    try:
        octets = read_octets(text)
    except Malformed:
        return
    assert write_octets(octets) == text


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "AAA=", "AA\n", "A A", "+/8", "é"])
def test_padding_stray_bits_and_other_symbols_are_malformed(text):
    with pytest.raises(Malformed):
        read_octets(text)


# --- what is passed on ----------------------------------------------------------------------------


@given(REQUESTS)
def test_a_request_reaches_who_answers_it_octet_for_octet(request):
    devices = Devices()
    answer = devices.post(request.verb.value, body_of(request))
    assert answer.status == 200
    assert json.loads(answer.body) == {"results": [text_of(item) for item in request.items]}
    asked, idle = (devices.signer, devices.manager)
    if request.verb in OF_MANAGER:
        asked, idle = idle, asked
    (ask,) = asked.asked
    assert isinstance(ask, RequestAsk)
    assert ask.request == request
    assert ask.client[:4] == bytes([192, 0, 2, 1])
    assert idle.asked == []


@pytest.mark.parametrize("step", [1, 3, 5, 7])
def test_a_message_of_an_enrolment_reaches_the_signer(step):
    devices = Devices()
    answer = devices.post(f"enrol/{step}", {"message": text_of(b"M"), "mac": text_of(MAC)})
    assert json.loads(answer.body) == {"message": text_of(b"M"), "mac": text_of(MAC)}
    (ask,) = devices.signer.asked
    assert isinstance(ask, EnrolAsk)
    assert (ask.step, ask.message, ask.mac) == (step, b"M", MAC)


def test_an_item_without_a_result_says_why():
    devices = Devices(lambda ask: ResultsAnswer(ask.number, [b"r", Code.SESSION_BURNT.number]))
    answer = devices.post("sign", body_of(REQUEST))
    assert json.loads(answer.body)["results"] == [text_of(b"r"), {"code": "session_burnt"}]


def test_five_hundred_items_go_in_one_call():
    request = msgspec.structs.replace(REQUEST, items=[bytes(144)] * ITEM_LIMIT)
    devices = Devices()
    assert devices.post("sign", body_of(request)).status == 200
    more = msgspec.structs.replace(REQUEST, items=[b""] * (ITEM_LIMIT + 1))
    assert devices.post("sign", body_of(more)).status == 400
    assert len(devices.signer.asked) == 1


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", Code)
def test_every_code_has_its_status_and_says_what_it_tells(code):
    devices = Devices(lambda ask: CodeAnswer(ask.number, code, "a sentence", 4, 2))
    answer = devices.post("sign", body_of(REQUEST))
    assert answer.status == code.status
    assert answer.fields["content-type"] == PROBLEM
    told_of = json.loads(answer.body)
    assert (told_of["code"], told_of["status"]) == (code.value, code.status)
    assert (told_of["tries_left"], told_of["epoch"], told_of["detail"]) == (4, 2, "a sentence")
    assert code.status in told("sign")


def test_what_a_code_does_not_tell_is_not_there():
    devices = Devices(lambda ask: CodeAnswer(ask.number, Code.DEVICE_UNKNOWN))
    problem = json.loads(devices.post("sign", body_of(REQUEST)).body)
    assert not {"tries_left", "epoch"} & set(problem)


@pytest.mark.parametrize(
    "change",
    [
        {"uid": ""},
        {"uid": "é" * 33},
        {"uid": 1},
        {"device": "d" * 65},
        {"epoch": -1},
        {"epoch": 1 << 32},
        {"ctr": 1 << 63},
        {"ctr": 1.0},
        {"mac": text_of(bytes(31))},
        {"mac": text_of(MAC) + "="},
        {"signature": text_of(SIGNATURE[:63])},
        {"items": []},
        {"items": "AA"},
        {"items": ["AB"]},
        {"items": [text_of(bytes(2049))]},
        {"verb": "sign"},
    ],
    ids=lambda change: str(change)[:30],
)
def test_a_field_that_is_not_what_it_should_be_is_malformed_and_asked_of_nobody(change):
    devices = Devices()
    answer = devices.post("sign", {**body_of(REQUEST), **change})
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed")
    assert devices.signer.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"message": "AA", "mac": ""},
        {"message": "AB", "mac": text_of(MAC)},
        {"message": text_of(bytes(4097)), "mac": text_of(MAC)},
        {"message": "AA", "mac": text_of(MAC), "step": 1},
    ],
    ids=["no mac", "stray bits", "too long", "a field too many"],
)
def test_a_message_of_an_enrolment_out_of_its_bounds_is_malformed(body):
    devices = Devices()
    assert devices.post("enrol/1", body).status == 400
    assert devices.signer.asked == []


@pytest.mark.parametrize(
    ("path", "status"), [("enrol/2", 404), ("enrol/8", 404), ("enrol/", 404), ("stamp", 404)]
)
def test_other_paths_are_not_there(path, status):
    assert Devices().post(path, {}).status == status


def test_a_body_over_the_limit_is_not_read():
    devices = Devices()
    client = devices.open_http()
    head = f"POST /v1/device/sign HTTP/1.1\r\nHost: b\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n"
    client.send(head.encode())
    assert client.statuses == [413]


@given(
    st.sampled_from([*(verb.value for verb in Verb), *(f"enrol/{step}" for step in (1, 3, 5, 7))]),
    st.one_of(
        st.binary(max_size=200),
        st.dictionaries(
            st.sampled_from([*body_of(REQUEST), "message"]) | st.text(max_size=3),
            st.none() | st.integers() | st.text(max_size=90) | st.lists(st.text(max_size=9)),
        ).map(msgspec.json.encode),
        st.dictionaries(
            st.sampled_from([*body_of(REQUEST)]), st.text("\ud800\udfff\0AQ_", max_size=5)
        ).map(lambda fields: json.dumps(fields).encode()),
    ),
)
def test_garbage_is_answered_by_what_the_document_tells_of(path, body):
    devices = Devices()
    with logged() as events:
        answer = devices.post(path, body)
    assert events == []
    assert answer.status in told(path) - {500}


def test_a_name_of_half_a_character_is_malformed():
    octets = json.dumps({**body_of(REQUEST), "uid": "\ud800"}).encode()
    assert Devices().post("sign", octets).status == 400


def test_the_document_has_every_operation():
    verbs = {f"/v1/device/{verb.value}" for verb in Verb}
    steps = {f"/v1/device/enrol/{step}" for step in (1, 3, 5, 7)}
    assert set(PATHS) == verbs | steps | {"/v1/device/openapi.json"}


def test_a_long_poll_is_waited_for_longer_than_it_may_last():
    devices = Devices(lambda _ask: None)
    client = devices.open_http()
    octets = msgspec.json.encode(body_of(msgspec.structs.replace(REQUEST, verb=Verb.TASKS)))
    client.send(render("POST", "/v1/device/tasks", {"Content-Type": JSON}, octets))
    for _ in range(33):
        devices.clock.advance(1)
        devices.site.tick()
    assert client.answers == []
    devices.manager.say(ResultsAnswer(devices.manager.asked[0].number, []))
    assert client.statuses == [200]
