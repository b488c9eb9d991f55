"""Bulk jobs that outlive a killed process: what was started and not finished is done anew.

An item is named by job and position, and its request's id is fixed before it is sent, so doing it
twice asks the authority for the same certificate twice and gets one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from sqlalchemy import Connection, bindparam, select, update

from appliance.errors import Conflict
from appliance.pki.states import ITEM, JOB, ItemEvent, ItemState, JobEvent, JobState
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import job_items, jobs


@attrs.frozen
class JobRow:
    """A job of `total` items, of which so many are `done` and `failed`."""

    id: str
    kind: str
    total: int
    parameters: Mapping[str, object]
    created_by: str
    created_us: int
    updated_us: int
    state: JobState = JobState.QUEUED
    done: int = 0
    failed: int = 0


@attrs.frozen
class ItemRow:
    """An item of a job, from position 0: the certificate it is about, the request made for it."""

    job_id: str
    position: int
    certificate_id: str | None = None
    request_id: str | None = None
    state: ItemState = ItemState.WAITING
    detail: str = ""


@attrs.frozen
class JobFilter:
    """Which jobs are wanted; what is None asks nothing."""

    kind: str | None = None
    created_by: str | None = None
    states: tuple[JobState, ...] = ()


@attrs.frozen
class Outcome:
    """What became of the started item at `position`."""

    position: int
    event: ItemEvent
    detail: str = ""


def insert(connection: Connection, job: JobRow, items: Sequence[ItemRow]) -> None:
    """Add a job with all its items.  Ends in Conflict when the id is there."""
    rows.insert(connection, jobs, [job])
    rows.insert(connection, job_items, items)


def get(connection: Connection, job_id: str) -> JobRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, jobs, job_id, JobRow)


def find(
    connection: Connection, wanted: JobFilter, *, after: Cursor | None = None, limit: int = 100
) -> list[JobRow]:
    """List jobs, newest first."""
    return rows.fetch(connection, rows.page(jobs, rows.clauses(jobs, wanted), after, limit), JobRow)


def find_items(
    connection: Connection, job_id: str, *, after: int = -1, limit: int = 100
) -> list[ItemRow]:
    """List the items of a job behind position `after`, in order."""
    query = select(job_items).where(job_items.c.job_id == job_id, job_items.c.position > after)
    return rows.fetch(connection, query.order_by(job_items.c.position).limit(limit), ItemRow)


def move(
    connection: Connection, job_id: str, step: tuple[JobState, JobEvent], now_us: int
) -> JobState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    return rows.move(connection, jobs, JOB, job_id, step, {"updated_us": now_us})


def claim(connection: Connection, job_id: str, limit: int) -> list[ItemRow]:
    """Take the next waiting items of a running job, in order; none when it is not running."""
    waiting = (
        select(job_items)
        .join(jobs, jobs.c.id == job_items.c.job_id)
        .where(jobs.c.id == job_id, jobs.c.state == JobState.RUNNING)
        .where(job_items.c.state.in_(ITEM.sources(ItemEvent.TAKEN)))
        .order_by(job_items.c.position)
        .limit(limit)
    )
    taken = [
        attrs.evolve(item, state=ITEM.after(item.state, ItemEvent.TAKEN))
        for item in rows.fetch(connection, waiting, ItemRow)
    ]
    _move_items(connection, job_id, ItemEvent.TAKEN, {item.position: "" for item in taken})
    return taken


def settle(connection: Connection, job_id: str, outcomes: Sequence[Outcome], now_us: int) -> JobRow:
    """Record what became of started items and count it; gives the job as it is then.

    Raises Conflict when one of them is not started.
    """
    counts: dict[ItemEvent, int] = {}
    for event in (ItemEvent.FINISHED, ItemEvent.FAILED):
        details = {each.position: each.detail for each in outcomes if each.event is event}
        _move_items(connection, job_id, event, details)
        counts[event] = len(details)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            done=jobs.c.done + counts[ItemEvent.FINISHED],
            failed=jobs.c.failed + counts[ItemEvent.FAILED],
            updated_us=now_us,
        )
    )
    return get(connection, job_id)


def retry_failed(connection: Connection, job_id: str, now_us: int) -> int:
    """Let failed items of a job that is not at its end wait once more; tells how many."""
    job = get(connection, job_id)
    if JOB.is_final(job.state):
        raise Conflict(f"the job is {job.state.name}")
    count = _move_all(connection, ItemEvent.RETRIED, job_id)
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(failed=0, updated_us=now_us))
    return count


def recover(connection: Connection, now_us: int) -> list[str]:
    """Give back what workers that are gone had taken; gives the ids of the jobs to go on with.

    To be called when no worker runs: at the start of the process.
    """
    _move_all(connection, ItemEvent.GIVEN_BACK)
    for state in JOB.sources(JobEvent.INTERRUPTED):
        connection.execute(
            update(jobs)
            .where(jobs.c.state == state)
            .values(state=JOB.after(state, JobEvent.INTERRUPTED), updated_us=now_us)
        )
    query = select(jobs.c.id).where(jobs.c.state.in_(JOB.sources(JobEvent.STARTED)))
    return list(connection.execute(query.order_by(jobs.c.created_us, jobs.c.id)).scalars())


def _move_items(
    connection: Connection, job_id: str, event: ItemEvent, details: Mapping[int, str]
) -> None:
    """Make the one step of `event` for items by position.  Raises Conflict."""
    if not details:
        return
    (old,) = ITEM.sources(event)
    statement = (
        update(job_items)
        .where(
            job_items.c.job_id == job_id,
            job_items.c.position == bindparam("at"),
            job_items.c.state == old,
        )
        .values(state=ITEM.after(old, event), detail=bindparam("what"))
    )
    steps = [{"at": position, "what": detail} for position, detail in details.items()]
    if connection.execute(statement, steps).rowcount != len(steps):
        raise Conflict(f"an item of the job is not {old.name}")


def _move_all(connection: Connection, event: ItemEvent, job_id: str | None = None) -> int:
    (old,) = ITEM.sources(event)
    statement = update(job_items).where(job_items.c.state == old)
    if job_id is not None:
        statement = statement.where(job_items.c.job_id == job_id)
    return connection.execute(statement.values(state=ITEM.after(old, event))).rowcount
