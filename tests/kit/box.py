"""The whole box as a stranger starts it: tools/run, then only what ready.json tells."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from kit.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_GUARD_S = 60.0
STOP_GUARD_S = 30.0
LOG_TAIL_OCTETS = 8 * 1024

SETTINGS = """\
[listen]
tsp_http_port = 0
tsp_tcp_port = 0
api_port = 0
ntp_port = 0
device_port = 0
cosign_tcp_port = 0

[time]
source = "demo"
"""
"""Free ports, and a clock that needs no seconds to lock."""


@attrs.frozen(eq=False)
class Box:
    """A running box: its state folder, its supervisor, and ready.json as it first was."""

    state: Path
    process: subprocess.Popen[bytes]
    facts: Mapping[str, Any]

    @property
    def roots(self) -> Path:
        """The PEM bundle of all roots."""
        return Path(self.facts["ca_cert"])

    def url(self, profile: str = "") -> str:
        """Give the URL of a TSP profile, the default one for no name."""
        base = str(self.facts["tsp_http"])
        return f"{base}/{profile}" if profile else base

    def tsa(self, algorithm: str) -> Path:
        """Give the PEM file of the TSA's certificate: sm2, p256 or rsa."""
        return Path(self.facts["tsa_certs"][algorithm])

    def pid(self, role: str, *, other_than: int = 0) -> int:
        """Give the only process id of a role, once it has one that is not `other_than`."""

        def look() -> int | None:
            found: list[int] = read_ready(self.state)["pids"].get(role, [])
            return found[0] if found and found[0] != other_than else None

        return wait_until(look, guard_s=START_GUARD_S, what=f"a {role}")

    def logs(self) -> str:
        """Give the end of every log, for the report of a test that failed."""
        return "\n".join(
            f"--- {path.relative_to(self.state)}\n{_tail(path)}"
            for path in sorted(self.state.rglob("*.log"))
        )

    def stop(self) -> int:
        """End it by TERM as an operator does; gives the exit status of the supervisor."""
        roles: dict[str, list[int]] = read_ready(self.state).get("pids", {})
        pids = [pid for found in roles.values() for pid in found]
        self.process.terminate()
        try:
            status = self.process.wait(STOP_GUARD_S)
        except subprocess.TimeoutExpired:
            self.kill(pids)
            raise
        wait_until(
            lambda: not any(is_running(pid) for pid in pids),
            guard_s=STOP_GUARD_S,
            what="the end of every role",
        )
        return status

    def kill(self, pids: Sequence[int]) -> None:
        """End what did not end by itself; the roles are `pids`."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


def start_box(state: Path, settings: str = SETTINGS) -> Box:
    """Start a box and wait until a stamp asked of it would be granted."""
    state.mkdir(parents=True, exist_ok=True)
    config = state / "settings.toml"
    config.write_text(settings, "utf-8")
    command = [str(ROOT / "tools" / "run"), "--state", str(state), "--config", str(config)]
    with (state / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        facts = wait_until(
            lambda: process.poll() is not None or read_ready(state),
            guard_s=START_GUARD_S,
            what="ready.json",
        )
        assert isinstance(facts, dict), f"the box ended with status {process.returncode}"
    except AssertionError as failure:
        failure.add_note(Box(state, process, {}).logs())
        process.terminate()
        process.wait(STOP_GUARD_S)
        raise
    return Box(state, process, facts)


@contextlib.contextmanager
def running_box(state: Path, settings: str = SETTINGS) -> Iterator[Box]:
    """Give a box that is stopped afterwards, whatever was done to it."""
    box = start_box(state, settings)
    try:
        yield box
    finally:
        box.stop()


def loopback_addresses() -> list[str]:
    """Give the loopback addresses of the families that this host has."""
    return [address for address in ("127.0.0.1", "::1") if _can_bind(address)]


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stop a process by SIGSTOP and let it go on afterwards."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def read_ready(state: Path) -> dict[str, Any]:
    """Read ready.json as it is now; empty while the box is not ready."""
    try:
        facts: dict[str, Any] = json.loads((state / "run" / "ready.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return facts


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _tail(path: Path) -> str:
    return path.read_bytes()[-LOG_TAIL_OCTETS:].decode("utf-8", "replace")
