"""The simulated devices as a process of their own."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kit.box import ROOT
from kit.polling import wait_until

from drivers.pps.kernel import raw_ns
from drivers.pps.recorded import decode_record

pytestmark = pytest.mark.e2e

GUARD_S = 30.0


def start(folder, *arguments):
    command = [sys.executable, "-m", "drivers.simulated", "--folder", str(folder), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def process(tmp_path):
    with start(tmp_path / "sim", "--seed", "3") as made:
        yield made
        made.kill()


def last_pulse(folder: Path):
    record = folder / "pps"
    return decode_record(record.read_bytes()) if record.exists() and record.stat().st_size else None


def test_pulses_come_at_the_true_seconds_until_the_input_ends(process, tmp_path):
    folder = tmp_path / "sim"
    wait_until(lambda: last_pulse(folder), guard_s=GUARD_S, what="a pulse")
    told = json.loads((folder / "truth.json").read_text())
    pulse = last_pulse(folder)
    tai_ns = raw_ns() + told["tai_minus_raw_ns"]
    assert 0 <= tai_ns - (pulse.real_ns + 37 * 10**9) < GUARD_S * 1e9
    process.stdin.close()
    assert process.wait(GUARD_S) == 0
    assert not (folder / "ocxo").is_symlink()


def test_the_process_ends_in_order_at_a_term_signal(process, tmp_path):
    link = tmp_path / "sim" / "gnss-a"
    wait_until(link.is_symlink, guard_s=GUARD_S, what="a receiver")
    wait_until(lambda: last_pulse(tmp_path / "sim"), guard_s=GUARD_S, what="a pulse")
    process.send_signal(signal.SIGTERM)
    process.wait(GUARD_S)
    assert not link.is_symlink()


def test_a_scenario_that_cannot_be_is_refused_with_its_place(tmp_path):
    scenario = tmp_path / "bad.toml"
    scenario.write_text('[[fault]]\nat = 1.0\ndo = "rain"\n')
    with start(tmp_path / "sim", "--scenario", str(scenario)) as process:
        _, said = process.communicate(timeout=GUARD_S)
    assert process.returncode == 2
    assert b"bad.toml: fault 1: no fault is called 'rain'" in said
