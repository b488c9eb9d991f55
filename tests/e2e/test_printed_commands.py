"""What the box prints for a stranger to try can be copied as it stands."""

import subprocess
from pathlib import Path

import pytest
from kit.box import Box

pytestmark = pytest.mark.e2e

GUARD_S = 60.0


def test_what_the_box_prints_to_try_works_in_any_folder(box: Box, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("a file of the stranger's own\n")
    printed = (box.state / "supervisor.log").read_text("utf-8").rpartition(" is ready ")[2]
    commands = "\n".join(line for line in printed.splitlines() if line.startswith("  "))
    assert commands.count("\n") >= 4
    done = subprocess.run(
        ["sh", "-euc", commands],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Verification: OK" in done.stdout + done.stderr
