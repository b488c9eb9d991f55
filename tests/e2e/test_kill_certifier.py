"""kill -9 of the signer while it issues: what was given out is on record, once, for ever."""

import contextlib
import os
import signal
from functools import partial
from pathlib import Path

import pytest
from kit.box import SETTINGS, Box, running_box
from kit.certifying import ask, csr_of, person_key
from kit.polling import wait_until

from appliance.asn1 import pem, sm2
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.services.certifying.messages import AdminRefusal, IssueAsk, IssueBatch, Issued
from appliance.store.ledger.check import check_ledger
from appliance.wire.ipc import ask as ask_socket

pytestmark = pytest.mark.e2e

KILLS = 3
BATCH = 32
GUARD_S = 60.0


def wishes(batch: int) -> list[IssueAsk]:
    csr = csr_of(person_key())
    return [ask(batch * BATCH + number, csr=csr) for number in range(BATCH)]


def issue(box: Box, batch: int) -> list[bytes] | None:
    """Ask once; None while the signer is away or not ready."""
    path = box.state / "run" / "admin.sock"
    with contextlib.suppress(OSError):
        answer = ask_socket(path, IssueBatch(batch, wishes(batch)), Issued | AdminRefusal)
        if isinstance(answer, Issued):
            assert all(isinstance(each, bytes) for each in answer.results)
            return [each for each in answer.results if isinstance(each, bytes)]
        assert answer.kind == "Unavailable", answer
    return None


def test_no_certificate_is_lost_or_issued_twice(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_box(state, SETTINGS) as box:
        issue_and_kill(box)
    spki = pem.read_one((state / "public" / "ledger-head.pem").read_bytes(), "PUBLIC KEY")
    public, engine = sm2.public_key_from_spki(spki), LibcryptoEngine()
    verdict = check_ledger(
        state / "signer" / "journal",
        verify_head=lambda message, signature: engine.verify(public, message, signature),
    )
    assert verdict.first_bad is None
    assert verdict.headed_seq == verdict.rows > KILLS * 5 * BATCH


def issue_and_kill(box: Box) -> None:
    given: dict[int, list[bytes]] = {}
    batch = 0
    for _ in range(KILLS):
        pid = box.pid("signer")
        for _ in range(5):
            batch += 1
            found = wait_until(partial(issue, box, batch), guard_s=GUARD_S, what="certificates")
            given[batch] = found
        os.kill(pid, signal.SIGKILL)
        box.pid("signer", other_than=pid)
    for number, certificates in given.items():
        again = wait_until(partial(issue, box, number), guard_s=GUARD_S, what="the same again")
        assert again == certificates
    issued = [decode_certificate(each) for found in given.values() for each in found]
    assert len({each.serial_number for each in issued}) == KILLS * 5 * BATCH
