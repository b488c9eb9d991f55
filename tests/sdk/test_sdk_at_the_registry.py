"""A phone of the package before the box's own registry: what the one writes the other reads."""

import pytest
from kit.phones import ward
from kit.registration import outcome
from kit.sdk_phone import Desk, Memory
from kit.sdk_signer import SignerDouble, make_code
from shiyin_cosign.activation import read_qr
from shiyin_cosign.arithmetic import choice
from shiyin_cosign.driving import run
from shiyin_cosign.enrolment import Message
from shiyin_cosign.errors import Rejected

from appliance.cosign.codes import Code
from appliance.cosign.registry_states import TaskItemState
from appliance.cosign.requests import DeviceRequest, Verb
from appliance.services.cosigning.messages import CodeAnswer, Form, RequestAsk
from appliance.services.registration.phones.activations import qr_text
from appliance.services.registration.phones.tasks import Document


class PortalChannel:
    """The way of a phone to the portal, without a front between them."""

    def __init__(self, place):
        self._place = place

    def ask(self, request):
        asked = DeviceRequest(
            Verb(request.verb.value),
            request.uid,
            request.device,
            request.epoch,
            request.ctr,
            request.mac,
            request.signature,
            list(request.items),
        )
        answer = outcome(self._place.portal.answer(RequestAsk(1, asked, b"")))
        if isinstance(answer, CodeAnswer):
            raise Rejected(answer.code, answer.detail)
        return [each if isinstance(each, bytes) else Code.of(each) for each in answer.results]

    def enrol(self, message: Message) -> Message:
        raise AssertionError("the registry enrols nobody")

    def close(self):
        """Nothing is open."""


@pytest.fixture
def place(tmp_path):
    return ward(tmp_path)


@pytest.fixture
def phone(place):
    """Give a phone that is enrolled at a double, and known to the registry."""
    desk = Desk(SignerDouble(make_code()), choice.make("openssl"))
    identity = desk.phone.profile.identity
    uid, device = identity.uid.decode(), identity.device.decode()
    place.user(uid)
    activation = place.activate(uid).row.id
    credential = desk.backend.credential(desk.phone.profile.credential).public
    place.signer.enrol(activation, uid, device, credential)
    place.follow()
    assert isinstance(desk.keeper, Memory)
    return desk.phone


def test_phone_reads_what_waits_for_it_short_and_long(place, phone):
    uid = phone.profile.identity.uid.decode()
    long = b"x" * 100_000
    story = place.post(
        Document("rp.txt", Form.RAW, b"aspirin"),
        Document("ct.dcm", Form.CMS, b"\x11" * 32),
        Document("long.txt", Form.RAW, long),
        uid=uid,
    )
    channel = PortalChannel(place)
    tasks = run(phone.tasks(), channel)
    assert [task.item for task in tasks] == [item.id for item in story.items]
    assert [task.is_whole for task in tasks] == [True, True, False]
    shown = tasks[0].document
    assert (shown.name, shown.description, shown.content) == ("rp.txt", "处方", b"aspirin")
    assert tasks[0].expires_us == story.row.expires_us
    assert run(phone.complete(tasks[2]), channel).document.content == long


def test_phone_rejects_an_item(place, phone):
    story = place.post(uid=phone.profile.identity.uid.decode())
    assert run(phone.reject(story.items[0].id, "no"), PortalChannel(place)) == "rejected"
    assert place.look(story).items[0].state is TaskItemState.REJECTED


def test_phone_reads_the_qr_of_an_activation():
    code = make_code()
    read = read_qr(qr_text(code, "https://box:8444", b"\x11" * 32))
    assert (read.url, read.root) == ("https://box:8444", b"\x11" * 32)
