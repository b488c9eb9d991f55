"""Users, activations, devices and tasks over HTTP: who may do what, and what comes back."""

import base64

import msgspec
import pytest
from kit.interface import interface

from appliance.asn1.sm2 import signature_from_der
from appliance.cli.certificates.api_client import Api
from appliance.errors import Conflict, Malformed, NotFound
from appliance.services.registration.accounts import Role
from appliance.services.registration.phones.tasks import TaskDesk
from appliance.wire.rest.openapi import describe
from appliance.wire.rest.table import Table
from appliance.wire.rooms.phones.tasks import TaskRoom

USER = {
    "uid": "u-1",
    "name": "张三",
    "department": "内科",
    "fields": {"organization": "第一医院"},
}
TASK = {
    "uid": "u-1",
    "description": "处方",
    "items": [
        {"form": "raw", "name": "rp.txt", "content": base64.b64encode(b"aspirin").decode()},
        {"form": "cms", "name": "ct.dcm", "digest": "11" * 32},
    ],
}


@pytest.fixture
def site(tmp_path):
    """Give the interface with one user."""
    made = interface(tmp_path)
    made.api(Role.OPERATOR).post("/v1/users", USER)
    return made


@pytest.fixture
def operator(site) -> Api:
    return site.api(Role.OPERATOR)


@pytest.fixture
def application(site) -> Api:
    return site.api(Role.APPLICATION)


def enrol(site, operator) -> None:
    told = operator.post("/v1/activations", {"uid": "u-1"})
    site.ward.signer.enrol(told["activation"]["id"], "u-1", "d-1", b"c" * 64)
    site.ward.follow()


# --- users ----------------------------------------------------------------------------------------


def test_user_lives_from_the_first_day_to_the_last(operator):
    assert operator.get("/v1/users/u-1")["name"] == "张三"
    with pytest.raises(Conflict):
        operator.post("/v1/users", USER)
    changed = operator.post("/v1/users/u-1/change", {"name": "李四", "department": "外科"})
    assert (changed["uid"], changed["name"], changed["fields"]) == ("u-1", "李四", {})
    assert operator.post("/v1/users/u-1/suspend")["state"] == "suspended"
    assert operator.rows("/v1/users", {"state": "active"}, 10) == []
    assert operator.post("/v1/users/u-1/restore")["state"] == "active"
    assert operator.post("/v1/users/u-1/close")["state"] == "closed"
    assert [row["uid"] for row in operator.rows("/v1/users", {"department": "外科"}, 10)] == ["u-1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": "a b"},
        {"uid": "a\n"},
        {"uid": ""},
        {"name": "a\nb"},
        {"name": ""},
        {"rank": "chief"},
    ],
)
def test_user_that_is_none_is_refused(operator, changes):
    with pytest.raises(Malformed):
        operator.post("/v1/users", {**USER, "uid": "u-2", **changes})


def test_users_are_kept_by_operators_and_read_by_auditors(site, application):
    with pytest.raises(PermissionError):
        site.api(Role.AUDITOR).post("/v1/users", {**USER, "uid": "u-2"})
    assert site.api(Role.AUDITOR).get("/v1/users/u-1")["uid"] == "u-1"
    with pytest.raises(PermissionError):
        application.get("/v1/users/u-1")


# --- activations and devices ----------------------------------------------------------------------


def test_code_is_told_once_and_kept_nowhere(site, operator, tmp_path):
    told = operator.post("/v1/activations", {"uid": "u-1"})
    assert told["qr"].startswith(f"shiyin:1?a={told['code']}&u=https://box:8444&r=")
    row = operator.get(f"/v1/activations/{told['activation']['id']}")
    assert row == {**told["activation"]}
    assert (row["state"], row["created_by"]) == ("code_issued", "the operator")
    assert operator.rows("/v1/activations", {"uid": "u-1"}, 10) == [row]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert row["id"].encode() in kept
    assert told["code"].encode() not in kept
    cancelled = operator.post(f"/v1/activations/{row['id']}/cancel")
    assert cancelled["state"] == "cancelled"
    with pytest.raises(NotFound):
        operator.post("/v1/activations", {"uid": "u-9"})


def test_device_is_shown_and_ordered_about(site, operator):
    enrol(site, operator)
    (row,) = operator.rows("/v1/devices", {"uid": "u-1"}, 10)
    assert (row["id"], row["state"], row["public_key"]) == ("d-1", "active", b"p".hex() * 64)
    assert operator.get(f"/v1/certificates/{row['certificate_id']}")["device"] == "d-1"
    assert operator.post("/v1/devices/d-1/suspend")["state"] == "suspended"
    assert operator.post("/v1/devices/d-1/restore")["state"] == "active"
    assert operator.post("/v1/devices/d-1/revoke")["state"] == "revoked"
    assert operator.get("/v1/devices/d-1")["state"] == "revoked"
    certificate = operator.get(f"/v1/certificates/{row['certificate_id']}")
    assert certificate["state"] == "revoked"
    with pytest.raises(Conflict):
        operator.post("/v1/devices/d-1/restore")


# --- tasks ----------------------------------------------------------------------------------------


def test_task_is_signed_and_its_signature_given_in_both_forms(site, operator, application):
    enrol(site, operator)
    task = application.post("/v1/tasks", TASK)
    assert (task["state"], [item["state"] for item in task["items"]]) == ("open", ["created"] * 2)
    assert task["items"][1]["digest"] == "11" * 32
    signature = bytes(range(1, 65))
    for item in task["items"]:
        site.ward.signer.sign("d-1", item["id"], signature)
    site.ward.follow()
    told = application.get(f"/v1/tasks/{task['id']}?wait=30")
    assert told["state"] == "done"
    for item in told["items"]:
        assert base64.b64decode(item["signature"]["raw"]) == signature
        assert signature_from_der(base64.b64decode(item["signature"]["der"])) == signature
        assert item["certificate_id"] == operator.get("/v1/devices/d-1")["certificate_id"]


def test_application_has_tasks_of_its_own_alone(site, operator, application):
    task = application.post("/v1/tasks", TASK)
    token = site.api(Role.ADMINISTRATOR).post(
        "/v1/accounts", {"name": "lis", "role": "application"}
    )["token"]
    other = Api(application._exchange, token)
    with pytest.raises(NotFound):
        other.get(f"/v1/tasks/{task['id']}")
    with pytest.raises(NotFound):
        other.post(f"/v1/tasks/{task['id']}/cancel")
    assert other.rows("/v1/tasks", {}, 10) == []
    assert [row["id"] for row in application.rows("/v1/tasks", {"uid": "u-1"}, 10)] == [task["id"]]
    assert len(site.api(Role.AUDITOR).rows("/v1/tasks", {"state": "open"}, 10)) == 1
    assert operator.post(f"/v1/tasks/{task['id']}/cancel")["state"] == "cancelled"


@pytest.mark.parametrize(
    "changes",
    [
        {"items": []},
        {"items": [{"form": "raw", "name": "a", "content": "no base64!"}]},
        {"items": [{"form": "raw", "name": "a", "content": ""}]},
        {"items": [{"form": "cms", "name": "a", "digest": "11"}]},
        {"items": [{"form": "login", "name": "a", "content": "YQ=="}]},
        {"expires_s": 1},
        {"mode": "pull"},
        {"description": ""},
    ],
)
def test_task_that_is_none_is_refused(application, changes):
    with pytest.raises(Malformed):
        application.post("/v1/tasks", {**TASK, **changes})


def test_task_of_many_documents_is_taken_in_one_body(application):
    content = base64.b64encode(b"x" * 200_000).decode()
    items = [{"form": "raw", "name": f"{at}", "content": content} for at in range(5)]
    task = application.post("/v1/tasks", {**TASK, "items": items})
    assert len(task["items"]) == 5


def test_forms_of_an_item_are_told_apart_in_the_description():
    room = TaskRoom(None, TaskDesk(None, None))
    document = msgspec.json.encode(describe(Table(room.operations()), title="t", version="1"))
    assert b'"discriminator"' in document
