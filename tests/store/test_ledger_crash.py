import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from kit.ledgers import open_ledger, verify_head

from appliance.store.ledger.check import check_ledger

TESTS = Path(__file__).parent.parent
KILLS = 10


def write_until_killed(folder: Path, acknowledgements: int) -> int:
    """Let a child append, kill it after some acknowledgements, and give the last row it told."""
    environment = os.environ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    with subprocess.Popen(
        [sys.executable, "-m", "kit.ledger_writer", folder],
        stdout=subprocess.PIPE,
        env=environment,
    ) as child:
        for _ in range(acknowledgements):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        lines = child.stdout.read().splitlines(keepends=True)
    return max((int(line) for line in lines if line.endswith(b"\n")), default=0)


def test_no_acknowledged_row_is_lost_when_the_writer_is_killed(tmp_path):
    rows = 0
    for kill in range(KILLS):
        acknowledged = write_until_killed(tmp_path, 5 + 11 * kill)
        verdict = check_ledger(tmp_path, verify_head=verify_head)
        assert verdict.first_bad is None
        assert verdict.rows > rows
        assert verdict.rows >= acknowledged
        rows = verdict.rows
    with closing(open_ledger(tmp_path, rows_per_segment=100)) as ledger:
        assert [row.seq for row in ledger.rows()] == list(range(1, rows + 1))
