"""One box of small limits, a good client that must not notice, and what abuse may cost."""

import os
from collections.abc import Iterator

import attrs
import pytest
from kit.abuse import LIMITS, Attacker
from kit.api import Api
from kit.box import SETTINGS, Box, running_box
from kit.good_client import GoodClient, addresses
from kit.polling import wait_until
from kit.procfs import descriptors, disk_octets, pss_kib

GUARD_S = 20.0
MEMORY_KIB = {"front": 48 * 1024, "signer": 24 * 1024, "timed": 1024, "supervisor": 1024}
"""By how much each role may grow in one scenario: unfinished questions may take 32 MiB."""
DISK_OCTETS = 24 * 1024 * 1024
"""What a scenario may leave on disk: rows of tokens that were rightly asked for, and no more."""
ANSWERS = 10
"""What the good client gets at least, in each scenario."""


@attrs.frozen
class Holdings:
    """Descriptors and memory by process id, and the octets of the state folder."""

    descriptors: dict[int, int]
    memory_kib: dict[int, int]
    disk_octets: int


@pytest.fixture(scope="package")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(tmp_path_factory.mktemp("abuse") / "state", SETTINGS + LIMITS) as running:
        warm_up(running)
        yield running


def warm_up(box: Box) -> None:
    """Let everything be allocated that the first requests, and the first certificate, allocate."""
    Api.of(box.facts, "operator").close()
    with GoodClient(box) as client:
        wait_until(lambda: client.answered >= 50, guard_s=GUARD_S, what="first answers")


@pytest.fixture
def attacker(besieged: Box) -> Iterator[Attacker]:
    """Attack from 127.0.0.2; whatever it has open is closed afterwards."""
    host, http_port, tcp_port = addresses(besieged)
    with Attacker(host, http_port, tcp_port) as made:
        yield made


@pytest.fixture(autouse=True)
def unharmed(besieged: Box) -> Iterator[GoodClient]:
    """Hold every scenario to what abuse may do: next to nothing."""
    before = holdings(besieged)
    logged = len(full_logs(besieged))
    with GoodClient(besieged) as client:
        wait_until(lambda: client.answered, guard_s=GUARD_S, what="a first answer")
        yield client
        answered = client.answered
        wait_until(
            lambda: client.fault or client.answered >= answered + ANSWERS,
            guard_s=GUARD_S,
            what="answers after the attack",
        )
    assert client.fault is None
    wait_until(
        # Fewer will do: when they were first counted a warm-up connection may still have closed.
        lambda: all(
            count <= before.descriptors.get(pid, 0)
            for pid, count in holdings(besieged).descriptors.items()
        ),
        guard_s=GUARD_S,
        what=f"descriptors as before, {before.descriptors}",
    )
    judge_growth(besieged, before)
    log = full_logs(besieged)[logged:]
    assert "Traceback" not in log
    assert '"trace"' not in log
    assert '"level": "error"' not in log
    assert len(log) < 64 * 1024


def judge_growth(box: Box, before: Holdings) -> None:
    after = holdings(box)
    grown = {
        role: after.memory_kib[pid] - before.memory_kib[pid] for role, pid in pids(box).items()
    }
    print("grown by KiB:", grown, "disk octets:", after.disk_octets - before.disk_octets)
    assert all(kib <= MEMORY_KIB[role] for role, kib in grown.items()), grown
    assert after.disk_octets - before.disk_octets <= DISK_OCTETS


def pids(box: Box) -> dict[str, int]:
    """Give the roles that can be looked into: the signer hides from all but root."""
    seen = [role for role in MEMORY_KIB if role != "signer" or not os.geteuid()]
    return {role: box.facts["pids"][role][0] for role in seen}


def holdings(box: Box) -> Holdings:
    found = pids(box).values()
    return Holdings(
        {pid: descriptors(pid) for pid in found},
        {pid: pss_kib(pid) for pid in found},
        disk_octets(box.state),
    )


def full_logs(box: Box) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(box.state.rglob("*.log")))
