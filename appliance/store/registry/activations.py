"""Activations: codes that were given out, without the codes, which nobody keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, Unpack

import attrs
from sqlalchemy import Connection, update

from appliance.cosign.registry_states import (
    ACTIVATION,
    ActivationEvent,
    ActivationState,
)
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import activations as table


@attrs.frozen
class ActivationRow:
    """An activation: what the device will be certified as, by whom it was given out.

    `fields` are the user's at that moment: the phone signs a request with the subject they make.
    """

    id: str
    uid: str
    usage: str
    authority: str
    template: str
    fields: Mapping[str, str]
    expires_us: int
    created_by: str
    created_us: int
    updated_us: int
    state: ActivationState = ActivationState.ASKED
    device: str | None = None


@attrs.frozen
class ActivationFilter:
    """Which activations are wanted; what is None asks nothing."""

    uid: str | None = None
    states: tuple[ActivationState, ...] = ()


class ActivationDetails(TypedDict, total=False):
    """What a step may change beside the state."""

    device: str


def insert(connection: Connection, activation: ActivationRow) -> None:
    """Add an activation.  Ends in Conflict when its id is there."""
    rows.insert(connection, table, [activation])


def get(connection: Connection, activation_id: str) -> ActivationRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, activation_id, ActivationRow)


def find(
    connection: Connection,
    wanted: ActivationFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[ActivationRow]:
    """List activations, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, ActivationRow)


def move(
    connection: Connection,
    activation_id: str,
    step: tuple[ActivationState, ActivationEvent],
    now_us: int,
    **details: Unpack[ActivationDetails],
) -> ActivationState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    changes = {"updated_us": now_us, **details}
    return rows.move(connection, table, ACTIVATION, activation_id, step, changes)


def sweep(connection: Connection, now_us: int) -> int:
    """Let those lapse whose hours are over; tells how many."""
    count = 0
    for old in ACTIVATION.sources(ActivationEvent.LAPSED):
        lapsed = (
            update(table)
            .where(table.c.state == old, table.c.expires_us <= now_us)
            .values(state=ACTIVATION.after(old, ActivationEvent.LAPSED), updated_us=now_us)
        )
        count += connection.execute(lapsed).rowcount
    return count
