"""`shiyin certs` and `shiyin accounts` on a running box, as an operator uses them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from kit.api import Api
from kit.box import SETTINGS, Box, running_box

pytestmark = pytest.mark.e2e

COUNT = 6
SM2 = ("--authority", "issuing-sm2", "--template", "person")
NAMES = ("--field", "name=李雷", "--field", "organization=医院")


@attrs.frozen
class Desk:
    """The command of one box, and a folder for what is written."""

    box: Box
    folder: Path

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [self.box.facts["cli"], "--state", str(self.box.state), "--json", *words]
        environment = {**os.environ, **more}
        return subprocess.run(
            command, capture_output=True, check=False, text=True, cwd=self.folder, env=environment
        )

    def told(self, *words: str, status: int = 0, **more: str) -> Any:
        done = self.run(*words, **more)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def make_request(self) -> None:
        """Make a key, and a PKCS#10 request for it."""
        self.openssl(
            *("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "k.pem")
        )
        self.openssl(
            *("req", "-new", "-key", "k.pem", "-sm3", "-subj", "/CN=x", "-out", "k.csr"),
            *("-sigopt", "distid:1234567812345678"),
        )

    def issue(self, uid: str) -> Any:
        self.make_request()
        return self.told("certs", "issue", "--csr", "k.csr", *SM2, "--uid", uid, *NAMES)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_box(tmp_path_factory.mktemp("certs") / "state", SETTINGS) as box:
        api = Api.of(box.facts, "operator")
        api.close()
        made = Desk(box, tmp_path_factory.mktemp("papers"))
        made.make_request()
        yield made


def test_a_certificate_is_issued_and_openssl_accepts_it(desk: Desk) -> None:
    desk.openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", "p.pem", "-subj", "/CN=x", "-out", "p.csr"),
    )
    words = ("--csr", "p.csr", "--authority", "issuing-p256", "--template", "person", "--uid", "7")
    told = desk.told("certs", "issue", *words, *NAMES, "--out", "leaf.pem")
    assert told["subject"] == "UID=7,CN=李雷,O=医院,C=CN"
    chain = desk.told("ca", "show", "issuing-p256")["chain"]
    (desk.folder / "chain.pem").write_text(chain, "ascii")
    roots = str(desk.box.roots)
    desk.openssl("verify", "-x509_strict", "-CAfile", roots, "-untrusted", "chain.pem", "leaf.pem")


def test_renewals_are_followed_and_reported(desk: Desk) -> None:
    olds = [desk.issue(str(uid))["certificate_id"] for uid in range(COUNT)]
    done = desk.run("certs", "renew", *olds, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["done"], told["failed"]) == ("done", COUNT, 0)
    assert done.stderr.splitlines()[-1] == f"{COUNT}/{COUNT}"
    desk.told("certs", "report", told["id"], "--out", "report.csv")
    assert len((desk.folder / "report.csv").read_text("utf-8").splitlines()) == 1 + COUNT
    assert {desk.told("certs", "show", old)["state"] for old in olds} == {"renewed"}


def test_a_certificate_is_held_released_and_revoked(desk: Desk) -> None:
    number = desk.issue("8")["certificate_id"]
    states = [desk.told("certs", verb, number)["state"] for verb in ("hold", "release", "revoke")]
    assert states == ["on_hold", "valid", "revoked"]
    assert desk.told("certs", "revoke", number, status=1)["kind"] == "Conflict"


def test_a_batch_leaves_with_its_manifest(desk: Desk) -> None:
    words = ("certs", "issue", "--csr", "k.csr", *SM2, "--uid", "9", *NAMES, "--offline")
    assert desk.told(*words)["state"] == "created"
    told = desk.told("certs", "export", "--authority", "issuing-sm2", "--out", "batch.zip")
    assert told["count"] == 1
    assert (desk.folder / "batch.zip").read_bytes()[:2] == b"PK"


def test_each_role_may_do_its_own(desk: Desk) -> None:
    opened = desk.told("accounts", "open", "eve", "--role", "auditor", "--out", "eve.token")
    assert "token" not in opened
    words = ("--token-file", "eve.token")
    desk.told("certs", "list", *words)
    assert desk.told("certs", "sweep", *words, status=4)["kind"] == "PermissionError"
    desk.told("accounts", "suspend", "eve")
    assert desk.told("certs", "list", *words, status=4)["kind"] == "Unauthenticated"
    token = desk.told("accounts", "token", "eve")["token"]
    desk.told("accounts", "restore", "eve")
    desk.told("certs", "list", SHIYIN_TOKEN=token)


def test_who_does_not_prove_to_be_the_box_gets_no_token(desk: Desk) -> None:
    desk.openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other"),
        *("-keyout", "o.key", "-out", "o.pem"),
    )
    told = desk.told("certs", "list", "--ca", "o.pem", status=1)
    assert (told["kind"], "does not prove" in told["error"]) == ("Refused", True)


def test_the_first_administrator_is_opened_when_there_is_none(desk: Desk) -> None:
    words = ("accounts", "open", "boss", "--role", "administrator", "--first")
    assert desk.told(*words, status=1)["kind"] == "Conflict"
    desk.told("accounts", "close", "demo-administrator")
    assert desk.told("accounts", "list", status=4)["kind"] == "Unauthenticated"
    desk.told(*words, "--out", "boss.token")
    rows = desk.told("accounts", "list", "--token-file", "boss.token")["accounts"]
    assert {"boss", "demo-administrator"} <= {row["name"] for row in rows}
    assert desk.told(*words, status=1)["kind"] == "Conflict"
