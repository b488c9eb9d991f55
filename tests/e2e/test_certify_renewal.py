"""600 certificates renewed in one job, while the manager or the signer is killed in the middle."""

import csv
import io
import os
import signal
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509
from kit.api import Api, make_csr
from kit.box import Box, paused, running_box
from kit.polling import wait_until

from appliance.crypto.api import KeyAlgorithm

pytestmark = pytest.mark.e2e

COUNT = 600
AUTHORITY = "issuing-sm2"
GUARD_S = 120.0
_PROGRESS = "SELECT state, count(*) FROM job_items GROUP BY state"


@attrs.frozen
class Ward:
    """A box with COUNT certificates in use, each of a key of its own."""

    box: Box
    api: Api

    @property
    def registry(self) -> Path:
        return self.box.state / "manager" / "registry.sqlite3"

    def in_use(self) -> list[dict[str, Any]]:
        """List the certificates of people that are valid by the registry's word."""
        return list(self.api.items("/v1/certificates", authority=AUTHORITY, state="valid"))

    def issued(self) -> int:
        """Count what the signer knows of by its own index."""
        told = self.api.get("/v1/authorities")["items"]
        (counts,) = (each["certificates"] for each in told if each["name"] == AUTHORITY)
        return sum(counts.values())

    def begin(self, olds: list[dict[str, Any]]) -> str:
        job = self.api.post("/v1/jobs/renewals", {"certificates": [each["id"] for each in olds]})
        assert job["total"] == COUNT
        return str(job["id"])

    def await_some(self, job: str) -> None:
        """Wait until some of a job is done."""
        wait_until(lambda: self._settled(job), guard_s=GUARD_S, what="progress")

    def _settled(self, job: str) -> int:
        shown = self.api.get(f"/v1/jobs/{job}")
        return int(shown["done"] + shown["failed"])

    def items_left(self) -> int:
        """Count the items without an outcome, in the file itself."""
        with closing(sqlite3.connect(f"file:{self.registry}?mode=ro", uri=True)) as database:
            counts = dict(database.execute(_PROGRESS).fetchall())
        return sum(count for state, count in counts.items() if state in ("waiting", "started"))

    def await_end(self, job: str) -> dict[str, Any]:
        """Wait until a job has ended, and show it."""

        def look() -> dict[str, Any] | None:
            try:
                shown: dict[str, Any] = self.api.get(f"/v1/jobs/{job}")
            except ConnectionError:
                return None  # the manager is not back yet
            return None if shown["state"] in ("queued", "running") else shown

        return wait_until(look, guard_s=GUARD_S, what="the end of the job")

    def require_renewed_once(self, job: str, olds: list[dict[str, Any]], issued: int) -> None:
        """Check that each of `olds` has one successor; the signer knew `issued` before."""
        shown = self.await_end(job)
        assert (shown["state"], shown["done"], shown["failed"]) == ("done", COUNT, 0)
        news = self.in_use()
        assert self.issued() == issued + COUNT
        known = list(self.api.items("/v1/certificates", authority=AUTHORITY))
        assert len(known) == len({each["serial_number"] for each in known})
        by_id = {each["id"]: each for each in known}
        assert all(by_id[each["id"]]["state"] == "renewed" for each in olds)
        successors = {each["id"]: by_id[each["id"]]["renewed_by"] for each in olds}
        assert set(successors.values()) == {each["id"] for each in news}
        assert len(news) == len(set(successors.values())) == COUNT
        for each in olds:
            new = by_id[successors[each["id"]]]
            assert new["spki_sm3"] == each["spki_sm3"]
            assert new["subject"] == each["subject"]
        self.require_report(job, {each["serial_number"] for each in news})

    def require_report(self, job: str, serials: set[str]) -> None:
        """Check that the report tells of every successor once."""
        report = self.api.ask("GET", f"/v1/jobs/{job}/report")
        rows = list(csv.DictReader(io.StringIO(report.body.decode())))
        assert [row["state"] for row in rows] == ["done"] * COUNT
        assert {row["new serial"] for row in rows} == serials


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with running_box(tmp_path_factory.mktemp("ward") / "state") as box:
        made = Ward(box, Api.of(box.facts, "operator"))
        for number in range(COUNT):
            fields = {"name": f"Staff {number}", "organization": "Hospital"}
            wish = {"authority": AUTHORITY, "template": "person", "fields": fields}
            csr = make_csr(KeyAlgorithm.SM2)
            body = {**wish, "owner_uid": f"staff-{number}", "csr": csr}
            assert made.api.post("/v1/requests", body)["state"] == "issued"
        yield made
        made.api.close()


def test_a_manager_killed_in_the_middle_renews_each_once(ward: Ward) -> None:
    olds, issued = ward.in_use(), ward.issued()
    job = ward.begin(olds)
    ward.await_some(job)
    # With the signer stopped, a portion is under way that the next manager has heard nothing of.
    with paused(ward.box.pid("signer")):
        manager = ward.box.pid("manager")
        os.kill(manager, signal.SIGKILL)
        assert 0 < ward.items_left() < COUNT
    ward.box.pid("manager", other_than=manager)
    ward.require_renewed_once(job, olds, issued)


def test_a_signer_killed_in_the_middle_renews_each_once(ward: Ward) -> None:
    olds, issued = ward.in_use(), ward.issued()
    job = ward.begin(olds)
    ward.await_some(job)
    signer = ward.box.pid("signer")
    os.kill(signer, signal.SIGKILL)
    assert 0 < ward.items_left() < COUNT
    ward.box.pid("signer", other_than=signer)
    ward.require_renewed_once(job, olds, issued)


def test_what_was_renewed_is_on_no_revocation_list(ward: Ward) -> None:
    number = ward.api.post(f"/v1/authorities/{AUTHORITY}/list")["number"]
    base = str(ward.box.facts["tsp_http"]).removesuffix("/tsa")
    with urllib.request.urlopen(f"{base}/crl/{AUTHORITY}.crl", timeout=GUARD_S) as response:
        crl = x509.load_der_x509_crl(response.read())
    assert len(crl) == 0
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == number
