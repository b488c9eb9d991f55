"""What holds for every test: the kit is importable, and a skipped test is a failed run."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
# A loaded machine is slow now and then; a test never asserts a time.
settings.register_profile("shiyin", deadline=None)
settings.load_profile("shiyin")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [*reporter.stats.get("skipped", []), *reporter.stats.get("xfailed", [])]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(
            f"{len(skipped)} skipped or expected failures: not allowed here", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
