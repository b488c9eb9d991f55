"""`bench registry`: what the registry costs: certificates kept together, lists and sweeps.

The insertion is compared with the same rows through sqlite3 alone, in turns.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import attrs
from sqlalchemy import Connection

from appliance.pki.states import CertificateEvent, ItemEvent, JobEvent, JobState
from appliance.store.registry import certificates, jobs
from appliance.store.registry.certificates import CertificateFilter, CertificateRow
from appliance.store.registry.database import Database, open_database
from appliance.store.registry.jobs import ItemRow, JobRow, Outcome
from appliance.store.registry.migrations.upgrading import migrate
from appliance.store.registry.rows import Cursor
from benches.figures import NS_PER_MS, Report, note
from benches.references import machine

ROUNDS = 10
TOGETHER = 600
CLAIMED = 50
_DER = bytes(1000)
_YEAR_US = 365 * 86_400 * 1_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--rows", type=int, default=100_000, help="certificates in the registry")
    parser.add_argument("--url", help="of an empty database; a file of SQLite unless given")


def run(chosen: argparse.Namespace) -> Report:
    """Measure on one engine: milliseconds, medians of ROUNDS where it can be repeated."""
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        database = open_database(chosen.url or f"sqlite:///{folder}/registry.sqlite")
        try:
            migrate(database, lambda: None)
            note(f"{ROUNDS} times {TOGETHER} certificates")
            kept, plain = _insertions(database, Path(folder))
            note(f"filling up to {chosen.rows} rows")
            _fill(database, ROUNDS * TOGETHER, chosen.rows)
            note("lists, sweeps and a job")
            figures = {**_lists(database, chosen.rows), **_sweeps(database, chosen.rows)}
            figures["job_of_600_items_ms"] = _ms(lambda: _work_off(database))
        finally:
            database.close()
    return {
        "bench": "registry",
        "engine": database.engine.dialect.name,
        "rows": chosen.rows,
        "insert_600_ms": kept,
        "insert_600_by_sqlite3_alone_ms": plain,
        "ratio": round(kept / plain, 2),
        **figures,
        "machine": machine(),
    }


def _insertions(database: Database, folder: Path) -> tuple[float, float]:
    """Insert in turns through the registry and through sqlite3 alone; gives both medians."""
    kept: list[float] = []
    plain: list[float] = []
    names = [field.name for field in attrs.fields(CertificateRow)]
    with closing(sqlite3.connect(folder / "plain.sqlite")) as alone:
        alone.execute("PRAGMA journal_mode = WAL")
        alone.execute("PRAGMA synchronous = FULL")
        alone.execute(f"CREATE TABLE certificates ({', '.join(names)})")
        statement = f"INSERT INTO certificates VALUES ({', '.join('?' * len(names))})"  # noqa: S608  our own names
        for number in range(ROUNDS):
            rows = _rows(number * TOGETHER, (number + 1) * TOGETHER)
            kept.append(_ms(partial(_keep, database, rows)))
            tuples = [attrs.astuple(row) for row in rows]
            plain.append(_ms(partial(_keep_plainly, alone, statement, tuples)))
    return round(statistics.median(kept), 2), round(statistics.median(plain), 2)


def _keep_plainly(
    alone: sqlite3.Connection, statement: str, tuples: list[tuple[object, ...]]
) -> None:
    with alone:
        alone.executemany(statement, tuples)


def _keep(database: Database, rows: list[CertificateRow]) -> None:
    database.run(lambda connection: certificates.insert(connection, rows))


def _fill(database: Database, start: int, end: int) -> None:
    for first in range(start, end, 10_000):
        _keep(database, _rows(first, min(first + 10_000, end)))


def _rows(start: int, end: int) -> list[CertificateRow]:
    """Make certificates that end one microsecond after another, of 1,000 owners."""
    return [
        CertificateRow(
            id=f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}",  # scattered, as drawn ones are
            serial_number=f"{number:028x}",
            authority="issuing",
            template="person",
            owner_uid=f"staff-{number % 1000}",
            device=None,
            subject=f"CN=staff {number},O=Hospital,C=CN",
            spki_sm3=f"{number * 0x9E3779B97F4A7C15 % 2**64:064x}",
            not_before_us=number,
            not_after_us=_YEAR_US + number,
            created_us=number,
            der=_DER,
        )
        for number in range(start, end)
    ]


def _lists(database: Database, rows: int) -> dict[str, object]:
    owner = CertificateFilter(owner_uid="staff-7")
    anyone = CertificateFilter()
    middle = Cursor(rows // 2, "")
    looks: dict[str, Callable[[Connection], object]] = {
        "page_of_100_ms": lambda c: certificates.find(c, anyone),
        "page_of_100_amid_ms": lambda c: certificates.find(c, anyone, after=middle),
        "page_of_an_owner_ms": lambda c: certificates.find(c, owner),
        "count_by_state_ms": certificates.count_by_state,
    }
    return {
        name: round(statistics.median(_ms(partial(database.read, look)) for _ in range(ROUNDS)), 2)
        for name, look in looks.items()
    }


def _sweeps(database: Database, rows: int) -> dict[str, object]:
    """Sweep with 600 due among all, with none, and then with all the rest."""

    def sweep(before_us: int) -> int:
        return len(
            database.run(
                lambda c: certificates.sweep(c, CertificateEvent.DUE, _YEAR_US + before_us)
            )
        )

    def sweep_all() -> None:
        while sweep(rows):
            pass

    return {
        "sweep_600_due_ms": _ms(lambda: sweep(TOGETHER)),
        "sweep_none_due_ms": _ms(lambda: sweep(TOGETHER)),
        "sweep_all_the_rest_ms": _ms(sweep_all),
    }


def _work_off(database: Database) -> None:
    """Queue a job of TOGETHER items, take it by CLAIMED and settle each portion."""
    job = JobRow("1" * 32, "renew", TOGETHER, {}, "bench", 0, 0)
    items = [ItemRow(job.id, position) for position in range(TOGETHER)]
    database.run(lambda c: jobs.insert(c, job, items))
    database.run(lambda c: jobs.move(c, job.id, (JobState.QUEUED, JobEvent.STARTED), 0))
    while taken := database.run(lambda c: jobs.claim(c, job.id, CLAIMED)):
        outcomes = [Outcome(item.position, ItemEvent.FINISHED) for item in taken]
        database.run(partial(jobs.settle, job_id=job.id, outcomes=outcomes, now_us=0))


def _ms(act: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    act()
    return round((time.perf_counter_ns() - start) / NS_PER_MS, 2)
