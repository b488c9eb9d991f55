"""`shiyin users`, `activations`, `devices` and `tasks`, as an operator and an application type."""

import json
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from kit.interface import Interface, interface

from appliance.cli.phones import activations, devices, tasks, users
from appliance.errors import Conflict, Malformed, NotFound
from appliance.services.registration.accounts import Role

ADA = ("--name", "张三", "--department", "内科", "--field", "organization=第一医院")


@attrs.frozen
class Desk:
    """Somebody at the command, who sees what it prints."""

    site: Interface
    capture: pytest.CaptureFixture[str]

    def run(
        self, verb: ModuleType, *words: str, role: Role = Role.OPERATOR, exit_code: int = 0
    ) -> Any:
        name = verb.__name__.rpartition(".")[2]
        assert self.site.run(verb.perform, role, name, *words) == exit_code
        return json.loads(self.capture.readouterr().out)

    def read(self, verb: ModuleType, *words: str) -> str:
        """Give what a person reads."""
        name = verb.__name__.rpartition(".")[2]
        assert self.site.run(verb.perform, Role.OPERATOR, name, *words, is_json=False) == 0
        return self.capture.readouterr().out

    def post(self, *words: str, exit_code: int = 0) -> Any:
        told = ("post", *words, "--uid", "u-1", "--description", "处方")
        return self.run(tasks, *told, role=Role.APPLICATION, exit_code=exit_code)

    def enrol(self) -> None:
        told = self.run(activations, "issue", "u-1")
        self.site.ward.signer.enrol(told["id"], "u-1", "d-1", b"c" * 64)
        self.site.ward.follow()


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(interface(tmp_path), capsys)
    made.run(users, "add", "u-1", *ADA)
    return made


def test_users_are_added_changed_and_closed(desk: Desk) -> None:
    assert desk.run(users, "show", "u-1")["fields"] == {"organization": "第一医院"}
    assert desk.run(users, "change", "u-1", "--name", "李四")["department"] == ""
    assert "李四" in desk.read(users, "list", "--only", "active")
    for part, state in (("suspend", "suspended"), ("restore", "active"), ("close", "closed")):
        assert desk.run(users, part, "u-1")["state"] == state
    assert desk.run(users, "list", "--department", "外科") == {"users": []}
    with pytest.raises(Conflict):
        desk.run(users, "add", "u-1", *ADA)
    with pytest.raises(Malformed, match="NAME=TEXT"):
        desk.run(users, "add", "u-2", "--name", "x", "--field", "organization")


def test_sheet_of_an_activation_has_all_that_a_user_needs(desk: Desk) -> None:
    sheet = desk.read(activations, "issue", "u-1")
    for text in ("张三", "u-1", "内科", "0123-4567-89AB-CDEF", "shiyin:1?a=0123-4567-89AB-CDEF&u="):
        assert text in sheet
    assert "0123-4567" not in desk.read(activations, "list")


def test_sheet_in_a_file_is_for_its_owner_alone(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "sheet.txt"
    told = desk.run(activations, "issue", "u-1", "--out", str(path))
    assert "code" not in told
    assert "0123-4567-89AB-CDEF" in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_activation_is_issued_shown_and_cancelled(desk: Desk) -> None:
    told = desk.run(activations, "issue", "u-1")
    assert told["code"] == "0123-4567-89AB-CDEF"
    assert desk.run(activations, "show", told["id"])["state"] == "code_issued"
    assert desk.run(activations, "cancel", told["id"])["state"] == "cancelled"
    listed = desk.run(activations, "list", "--uid", "u-1", "--only", "cancelled")
    assert [row["id"] for row in listed["activations"]] == [told["id"]]
    with pytest.raises(NotFound):
        desk.run(activations, "issue", "u-9")


def test_devices_are_listed_and_ordered_about(desk: Desk) -> None:
    desk.enrol()
    assert [row["id"] for row in desk.run(devices, "list", "--uid", "u-1")["devices"]] == ["d-1"]
    assert "d-1" in desk.read(devices, "list", "--only", "active")
    assert desk.run(devices, "show", "d-1")["label"] == "phone"
    for part, state in (("suspend", "suspended"), ("restore", "active"), ("revoke", "revoked")):
        assert desk.run(devices, part, "d-1")["state"] == state


def test_documents_are_posted_whole_or_by_their_digests(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "rp.txt"
    path.write_bytes(b"abc")
    whole, digested = desk.post(str(path)), desk.post(str(path), "--digest")
    (item,) = whole["items"]
    (digest,) = digested["items"]
    assert (item["form"], item["name"], digest["form"]) == ("raw", "rp.txt", "cms")
    # GB/T 32905 A.1
    abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert item["digest"] == digest["digest"] == abc
    assert "rp.txt" in desk.read(tasks, "show", whole["id"])
    listed = desk.run(tasks, "list", "--uid", "u-1", "--only", "open")["tasks"]
    assert {row["id"] for row in listed} == {whole["id"], digested["id"]}
    assert desk.run(tasks, "cancel", whole["id"])["state"] == "cancelled"
    with pytest.raises(NotFound):
        desk.post(str(tmp_path / "none.txt"))


def test_who_waits_for_a_task_learns_by_the_exit_code_whether_it_is_signed(
    desk: Desk, tmp_path: Path
) -> None:
    desk.enrol()
    path = tmp_path / "rp.txt"
    path.write_bytes(b"abc")
    signed, given_up = desk.post(str(path)), desk.post(str(path))
    desk.site.ward.signer.sign("d-1", signed["items"][0]["id"])
    desk.site.ward.follow()
    desk.run(tasks, "cancel", given_up["id"])
    assert desk.run(tasks, "show", signed["id"], "--wait")["state"] == "done"
    assert desk.run(tasks, "show", given_up["id"], "--wait", exit_code=1)["state"] == "cancelled"
