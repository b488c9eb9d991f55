"""The box and the judges, each started once a session."""

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

# The package of phones is installed apart from the box, and found where it is kept.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "sdk" / "python"))

from kit.bouncycastle import BouncyCastle, bouncycastle
from kit.box import Box, running_box


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Share one box among the tests that do it no harm; SHIYIN_TEST_STATE names its folder."""
    named = os.environ.get("SHIYIN_TEST_STATE")
    with running_box(Path(named) if named else tmp_path_factory.mktemp("box") / "state") as running:
        yield running


@pytest.fixture(scope="module")
def private_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Give a module a box of its own, to kill parts of."""
    with running_box(tmp_path_factory.mktemp("private") / "state") as running:
        yield running


@pytest.fixture(scope="session")
def java_judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BouncyCastle]:
    """Share one BouncyCastle."""
    with bouncycastle(tmp_path_factory.mktemp("java")) as judge:
        yield judge


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of the box that a failed test used."""
    report = yield
    if report.failed:
        for value in item.funcargs.values():
            if isinstance(value, Box):
                report.sections.append(("logs of the box", value.logs()))
    return report
