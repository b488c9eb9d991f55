"""Users: the people who sign, by their staff numbers, which never change."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from sqlalchemy import Connection, update

from appliance.cosign.registry_states import USER, UserEvent, UserState
from appliance.errors import NotFound
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import users as table


@attrs.frozen
class UserRow:
    """A user; `fields` are what else a template is filled with, `organization` and the like."""

    uid: str
    name: str
    department: str
    fields: Mapping[str, str]
    created_us: int
    updated_us: int
    state: UserState = UserState.ACTIVE

    @property
    def id(self) -> str:
        """The staff number, under the name that lists go by."""
        return self.uid


@attrs.frozen
class UserFilter:
    """Which users are wanted; what is None asks nothing."""

    department: str | None = None
    states: tuple[UserState, ...] = ()


def insert(connection: Connection, user: UserRow) -> None:
    """Add a user.  Ends in Conflict when the number is there."""
    rows.insert(connection, table, [user])


def get(connection: Connection, uid: str) -> UserRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, uid, UserRow)


def find(
    connection: Connection,
    wanted: UserFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[UserRow]:
    """List users, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, UserRow)


def change(connection: Connection, user: UserRow) -> None:
    """Put a new name, department and fields in the place of the old.  Raises NotFound."""
    values = {
        "name": user.name,
        "department": user.department,
        "fields": user.fields,
        "updated_us": user.updated_us,
    }
    if not connection.execute(update(table).where(table.c.uid == user.uid).values(values)).rowcount:
        raise NotFound("nothing in users has this number")


def move(
    connection: Connection, uid: str, step: tuple[UserState, UserEvent], now_us: int
) -> UserState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    return rows.move(connection, table, USER, uid, step, {"updated_us": now_us})
