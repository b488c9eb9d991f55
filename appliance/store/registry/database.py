"""Transactions of the registry: on one engine or the other, in threads of their own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from appliance.errors import Unavailable
from appliance.store.registry.faults import Kind, judge, translate

T = TypeVar("T")

THREADS = 4
ATTEMPTS = 10
"""So often a transaction is tried when others are in its way."""
_PAUSE_S = 0.01
_BUSY_MS = 1000
_READING = "registry_reading"


class Threads(Protocol):
    """The one thing asked of a reactor here: to be called from other threads."""

    def callFromThread(self, function: Callable[..., object], /, *args: object) -> None:
        """Call `function` in the reactor's thread."""


class Database:
    """An engine, and transactions that are as if each were alone (SERIALIZABLE)."""

    def __init__(self, engine: Engine, pause: Callable[[float], None] = time.sleep) -> None:
        self.engine = engine
        self._reading = engine.execution_options(**{_READING: True, "postgresql_readonly": True})
        self._pause = pause

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction and commit it; blocks.

        When others are in its way `work` is called anew, so it has no effect but in SQL.  Raises
        Unavailable, Conflict (a unique value or a reference), Fault, and what `work` raises.
        """
        return self._perform(self.engine, work)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, which writes nothing, beside a writer; otherwise as `run`."""
        return self._perform(self._reading, work)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def _perform(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with engine.begin() as connection:
                    return work(connection)
            except exc.SQLAlchemyError as error:
                if judge(error) is not Kind.AGAIN or attempt == ATTEMPTS:
                    raise translate(error) from error
            self._pause(_PAUSE_S * attempt)
        raise AssertionError("the last attempt returns or raises")


class Registry:
    """A database whose transactions run in a pool of threads; used from the reactor's thread."""

    def __init__(self, database: Database, pool: ThreadPool, reactor: Threads) -> None:
        self._database = database
        self._pool = pool
        self._reactor = reactor
        self._is_open = False

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()
        self._is_open = True

    def run(self, work: Callable[[Connection], T]) -> Deferred[T]:
        """Do `work` in one transaction, in a thread.  Fails as `Database.run` raises."""
        return self._hand_over(self._database.run, work)

    def read(self, work: Callable[[Connection], T]) -> Deferred[T]:
        """Do `work`, which writes nothing, in a thread.  Fails as `Database.read` raises."""
        return self._hand_over(self._database.read, work)

    def close(self) -> None:
        """Let what is under way end, which blocks, then close the connections."""
        if self._is_open:
            self._is_open = False
            self._pool.stop()
        self._database.close()

    def _hand_over(
        self, perform: Callable[[Callable[[Connection], T]], T], work: Callable[[Connection], T]
    ) -> Deferred[T]:
        if not self._is_open:
            return fail(Unavailable("the registry is closed"))
        outcome: Deferred[T] = Deferred()

        def deliver(is_success: bool, result: T | Failure) -> None:  # noqa: FBT001  Twisted's call
            settle = outcome.callback if is_success else outcome.errback
            self._reactor.callFromThread(settle, result)

        self._pool.callInThreadWithCallback(deliver, perform, work)
        return outcome


def open_registry(url: str, reactor: Threads) -> Registry:
    """Make a registry on the database at `url`; no connection is made before it is used."""
    pool = ThreadPool(minthreads=1, maxthreads=THREADS, name="registry")
    return Registry(open_database(url), pool, reactor)


def open_database(url: str) -> Database:
    """Make the engine for `url`: `sqlite:////PATH` or `postgresql+psycopg://...`."""
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        return Database(_sqlite(url))
    return Database(
        create_engine(
            url,
            isolation_level="SERIALIZABLE",
            pool_size=THREADS,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    )


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, pool_size=THREADS, max_overflow=0, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401  SQLAlchemy's record
    connection.isolation_level = None  # BEGIN is ours: see _begin_sqlite
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction: a writer takes its lock at once, for an upgrade later would fail."""
    is_reading = bool(connection.get_execution_options().get(_READING))
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if is_reading else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
