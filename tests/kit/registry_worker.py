"""A program that works off job 1 of the registry at the URL argv[1], telling portions on stdout."""

import sys
from functools import partial

from sqlalchemy import Connection

from appliance.pki.states import ItemEvent, JobEvent, JobState
from appliance.store.registry import jobs, requests
from appliance.store.registry.database import open_database
from appliance.store.registry.jobs import ItemRow, Outcome
from kit.registry import request_row, row_id

JOB = row_id(1)
PORTION = 7


def record(connection: Connection, taken: list[ItemRow]) -> None:
    """Keep what each item was for, under a number that is the item's own, and its outcome."""
    requests.insert(connection, [request_row(item.position) for item in taken])
    outcomes = [Outcome(item.position, ItemEvent.FINISHED) for item in taken]
    jobs.settle(connection, JOB, outcomes, 3)


def main() -> None:
    """Go on where the last worker was killed."""
    database = open_database(sys.argv[1])
    database.run(partial(jobs.recover, now_us=1))
    start = (JobState.QUEUED, JobEvent.STARTED)
    database.run(partial(jobs.move, job_id=JOB, step=start, now_us=2))
    while taken := database.run(partial(jobs.claim, job_id=JOB, limit=PORTION)):
        print("taken", flush=True)
        database.run(partial(record, taken=taken))
        print("recorded", flush=True)


if __name__ == "__main__":
    main()
