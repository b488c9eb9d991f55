"""What a database says, in the words of the box: one table of its codes."""

from __future__ import annotations

import enum
import sqlite3

import psycopg
from sqlalchemy import exc

from appliance.errors import ApplianceError, Conflict, Fault, Unavailable


class Kind(enum.Enum):
    """What a failed transaction means to who wanted it."""

    AGAIN = "another transaction was in the way"
    AWAY = "the database cannot answer now"
    CLASH = "it contradicts what is kept"
    BROKEN = "the box is at fault"


_SQLITE = {
    sqlite3.SQLITE_BUSY: Kind.AGAIN,
    sqlite3.SQLITE_LOCKED: Kind.AGAIN,
    sqlite3.SQLITE_FULL: Kind.AWAY,
    sqlite3.SQLITE_IOERR: Kind.AWAY,
    sqlite3.SQLITE_CANTOPEN: Kind.AWAY,
}
_SQLITE_CLASHES = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
)
# By code or class of SQLSTATE, PostgreSQL appendix A.
_POSTGRESQL = {
    "40001": Kind.AGAIN,
    "40P01": Kind.AGAIN,
    "23505": Kind.CLASH,
    "23503": Kind.CLASH,
    "55P03": Kind.AWAY,
    "08": Kind.AWAY,
    "53": Kind.AWAY,
    "57": Kind.AWAY,
}


def judge(error: exc.SQLAlchemyError) -> Kind:
    """Tell what `error` means."""
    if isinstance(error, exc.TimeoutError):  # no connection of the pool came free
        return Kind.AWAY
    cause = error.orig if isinstance(error, exc.DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return _judge_sqlite(cause)
    if isinstance(cause, psycopg.Error):
        return _judge_postgresql(cause)
    return Kind.BROKEN


def _judge_sqlite(error: sqlite3.Error) -> Kind:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in _SQLITE_CLASHES:
        return Kind.CLASH
    return _SQLITE.get(code & 0xFF, Kind.BROKEN)


def _judge_postgresql(error: psycopg.Error) -> Kind:
    state = error.sqlstate
    if state is None:  # the connection failed: there was no answer to carry a code
        return Kind.AWAY if isinstance(error, psycopg.OperationalError) else Kind.BROKEN
    return _POSTGRESQL.get(state, _POSTGRESQL.get(state[:2], Kind.BROKEN))


def translate(error: exc.SQLAlchemyError) -> ApplianceError:
    """Say `error` as one of ours; the values of the statement are never in it."""
    kind = judge(error)
    message = f"the registry: {kind.value}"
    if kind in {Kind.AGAIN, Kind.AWAY}:
        return Unavailable(message)
    if kind is Kind.CLASH:
        return Conflict(message)
    return Fault(f"{message} ({type(getattr(error, 'orig', None) or error).__name__})")
