"""An interface laid out as a table keeps to the document made from that table."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.contract import breaches
from kit.rest import token_of

from appliance.services.registration.accounts import Role

pytestmark = pytest.mark.e2e

TESTS = Path(__file__).parents[1]
GUARD_S = 30.0

Start = Callable[..., str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start interfaces of things, each told by its base URL, and end them with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> str:
        paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        process = subprocess.Popen(
            [sys.executable, "-m", "kit.things_port", *words],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=GUARD_S)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_every_answer_is_of_a_status_and_a_schema_that_the_document_has(
    start: Start, role: Role
) -> None:
    assert breaches(start(), token_of(role), examples=15) == ""


def test_an_interface_that_lies_is_found_out(start: Start) -> None:
    found = breaches(start("lying"), token_of(Role.ADMINISTRATOR), examples=15)
    assert "Undocumented status code" in found
    assert "/v1/lie" in found
