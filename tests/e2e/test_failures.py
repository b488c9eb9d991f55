"""What breaks, while clients ask: refusals or waiting, then recovery without a hand.

After each: no token without its row, no serial twice, and the ledger is sound.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.asking import Crowd
from kit.box import is_running, paused, running_box, start_box
from kit.ledger_rows import read_rows, rebuild
from kit.polling import wait_until

pytestmark = pytest.mark.e2e

GUARD_S = 60.0
PROFILES = ("sm2", "p256", "gmt")
SYSTEM_FAILURE, TIME_NOT_AVAILABLE = (25,), (14,)
STOPPED_S = 5.0
DISK_OCTETS = 4 * 1024 * 1024
LOG_OCTETS = 8 * 1024
"""What two full disks may put into the signer's log: it tells what changes, not each batch."""


def judge(state: Path, tokens: list[bytes]) -> None:
    """Hold what was given out against the ledger of a box that has stopped."""
    rows = read_rows(state / "signer" / "ledger")
    stamps = rebuild(rows)
    assert tokens
    assert [token for token in tokens if token not in stamps] == []
    assert len(set(tokens)) == len(tokens)
    serials = [stamp.serial for stamp in stamps.values()]
    assert len(set(serials)) == len(serials)
    cli = Path(sys.executable).with_name("shiyin")
    command = [cli, "--state", state, "--json", "audit", "verify"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=GUARD_S)
    proof = json.loads(done.stdout)
    assert (proof["ledger"], proof["rows"]) == ("sound", len(rows))


def test_each_role_may_be_killed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_box(state) as box, Crowd(box, PROFILES) as crowd:
        for role in ("timed", "front", "signer"):
            crowd.until_served()
            killed = box.pid(role)
            os.kill(killed, signal.SIGKILL)
            box.pid(role, other_than=killed)
            crowd.until_served()
        assert crowd.refusals <= {SYSTEM_FAILURE, TIME_NOT_AVAILABLE}
        assert sum(asker.losses for asker in crowd.askers) <= 20 * len(PROFILES)
    judge(state, crowd.tokens)


def test_the_roles_of_a_killed_supervisor_end_and_a_new_one_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    box = start_box(state)
    roles = [pid for pids in box.facts["pids"].values() for pid in pids]
    with Crowd(box, PROFILES) as crowd:
        crowd.until_served()
        os.kill(box.facts["pids"]["supervisor"][0], signal.SIGKILL)
        box.process.wait(GUARD_S)
        wait_until(
            lambda: not any(is_running(pid) for pid in roles),
            guard_s=GUARD_S,
            what="the end of every role",
        )
    assert crowd.refusals <= {SYSTEM_FAILURE, TIME_NOT_AVAILABLE}
    with running_box(state) as successor, Crowd(successor, PROFILES) as later:
        later.until_served()
    judge(state, crowd.tokens + later.tokens)


def test_a_signer_that_stands_still_is_waited_for(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_box(state) as box, Crowd(box, PROFILES) as crowd:
        crowd.until_served()
        with paused(box.pid("signer")):
            time.sleep(STOPPED_S)
            held = len(crowd.tokens)
        crowd.until_served()
        assert len(crowd.tokens) > held
        assert crowd.refusals <= {SYSTEM_FAILURE}
    judge(state, crowd.tokens)


def test_without_fresh_time_nothing_is_issued_until_it_is_back(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running_box(state) as box, Crowd(box, PROFILES) as crowd:
        crowd.until_served()
        with paused(box.pid("timed")):
            crowd.until_refused()
            assert crowd.refusals == {TIME_NOT_AVAILABLE}
        crowd.until_served()
    judge(state, crowd.tokens)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a state folder whose ledger has a file system of 4 MiB to itself; needs root."""
    state = tmp_path / "state"
    ledger = state / "signer" / "ledger"
    ledger.mkdir(parents=True)
    options = f"size={DISK_OCTETS},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "shiyin-test", ledger], check=True)
    try:
        yield state
    finally:
        subprocess.run(["umount", ledger], check=True)


def fill(path: Path) -> None:
    """Write to a file until its file system is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def test_a_full_disk_refuses_and_a_freed_one_issues_again(small_disk: Path) -> None:
    with running_box(small_disk) as box, Crowd(box, PROFILES) as crowd:
        pids = box.facts["pids"]
        for _ in range(2):
            crowd.until_served()
            crowd.forget_refusals()
            filler = small_disk / "signer" / "ledger" / "filler"
            fill(filler)
            crowd.until_refused()
            assert crowd.refusals == {SYSTEM_FAILURE}
            filler.unlink()
        crowd.until_served()
        assert box.pid("signer") == pids["signer"][0]
    assert (small_disk / "log" / "signer.log").stat().st_size < LOG_OCTETS
    judge(small_disk, crowd.tokens)
