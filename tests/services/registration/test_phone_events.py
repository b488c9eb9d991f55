"""What the signer tells becomes the registry's: all of it, once, wherever a process ends."""

import pytest
from kit.phones import raw, ward
from kit.registration import Killed, outcome

from appliance.cosign.registry_states import (
    ActivationState,
    DeviceState,
    TaskItemState,
    TaskState,
)
from appliance.errors import Conflict, NotFound, Unavailable
from appliance.pki.states import CertificateState, RequestState
from appliance.services.certifying.messages import IssueRefusal
from appliance.services.cosigning.messages import DeviceOrder
from appliance.store.registry import activations, certificates, followed, requests, tasks
from appliance.store.registry.certificates import CertificateFilter


@pytest.fixture
def place(tmp_path):
    """Give a ward with one user."""
    made = ward(tmp_path)
    made.user()
    return made


def read(place, find, *args):
    return place.town.database.read(lambda connection: find(connection, *args))


def test_enrolled_phone_is_certified_by_the_request_it_holds(place):
    activated = place.activate()
    place.signer.enrol(activated.row.id, "u-1", "d-1", b"c" * 64)
    place.follow()
    device = place.device()
    assert (device.state, device.uid, device.label) == (DeviceState.ACTIVE, "u-1", "phone")
    certificate = read(place, certificates.get, device.certificate_id)
    assert (certificate.device, certificate.owner_uid) == ("d-1", "u-1")
    request = read(place, requests.get, device.request_id)
    assert (request.state, request.template, request.authority) == (
        RequestState.ISSUED,
        "device",
        "issuing-sm2",
    )
    assert request.fields["name"] == "张三"
    used = read(place, activations.get, activated.row.id)
    assert (used.state, used.device) == (ActivationState.USED, "d-1")


def test_phone_waits_for_an_authority_that_cannot_issue_now(place):
    place.town.signer.is_away = True
    place.phone()
    assert place.device().state is DeviceState.CERTIFYING
    place.town.signer.is_away = False
    outcome(place.events._requests.resume())
    assert place.device().certificate_id is None
    outcome(place.events.settle())
    assert place.device().state is DeviceState.ACTIVE


def test_phone_that_is_refused_a_certificate_is_not_asked_for_again(place):
    place.town.signer.refusal = IssueRefusal("Refused", "no")
    place.phone()
    place.town.signer.refusal = None
    place.follow()
    assert place.device().state is DeviceState.CERTIFYING
    assert read(place, requests.get, place.device().request_id).state is RequestState.REFUSED


def test_signed_item_ends_its_task(place):
    phone, story = place.phone(), place.post(raw("a"), raw("b"))
    first, second = story.items
    place.signer.sign("d-1", first.id)
    place.follow()
    told = place.look(story)
    assert [item.state for item in told.items] == [TaskItemState.SIGNED, TaskItemState.CREATED]
    assert told.row.state is TaskState.OPEN
    place.signer.sign("d-1", second.id)
    place.follow()
    told = place.look(story)
    assert told.row.state is TaskState.DONE
    assert told.items[1].signature == b"\x01" * 64
    assert told.items[1].device == phone.device
    assert told.items[1].certificate_id == place.device().certificate_id


def test_second_signature_of_an_item_leaves_the_first(place):
    place.phone()
    place.phone(device="d-2")
    (item,) = place.post().items
    place.signer.sign("d-1", item.id, b"\x01" * 64)
    place.signer.sign("d-2", item.id, b"\x02" * 64)
    place.follow()

    found = read(place, tasks.get_item, item.id)
    assert found.signature == b"\x01" * 64


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("active", DeviceState.ACTIVE),
        ("suspended", DeviceState.SUSPENDED),
        ("locked", DeviceState.LOCKED),
        ("needs_reactivation", DeviceState.NEEDS_REACTIVATION),
        ("revoked", DeviceState.REVOKED),
        ("pending", DeviceState.ACTIVE),
    ],
)
def test_device_is_as_the_signer_says(place, told, state):
    place.phone()
    place.signer.change("d-1", told, epoch=4)
    place.follow()
    assert (place.device().state, place.device().epoch) == (state, 4)


def test_locked_device_is_not_unlocked_by_a_word(place):
    place.phone()
    place.signer.change("d-1", "locked")
    place.signer.change("d-1", "active")
    place.follow()
    assert place.device().state is DeviceState.LOCKED


def test_revoked_device_has_its_certificate_revoked_when_that_can_be(place):
    place.phone()
    place.town.signer.is_away = True
    place.signer.change("d-1", "revoked")
    place.follow()
    (kept,) = read(place, certificates.find, CertificateFilter())
    assert kept.state is CertificateState.VALID
    place.town.signer.is_away = False
    place.follow()
    (kept,) = read(place, certificates.find, CertificateFilter())
    assert kept.state is CertificateState.REVOKED
    place.follow()
    assert len(place.town.signer.revoked) == 1


def test_orders_are_obeyed_by_the_signer_and_heard_of(place):
    place.phone()
    suspended = outcome(place.orders.order("d-1", DeviceOrder.SUSPEND))
    assert suspended.state is DeviceState.SUSPENDED
    assert outcome(place.orders.order("d-1", DeviceOrder.RESTORE)).state is DeviceState.ACTIVE
    assert outcome(place.orders.order("d-1", DeviceOrder.REVOKE)).state is DeviceState.REVOKED
    with pytest.raises(Conflict):
        outcome(place.orders.order("d-1", DeviceOrder.RESTORE))
    with pytest.raises(NotFound):
        outcome(place.orders.order("d-9", DeviceOrder.REVOKE))
    assert [event.state for event in place.signer.events_told[1:]] == [
        "suspended",
        "active",
        "revoked",
    ]


def test_what_is_none_of_ours_is_passed_over(place):
    phone = place.phone()
    place.signer.enrol("ff" * 16, "u-1", "d-8", phone.key.public)
    place.signer.sign("d-1", "no such item")
    place.signer.change("d-9", "locked")
    place.signer.change("d-1", "suspended")
    place.follow()
    assert place.device().state is DeviceState.SUSPENDED


def test_events_are_followed_page_by_page_and_no_word_twice(place):
    place.phone()
    place.signer.page = 2
    items = place.post(*(raw(str(number)) for number in range(7))).items
    for item in items:
        place.signer.sign("d-1", item.id)
    assert outcome(place.events.follow())
    assert not outcome(place.events.follow())
    assert read(place, followed.get, "cosign") == place.signer.events_told[-1].seq


class Crash:
    """A registry whose process ends before or after its n-th transaction."""

    def __init__(self, registry, at, *, is_kept):
        self._registry, self._left, self._is_kept = registry, at, is_kept

    def run(self, work):
        self._left -= 1
        if self._left:
            return self._registry.run(work)
        if self._is_kept:
            self._registry.run(work)
        raise Killed

    def read(self, work):
        return self._registry.read(work)


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_process_that_ends_anywhere_loses_nothing_and_doubles_nothing(place, at, is_kept):
    activated, story = place.activate(), place.post(raw("a"), raw("b"))
    place.signer.page = 1
    place.signer.enrol(activated.row.id, "u-1", "d-1", b"c" * 64)
    place.signer.sign("d-1", story.items[0].id)
    place.signer.sign("d-1", story.items[1].id)
    place.begin()
    object.__setattr__(place.office, "registry", Crash(place.office.registry, at, is_kept=is_kept))
    with pytest.raises(Killed):
        place.follow()
    place.begin()
    place.follow()
    outcome(place.events._requests.resume())
    outcome(place.events.settle())
    assert place.look(story).row.state is TaskState.DONE
    assert place.device().state is DeviceState.ACTIVE
    assert len(read(place, certificates.find, CertificateFilter())) == 1
    assert len(place.town.signer.issued) == 1


def test_without_a_signer_nothing_is_followed(place):
    place.signer.is_away = True
    with pytest.raises(Unavailable):
        outcome(place.events.follow())
