"""The box from its start to its end, and what becomes of it when a part is killed."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kit.box import ROOT, Box, is_running, read_ready, running_box, start_box
from kit.polling import wait_until
from kit.tsp_client import make_query, post_query, read_reply

from appliance.crypto.engine import choose_engine

pytestmark = pytest.mark.e2e

GUARD_S = 30.0


def pids_of(box: Box) -> list[int]:
    return [pid for found in box.facts["pids"].values() for pid in found]


def is_granted(box: Box) -> bool:
    return read_reply(post_query(box.url(), make_query())).status == 0


def test_term_ends_every_role_and_takes_ready_json_away(tmp_path: Path) -> None:
    box = start_box(tmp_path / "state")
    pids = pids_of(box)
    assert {"supervisor", "timed", "signer", "front"} <= box.facts["pids"].keys()
    assert box.stop() == 0
    assert read_ready(box.state) == {}
    assert [pid for pid in pids if is_running(pid)] == []


def test_no_role_outlives_a_killed_supervisor_and_the_next_start_serves(tmp_path: Path) -> None:
    state = tmp_path / "state"
    box = start_box(state)
    tsa = box.tsa("sm2").read_bytes()
    box.process.kill()
    box.process.wait(GUARD_S)
    try:
        wait_until(
            lambda: not any(is_running(pid) for pid in pids_of(box)),
            guard_s=GUARD_S,
            what="every role's end",
        )
    finally:
        box.kill(pids_of(box))
    assert read_ready(state) == {}
    with running_box(state) as again:
        assert again.tsa("sm2").read_bytes() == tsa
        assert is_granted(again)


def test_a_second_run_on_one_folder_says_so_and_leaves_the_first_alone(private_box: Box) -> None:
    facts = read_ready(private_box.state)
    second = subprocess.run(
        [ROOT / "tools" / "run", "--state", private_box.state],
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )
    assert second.returncode == 1
    supervisor = facts["pids"]["supervisor"][0]
    assert f"process {supervisor} runs a box on {private_box.state}: stop it" in second.stderr
    assert read_ready(private_box.state) == facts
    assert is_granted(private_box)
    status = subprocess.run(
        [facts["cli"], "status", "--state", private_box.state], timeout=GUARD_S, check=False
    )
    assert status.returncode == 0


def test_the_operator_is_told_which_engine_signs_by_which_path(private_box: Box) -> None:
    def show(verb: str) -> dict[str, Any]:
        command = [private_box.facts["cli"], verb, "--json", "--state", private_box.state]
        return json.loads(subprocess.check_output(command, timeout=GUARD_S))

    engine = choose_engine(will_sign=False).title
    assert show("status")["engine"] == engine
    keys = show("keys")
    assert keys["tsa-sm2"]["engine"] == engine
    assert keys["tsa-rsa"]["engine"] == "cryptography"


@pytest.mark.parametrize("role", ["front", "timed"])
def test_a_killed_role_comes_back(private_box: Box, role: str) -> None:
    pid = private_box.pid(role)
    os.kill(pid, signal.SIGKILL)
    assert private_box.pid(role, other_than=pid)
    wait_until(lambda: is_granted(private_box), guard_s=GUARD_S, what="a stamp")


def test_unknown_settings_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with status 2") as refusal:
        start_box(tmp_path / "state", "[listen]\nno_such_setting = 1\n")
    assert any("no_such_setting" in note for note in refusal.value.__notes__)
