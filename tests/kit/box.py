"""The whole box as a stranger starts it: tools/run, then only what ready.json tells."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
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
"""


@attrs.frozen(eq=False)
class Box:
    """A running box: its state folder and the process of its supervisor."""

    state: Path
    process: subprocess.Popen[bytes]

    @property
    def ready_path(self) -> Path:
        """The file in which the box tells where it can be reached."""
        return self.state / "run" / "ready.json"

    def ready(self) -> dict[str, Any]:
        """Read ready.json as it is now."""
        facts: dict[str, Any] = json.loads(self.ready_path.read_text("utf-8"))
        return facts

    def url(self, profile: str = "") -> str:
        """Give the URL of a TSP profile, the default one for no name."""
        base = str(self.ready()["tsp_http"])
        return f"{base}/{profile}" if profile else base

    def root_path(self, algorithm: str) -> Path:
        """Give the PEM file of the root under which the TSA of `algorithm` stands."""
        return self.tsa_path(algorithm).with_name(f"root-{algorithm}.pem")

    def tsa_path(self, algorithm: str) -> Path:
        """Give the PEM file of the TSA's certificate: sm2, p256 or rsa."""
        return Path(self.ready()["tsa_certs"][algorithm])

    def pids(self, role: str) -> list[int]:
        """Give the process ids of a role as the box knows them now."""
        found: list[int] = self.ready()["pids"].get(role, [])
        return found

    def pid(self, role: str) -> int:
        """Give the only process id of a role, once it has one."""
        (found,) = wait_until(lambda: self.pids(role), guard_s=START_GUARD_S, what=f"a {role}")
        return found

    def logs(self) -> str:
        """Give the end of every log, for the report of a test that failed."""
        return "\n".join(
            f"--- {path.relative_to(self.state)}\n{_tail(path)}"
            for path in sorted(self.state.rglob("*.log"))
        )

    def stop(self) -> int:
        """End it by TERM as an operator does; gives the exit status of the supervisor."""
        pids = [pid for found in self._known_pids().values() for pid in found]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.process.terminate()
        try:
            status = self.process.wait(STOP_GUARD_S)
        except subprocess.TimeoutExpired:
            for pid in (self.process.pid, *pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise
        wait_until(
            lambda: not any(_is_running(pid) for pid in pids),
            guard_s=STOP_GUARD_S,
            what="the end of every role",
        )
        return status

    def _known_pids(self) -> dict[str, list[int]]:
        pids: dict[str, list[int]] = self.ready()["pids"] if self.ready_path.exists() else {}
        return pids


def start_box(state: Path, settings: str = SETTINGS) -> Box:
    """Start a box and wait until a stamp asked of it would be granted."""
    state.mkdir(parents=True, exist_ok=True)
    config = state.with_suffix(".toml")
    config.write_text(settings, "utf-8")
    command = [str(ROOT / "tools" / "run"), "--state", str(state), "--config", str(config)]
    with (state / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    box = Box(state, process)
    try:
        wait_until(
            lambda: process.poll() is not None or box.ready_path.exists(),
            guard_s=START_GUARD_S,
            what="ready.json",
        )
        assert process.poll() is None, f"the box ended with status {process.returncode}"
    except AssertionError as failure:
        failure.add_note(box.logs())
        if process.poll() is None:
            box.stop()
        raise
    return box


@contextlib.contextmanager
def running_box(state: Path, settings: str = SETTINGS) -> Iterator[Box]:
    """Give a box that is stopped afterwards, whatever was done to it."""
    box = start_box(state, settings)
    try:
        yield box
    finally:
        box.stop()


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _tail(path: Path) -> str:
    return path.read_bytes()[-LOG_TAIL_OCTETS:].decode("utf-8", "replace")
