"""Users, activations, devices, tasks and what was followed, in the registry."""

import attrs
import pytest
from kit.registry import certificate, request_row, row_id

from appliance.cosign.registry_states import (
    ActivationEvent,
    ActivationState,
    DeviceEvent,
    DeviceState,
    TaskItemEvent,
    TaskItemState,
    TaskState,
    UserEvent,
    UserState,
)
from appliance.errors import Conflict, NotFound
from appliance.pki.states import CertificateEvent, CertificateState, RequestState
from appliance.store.registry import (
    activations,
    certificates,
    devices,
    followed,
    requests,
    tasks,
    users,
)
from appliance.store.registry.activations import ActivationFilter, ActivationRow
from appliance.store.registry.devices import DeviceFilter, DeviceRow
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tasks import Signature, TaskFilter, TaskItemRow, TaskRow
from appliance.store.registry.users import UserFilter, UserRow

HIS = row_id(900)


def user(number, **changes):
    row = UserRow(f"u-{number}", f"张 {number}", "内科", {"organization": "医院"}, number, number)
    return attrs.evolve(row, **changes)


def activation(number, **changes):
    row = ActivationRow(
        id=row_id(number),
        uid="u-1",
        usage="sign",
        authority="issuing-sm2",
        template="device",
        fields={"uid": "u-1"},
        expires_us=1000 + number,
        created_by="op",
        created_us=number,
        updated_us=number,
    )
    return attrs.evolve(row, **changes)


def device(number, **changes):
    row = DeviceRow(
        id=f"d-{number}",
        uid="u-1",
        activation=row_id(1),
        label="a phone",
        public=bytes([number]) * 64,
        credential=b"c" * 64,
        csr=b"csr",
        request_id=row_id(number),
        created_us=number,
        updated_us=number,
    )
    return attrs.evolve(row, **changes)


def task(number, **changes):
    row = TaskRow(row_id(number), "u-1", HIS, "处方", "push", 1000 + number, number, number)
    return attrs.evolve(row, **changes)


def item(number, position=0, **changes):
    row = TaskItemRow(
        task=row_id(number),
        position=position,
        id=row_id(100 * number + position),
        uid="u-1",
        name=f"{position}.txt",
        form="raw",
        content=b"text",
        octets=4,
        digest="00" * 32,
        created_us=number,
        updated_us=number,
    )
    return attrs.evolve(row, **changes)


@pytest.fixture
def do(database):
    """Do work in a transaction on a registry with one user and one activation."""

    def prepare(connection):
        users.insert(connection, user(1))
        activations.insert(connection, activation(1))

    database.run(prepare)
    return database.run


# --- users ----------------------------------------------------------------------------------------


def test_user_is_kept_changed_and_never_numbered_anew(do):
    assert do(lambda c: users.get(c, "u-1")) == user(1)
    with pytest.raises(Conflict):
        do(lambda c: users.insert(c, user(1, name="another")))
    renamed = user(1, name="李", fields={"email": "a@b.cn"}, updated_us=9)
    do(lambda c: users.change(c, renamed))
    assert do(lambda c: users.get(c, "u-1")) == renamed
    with pytest.raises(NotFound):
        do(lambda c: users.change(c, user(2)))


def test_users_are_listed_newest_first_page_by_page(do):
    for number in range(2, 6):
        do(lambda c, number=number: users.insert(c, user(number)))
    first = do(lambda c: users.find(c, UserFilter(), limit=3))
    assert [row.uid for row in first] == ["u-5", "u-4", "u-3"]
    after = Cursor(first[-1].created_us, first[-1].id)
    rest = do(lambda c: users.find(c, UserFilter(department="内科"), after=after))
    assert [row.uid for row in rest] == ["u-2", "u-1"]


def test_user_is_suspended_and_closed_for_ever(do):
    step = (UserState.ACTIVE, UserEvent.CLOSED)
    assert do(lambda c: users.move(c, "u-1", step, 7)) is UserState.CLOSED
    assert do(lambda c: users.get(c, "u-1")).updated_us == 7
    with pytest.raises(Conflict):
        do(lambda c: users.move(c, "u-1", step, 8))
    with pytest.raises(NotFound):
        do(lambda c: users.move(c, "nobody", step, 8))


# --- activations ----------------------------------------------------------------------------------


def test_activation_goes_from_its_code_to_its_device(do):
    asked = (ActivationState.ASKED, ActivationEvent.CODE_ISSUED)
    used = (ActivationState.CODE_ISSUED, ActivationEvent.USED)
    do(lambda c: activations.move(c, row_id(1), asked, 5))
    do(lambda c: activations.move(c, row_id(1), used, 6, device="d-1"))
    row = do(lambda c: activations.get(c, row_id(1)))
    assert (row.state, row.device, row.updated_us) == (ActivationState.USED, "d-1", 6)
    wanted = ActivationFilter(uid="u-1", states=(ActivationState.USED,))
    assert do(lambda c: activations.find(c, wanted)) == [row]


def test_activations_past_their_hours_lapse(do):
    do(lambda c: activations.insert(c, activation(2)))
    assert do(lambda c: activations.sweep(c, 1001)) == 1
    assert do(lambda c: activations.get(c, row_id(1))).state is ActivationState.EXPIRED
    assert do(lambda c: activations.get(c, row_id(2))).state is ActivationState.ASKED


def test_activation_for_nobody_is_refused(do):
    with pytest.raises(Conflict):
        do(lambda c: activations.insert(c, activation(3, uid="nobody")))


# --- devices --------------------------------------------------------------------------------------


def test_device_waits_for_its_certificate_and_is_active_with_it(do):
    do(lambda c: devices.insert(c, device(1)))
    assert do(devices.find_uncertified) == [device(1)]
    do(lambda c: requests.insert(c, [request_row(1, state=RequestState.CSR_PENDING)]))
    assert do(devices.find_uncertified) == []
    do(lambda c: certificates.insert(c, [certificate(7)]))
    do(lambda c: devices.keep_certificate(c, device(1), row_id(7), 9))
    row = do(lambda c: devices.get(c, "d-1"))
    assert (row.state, row.certificate_id) == (DeviceState.ACTIVE, row_id(7))
    assert do(lambda c: devices.find(c, DeviceFilter(uid="u-1"))) == [row]


def test_certificate_that_comes_to_a_locked_device_unlocks_it_not(do):
    do(lambda c: devices.insert(c, device(1, state=DeviceState.LOCKED)))
    do(lambda c: certificates.insert(c, [certificate(7)]))
    found = do(lambda c: devices.get(c, "d-1"))
    do(lambda c: devices.keep_certificate(c, found, row_id(7), 9))
    row = do(lambda c: devices.get(c, "d-1"))
    assert (row.state, row.certificate_id) == (DeviceState.LOCKED, row_id(7))


def test_request_that_was_issued_is_work_for_its_device(do):
    do(lambda c: devices.insert(c, device(1)))
    do(lambda c: certificates.insert(c, [certificate(7)]))
    issued = request_row(1, state=RequestState.ISSUED, certificate_id=row_id(7))
    do(lambda c: requests.insert(c, [issued]))
    assert [row.id for row in do(devices.find_uncertified)] == ["d-1"]


def test_device_has_the_certificate_that_took_the_place_of_its_own(do):
    do(lambda c: certificates.insert(c, [certificate(7), certificate(8)]))
    do(lambda c: devices.insert(c, device(1, certificate_id=row_id(7))))
    assert do(devices.follow_renewals) == 0
    step = (CertificateState.VALID, CertificateEvent.REPLACED)
    do(lambda c: certificates.move(c, row_id(7), step, renewed_by=row_id(8)))
    assert do(devices.follow_renewals) == 1
    assert do(lambda c: devices.get(c, "d-1")).certificate_id == row_id(8)


def test_certificate_of_a_revoked_device_is_to_be_revoked_once(do):
    do(lambda c: certificates.insert(c, [certificate(7)]))
    do(lambda c: devices.insert(c, device(1, certificate_id=row_id(7))))
    assert do(devices.find_to_revoke) == []
    step = (DeviceState.CERTIFYING, DeviceEvent.REVOKED)
    do(lambda c: devices.move(c, "d-1", step, 5, epoch=4))
    assert do(devices.find_to_revoke) == [row_id(7)]
    assert do(lambda c: devices.get(c, "d-1")).epoch == 4
    revoked = (CertificateState.VALID, CertificateEvent.REVOKED)
    do(lambda c: certificates.move(c, row_id(7), revoked))
    assert do(devices.find_to_revoke) == []


def test_device_is_known_once_by_its_name(do):
    do(lambda c: devices.insert(c, device(1)))
    with pytest.raises(Conflict):
        do(lambda c: devices.insert(c, device(1)))
    assert do(lambda c: devices.find_one(c, "d-2")) is None
    do(lambda c: devices.set_epoch(c, "d-1", 3, 4))
    assert do(lambda c: devices.find_one(c, "d-1")).epoch == 3


# --- tasks ----------------------------------------------------------------------------------------


def test_items_wait_for_their_user_oldest_first_until_their_task_is_over(do):
    do(lambda c: tasks.insert(c, task(2), [item(2, 0), item(2, 1)]))
    do(lambda c: tasks.insert(c, task(1), [item(1)]))
    found = do(lambda c: tasks.find_waiting(c, "u-1", 5, 10))
    assert [one.id for one in found] == [row_id(100), row_id(200), row_id(201)]
    assert (found[0].description, found[0].octets, found[0].expires_us) == ("处方", 4, 1001)
    assert len(do(lambda c: tasks.find_waiting(c, "u-1", 5, 2))) == 2
    assert len(do(lambda c: tasks.find_waiting(c, "u-1", 1001, 10))) == 2
    assert do(lambda c: tasks.find_waiting(c, "u-2", 5, 10)) == []
    assert do(lambda c: tasks.contents_of(c, [row_id(100)])) == {row_id(100): b"text"}


def test_task_is_done_when_its_last_item_has_its_outcome(do):
    do(lambda c: tasks.insert(c, task(1), [item(1, 0), item(1, 1)]))
    do(lambda c: certificates.insert(c, [certificate(7)]))
    do(lambda c: tasks.note_fetched(c, [row_id(100)], 4))
    first, second = do(lambda c: tasks.items_of(c, row_id(1)))
    assert [first.state, second.state] == [TaskItemState.FETCHED, TaskItemState.CREATED]
    do(lambda c: tasks.move_item(c, first, TaskItemEvent.REJECTED, 5, reason="no"))
    assert do(lambda c: tasks.get(c, row_id(1))).state is TaskState.OPEN
    signed = {"device": "d-1", "signature": b"s" * 64, "certificate_id": row_id(7)}
    do(lambda c: tasks.move_item(c, second, TaskItemEvent.SIGNED, 6, **signed))
    row = do(lambda c: tasks.get(c, row_id(1)))
    assert (row.state, row.updated_us) == (TaskState.DONE, 6)
    kept = do(lambda c: tasks.get_item(c, row_id(101)))
    assert (kept.signature, kept.certificate_id) == (b"s" * 64, row_id(7))
    with pytest.raises(Conflict):
        do(lambda c: tasks.cancel(c, row_id(1), 7))


def test_signatures_are_kept_together_each_once(do):
    do(lambda c: tasks.insert(c, task(1), [item(1, 0), item(1, 1)]))
    do(lambda c: tasks.insert(c, task(2), [item(2, 0), item(2, 1)]))
    do(lambda c: certificates.insert(c, [certificate(7)]))
    do(lambda c: devices.insert(c, device(1, certificate_id=row_id(7))))
    assert do(lambda c: devices.certificates_of(c, ["d-1", "d-2"])) == {"d-1": row_id(7)}
    failed = do(lambda c: tasks.get_item(c, row_id(201)))
    do(lambda c: tasks.move_item(c, failed, TaskItemEvent.FAILED, 4))

    def sign(*numbers, signature=b"s" * 64):
        made = [Signature(row_id(number), "d-1", signature, row_id(7)) for number in numbers]
        return do(lambda c: tasks.keep_signatures(c, made, 5))

    assert sign(100, 101, 200, 201, 999) == {
        row_id(100): row_id(1),
        row_id(101): row_id(1),
        row_id(200): row_id(2),
    }
    assert sign(100, signature=b"t" * 64) == {row_id(100): row_id(1)}
    assert sign() == {}
    kept = do(lambda c: tasks.get_item(c, row_id(100)))
    assert (kept.state, kept.signature, kept.device) == (TaskItemState.SIGNED, b"s" * 64, "d-1")
    assert kept.certificate_id == row_id(7)
    assert do(lambda c: tasks.get_item(c, row_id(201))).state is TaskItemState.FAILED
    states = [do(lambda c, number=number: tasks.get(c, row_id(number))).state for number in (1, 2)]
    assert states == [TaskState.DONE] * 2


def test_cancelled_task_ends_what_waits_and_keeps_what_is_signed(do):
    do(lambda c: tasks.insert(c, task(1), [item(1, 0), item(1, 1)]))
    first = do(lambda c: tasks.get_item(c, row_id(100)))
    do(lambda c: tasks.move_item(c, first, TaskItemEvent.SIGNED, 5, signature=b"s"))
    do(lambda c: tasks.cancel(c, row_id(1), 6))
    states = [row.state for row in do(lambda c: tasks.items_of(c, row_id(1)))]
    assert states == [TaskItemState.SIGNED, TaskItemState.CANCELLED]
    with pytest.raises(NotFound):
        do(lambda c: tasks.cancel(c, row_id(5), 6))


def test_tasks_past_their_time_lapse_once(do):
    do(lambda c: tasks.insert(c, task(1), [item(1)]))
    do(lambda c: tasks.insert(c, task(2), [item(2)]))
    assert do(lambda c: tasks.sweep(c, 1001)) == [row_id(1)]
    assert do(lambda c: tasks.sweep(c, 1001)) == []
    assert do(lambda c: tasks.get(c, row_id(1))).state is TaskState.EXPIRED
    assert do(lambda c: tasks.get_item(c, row_id(100))).state is TaskItemState.EXPIRED
    assert do(lambda c: tasks.get_item(c, row_id(200))).state is TaskItemState.CREATED


def test_signature_that_was_made_before_its_item_lapsed_is_kept(do):
    do(lambda c: tasks.insert(c, task(1), [item(1)]))
    do(lambda c: tasks.sweep(c, 2000))
    late = do(lambda c: tasks.get_item(c, row_id(100)))
    do(lambda c: tasks.move_item(c, late, TaskItemEvent.SIGNED, 5, signature=b"s"))
    assert do(lambda c: tasks.get_item(c, row_id(100))).state is TaskItemState.SIGNED
    assert do(lambda c: tasks.get(c, row_id(1))).state is TaskState.EXPIRED


def test_tasks_are_listed_by_application_and_state(do):
    do(lambda c: tasks.insert(c, task(1), [item(1)]))
    do(lambda c: tasks.insert(c, task(2, application="lis"), [item(2)]))
    mine = TaskFilter(application=HIS, states=(TaskState.OPEN,))
    assert do(lambda c: tasks.find(c, mine)) == [task(1)]
    assert do(lambda c: tasks.find_item(c, row_id(5))) is None


# --- what was followed ----------------------------------------------------------------------------


def test_each_word_is_taken_in_once(do):
    assert do(lambda c: followed.get(c, "cosign")) == 0
    assert do(lambda c: followed.advance(c, "cosign", 0, 5))
    assert not do(lambda c: followed.advance(c, "cosign", 0, 6))
    assert not do(lambda c: followed.advance(c, "cosign", 4, 6))
    assert do(lambda c: followed.advance(c, "cosign", 5, 6))
    assert do(lambda c: followed.get(c, "cosign")) == 6
