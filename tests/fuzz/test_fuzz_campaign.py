"""A short campaign of atheris against every target; what crashes is shown in hex."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from kit.fuzzing import ROOT, target_names

pytestmark = pytest.mark.e2e

LONGER = {
    "timestamp_request",
    "token",
    "tcp_frames",
    "http_connection",
    "ipc_frames",
    "time_page",
}
LONGER_S, SHORT_S = 10, 2
AT_ONCE = 2
GUARD_S = 60
SHOWN_OCTETS = 8192


def seconds_for(name: str) -> int:
    """Take SHIYIN_FUZZ_SECONDS for every target, or what each has by default."""
    named = os.environ.get("SHIYIN_FUZZ_SECONDS")
    return int(named) if named else LONGER_S if name in LONGER else SHORT_S


def campaign(name: str, folder: Path) -> str:
    """Fuzz a target; gives what went wrong, or nothing."""
    seconds = seconds_for(name)
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "tools" / "fuzz.py"), name),
            *("--seconds", str(seconds), "--found", str(folder / name)),
        ],
        capture_output=True,
        timeout=GUARD_S + 2 * seconds,
        check=False,
    )
    text = done.stderr.decode("utf-8", "replace")
    crashes = [
        f"{path.name}: {path.read_bytes()[:SHOWN_OCTETS].hex()}"
        for path in folder.glob(f"{name}-*")
    ]
    if done.returncode == 0 and not crashes and "Done " in text:
        return ""
    return "\n".join([f"exit {done.returncode}", text[-6000:], *crashes])


@pytest.fixture(scope="module")
def campaigns(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """Begin the campaigns of the tests that were chosen, two at a time."""
    folder = tmp_path_factory.mktemp("fuzz")
    chosen = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.nodeid.partition("::")[0] == request.node.nodeid
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(campaign, name, folder) for name in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", target_names())
def test_no_changed_input_breaks_a_promise(campaigns, name):
    assert campaigns[name].result() == ""
