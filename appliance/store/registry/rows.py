"""What every table's functions share: rows in and out, pages of a list, steps of a state."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import attrs
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    func,
    select,
    tuple_,
    update,
)

from appliance.errors import Conflict, NotFound
from appliance.pki.states import Machine

S = TypeVar("S", bound=enum.StrEnum)
E = TypeVar("E", bound=enum.Enum)
RowT = TypeVar("RowT", bound=attrs.AttrsInstance)


@attrs.frozen(order=True)
class Cursor:
    """A place in a list, newest first: the row that was last seen."""

    created_us: int
    id: str


def insert(connection: Connection, table: Table, rows: Sequence[attrs.AttrsInstance]) -> None:
    """Add rows whose attributes are named as the columns.  Raises sqlalchemy's IntegrityError."""
    if rows:
        connection.execute(table.insert(), [attrs.asdict(row, recurse=False) for row in rows])


def fetch(connection: Connection, query: Select[Any], kind: type[RowT]) -> list[RowT]:
    """Read the rows of a whole table's `query` as values."""
    return [kind(**row) for row in connection.execute(query).mappings()]


def get(connection: Connection, table: Table, row_id: str, kind: type[RowT]) -> RowT:
    """Read one row.  Raises NotFound."""
    found = fetch(connection, select(table).where(_key(table) == row_id), kind)
    if not found:
        raise NotFound(f"nothing in {table.name} has this id")
    return found[0]


def clauses(table: Table, wanted: attrs.AttrsInstance) -> list[ColumnElement[bool]]:
    """Say a filter as conditions: a value must be equal, of several one; None asks nothing."""
    found: list[ColumnElement[bool]] = []
    for name, value in attrs.asdict(wanted, recurse=False).items():
        column = table.c["state" if name == "states" else name]
        if isinstance(value, tuple) and value:
            found.append(column.in_(value))
        elif value is not None and not isinstance(value, tuple):
            found.append(column == value)
    return found


def page(
    table: Table, conditions: Iterable[ColumnElement[bool]], after: Cursor | None, limit: int
) -> Select[Any]:
    """Ask for at most `limit` rows, newest first, from behind `after`."""
    key = _key(table)
    place = tuple_(table.c.created_us, key)
    query = select(table).where(*conditions)
    if after is not None:
        query = query.where(place < tuple_(after.created_us, after.id))
    return query.order_by(table.c.created_us.desc(), key.desc()).limit(limit)


def move(
    connection: Connection,
    table: Table,
    machine: Machine[S, E],
    row_id: str,
    step: tuple[S, E],
    details: Mapping[str, object] = MappingProxyType({}),
) -> S:
    """Make a step from the state that the caller saw; gives the new one.

    `details` maps other columns to their new values.  Raises Conflict when the table of steps has
    no row or the state is another by now, NotFound.
    """
    new = machine.after(*step)
    statement = update(table).where(_key(table) == row_id, table.c.state == step[0])
    if connection.execute(statement.values(state=new, **details)).rowcount:
        return new
    current = connection.execute(select(table.c.state).where(_key(table) == row_id)).scalar()
    if current is None:
        raise NotFound(f"nothing in {table.name} has this id")
    raise Conflict(f"the {machine.name} is {current.name} and not {step[0].name}")


def count_by_state(
    connection: Connection, table: Table, conditions: Iterable[ColumnElement[bool]] = ()
) -> dict[Any, int]:
    """Count rows in each state that has any."""
    query = select(table.c.state, func.count()).where(*conditions).group_by(table.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def _key(table: Table) -> Column[str]:
    """Tell the column that names a row of `table`: `id`, or its primary key."""
    found: Column[str] = table.c.id if "id" in table.c else next(iter(table.primary_key))
    return found
