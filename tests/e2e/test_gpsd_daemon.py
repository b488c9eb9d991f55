"""The real gpsd on our simulated receiver: gpsd-py3, our codec and the probe see one fix."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import gpsd as gpsd_py3
import pytest
from kit.box import ROOT
from kit.polling import wait_until

from drivers.api import GnssEpoch
from drivers.gnss import gpsd

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
STOP_GUARD_S = 10.0
LATE_S = 3.0
"""A fix is told within the second after its own; the rest is for a busy machine."""


@attrs.frozen
class Daemon:
    """A gpsd of our own: its port, and the device as it was named to it."""

    port: int
    device: str


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the link to a simulated receiver that nobody else reads."""
    folder = tmp_path_factory.mktemp("rig") / "devices"
    command = [sys.executable, "-m", "drivers.simulated", "--folder", str(folder), "--seed", "7"]
    with running(command, folder.with_name("rig.log")):
        link = folder / "gnss-a"
        wait_until(link.is_symlink, guard_s=GUARD_S, what="the simulated receiver")
        yield link


@pytest.fixture(scope="module")
def daemon(receiver: Path) -> Iterator[Daemon]:
    """Give a gpsd on the receiver, named by its link as udev would name it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["gpsd", "-N", "-n", "-D", "1", "-S", str(port), str(receiver)]
    with running(command, receiver.parent.with_name("gpsd.log")):
        wait_until(lambda: is_listening(port), guard_s=GUARD_S, what="gpsd")
        yield Daemon(port, str(receiver))


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    """Run a process, and end that one afterwards; the rig also ends with its standard input."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        yield
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


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def fix_by_gpsd_py3() -> gpsd_py3.GpsResponse | None:
    """Poll once; None while the daemon has no fix, of which gpsd-py3 makes errors."""
    try:
        packet = gpsd_py3.get_current()
    except (UserWarning, IndexError, KeyError):
        return None
    return packet if packet.mode >= 2 and packet.sats_valid else None


def epoch_by_our_codec(daemon: Daemon) -> GnssEpoch:
    """Watch the daemon until it gave a whole epoch.

    When gpsd asks a receiver who it is, and so learns that ours is simulated, is gpsd's choice.
    """
    epochs = gpsd.GpsdEpochs("gpsd", daemon.device)
    end = time.monotonic() + GUARD_S
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=GUARD_S) as line:
        line.sendall(gpsd.WATCH)
        for text in line.makefile("rb"):
            assert time.monotonic() < end, "no epoch of gpsd's"
            report = gpsd.decode(text)
            epoch = None if report is None else epochs.take(report, 0)
            if epoch and epoch.is_valid and epoch.satellites:
                return epoch
    raise AssertionError("gpsd closed the connection")


def assert_is_now(utc_s: int) -> None:
    now_s = time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9
    assert abs(now_s - utc_s) < LATE_S


def test_gpsd_py3_sees_the_fix_of_our_receiver(daemon):
    gpsd_py3.connect("127.0.0.1", daemon.port)
    packet = wait_until(fix_by_gpsd_py3, guard_s=GUARD_S, what="a fix")
    assert_is_now(gpsd.utc_s(packet.time))
    assert packet.sats >= packet.sats_valid >= 4
    assert (round(packet.lat, 1), round(packet.lon, 1)) == (39.9, 116.4)


def test_our_codec_reads_the_same_fix(daemon):
    epoch = epoch_by_our_codec(daemon)
    assert epoch.utc_s is not None
    assert_is_now(epoch.utc_s)
    assert epoch.is_valid
    assert len(epoch.satellites) >= 4
    assert not daemon.device.startswith("/dev/pts/")


def test_a_fix_of_gpsds_is_a_true_witness_to_the_second(daemon):
    sample = gpsd.as_sample(epoch_by_our_codec(daemon))
    assert sample is not None
    now_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    assert abs(now_ns - sample.utc_ns) <= sample.delay_ns // 2


def test_the_probe_prints_the_fix(daemon):
    done = subprocess.run(
        [str(ROOT / "tools" / "gnss_probe"), f"127.0.0.1:{daemon.port}", "--json"],
        capture_output=True,
        timeout=2 * GUARD_S,
        check=True,
    )
    fix = json.loads(done.stdout)
    assert fix["mode"] >= 2
    assert_is_now(gpsd.utc_s(fix["time"]))
    assert fix["satellites_used"] >= 4
