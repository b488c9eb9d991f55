"""A box of the bench's own: demo mode, a temporary state folder, every port free."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import msgspec

from appliance.errors import Fault
from appliance.settings import Listen

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 20.0
_LOOK_S = 0.005
_LOG_LINES = 20


class Ready(msgspec.Struct, frozen=True):
    """What a bench takes from ready.json."""

    tsp_http: str
    tsp_tcp: str
    ntp: str
    ca_cert: str
    pids: dict[str, list[int]]


@attrs.frozen
class Box:
    """A box that is ready; `start_s` is how long it took from the first process to ready.json."""

    ready: Ready
    start_s: float


@contextlib.contextmanager
def running_box(
    state: Path,
    environment: Mapping[str, str] | None = None,
    *,
    settings: str = "",
    fronts: int = 0,
    time_source: str = "demo",
) -> Iterator[Box]:
    """Start a box on a state folder, stop it in the end.  Raises Fault when it does not start.

    `settings` are further tables of its settings, in TOML; `fronts` 0 means the default number.
    The host's clock serves as the time unless `time_source` says otherwise: it needs no locking.
    """
    state.mkdir(parents=True, exist_ok=True)
    config = state / "bench.toml"
    time_table = f'[time]\nsource = "{time_source}"\n'
    config.write_text(f"fronts = {fronts}\n{free_ports()}{time_table}{settings}")
    log = state / "log" / "bench.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "appliance.daemon.main", "run"]
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--state", str(state), "--config", str(config)],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        ready = _await_ready(process, state)
        yield Box(ready, time.perf_counter() - began)
    finally:
        _stop(process)


def free_ports() -> str:
    """Write settings under which every listener takes a free port."""
    ports = [name for name in Listen.__struct_fields__ if name.endswith("_port")]
    return "\n".join(["[listen]", *(f"{name} = 0" for name in ports), ""])


def _await_ready(process: subprocess.Popen[bytes], state: Path) -> Ready:
    path = state / "run" / "ready.json"
    deadline = time.monotonic() + START_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Fault("the box does not become ready:\n" + _last_words(state / "log"))
        time.sleep(_LOOK_S)
    return msgspec.json.decode(path.read_bytes(), type=Ready)


def _last_words(logs: Path) -> str:
    """Give the end of every log of a box."""
    lines: list[str] = []
    for log in sorted(logs.glob("*.log")):
        text = log.read_text("utf-8", "replace")
        lines += [f"--- {log.name}", *text.splitlines()[-_LOG_LINES:]]
    return "\n".join(lines)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
