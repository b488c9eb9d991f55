"""`shiyin certs` over the real rooms of the interface, with a signer of the tests."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509
from kit.interface import Interface, interface
from kit.registration import csr, outcome

from appliance.asn1 import pem
from appliance.cli.certificates import certs
from appliance.errors import ApplianceError, Conflict, Malformed, NotFound, Refused
from appliance.quantities import SECONDS_PER_DAY, US_PER_S
from appliance.services.certifying.messages import IssueAsk, IssueRefusal
from appliance.services.registration.accounts import Role

ISSUE = ("--authority", "issuing-p256", "--template", "person", "--uid")
DAY_US = SECONDS_PER_DAY * US_PER_S


@attrs.frozen
class Desk:
    """An operator at the command, who sees what it prints."""

    site: Interface
    folder: Path
    capture: pytest.CaptureFixture[str]

    def certs(self, *words: str, role: Role = Role.OPERATOR, status: int = 0) -> Any:
        assert self.site.run(certs.perform, role, "certs", *words) == status
        return json.loads(self.capture.readouterr().out)

    def lines(self, *words: str, status: int = 0) -> list[str]:
        assert self.site.run(certs.perform, Role.OPERATOR, "certs", *words, is_json=False) == status
        return self.capture.readouterr().out.splitlines()

    def refused(self, *words: str) -> ApplianceError | PermissionError:
        with pytest.raises((ApplianceError, PermissionError)) as caught:
            self.site.run(certs.perform, Role.OPERATOR, "certs", *words)
        return caught.value

    def csr(self, name: str = "k.csr") -> str:
        path = self.folder / name
        path.write_bytes(pem.write("CERTIFICATE REQUEST", csr()))
        return str(path)

    def issue(self, uid: str = "7", *more: str, status: int = 0) -> Any:
        return self.certs("issue", "--csr", self.csr(), *ISSUE, uid, *more, status=status)

    def issued(self, uid: str = "7") -> str:
        return str(self.issue(uid)["certificate_id"])

    def certified_elsewhere(self) -> bytes:
        """Have an authority without a network certify the last key."""
        der = pem.read_one((self.folder / "k.csr").read_bytes(), "CERTIFICATE REQUEST")
        ask = IssueAsk(bytes(16), "issuing-p256", "person", {}, der, b"")
        (made,) = outcome(self.site.town.signer.issue([ask]))
        assert isinstance(made, bytes)
        return pem.write("CERTIFICATE", made)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(interface(tmp_path), tmp_path, capsys)


# --- one certificate ------------------------------------------------------------------------------


def test_a_certificate_is_issued_into_a_file(desk: Desk) -> None:
    leaf = desk.folder / "leaf.pem"
    told = desk.issue("7", "--field", "name=李雷", "--field", "note=a=b", "--out", str(leaf))
    assert told["state"] == "issued"
    assert told["fields"] == {"name": "李雷", "note": "a=b", "uid": "7"}
    assert leaf.read_text("ascii") == told["certificate"]
    assert x509.load_pem_x509_certificate(leaf.read_bytes()).serial_number == int(
        told["serial_number"], 16
    )


def test_a_request_in_der_is_taken_too(desk: Desk) -> None:
    path = desk.folder / "k.der"
    path.write_bytes(csr())
    assert desk.certs("issue", "--csr", str(path), *ISSUE, "7")["state"] == "issued"


def test_what_an_authority_refuses_is_exit_1_with_its_reason(desk: Desk) -> None:
    desk.site.town.signer.refusal = IssueRefusal("Refused", "not for you")
    told = desk.issue(status=1)
    assert (told["state"], told["reason"]) == ("refused", "not for you")


def test_an_authority_that_is_away_is_exit_3_and_the_request_waits(desk: Desk) -> None:
    desk.site.town.signer.is_away = True
    told = desk.issue(status=3)
    assert told["state"] == "submitted"
    assert desk.certs("request", told["id"], status=3)["state"] == "submitted"


def test_a_request_without_a_key_waits_for_one(desk: Desk) -> None:
    told = desk.certs("issue", *ISSUE, "7")
    assert told["state"] == "csr_pending"
    leaf = desk.folder / "leaf.pem"
    words = ("request", told["id"], "--csr", desk.csr(), "--out", str(leaf))
    assert desk.certs(*words)["state"] == "issued"
    assert leaf.read_text("ascii").startswith("-----BEGIN CERTIFICATE-----")


def test_a_request_is_cancelled_once(desk: Desk) -> None:
    number = desk.certs("issue", *ISSUE, "7")["id"]
    assert desk.certs("request", number, "--cancel")["state"] == "cancelled"
    assert isinstance(desk.refused("request", number, "--cancel"), Conflict)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no request", ()), (None, ("--field", "name")), (None, ("--field", "Name=x"))],
)
def test_a_wish_that_is_not_well_formed_is_malformed(
    desk: Desk, content: bytes | None, words: tuple[str, ...]
) -> None:
    path = Path(desk.csr())
    if content is not None:
        path.write_bytes(content)
    assert isinstance(desk.refused("issue", "--csr", str(path), *ISSUE, "7", *words), Malformed)


def test_hold_release_and_revocation_go_their_way(desk: Desk) -> None:
    number = desk.issued()
    assert desk.certs("hold", number)["state"] == "on_hold"
    assert desk.certs("release", number)["state"] == "valid"
    told = desk.certs("revoke", number, "--reason", "key_compromise")
    assert (told["state"], told["reason"]) == ("revoked", 1)
    assert isinstance(desk.refused("revoke", number), Conflict)
    assert desk.certs("show", number, "--out", str(desk.folder / "x.pem"))["state"] == "revoked"
    assert (desk.folder / "x.pem").exists()


@pytest.mark.parametrize("text", ["00" * 16, "../accounts", "a b\r\nX: y", "?", ""])
def test_what_no_certificate_is_called_is_not_found(desk: Desk, text: str) -> None:
    assert isinstance(desk.refused("show", text), NotFound)


def test_an_auditor_reads_and_changes_nothing(desk: Desk) -> None:
    number = desk.issued()
    assert desk.certs("show", number, role=Role.AUDITOR)["id"] == number
    with pytest.raises(PermissionError, match="not for the role auditor"):
        desk.site.run(certs.perform, Role.AUDITOR, "certs", "revoke", number)


# --- lists ----------------------------------------------------------------------------------------


def test_lists_are_filtered_and_cut_short(desk: Desk) -> None:
    numbers = [desk.issued(uid) for uid in ("7", "8", "8")]
    desk.site.town.posix_us += 1
    desk.certs("hold", numbers[0])

    def found(*words: str) -> set[str]:
        return {row["id"] for row in desk.certs("list", *words)["certificates"]}

    assert found() == set(numbers)
    assert found("--uid", "8") == set(numbers[1:])
    assert found("--only", "on_hold") == {numbers[0]}
    assert found("--template", "device") == set()
    assert len(found("--limit", "2")) == 2
    assert len(desk.certs("requests", "--uid", "8")["requests"]) == 2


def test_a_list_longer_than_a_page_is_read_whole(desk: Desk) -> None:
    api = desk.site.api(Role.OPERATOR)
    numbers = [desk.issued() for _ in range(5)]
    pages = [api.get("/v1/certificates?limit=2")]
    while pages[-1]["next"]:
        pages.append(api.get(f"/v1/certificates?limit=2&cursor={pages[-1]['next']}"))
    assert [len(page["items"]) for page in pages] == [2, 2, 1]
    assert len(api.rows("/v1/certificates", {"state": None}, 10_000)) == len(numbers)


def test_a_person_sees_a_table_and_an_empty_one_says_so(desk: Desk) -> None:
    assert desk.lines("list")[1].split() == ["none", "无"]
    number = desk.issued()
    head, row = desk.lines("list")
    assert head.startswith("id 编号 ")
    assert row.split()[:2] == [number, "valid"]
    assert desk.lines("requests")[1].split()[1] == "issued"


@pytest.mark.parametrize("words", [("list", "--limit", "0"), ("list", "--only", "new"), ()])
def test_words_that_make_no_sense_are_usage(desk: Desk, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        desk.certs(*words)


def test_a_sweep_counts_what_is_due_and_what_is_over(desk: Desk) -> None:
    desk.issued()
    desk.site.town.posix_us += 340 * DAY_US
    assert desk.certs("sweep") == {"due": 1, "lapsed": 0}
    desk.site.town.posix_us += 340 * DAY_US
    assert desk.certs("sweep") == {"due": 0, "lapsed": 1}


# --- many at once ---------------------------------------------------------------------------------


def test_a_renewal_is_followed_to_its_end(desk: Desk) -> None:
    olds = [desk.issued(uid) for uid in "123"]
    assert desk.site.run(certs.perform, Role.OPERATOR, "certs", "renew", *olds, "--wait") == 0
    printed = desk.capture.readouterr()
    told = json.loads(printed.out)
    assert (told["state"], told["done"], told["failed"]) == ("done", 3, 0)
    assert printed.err.splitlines() == ["0/3", "3/3"]
    states = [desk.certs("show", old)["state"] for old in olds]
    assert states == ["renewed"] * 3
    (row,) = desk.certs("jobs")["jobs"]
    assert row == told
    assert desk.lines("jobs")[1].split()[:2] == [row["id"], "done"]
    report = desk.lines("report", row["id"])
    assert [line.split(",")[3] for line in report[1:]] == ["done"] * 3
    out = desk.folder / "report.csv"
    desk.certs("report", row["id"], "--out", str(out))
    assert out.read_bytes().decode() == desk.certs("report", row["id"])["report"]


def test_a_renewal_of_what_ends_soon_leaves_the_others(desk: Desk) -> None:
    desk.issued()
    assert isinstance(desk.refused("renew"), Refused)
    told = desk.certs("renew", "--within-days", "400", "--authority", "issuing-p256")
    assert (told["state"], told["total"]) == ("queued", 1)


def test_a_job_is_paused_resumed_and_followed(desk: Desk) -> None:
    number = desk.certs("renew", desk.issued(), "--rekey")["id"]
    assert desk.certs("job", number, "--pause", "--wait")["state"] == "paused"
    assert desk.certs("job", number, "--resume", "--wait")["state"] == "done"
    (waiting,) = desk.certs("requests", "--only", "csr_pending")["requests"]
    assert waiting["kind"] == "rekey"
    assert isinstance(desk.refused("job", number, "--cancel"), Conflict)


def test_an_item_that_failed_makes_a_job_exit_1(desk: Desk) -> None:
    number = desk.issued()
    desk.site.town.signer.refusal = IssueRefusal("Refused", "not for you")
    assert desk.certs("renew", number, "--wait", status=1)["failed"] == 1


def test_requests_leave_in_a_batch_and_certificates_come_back(desk: Desk) -> None:
    asked = desk.issue("7", "--offline")
    assert asked["state"] == "created"
    batch = desk.folder / "batch.zip"
    words = ("export", "--authority", "issuing-p256", "--out", str(batch))
    told = desk.certs(*words)
    octets = batch.read_bytes()
    assert (told["state"], told["count"]) == ("exported", 1)
    desk.certs("export", "--batch", told["id"], "--out", str(batch))
    assert batch.read_bytes() == octets
    assert isinstance(desk.refused(*words), Refused)
    (row,) = desk.certs("batches")["batches"]
    assert row["id"] == told["id"]
    assert desk.lines("batches")[1].split()[:2] == [row["id"], "exported"]
    leaf = desk.folder / "leaf.pem"
    leaf.write_bytes(desk.certified_elsewhere())
    (row,) = desk.certs("import", str(leaf))["rows"]
    assert row["request_id"] == asked["id"]
    assert desk.certs("request", asked["id"])["state"] == "issued"
    assert desk.lines("import", str(leaf))[-1] == "matched 已匹配: 1/1"


def test_a_certificate_that_nobody_asked_for_is_exit_1(desk: Desk) -> None:
    leaf = desk.folder / "leaf.pem"
    desk.issue("7", "--out", str(leaf))
    told = desk.certs("import", str(leaf), status=1)
    assert (told["matched"], told["rows"][0]["fault"]) == (0, "no request of this box has its key")
