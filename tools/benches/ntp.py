"""`bench ntp`: NTP requests a second at a front's port, and at chronyd's as the reference.

One client keeps a window of requests in flight over loopback, in turns: each server is measured
while the other one rests.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from appliance.errors import Fault
from benches.box import running_box
from benches.figures import Report, note
from benches.processes import cpu_s_by_role
from drivers.ntp import packet
from drivers.ntp.packet import Mode, Packet

WINDOW = 32
SILENCE_S = 0.2
START_S = 10.0
SETTINGS = "[limits]\nntp_per_source_s = 1000000\n"
REQUEST = packet.encode(Packet(mode=Mode.CLIENT, transmit=bytes(range(1, 9))))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--seconds", type=float, default=2.0, help="a turn")
    parser.add_argument("--turns", type=int, default=3, help="of each server; the best one counts")


@attrs.frozen
class Turn:
    """What one turn gave: requests answered and not, and the CPU of the server for each."""

    per_s: float
    lost: int
    cpu_us: float


def run(chosen: argparse.Namespace) -> Report:
    """Measure a front, and chronyd where there is one."""
    fronts: list[Turn] = []
    others: list[Turn] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        state = Path(folder)
        with (
            running_box(state / "box", settings=SETTINGS, fronts=1) as box,
            reference(state) as chronyd,
        ):
            port = int(box.ready.ntp.rpartition(":")[2])
            for turn in range(chosen.turns):
                note(f"turn {turn + 1} of {chosen.turns}")
                fronts.append(measure(port, chosen.seconds, box.ready.pids["front"]))
                if chronyd is not None:
                    others.append(measure(chronyd.port, chosen.seconds, [chronyd.pid]))
    best, other = best_of(fronts), best_of(others)
    return {
        "bench": "ntp",
        "window": WINDOW,
        "front": None if best is None else attrs.asdict(best),
        "chronyd": None if other is None else attrs.asdict(other),
        "ratio": best.per_s / other.per_s if best and other else None,
    }


def best_of(turns: list[Turn]) -> Turn | None:
    """Give the turn with most answers a second."""
    return max(turns, key=lambda turn: turn.per_s, default=None)


def measure(port: int, seconds: float, pids: list[int]) -> Turn:
    """Keep WINDOW requests in flight for so long."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(SILENCE_S)
        cpu_s = cpu_s_by_role({"server": pids})["server"]
        begun = time.perf_counter()
        answered, lost = _exchange(client, begun + seconds)
        elapsed_s = time.perf_counter() - begun
        used_s = cpu_s_by_role({"server": pids})["server"] - cpu_s
    return Turn(answered / elapsed_s, lost, 1e6 * used_s / max(1, answered))


def _exchange(client: socket.socket, until: float) -> tuple[int, int]:
    """Answer each reply with a request; a window that falls silent is lost and opened anew."""
    answered = lost = 0
    while time.perf_counter() < until:
        for _ in range(WINDOW):
            client.send(REQUEST)
        in_flight = WINDOW
        try:
            while time.perf_counter() < until:
                client.recv(512)
                answered += 1
                in_flight -= 1
                client.send(REQUEST)
                in_flight += 1
        except TimeoutError:
            lost += in_flight
    return answered, lost


@attrs.frozen
class _Reference:
    port: int
    pid: int


@contextlib.contextmanager
def reference(folder: Path) -> Iterator[_Reference | None]:
    """Run a chronyd that serves its host's clock and does not touch it; None without chrony."""
    if shutil.which("chronyd") is None:
        note("there is no chronyd to compare with")
        yield None
        return
    port = _free_port()
    config = folder / "chrony.conf"
    config.write_text(
        f"local stratum 10\nport {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\n"
        f"bindcmdaddress /\npidfile {folder}/chronyd.pid\nuser root\n"
    )
    process = subprocess.Popen(
        ["chronyd", "-x", "-d", "-f", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_answer(process, port)
        yield _Reference(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", port))
            client.settimeout(SILENCE_S)
            with contextlib.suppress(OSError):
                client.send(REQUEST)
                client.recv(512)
                return
    raise Fault("chronyd does not answer; it needs the rights of root")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
