"""The rows of one segment: how batches are put into its table, found there and taken apart.

The table keeps the chain value of a batch's last row alone; those of the others are computed again
when they are read, and the last must come out as it is kept.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator

from appliance.errors import Conflict, Fault, Malformed
from appliance.store.ledger import segments
from appliance.store.ledger.batches import Batch, chains_of, decode_entries, series_range
from appliance.store.ledger.chain import Entry, Hash, Row

_SELECT = "SELECT first_seq, rows, first_serial, last_serial, body, chain FROM batch"
_INSERT = """
INSERT INTO batch(first_seq, rows, first_serial, last_serial, body, chain)
VALUES(?1, ?2, ?3, ?4, ?5, ?6)
"""
_OVERLAPPING = "WHERE last_serial BETWEEN ?3 AND ?7 AND first_serial <= ?4"
_INSERT_APART = """
INSERT INTO batch(first_seq, rows, first_serial, last_serial, body, chain)
SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (
    SELECT 1 FROM batch WHERE last_serial BETWEEN ?3 AND ?7 AND first_serial <= ?4
)
"""
_OF_SERIAL = f"""
{_SELECT} WHERE last_serial BETWEEN ?1 AND ?2 AND first_serial <= ?1
ORDER BY last_serial LIMIT 1 OFFSET ?3
"""


def insert_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    """Put a batch into the table, unless the segment has one of its serials already.

    Serials are unique within a segment, and only a batch whose range of serials overlaps can hold
    the same one.  The insertion itself looks for such batches: one step in the index, since only
    those that end above the new one's first serial in the same series are looked at.  Only when
    there is one (two lanes that drew serials by turns) are batches taken apart to compare.

    Raises Conflict for a serial that is there already.
    """
    if batch.first_serial is None:
        connection.execute(_INSERT, batch)
        return
    _, series_end = series_range(batch.first_serial)
    if connection.execute(_INSERT_APART, (*batch, series_end)).rowcount == 0:
        _refuse_known_serials(connection, batch, series_end)
        connection.execute(_INSERT, batch)


def last_batch(connection: sqlite3.Connection) -> Batch | None:
    """Read the newest batch; None when there is none."""
    return next(_batches(connection, "ORDER BY first_seq DESC LIMIT 1"), None)


def all_batches(connection: sqlite3.Connection) -> Iterator[Batch]:
    """Read every batch, ascending, one at a time."""
    return _batches(connection, "ORDER BY first_seq")


def entries_of(batch: Batch) -> list[Entry]:
    """Take a batch apart.  Raises Fault when it is damaged."""
    try:
        entries = decode_entries(batch.body)
    except Malformed as error:
        raise Fault(f"the batch of row {batch.first_seq} is damaged: {error}") from error
    if len(entries) != batch.rows:
        raise Fault(f"the batch of row {batch.first_seq} does not hold as many rows as it says")
    return entries


def rows_from(connection: sqlite3.Connection, seq: int, sm3: Hash) -> Iterator[Row]:
    """Read the rows from `seq` on, ascending, a batch at a time.

    Raises Fault when a batch is damaged or does not continue the chain of the one before.
    """
    chain: bytes | None = None
    first = "SELECT max(first_seq) FROM batch WHERE first_seq <= ?1"
    tail = f"WHERE first_seq >= coalesce(({first}), ?1) ORDER BY first_seq"
    for batch in _batches(connection, tail, seq):
        before = _chain_before(connection, batch) if chain is None else chain
        yield from (row for row in _rows_of(batch, before, sm3) if row.seq >= seq)
        chain = batch.chain


def row_at(connection: sqlite3.Connection, seq: int, sm3: Hash) -> Row | None:
    """Read the row with a sequence number."""
    row = next(rows_from(connection, seq, sm3), None)
    return row if row and row.seq == seq else None


def last_row_of_kind(connection: sqlite3.Connection, kind: int, sm3: Hash) -> Row | None:
    """Read the newest row of a kind, walking back through the segment."""
    for batch in _batches(connection, "ORDER BY first_seq DESC"):
        for at, entry in reversed(list(enumerate(entries_of(batch)))):
            if entry.kind == kind:
                return _rows_of(batch, _chain_before(connection, batch), sm3)[at]
    return None


def row_of_serial(connection: sqlite3.Connection, serial: bytes, sm3: Hash) -> Row | None:
    """Read the row with a serial: looks into the batches whose range has it, mostly one."""
    for batch in _batches_around(connection, serial):
        for at, entry in enumerate(entries_of(batch)):
            if entry.serial == serial:
                return _rows_of(batch, _chain_before(connection, batch), sm3)[at]
    return None


def _batches_around(connection: sqlite3.Connection, serial: bytes) -> Iterator[Batch]:
    """Read the batches whose range has a serial, the nearest first.

    One a query: Python's cursor looks for the next before it gives one out, and to find that there
    is none takes a walk through all later batches of the series (0.1 s where each has one row).
    """
    _, series_end = series_range(serial)
    for nth in itertools.count():
        found = connection.execute(_OF_SERIAL, (serial, series_end, nth)).fetchone()
        if found is None:
            return
        yield Batch._make(found)


def _refuse_known_serials(connection: sqlite3.Connection, batch: Batch, series_end: bytes) -> None:
    serials = {entry.serial for entry in entries_of(batch) if entry.serial}
    overlapping = connection.execute(f"{_SELECT} {_OVERLAPPING}", (*batch, series_end))
    for other in map(Batch._make, overlapping):
        known = serials & {entry.serial for entry in entries_of(other)}
        if known:
            raise Conflict(f"serial {min(known).hex()} is in the segment already")


def _batches(connection: sqlite3.Connection, tail: str, *values: int) -> Iterator[Batch]:
    return map(Batch._make, connection.execute(f"{_SELECT} {tail}", values))


def _chain_before(connection: sqlite3.Connection, batch: Batch) -> bytes:
    """Tell the chain value that the first row of a batch continues."""
    before = "SELECT chain FROM batch WHERE first_seq < ? ORDER BY first_seq DESC LIMIT 1"
    found = connection.execute(before, (batch.first_seq,)).fetchone()
    chain: bytes = found[0] if found else segments.read_meta(connection).start_chain
    return chain


def _rows_of(batch: Batch, chain: bytes, sm3: Hash) -> list[Row]:
    entries = entries_of(batch)
    chains = chains_of(sm3, batch.first_seq, chain, entries)
    if chains[-1] != batch.chain:
        raise Fault(f"row {batch.last_seq} does not continue the chain of the row before its batch")
    return [
        Row(seq, entry.kind, entry.serial, entry.body, value)
        for seq, (entry, value) in enumerate(zip(entries, chains, strict=True), batch.first_seq)
    ]
