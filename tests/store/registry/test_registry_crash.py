import os
import signal
import subprocess
import sys
from pathlib import Path

from kit.registry import row_id

from appliance.pki.states import ItemState
from appliance.store.registry import jobs, requests
from appliance.store.registry.jobs import ItemRow, JobRow
from appliance.store.registry.requests import RequestFilter

TESTS = Path(__file__).parents[2]
TOTAL = 200


def work(url: str, lines: int | None) -> None:
    """Let a child work the job off, and kill it after so many lines that it told."""
    environment = os.environ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    with subprocess.Popen(
        [sys.executable, "-m", "kit.registry_worker", url],
        stdout=subprocess.PIPE,
        env=environment,
    ) as child:
        if lines is None:
            assert child.wait() == 0
            return
        for _ in range(lines):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)


def test_job_whose_worker_is_killed_loses_no_item_and_does_none_twice(database, registry_url):
    job = JobRow(row_id(1), "renew", TOTAL, {}, "operator", 0, 0)
    rows = [ItemRow(job.id, position) for position in range(TOTAL)]
    database.run(lambda c: jobs.insert(c, job, rows))
    for lines in (1, 2, 9, 14, None):
        work(registry_url, lines)
    done = database.read(lambda c: jobs.get(c, job.id))
    assert (done.done, done.failed) == (TOTAL, 0)
    items = database.read(lambda c: jobs.find_items(c, job.id, limit=TOTAL + 1))
    assert [item.state for item in items] == [ItemState.DONE] * TOTAL
    kept = database.read(lambda c: requests.find(c, RequestFilter(), limit=TOTAL + 1))
    assert {int(row.id, 16) for row in kept} == set(range(TOTAL))
