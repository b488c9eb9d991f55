"""Production on simulated time, with whole processes: refused at start, or no token at all."""

import contextlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kit.box import ROOT, STOP_GUARD_S
from kit.polling import wait_until
from kit.production import ProductionBox
from kit.tsp_client import QUERY_TYPE, make_query, post, read_reply

from appliance.asn1.tsp import PKIFailureInfo, decode_response
from drivers.simulated.stage import GNSS_A, GNSS_B, MODEM, OCXO, PPS

pytestmark = pytest.mark.e2e

GUARD_S = 90.0
QUERY = make_query(nonce=1)
DAEMON = [sys.executable, "-m", "appliance.daemon.main"]
RIG = [sys.executable, "-m", "drivers.simulated"]
NAMES = {OCXO: "oscillator", PPS: "pulse", GNSS_A: "receiver-1", GNSS_B: "receiver-2", MODEM: "lte"}
"""Names of the kind that udev gives: nothing in them tells of a simulation."""


@contextlib.contextmanager
def running(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, and end that one afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    except BaseException as failure:
        failure.add_note(log.read_text("utf-8", "replace")[-4000:])
        raise
    finally:
        process.terminate()
        try:
            process.wait(STOP_GUARD_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdin is not None
            process.stdin.close()


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder of links that look like hardware's and lead to simulated devices."""
    root = tmp_path_factory.mktemp("rig")
    rig, named = root / "rig", root / "dev"
    named.mkdir()
    for device, name in NAMES.items():
        (named / name).symlink_to(rig / device)
    command = [*RIG, "--folder", str(rig), "--seed", "5"]
    with running(command, root / "rig.log"):
        wait_until((rig / "truth.json").exists, guard_s=GUARD_S, what="the rig")
        yield named


def hardware(devices: Path) -> str:
    """Write the settings of somebody who takes the devices for hardware."""
    kinds = {
        OCXO: 'kind = "board"',
        PPS: 'kind = "pps"',
        GNSS_A: 'kind = "gnss"\nfamily = "ubx"\nconstellation = "gps"',
        GNSS_B: 'kind = "gnss"\nfamily = "ubx"\nconstellation = "beidou"',
        MODEM: 'kind = "modem"',
    }
    tables = (
        f'[[time.device]]\nname = "{NAMES[device]}"\npath = "{devices / NAMES[device]}"\n{kind}\n'
        for device, kind in kinds.items()
    )
    return '[time]\nsource = "hardware"\n' + "".join(tables)


@pytest.fixture(scope="module")
def box(devices: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Give the state folder and URL of a production box on those devices; it is never ready."""
    made = ProductionBox(tmp_path_factory.mktemp("production")).install()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listen = f'[listen]\naddresses = ["127.0.0.1"]\ntsp_http_port = {port}\n'
    config = made.configure(
        listen
        + "tsp_tcp_port = 0\napi_port = 0\nntp_port = 0\ndevice_port = 0\ncosign_tcp_port = 0\n"
        + hardware(devices)
    )
    state = made.places.state
    command = [*DAEMON, "--state", str(state), "--config", str(config), "run"]
    with running(command, made.root / "box.log", made.environment):
        yield state, f"http://127.0.0.1:{port}/tsa"


def refusal(url: str) -> str:
    """Ask for a token that must not be given; gives the reason, empty while no signer answers."""
    try:
        answer = post(url, QUERY, {"Content-Type": QUERY_TYPE})
    except OSError:
        return ""
    if answer.status != 200:
        return ""
    reply = read_reply(answer.body)
    assert not reply.token, "a production key signed on simulated time"
    if reply.failures == (PKIFailureInfo.systemFailure,):
        return ""
    assert reply.failures == (PKIFailureInfo.timeNotAvailable,)
    return decode_response(answer.body).status_texts[0]


def test_production_behind_links_to_simulated_devices_locks_and_signs_nothing(box):
    """The gate names the state before the taint: this reason means that the clock has locked."""
    _, url = box
    wait_until(
        lambda: "the clock is simulated" in refusal(url), guard_s=GUARD_S, what="a locked clock"
    )


def test_what_the_clock_keeps_is_for_its_user_alone(box):
    state, url = box
    wait_until(lambda: refusal(url), guard_s=GUARD_S, what="an answer")
    page = state / "run" / "trusted-time.page"
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    assert stat.S_IMODE((state / "timed").stat().st_mode) == 0o700


@pytest.mark.parametrize("role", ["run", "signer", "timed"])
@pytest.mark.parametrize("source", ["simulated", "demo"])
def test_production_on_a_clock_that_taints_does_not_start(tmp_path, source, role):
    made = ProductionBox(tmp_path).install()
    config = made.configure(f'[time]\nsource = "{source}"\n')
    state = made.places.state
    done = subprocess.run(
        [*DAEMON, "--state", str(state), "--config", str(config), role],
        cwd=ROOT,
        env={**os.environ, **made.environment},
        capture_output=True,
        timeout=GUARD_S,
        check=False,
    )
    assert done.returncode == 2
    assert f'production takes no time of source "{source}"'.encode() in done.stderr
    assert not list((state / "run").iterdir())
