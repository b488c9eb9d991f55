"""Users, activations and tasks: what is taken in, refused, waited for and over."""

import pytest
from kit.phones import APPLICATION, AUTHORITY, raw, ward
from kit.registration import outcome
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from appliance.asn1.names import read_name
from appliance.cosign.registry_states import (
    ActivationState,
    TaskItemState,
    TaskState,
    UserEvent,
    UserState,
)
from appliance.errors import Conflict, Fault, Malformed, NotFound, Refused, Unavailable
from appliance.services.cosigning.messages import (
    ActivateAsk,
    ActivationCode,
    Declined,
    DeviceOrder,
    Done,
    Form,
    Opened,
    OpenItem,
    Usage,
)
from appliance.services.registration.phones.activations import ActivationWish, qr_text
from appliance.services.registration.phones.bells import Bells
from appliance.services.registration.phones.cosigner import CosignerDesk
from appliance.services.registration.phones.people import Person
from appliance.services.registration.phones.tasks import Document
from appliance.store.registry import activations
from appliance.store.registry.activations import ActivationFilter


@pytest.fixture
def place(tmp_path):
    """Give a ward with one user."""
    made = ward(tmp_path)
    made.user()
    return made


# --- users ----------------------------------------------------------------------------------------


def test_user_is_changed_and_numbered_once(place):
    with pytest.raises(Conflict):
        place.user()
    changed = outcome(place.people.change("u-1", Person("李四", fields={"email": "l@b.cn"})))
    assert (changed.name, changed.department, changed.fields) == ("李四", "", {"email": "l@b.cn"})
    with pytest.raises(NotFound):
        outcome(place.people.change("u-9", Person("x")))
    assert outcome(place.people.step("u-1", UserEvent.CLOSED)).state is UserState.CLOSED


# --- activations ----------------------------------------------------------------------------------


def test_code_is_told_once_with_the_subject_that_the_phone_will_have(place):
    activated = place.activate()
    assert activated.code == "0123-4567-89AB-CDEF"
    assert activated.qr == qr_text(
        activated.code, "https://box:8444", place.office.sm3(b"the root")
    )
    assert activated.code not in repr(activated)
    octets = place.signer.subjects[activated.row.id]
    subject, _ = read_name(octets, 0, len(octets))
    assert str(subject) == "UID=u-1,CN=张三,OU=内科,O=第一医院,C=CN"
    assert activated.row.state is ActivationState.CODE_ISSUED
    assert activated.row.expires_us - activated.row.created_us == 72 * 3600 * 1_000_000


def test_code_for_an_authority_elsewhere_names_no_root():
    assert qr_text("ABC", "https://box:8444/a b", b"") == "shiyin:1?a=ABC&u=https://box:8444/a%20b"


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (ActivationWish("u-9", AUTHORITY, "device"), NotFound),
        (ActivationWish("u-1", AUTHORITY, "no-such"), NotFound),
        (ActivationWish("u-1", AUTHORITY, "server"), None),
    ],
)
def test_code_needs_a_user_and_a_template(place, wish, error):
    if error is None:
        assert outcome(place.activations.issue(wish, "op")).code
        return
    with pytest.raises(error):
        outcome(place.activations.issue(wish, "op"))


def test_user_of_no_organization_is_of_that_of_the_authority(place):
    outcome(place.people.change("u-1", Person("张三")))
    row = place.activate().row
    assert row.fields == {"uid": "u-1", "name": "张三", "organization": "Shiyin test"}


def test_code_needs_what_the_template_asks_of_the_user(place):
    outcome(place.people.change("u-1", Person("张三")))
    with pytest.raises(Refused, match="organization"):
        outcome(place.activations.issue(ActivationWish("u-1", "elsewhere", "device"), "op"))


def test_suspended_user_has_neither_code_nor_task(place):
    outcome(place.people.step("u-1", UserEvent.SUSPENDED))
    with pytest.raises(Refused, match="suspended"):
        place.activate()
    with pytest.raises(Refused, match="suspended"):
        place.post()


def test_code_that_was_lost_on_the_way_is_cancelled(place):
    place.signer.is_away = True
    with pytest.raises(Unavailable):
        place.activate()
    (row,) = place.town.database.read(lambda c: activations.find(c, ActivationFilter()))
    assert row.state is ActivationState.CANCELLED


def test_cancelled_code_is_worth_nothing_at_the_signer_first(place):
    activated = place.activate()
    place.signer.is_away = True
    with pytest.raises(Unavailable):
        outcome(place.activations.cancel(activated.row.id))
    place.signer.is_away = False
    assert outcome(place.activations.cancel(activated.row.id)).state is ActivationState.CANCELLED
    assert place.signer.cancelled == [activated.row.id]
    with pytest.raises(Conflict):
        outcome(place.activations.cancel(activated.row.id))


def test_code_that_the_signer_lost_is_cancelled_all_the_same(place):
    activated = place.activate()
    place.signer.subjects.clear()
    assert outcome(place.activations.cancel(activated.row.id)).state is ActivationState.CANCELLED


def test_code_lapses_after_three_days(place):
    place.activate()
    assert outcome(place.activations.sweep()) == 0
    place.town.posix_us += 72 * 3600 * 1_000_000
    assert outcome(place.activations.sweep()) == 1


# --- tasks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        Document("a", Form.CMS, b"\x11" * 31),
        Document("a", Form.RAW, b""),
        Document("a", Form.RAW, b"x" * ((1 << 18) + 1)),
        Document("a", Form.GRANT, b"\x11" * 32),
    ],
)
def test_document_that_cannot_be_signed_is_refused_at_once(place, document):
    with pytest.raises(Malformed):
        place.post(document)


def test_task_for_nobody_is_refused(place):
    with pytest.raises(NotFound):
        place.post(uid="u-9")


def test_task_knows_the_digest_of_each_document(place):
    first, second = place.post(raw("a"), Document("b", Form.CMS, b"\x22" * 32)).items
    assert first.digest == place.office.digest(b"a")
    assert second.digest == "22" * 32


def test_who_waits_for_a_task_hears_when_something_becomes_of_it(place):
    place.phone()
    story = place.post(raw("a"), raw("b"))
    answers = []
    work = place.tasks.look(story.row.id, APPLICATION, 30)
    Deferred.fromCoroutine(work).addCallback(answers.append)
    assert not answers
    place.signer.sign("d-1", story.items[0].id)
    place.follow()
    assert answers[0].items[0].state is TaskItemState.SIGNED


def test_who_waits_in_vain_is_answered_and_who_need_not_wait_does_not(place):
    story, answers = place.post(), []
    work = place.tasks.look(story.row.id, None, 3)
    Deferred.fromCoroutine(work).addCallback(answers.append)
    place.clock.advance(3)
    assert answers[0].row.state is TaskState.OPEN
    outcome(place.tasks.cancel(story.row.id, None))
    told = outcome(place.tasks.look(story.row.id, None, 3))
    assert told.row.state is TaskState.CANCELLED
    assert not place.clock.getDelayedCalls()


def test_application_sees_and_cancels_its_own_alone(place):
    story = place.post()
    for work in (place.tasks.look, place.tasks.cancel):
        with pytest.raises(NotFound):
            outcome(work(story.row.id, "cd" * 16))
    cancelled = outcome(place.tasks.cancel(story.row.id, APPLICATION))
    assert cancelled.items[0].state is TaskItemState.CANCELLED
    with pytest.raises(Conflict):
        outcome(place.tasks.cancel(story.row.id, APPLICATION))


def test_task_past_its_time_lapses_and_its_phone_sees_it_no_more(place):
    phone = place.phone()
    story = place.post(expires_s=60)
    place.town.posix_us += 60_000_000
    assert phone.tasks() == []
    assert outcome(place.tasks.sweep()) == 1
    assert outcome(place.tasks.sweep()) == 0
    assert place.look(story).items[0].state is TaskItemState.EXPIRED


# --- bells, and the signer's line -----------------------------------------------------------------


def test_bell_that_rang_before_the_waiting_was_heard():
    clock, done = Clock(), []
    bells = Bells(clock)
    ear = bells.listen("a")
    bells.ring(["a", "a", "b"])
    Deferred.fromCoroutine(ear.wait(5)).addCallback(done.append)
    assert done == [None]
    ear.close()
    assert not bells._ears
    assert not clock.getDelayedCalls()


@pytest.fixture
def line():
    """Give a desk, and what it sent."""
    desk, sent = CosignerDesk(Clock()), []
    desk.signer_arrived(lambda frame: sent.append(frame) or True)
    return desk, sent


def ask(work):
    answers = []
    Deferred.fromCoroutine(work).addBoth(answers.append)
    return answers


def test_questions_to_the_signer_carry_all_that_it_needs(line):
    desk, sent = line
    answers = ask(desk.activate("ab", "u-1", b"name", Usage.SIGN, 5))
    assert sent == [ActivateAsk(1, "ab", "u-1", b"name", Usage.SIGN, 5)]
    desk.answer_arrived(ActivationCode(1, "CODE"))
    assert answers == ["CODE"]
    for number, work in enumerate((desk.cancel("ab"), desk.order("d", DeviceOrder.REVOKE)), 2):
        answers = ask(work)
        desk.answer_arrived(Done(number))
        assert answers == [None]


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (Declined(1, "NotFound", "no such device"), NotFound),
        (Declined(1, "SomethingElse", "what"), Fault),
        (Done(1), Fault),
        (Opened(1, 1, []), Fault),
    ],
)
def test_answer_that_is_none_is_an_error(line, frame, error):
    desk, _ = line
    answers = ask(desk.open("d", [OpenItem("i", Form.RAW, b"x")]))
    desk.answer_arrived(frame)
    assert answers[0].check(error)


def test_signer_that_leaves_is_waited_for_no_longer(line):
    desk, _ = line
    answers = ask(desk.events(0))
    desk.signer_left()
    assert answers[0].check(Unavailable)
    assert ask(desk.events(0))[0].check(Unavailable)
