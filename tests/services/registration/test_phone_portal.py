"""What an enrolled phone is answered by the registry, and who is turned away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.phones import CHAIN, ENGINE, Phone, raw, ward
from kit.registration import outcome
from twisted.internet.defer import Deferred

from appliance.cosign.codes import Code
from appliance.cosign.encoding import lp, read_lp, u16
from appliance.cosign.registry_states import (
    DeviceState,
    TaskItemState,
    TaskState,
    UserEvent,
)
from appliance.cosign.requests import Verb
from appliance.services.cosigning.messages import CodeAnswer, DeviceOrder, Form, ResultsAnswer
from appliance.services.registration.phones.tasks import Document
from appliance.store.registry import certificates, tasks

WAITING = lp(u16(500), u16(30))


@pytest.fixture
def place(tmp_path):
    """Give a ward with one user."""
    made = ward(tmp_path)
    made.user()
    return made


def item_row(place, item_id):
    return place.town.database.read(lambda connection: tasks.get_item(connection, item_id))


def begin(place, ask):
    """Ask what may be answered later: gives the list that its answer comes into."""
    answers = []
    Deferred.fromCoroutine(place.portal.answer(ask)).addCallback(answers.append)
    return answers


# --- tasks ----------------------------------------------------------------------------------------


def test_what_waits_comes_with_its_session_and_what_the_user_is_to_see(place):
    phone, story = place.phone(), place.post(raw("aspirin", "rp.txt"))
    (result,) = phone.tasks()
    fields = read_lp(result)
    (item,) = story.items
    assert fields[:6] == [
        item.task.encode(),
        item.id.encode(),
        b"raw",
        b"rp.txt",
        "处方".encode(),
        b"aspirin",
    ]
    assert [len(field) for field in fields[6:]] == [16, 32, 8, 4]
    assert int.from_bytes(fields[8], "big") == story.row.expires_us
    assert place.signer.opened[0].content == b"aspirin"
    assert item_row(place, item.id).state is TaskItemState.FETCHED


def test_digest_is_opened_with_what_is_shown_beside_it(place):
    phone = place.phone()
    place.post(Document("ct.dcm", Form.CMS, b"\x11" * 32))
    (result,) = phone.tasks()
    assert read_lp(result)[5] == b"\x11" * 32
    (opened,) = place.signer.opened
    assert (opened.form, opened.content) == (
        Form.CMS,
        lp(b"\x11" * 32, b"ct.dcm", "处方".encode()),
    )


def test_long_document_is_fetched_apart_in_full_fields(place):
    phone = place.phone()
    (item,) = place.post(raw("x" * 70_000)).items
    (result,) = phone.tasks()
    assert read_lp(result)[5] == b""
    (document,) = phone.ask(Verb.DOCUMENT, lp(item.id.encode()))
    assert [len(field) for field in read_lp(document)] == [65_535, 70_000 - 65_535]
    assert b"".join(read_lp(document)) == b"x" * 70_000


def test_no_more_is_opened_at_once_than_a_frame_and_the_phone_hold(place):
    phone = place.phone()
    place.post(*(raw("x" * 200_000) for _ in range(4)))
    assert len(phone.tasks()) == 2
    place.post(*(raw("y") for _ in range(500)))
    place.signer.opened.clear()
    assert len(phone.tasks(limit=3)) == 2
    assert len(place.signer.opened) == 2


def test_item_that_the_signer_will_not_have_signed_fails_and_the_rest_goes_on(place):
    phone, story = place.phone(), place.post(raw("attributes"), raw("b"))
    place.signer.refused[story.items[0].id] = Code.CONTENT_REFUSED
    assert len(phone.tasks()) == 1
    told = place.look(story)
    assert [item.state for item in told.items] == [TaskItemState.FAILED, TaskItemState.FETCHED]
    assert told.items[0].reason
    place.signer.refused[story.items[1].id] = Code.TOO_MANY
    assert phone.tasks() == []
    assert place.look(story).items[1].state is TaskItemState.FETCHED


def test_phone_without_a_certificate_is_shown_nothing(place):
    place.town.signer.is_away = True
    phone = place.phone()
    place.post()
    assert phone.tasks() == []


def test_phone_that_waits_hears_of_a_task_at_once(place):
    phone = place.phone()
    answers = begin(place, phone.request(Verb.TASKS, WAITING))
    place.clock.advance(29)
    assert not answers
    place.post()
    (answer,) = answers
    assert len(answer.results) == 1


def test_phone_that_waits_in_vain_is_answered_in_the_end(place):
    phone = place.phone()
    answers = begin(place, phone.request(Verb.TASKS, lp(u16(1), u16(60_000))))
    place.clock.advance(29)
    assert not answers
    place.clock.advance(1)
    assert answers == [ResultsAnswer(7, [])]


def test_one_waits_for_a_device_the_newest(place):
    phone = place.phone()
    first = begin(place, phone.request(Verb.TASKS, WAITING))
    second = begin(place, phone.request(Verb.TASKS, WAITING))
    assert first == [ResultsAnswer(7, [])]
    assert not second
    place.post()
    assert len(second[0].results) == 1


def test_signer_that_is_away_is_said(place):
    phone = place.phone()
    place.post()
    place.signer.is_away = True
    assert phone.declined(Verb.TASKS, WAITING) is Code.UNAVAILABLE


# --- the other verbs ------------------------------------------------------------------------------


def test_rejected_item_is_told_to_who_posted_it(place):
    phone, story = place.phone(), place.post()
    octets = lp(story.items[0].id.encode(), "剂量\n不对".encode())
    assert phone.ask(Verb.REJECT, octets, octets) == [lp(b"rejected"), lp(b"rejected")]
    told = place.look(story)
    assert (told.row.state, told.items[0].reason) == (TaskState.DONE, "剂量不对")
    assert phone.tasks() == []


def test_what_is_signed_or_strange_is_not_rejected(place):
    phone, story = place.phone(), place.post()
    place.user("u-2")
    (foreign,) = place.post(uid="u-2").items
    place.signer.sign("d-1", story.items[0].id)
    place.follow()
    asked = [lp(each, b"no") for each in (story.items[0].id.encode(), foreign.id.encode(), b"x")]
    codes = [Code.ITEM_FINAL.number, Code.ITEM_UNKNOWN.number, Code.ITEM_UNKNOWN.number]
    assert phone.ask(Verb.REJECT, *asked) == codes
    assert phone.ask(Verb.DOCUMENT, lp(foreign.id.encode())) == [Code.ITEM_UNKNOWN.number]


def test_documents_past_what_an_answer_holds_are_asked_for_again(place):
    phone = place.phone()
    items = place.post(*(raw("x" * 250_000) for _ in range(4))).items
    results = phone.ask(Verb.DOCUMENT, *(lp(item.id.encode()) for item in items))
    assert [isinstance(each, bytes) for each in results] == [True, True, True, False]
    assert results[3] == Code.TOO_MANY.number


def test_certificate_comes_with_its_chain_once_there_is_one(place):
    place.town.signer.is_away = True
    phone = place.phone()
    assert phone.ask(Verb.CERTIFICATE, lp()) == [lp(b"certifying")]
    place.town.signer.is_away = False
    outcome(place.events._requests.resume())
    outcome(place.events.settle())
    der = place.town.database.read(lambda c: certificates.get(c, place.device().certificate_id)).der
    assert phone.ask(Verb.CERTIFICATE, lp()) == [lp(b"active", der, *CHAIN)]


# --- who may ask ----------------------------------------------------------------------------------


def test_phone_that_was_enrolled_a_moment_ago_is_known(place):
    phone = Phone(place, "u-1", "d-1", ENGINE.generate())
    place.signer.enrol(place.activate().row.id, "u-1", "d-1", phone.key.public)
    assert phone.ask(Verb.CERTIFICATE, lp()) == [lp(b"certifying")]


def test_strangers_are_turned_away(place):
    place.phone()
    key = ENGINE.generate()
    assert Phone(place, "u-1", "d-9", key).declined(Verb.TASKS, WAITING) is Code.DEVICE_UNKNOWN
    assert Phone(place, "u-2", "d-1", key).declined(Verb.TASKS, WAITING) is Code.DEVICE_UNKNOWN
    stranger = Phone(place, "u-1", "d-1", key)
    assert stranger.declined(Verb.TASKS, WAITING) is Code.CREDENTIAL_REJECTED
    place.signer.is_away = True
    assert Phone(place, "u-1", "d-9", key).declined(Verb.TASKS, WAITING) is Code.DEVICE_UNKNOWN


def test_request_is_answered_once_or_again_the_same_and_never_an_older(place):
    phone = place.phone()
    first = phone.request(Verb.CERTIFICATE, lp())
    second = phone.request(Verb.CERTIFICATE, lp())
    for ask in (first, first, second, second):
        assert isinstance(outcome(place.portal.answer(ask)), ResultsAnswer)
    for ask in (first, phone.request(Verb.TASKS, lp(u16(1), u16(0)), ctr=2)):
        answer = outcome(place.portal.answer(ask))
        assert isinstance(answer, CodeAnswer)
        assert answer.code is Code.REPLAYED


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("suspended", Code.DEVICE_LOCKED),
        ("locked", Code.DEVICE_LOCKED),
        ("needs_reactivation", Code.NEEDS_REACTIVATION),
        ("revoked", Code.DEVICE_REVOKED),
    ],
)
def test_device_that_may_not_sign_is_told_why_and_still_its_state(place, state, code):
    phone = place.phone()
    place.signer.change("d-1", state)
    place.follow()
    assert phone.declined(Verb.TASKS, WAITING) is code
    (told,) = phone.ask(Verb.CERTIFICATE, lp())
    assert read_lp(told)[0] == state.encode()


def test_user_who_is_suspended_has_no_phone_that_works(place):
    phone = place.phone()
    outcome(place.people.step("u-1", UserEvent.SUSPENDED))
    assert phone.declined(Verb.TASKS, WAITING) is Code.DEVICE_LOCKED
    outcome(place.people.step("u-1", UserEvent.RESTORED))
    assert phone.tasks() == []
    outcome(place.orders.order("d-1", DeviceOrder.SUSPEND))
    assert place.device().state is DeviceState.SUSPENDED


def test_what_the_signer_answers_is_not_answered_here(place):
    assert place.phone().declined(Verb.SIGN, b"") is Code.MALFORMED


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Give a phone whose requests are tried with garbage."""
    made = ward(tmp_path_factory.mktemp("ward"))
    made.user()
    return made.phone()


@given(
    verb=st.sampled_from([Verb.TASKS, Verb.DOCUMENT, Verb.REJECT, Verb.CERTIFICATE]),
    items=st.lists(st.binary(max_size=40), min_size=1, max_size=3),
)
def test_garbage_in_items_is_answered_by_a_code(known, verb, items):
    answer = outcome(known.ward.portal.answer(known.request(verb, *items)))
    if isinstance(answer, CodeAnswer):
        assert answer.code is Code.MALFORMED
    else:
        assert len(answer.results) in {0, len(items)}
