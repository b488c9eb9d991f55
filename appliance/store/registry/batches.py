"""Offline batches: requests given out together in one signed file, certificates brought back."""

from __future__ import annotations

from typing import TypedDict, Unpack

import attrs
from sqlalchemy import Connection

from appliance.pki.states import BATCH, BatchEvent, BatchState
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import batches as table


@attrs.frozen
class BatchRow:
    """A batch of `count` requests; `manifest_sm3` is None until it is exported."""

    id: str
    authority: str
    count: int
    created_us: int
    updated_us: int
    state: BatchState = BatchState.OPEN
    manifest_sm3: str | None = None


@attrs.frozen
class BatchFilter:
    """Which batches are wanted; what is None asks nothing."""

    authority: str | None = None
    manifest_sm3: str | None = None
    states: tuple[BatchState, ...] = ()


class BatchDetails(TypedDict, total=False):
    """What a step may change beside the state."""

    manifest_sm3: str


def insert(connection: Connection, batch: BatchRow) -> None:
    """Add a batch.  Ends in Conflict when the id is there."""
    rows.insert(connection, table, [batch])


def get(connection: Connection, batch_id: str) -> BatchRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, batch_id, BatchRow)


def find(
    connection: Connection,
    wanted: BatchFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[BatchRow]:
    """List batches, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, BatchRow)


def move(
    connection: Connection,
    batch_id: str,
    step: tuple[BatchState, BatchEvent],
    now_us: int,
    **details: Unpack[BatchDetails],
) -> BatchState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    changes = {"updated_us": now_us, **details}
    return rows.move(connection, table, BATCH, batch_id, step, changes)
