"""`shiyin accounts`, where its token comes from, and the road of the first administrator."""

import json
import stat
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from kit.frames import control_socket, framed
from kit.interface import Interface, interface
from kit.registration import outcome

from appliance.cli.certificates import accounts
from appliance.cli.certificates.api_client import Api, Reply, TlsExchange
from appliance.cli.main import main
from appliance.cli.tables import render_table
from appliance.errors import (
    ApplianceError,
    Conflict,
    Fault,
    Malformed,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from appliance.services.messages import PROTOCOL_VERSION, Hello
from appliance.services.registration.accounts import Role
from appliance.services.registration.messages import Declined, FirstOpened, OpenFirst

FIRST = ("accounts", "open", "boss", "--role", "administrator", "--first")


@attrs.frozen
class Desk:
    """An administrator at the command, who sees what it prints."""

    site: Interface
    capture: pytest.CaptureFixture[str]

    def accounts(self, *words: str, role: Role = Role.ADMINISTRATOR) -> Any:
        assert self.site.run(accounts.perform, role, "accounts", *words) == 0
        return json.loads(self.capture.readouterr().out)

    def refused(self, *words: str, role: Role = Role.ADMINISTRATOR) -> BaseException:
        with pytest.raises((ApplianceError, PermissionError)) as caught:
            self.site.run(accounts.perform, role, "accounts", *words)
        return caught.value

    def is_good(self, token: str) -> bool:
        return outcome(self.site.accounts.authenticate(token)) is not None


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(interface(tmp_path), capsys)


# --- accounts -------------------------------------------------------------------------------------


def test_an_account_lives_from_its_opening_to_its_close(desk: Desk) -> None:
    told = desk.accounts("open", "ada", "--role", "operator")
    assert (told["name"], told["role"], told["state"]) == ("ada", "operator", "active")
    assert desk.is_good(told["token"])
    assert desk.accounts("suspend", "ada")["state"] == "suspended"
    assert not desk.is_good(told["token"])
    assert desk.accounts("restore", told["id"])["state"] == "active"
    new = desk.accounts("token", "ada")["token"]
    assert desk.is_good(new)
    assert not desk.is_good(told["token"])
    assert desk.accounts("close", "ada")["state"] == "closed"
    assert not desk.is_good(new)
    assert isinstance(desk.refused("restore", "ada"), Conflict)


def test_a_token_in_a_file_is_for_its_owner_alone(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "ada.token"
    told = desk.accounts("open", "ada", "--role", "operator", "--out", str(path))
    assert "token" not in told
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert desk.is_good(path.read_text("ascii").strip())


def test_a_person_is_told_that_a_token_is_shown_once(desk: Desk) -> None:
    words = ("accounts", "open", "ada", "--role", "operator")
    desk.site.run(accounts.perform, Role.ADMINISTRATOR, *words, is_json=False)
    printed = desk.capture.readouterr()
    assert "shiyin_" in printed.out
    assert "shown this once" in printed.err


def test_accounts_are_listed_by_role_without_their_tokens(desk: Desk) -> None:
    assert {row["role"] for row in desk.accounts("list")["accounts"]} == set(Role)
    (row,) = desk.accounts("list", "--role", "auditor")["accounts"]
    assert row["name"] == "the auditor"
    assert "token" not in row
    desk.site.run(accounts.perform, Role.AUDITOR, "accounts", "list", is_json=False)
    assert desk.capture.readouterr().out.count("active") == len(Role)


def test_what_cannot_be_done_to_accounts_is_said(desk: Desk) -> None:
    assert isinstance(desk.refused("close", "nobody"), NotFound)
    assert isinstance(desk.refused("token", "00" * 16), NotFound)
    assert isinstance(desk.refused("open", "the auditor", "--role", "auditor"), Conflict)
    words = ("open", "ada", "--role", "administrator")
    assert isinstance(desk.refused(*words, role=Role.OPERATOR), PermissionError)


# --- the first administrator ----------------------------------------------------------------------


def test_an_administrator_is_first_only_where_none_may_act(desk: Desk) -> None:
    desk_of_accounts = desk.site.accounts
    with pytest.raises(Conflict):
        outcome(desk_of_accounts.open_first("boss"))
    desk.accounts("close", "the administrator")
    account, token = outcome(desk_of_accounts.open_first("boss"))
    assert outcome(desk_of_accounts.authenticate(token)) == account
    assert account.role == Role.ADMINISTRATOR
    with pytest.raises(Conflict):
        outcome(desk_of_accounts.open_first("boss two"))
    with pytest.raises(Malformed):
        outcome(desk_of_accounts.open_first(" "))


def answered(
    tmp_path: Path, answer: FirstOpened | Declined, *words: str
) -> tuple[int, list[OpenFirst]]:
    """Run the command against a manager that gives this answer."""
    asked: list[OpenFirst] = []

    def hear(octets: bytes) -> bytes:
        asked.append(msgspec.msgpack.decode(octets, type=OpenFirst))
        return framed(answer)

    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "manage.sock"
    with control_socket(path, hear, framed(Hello(PROTOCOL_VERSION, ()))):
        status = main(["--state", str(tmp_path), "--json", *FIRST, *words])
    return status, asked


def test_the_first_administrator_is_asked_for_on_the_managers_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "boss.token"
    answer = FirstOpened("ab" * 16, "shiyin_x")
    assert answered(tmp_path, answer, "--out", str(token)) == (0, [OpenFirst("boss")])
    assert token.read_text("ascii") == "shiyin_x\n"
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["role"]) == ("ab" * 16, "administrator")


def test_a_second_first_administrator_is_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(tmp_path, Declined("Conflict", "there is one"))[0] == 1
    assert json.loads(capsys.readouterr().out) == {"error": "there is one", "kind": "Conflict"}


@pytest.mark.parametrize(("role", "status"), [("operator", 2), ("administrator", 3)])
def test_the_first_is_an_administrator_and_a_manager_must_be_there(
    tmp_path: Path, role: str, status: int
) -> None:
    words = ["accounts", "open", "boss", "--role", role, "--first"]
    assert main(["--state", str(tmp_path), *words]) == status


# --- the road to the interface --------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a box whose interface is not there, and no token from outside."""
    monkeypatch.delenv("SHIYIN_TOKEN", raising=False)
    (tmp_path / "roots.pem").write_text("no certificate", "ascii")
    (tmp_path / "run").mkdir()
    ready = {"tsp_http": "", "tsa_certs": {}, "pids": {}, "api": "https://localhost:1"}
    facts = json.dumps({**ready, "ca_cert": str(tmp_path / "roots.pem")})
    (tmp_path / "run" / "ready.json").write_text(facts, "utf-8")
    return tmp_path


def listed(state: Path, *words: str) -> int:
    return main(["--state", str(state), "accounts", "list", *words])


def test_without_a_token_there_is_nothing_to_ask_with(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(state) == 4
    assert "--token-file" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["a b", "a\r\nX: y", "é"])
def test_a_token_that_is_none_is_usage(
    state: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("SHIYIN_TOKEN", token)
    assert listed(state) == 2


def test_files_that_are_not_what_they_should_be_are_usage(state: Path) -> None:
    (state / "token").write_text("shiyin_x\n", "ascii")
    words = ("--token-file", str(state / "token"))
    assert listed(state, *words) == 2  # the roots hold no certificate
    assert listed(state, *words, "--ca", str(state / "none.pem")) == 2
    assert listed(state, "--token-file", str(state / "none")) == 2


def test_without_a_box_nobody_answers(state: Path) -> None:
    (state / "run" / "ready.json").unlink()
    assert listed(state) == 3


def test_a_demos_token_never_leaves_for_another_box(state: Path) -> None:
    path = state / "run" / "ready.json"
    (state / "demo.json").write_text('{"tokens": {"administrator": "shiyin_x"}}', "utf-8")
    facts = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**facts, "demo_credentials": str(state / "demo.json")}), "utf-8")
    assert listed(state) == 2  # it has a token, and looks at the roots
    assert listed(state, "--api", "https://elsewhere.example:1") == 4


@pytest.mark.parametrize("url", ["http://localhost:1", "localhost:1", "https://"])
def test_the_interface_is_asked_over_tls_only(tmp_path: Path, url: str) -> None:
    with pytest.raises(Malformed):
        TlsExchange(url, tmp_path)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Malformed),
        (401, Unauthenticated),
        (403, PermissionError),
        (404, NotFound),
        (409, Conflict),
        (413, Malformed),
        (422, Refused),
        (500, Fault),
        (502, Fault),
        (503, Unavailable),
    ],
)
def test_a_problem_becomes_our_error_with_its_detail(status: int, kind: type[Exception]) -> None:
    api = Api(lambda *_: Reply(status, b'{"detail": "the reason"}'), "shiyin_x")
    with pytest.raises(kind, match="the reason"):
        api.get("/v1/accounts")


@pytest.mark.parametrize("octets", [b"", b"<html>", b"[]", b"{}", b"\xff"])
def test_an_answer_that_is_none_is_told_by_its_status(octets: bytes) -> None:
    with pytest.raises(Unavailable, match="HTTP 503"):
        Api(lambda *_: Reply(503, octets), "shiyin_x").get("/v1/accounts")
    if octets != b"{}":
        with pytest.raises(Fault):
            Api(lambda *_: Reply(200, octets), "shiyin_x").get("/v1/accounts")


# --- tables ---------------------------------------------------------------------------------------


def test_wide_characters_are_aligned_and_controls_shown_harmless() -> None:
    rows = [{"name": "李雷", "note": None}, {"name": "x\x1b[2J", "note": 7}]
    assert render_table({"name": "name", "note": "n"}, rows) == [
        "name   n",
        "李雷   -",
        "x?[2J  7",
    ]
