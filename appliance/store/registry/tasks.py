"""Tasks: what applications want signed, item by item, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict, Unpack

import attrs
from sqlalchemy import Connection, bindparam, select, update

from appliance.cosign.registry_states import (
    TASK,
    TASK_ITEM,
    WAITING,
    TaskEvent,
    TaskItemEvent,
    TaskItemState,
    TaskState,
)
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import task_items as items
from appliance.store.registry.tables import tasks as table


@attrs.frozen
class TaskRow:
    """A task of an application, for one user; `mode` is how the phone hears of it."""

    id: str
    uid: str
    application: str
    description: str
    mode: str
    expires_us: int
    created_us: int
    updated_us: int
    state: TaskState = TaskState.OPEN


@attrs.frozen
class TaskItemRow:
    """One document: `content` is the document of a raw item, of a cms one its digest.

    `octets` is how long `content` is, `digest` SM3 in hex, `signature` r||s.
    """

    task: str
    position: int
    id: str
    uid: str
    name: str
    form: str
    content: bytes = attrs.field(repr=False)
    octets: int
    digest: str
    created_us: int
    updated_us: int
    state: TaskItemState = TaskItemState.CREATED
    device: str | None = None
    signature: bytes | None = None
    certificate_id: str | None = None
    reason: str | None = None


@attrs.frozen
class WaitingItem:
    """An item that waits for a user, without its content; `expires_us` is its task's."""

    id: str
    task: str
    name: str
    form: str
    octets: int
    state: TaskItemState
    description: str
    expires_us: int


@attrs.frozen
class Signature:
    """The signature r||s of an item, made with a device under its certificate of that time."""

    item: str
    device: str
    signature: bytes
    certificate_id: str | None


@attrs.frozen
class TaskFilter:
    """Which tasks are wanted; what is None asks nothing."""

    uid: str | None = None
    application: str | None = None
    states: tuple[TaskState, ...] = ()


class TaskItemDetails(TypedDict, total=False):
    """What a step of an item may change beside the state."""

    device: str
    signature: bytes
    certificate_id: str | None
    reason: str


def insert(connection: Connection, task: TaskRow, documents: Sequence[TaskItemRow]) -> None:
    """Add a task with its items.  Ends in Conflict when an id is there, or nobody has the uid."""
    rows.insert(connection, table, [task])
    rows.insert(connection, items, documents)


def get(connection: Connection, task_id: str) -> TaskRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, task_id, TaskRow)


def find(
    connection: Connection,
    wanted: TaskFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[TaskRow]:
    """List tasks, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, TaskRow)


def items_of(connection: Connection, task_id: str) -> list[TaskItemRow]:
    """Read the items of a task in their order."""
    query = select(items).where(items.c.task == task_id).order_by(items.c.position)
    return rows.fetch(connection, query, TaskItemRow)


def get_item(connection: Connection, item_id: str) -> TaskItemRow:
    """Read one item.  Raises NotFound."""
    return rows.get(connection, items, item_id, TaskItemRow)


def find_item(connection: Connection, item_id: str) -> TaskItemRow | None:
    """Read one item, if it is there."""
    query = select(items).where(items.c.id == item_id)
    return next(iter(rows.fetch(connection, query, TaskItemRow)), None)


def find_waiting(connection: Connection, uid: str, now_us: int, limit: int) -> list[WaitingItem]:
    """List what waits for a user, oldest first."""
    columns = (items.c[name] for name in ("id", "task", "name", "form", "octets", "state"))
    query = (
        select(*columns, table.c.description, table.c.expires_us)
        .join(table, table.c.id == items.c.task)
        .where(items.c.uid == uid, items.c.state.in_(WAITING), table.c.expires_us > now_us)
        .order_by(items.c.created_us, items.c.task, items.c.position)
        .limit(limit)
    )
    return rows.fetch(connection, query, WaitingItem)


def contents_of(connection: Connection, item_ids: Iterable[str]) -> dict[str, bytes]:
    """Read the contents of items."""
    query = select(items.c.id, items.c.content).where(items.c.id.in_(tuple(item_ids)))
    return {row.id: row.content for row in connection.execute(query)}


def note_fetched(connection: Connection, item_ids: Iterable[str], now_us: int) -> None:
    """Note that a phone has items, of those that no phone had."""
    (old,) = TASK_ITEM.sources(TaskItemEvent.FETCHED)
    new = TASK_ITEM.after(old, TaskItemEvent.FETCHED)
    statement = update(items).where(items.c.id.in_(tuple(item_ids)), items.c.state == old)
    connection.execute(statement.values(state=new, updated_us=now_us))


def move_item(
    connection: Connection,
    row: TaskItemRow,
    event: TaskItemEvent,
    now_us: int,
    **details: Unpack[TaskItemDetails],
) -> TaskItemState:
    """Make a step of an item from the state that was seen, and of its task if that was the last.

    Raises Conflict, NotFound.
    """
    changes = {"updated_us": now_us, **details}
    new = rows.move(connection, items, TASK_ITEM, row.id, (row.state, event), changes)
    _complete(connection, [row.task], now_us)
    return new


def keep_signatures(
    connection: Connection, signatures: Sequence[Signature], now_us: int
) -> dict[str, str]:
    """Note what was signed; tells the task of each item that has its signature by now.

    An item that has one keeps it; one that is unknown, or has failed, is not in the answer.
    """
    query = select(items.c.id, items.c.task, items.c.state)
    wanted = {each.item: each for each in signatures}
    found = connection.execute(query.where(items.c.id.in_(tuple(wanted)))).all()
    may = TASK_ITEM.sources(TaskItemEvent.SIGNED)
    news = [
        {
            "of_item": row.id,
            "state": TASK_ITEM.after(row.state, TaskItemEvent.SIGNED),
            "device": wanted[row.id].device,
            "signature": wanted[row.id].signature,
            "certificate_id": wanted[row.id].certificate_id,
            "updated_us": now_us,
        }
        for row in found
        if row.state in may
    ]
    if news:
        connection.execute(update(items).where(items.c.id == bindparam("of_item")), news)
    kept = {row.id: row.task for row in found if row.state is not TaskItemState.FAILED}
    _complete(connection, set(kept.values()), now_us)
    return kept


def cancel(connection: Connection, task_id: str, now_us: int) -> None:
    """Give a task up, and its items that wait.  Raises Conflict, NotFound."""
    row = get(connection, task_id)
    step = (row.state, TaskEvent.CANCELLED)
    rows.move(connection, table, TASK, task_id, step, {"updated_us": now_us})
    _end_items(connection, [task_id], TaskItemEvent.CANCELLED, now_us)


def sweep(connection: Connection, now_us: int, limit: int = 500) -> list[str]:
    """Let tasks lapse whose time is over, at most `limit`; tells their ids."""
    (old,) = TASK.sources(TaskEvent.LAPSED)
    new = TASK.after(old, TaskEvent.LAPSED)
    over = select(table.c.id).where(table.c.state == old, table.c.expires_us <= now_us)
    lapsed = list(connection.execute(over.order_by(table.c.expires_us).limit(limit)).scalars())
    if lapsed:
        statement = update(table).where(table.c.id.in_(lapsed))
        connection.execute(statement.values(state=new, updated_us=now_us))
        _end_items(connection, lapsed, TaskItemEvent.LAPSED, now_us)
    return lapsed


def _end_items(
    connection: Connection, task_ids: Sequence[str], event: TaskItemEvent, now_us: int
) -> None:
    new = TASK_ITEM.after(WAITING[0], event)
    statement = update(items).where(items.c.task.in_(task_ids), items.c.state.in_(WAITING))
    connection.execute(statement.values(state=new, updated_us=now_us))


def _complete(connection: Connection, task_ids: Iterable[str], now_us: int) -> None:
    """End those open tasks of which no item waits any longer."""
    new = TASK.after(TaskState.OPEN, TaskEvent.COMPLETED)
    waiting = select(items.c.id).where(items.c.task == table.c.id, items.c.state.in_(WAITING))
    statement = update(table).where(
        table.c.id.in_(tuple(task_ids)), table.c.state == TaskState.OPEN, ~waiting.exists()
    )
    connection.execute(statement.values(state=new, updated_us=now_us))
