"""Answers kept by the key that a caller gave its request, so that asking twice does it once."""

from __future__ import annotations

import attrs
from sqlalchemy import ColumnElement, Connection, delete, select, tuple_, update

from appliance.errors import Conflict
from appliance.store.registry import rows
from appliance.store.registry.tables import idempotency as table


@attrs.frozen
class KeptAnswer:
    """A request by its caller and key; `status` and `response` are None while it is under way."""

    account: str
    key: str
    method: str
    path: str
    body_sm3: str
    created_us: int
    status: int | None = None
    response: bytes | None = None

    def is_same_request(self, other: KeptAnswer) -> bool:
        """Tell whether both were made of the same method, path and body."""
        return (self.method, self.path, self.body_sm3) == (
            other.method,
            other.path,
            other.body_sm3,
        )


def claim(connection: Connection, asked: KeptAnswer) -> KeptAnswer | None:
    """Take the key of `asked`, or give what is kept under it already."""
    query = select(table).where(table.c.account == asked.account, table.c.key == asked.key)
    found = rows.fetch(connection, query, KeptAnswer)
    if not found:
        rows.insert(connection, table, [asked])
    return found[0] if found else None


def settle(connection: Connection, account: str, key: str, status: int, response: bytes) -> None:
    """Keep the answer of a request that is under way.  Raises Conflict when none is."""
    statement = update(table).where(*_under_way(account, key))
    if not connection.execute(statement.values(status=status, response=response)).rowcount:
        raise Conflict("no request under way has this key")


def abandon(connection: Connection, account: str, key: str) -> None:
    """Free the key of a request that ended without effect."""
    connection.execute(delete(table).where(*_under_way(account, key)))


def abandon_all(connection: Connection) -> int:
    """Free every key that a process which is gone had under way; tells how many.

    What those requests did is found again by its own ids.  To be called before the first request.
    """
    return connection.execute(delete(table).where(table.c.status.is_(None))).rowcount


def forget(connection: Connection, before_us: int, limit: int = 1000) -> int:
    """Drop at most `limit` answers kept since before `before_us`; tells how many."""
    place = tuple_(table.c.account, table.c.key)
    old = select(table.c.account, table.c.key).where(
        table.c.created_us < before_us, table.c.status.is_not(None)
    )
    return connection.execute(delete(table).where(place.in_(old.limit(limit)))).rowcount


def _under_way(account: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.account == account, table.c.key == key, table.c.status.is_(None)
