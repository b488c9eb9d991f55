"""Accounts of the application and admin API: a token each, of which only the digest is kept."""

from __future__ import annotations

import attrs
from sqlalchemy import Connection, select, update

from appliance.errors import NotFound
from appliance.pki.states import ACCOUNT, AccountEvent, AccountState
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import accounts as table


@attrs.frozen
class AccountRow:
    """An account: `role` administrator, operator, auditor or application.

    `expires_us` is when its token ends, None for never.
    """

    id: str
    name: str
    role: str
    token_sm3: str = attrs.field(repr=False)
    created_us: int
    expires_us: int | None = None
    state: AccountState = AccountState.ACTIVE


@attrs.frozen
class AccountFilter:
    """Which accounts are wanted; what is None asks nothing."""

    role: str | None = None
    states: tuple[AccountState, ...] = ()


def insert(connection: Connection, account: AccountRow) -> None:
    """Add an account.  Ends in Conflict when its id, name or token is there."""
    rows.insert(connection, table, [account])


def get(connection: Connection, account_id: str) -> AccountRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, account_id, AccountRow)


def find_by_token(connection: Connection, token_sm3: str) -> AccountRow | None:
    """Find whose token has this digest, in whatever state it is."""
    return _first(connection, "token_sm3", token_sm3)


def find_by_name(connection: Connection, name: str) -> AccountRow | None:
    """Find the account of a name."""
    return _first(connection, "name", name)


def find(
    connection: Connection,
    wanted: AccountFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[AccountRow]:
    """List accounts, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, AccountRow)


def move(
    connection: Connection, account_id: str, step: tuple[AccountState, AccountEvent]
) -> AccountState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    return rows.move(connection, table, ACCOUNT, account_id, step)


def set_token(
    connection: Connection, account_id: str, token_sm3: str, expires_us: int | None
) -> None:
    """Put a new token in the place of the old one.  Raises NotFound."""
    values = {"token_sm3": token_sm3, "expires_us": expires_us}
    statement = update(table).where(table.c.id == account_id).values(values)
    if not connection.execute(statement).rowcount:
        raise NotFound("nothing in accounts has this id")


def _first(connection: Connection, column: str, value: str) -> AccountRow | None:
    query = select(table).where(table.c[column] == value)
    return next(iter(rows.fetch(connection, query, AccountRow)), None)
