"""The ledger: append-only, hash-chained, durable before anyone is told, written by one process.

What a row means is its writer's business: here a body is octets.  Files and formats stand in
`segments` and `heads`; `check` proves a ledger sound without this module.
"""

from __future__ import annotations

import bisect
import contextlib
import fcntl
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import attrs

from appliance.errors import Conflict, Fault
from appliance.quantities import Utc
from appliance.store.files import sync_folder
from appliance.store.ledger import heads, segment_rows, segments
from appliance.store.ledger.batches import Batch, make_batches
from appliance.store.ledger.chain import GENESIS, Entry, Hash, Row, sm3_hash
from appliance.store.ledger.heads import Head, HeadsFile, SignHead
from appliance.store.ledger.segments import Meta, segment_path, storage_errors

ROWS_PER_SEGMENT = 1_000_000
_ROWS_PER_READ = 1000

Tip = tuple[int, bytes]
"""The sequence and the chain value of the last durable row."""


@attrs.frozen
class _Active:
    """The segment that is written: its rows count from `first_seq`."""

    number: int
    first_seq: int
    connection: sqlite3.Connection
    heads: HeadsFile

    @property
    def headed_seq(self) -> int:
        """The last row that a signed head covers."""
        return self.heads.last.seq if self.heads.last else self.first_seq - 1

    def close(self) -> None:
        self.heads.close()
        self.connection.close()


class Ledger:
    """One folder's ledger, open for its one writer, used by one thread at a time.

    `append` is the hot path; `keep_head` is called after each batch and from a timer.  A batch is
    whole or absent, whatever fails.  When a segment is full the next append signs its last head,
    goes on in a new one and seals the old.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lock: int,
        sm3: Hash,
        sign_head: SignHead,
        utc_now: Callable[[], Utc],
        rows_per_segment: int,
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._sm3 = sm3
        self._sign_head = sign_head
        self._utc_now = utc_now
        self._rows_per_segment = rows_per_segment
        self._active: _Active
        self._tip: Tip | None = None
        self._head_ns: int | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        sign_head: SignHead,
        utc_now: Callable[[], Utc],
        sm3: Hash | None = None,
        rows_per_segment: int = ROWS_PER_SEGMENT,
    ) -> Self:
        """Open the ledger in `folder`, an existing folder; an empty one gets a new ledger.

        Raises Conflict when another writer has it open, Fault when its rows contradict its last
        head or its files are damaged, Unavailable when the disk fails.
        """
        with storage_errors("opening the ledger"):
            for name in ("ledger", "heads"):
                (folder / name).mkdir(mode=0o750, exist_ok=True)
            sync_folder(folder)
            ledger = cls(
                folder,
                lock=_lock_writer(folder / "ledger" / "writer.lock"),
                sm3=sm3 or sm3_hash(),
                sign_head=sign_head,
                utc_now=utc_now,
                rows_per_segment=rows_per_segment,
            )
            try:
                ledger._activate()
            except BaseException:
                os.close(ledger._lock)
                raise
        return ledger

    @property
    def was_head_torn(self) -> bool:
        """Whether opening dropped a head that a crash had torn off."""
        return self._active.heads.was_torn

    def append(self, entries: Sequence[Entry]) -> int:
        """Keep `entries`, in order, in one durable commit; returns the sequence of the first.

        Raises Unavailable when the disk is full or fails, Conflict when a serial is in the segment
        already; then nothing of the batch is kept, and the next append goes on from the last
        durable row.
        """
        last_seq, chain = self.last()
        with storage_errors("appending to the ledger"):
            if last_seq - self._active.first_seq + 1 >= self._rows_per_segment:
                self._roll_over(last_seq, chain)
            batches = make_batches(self._sm3, last_seq + 1, chain, entries)
            self._commit(batches)
        if batches:
            self._tip = (batches[-1].last_seq, batches[-1].chain)
        return last_seq + 1

    def last(self) -> Tip:
        """Tell sequence and chain value of the last durable row; (0, zeros) before the first."""
        if self._tip is None:
            with storage_errors("reading the ledger"):
                self._tip = _read_tip(self._active.connection)
        return self._tip

    def keep_head(self, monotonic_ns: int) -> Head | None:
        """Write a signed head when one is due, after 1 s or 1,000 rows; returns what was written.

        `monotonic_ns` is of any clock that never runs back.  Raises Unavailable when the disk
        fails; the rows are safe then, and the next call tries again.
        """
        if self._head_ns is None:
            self._head_ns = monotonic_ns
        rows_since = self.last()[0] - self._active.headed_seq
        if not heads.is_head_due(rows_since, monotonic_ns - self._head_ns):
            return None
        head = self.write_head()
        self._head_ns = monotonic_ns
        return head

    def write_head(self) -> Head | None:
        """Write a signed head over the last row now, as before a stop; None when nothing is new."""
        seq, chain = self.last()
        if seq == self._active.headed_seq:
            return None
        at = self._utc_now()
        head = Head(seq, chain, at, self._sign_head(heads.head_message(seq, chain, at)))
        with storage_errors("writing a ledger head"):
            self._active.heads.append(head)
        return head

    def last_of_kind(self, kind: int) -> Row | None:
        """Find the newest row of a kind, reading back until one is met, through every segment."""
        return self._newest(lambda segment: segment_rows.last_row_of_kind(segment, kind, self._sm3))

    def find_serial(self, serial: bytes) -> Row | None:
        """Find the row with a serial, in the newest segment first."""
        return self._newest(lambda segment: segment_rows.row_of_serial(segment, serial, self._sm3))

    def rows(self, from_seq: int = 1) -> Iterator[Row]:
        """Read the rows from `from_seq` (at least 1) on, with those appended meanwhile."""
        while chunk := self._read_rows(from_seq):
            yield from chunk
            from_seq = chunk[-1].seq + 1

    def close(self) -> None:
        """Close the files; a head over the last rows is the caller's to ask for."""
        self._active.close()
        os.close(self._lock)

    def _activate(self) -> None:
        numbers = segments.segment_numbers(self._folder)
        if not numbers:
            segments.create_segment(self._folder, Meta(segments.FORMAT_VERSION, 1, 1, GENESIS))
        for number in numbers[:-1]:
            self._seal(number)
        self._active = _open_active(self._folder, numbers[-1] if numbers else 1, self._sm3)

    def _commit(self, batches: Sequence[Batch]) -> None:
        connection = self._active.connection
        try:
            if len(batches) == 1:  # a statement alone is a transaction, and spares two statements
                segment_rows.insert_batch(connection, batches[0])
                return
            connection.execute("BEGIN IMMEDIATE")
            for batch in batches:
                segment_rows.insert_batch(connection, batch)
            connection.execute("COMMIT")
        except BaseException:
            self._tip = None
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _roll_over(self, last_seq: int, chain: bytes) -> None:
        self.write_head()
        full = self._active
        number = full.number + 1
        # A roll-over that failed half way has left the next segment, empty.
        if not segment_path(self._folder, number).exists():
            meta = Meta(segments.FORMAT_VERSION, number, last_seq + 1, chain)
            segments.create_segment(self._folder, meta)
        self._active = _open_active(self._folder, number, self._sm3)
        full.close()
        self._seal(full.number)

    def _seal(self, number: int) -> None:
        if segments.seal_segment(segment_path(self._folder, number)):
            heads.compact_heads(heads.heads_path(self._folder, number))

    def _newest(self, find: Callable[[sqlite3.Connection], Row | None]) -> Row | None:
        with storage_errors("reading the ledger"):
            row = find(self._active.connection)
            for number in range(self._active.number - 1, 0, -1):
                if row is not None:
                    break
                with segments.open_for_reading(segment_path(self._folder, number)) as connection:
                    row = find(connection)
        return row

    def _read_rows(self, from_seq: int) -> list[Row]:
        active = self._active
        with storage_errors("reading the ledger"):
            if from_seq >= active.first_seq:
                return self._some_rows(active.connection, from_seq)
            finished = range(1, active.number)
            number = bisect.bisect_right(finished, from_seq, key=self._first_seq_of)
            with segments.open_for_reading(segment_path(self._folder, number)) as connection:
                return self._some_rows(connection, from_seq)

    def _some_rows(self, segment: sqlite3.Connection, from_seq: int) -> list[Row]:
        rows = segment_rows.rows_from(segment, from_seq, self._sm3)
        return list(itertools.islice(rows, _ROWS_PER_READ))

    def _first_seq_of(self, number: int) -> int:
        with segments.open_for_reading(segment_path(self._folder, number)) as connection:
            return segments.read_meta(connection).first_seq


def _open_active(folder: Path, number: int, sm3: Hash) -> _Active:
    """Open the last segment and its heads.  Raises Fault when its head contradicts its rows."""
    with contextlib.ExitStack() as undo:
        connection = segments.open_for_append(segment_path(folder, number))
        undo.callback(connection.close)
        first_seq = segments.read_meta(connection).first_seq
        heads_file = HeadsFile.open(heads.heads_path(folder, number))
        undo.callback(heads_file.close)
        head = heads_file.last
        row = segment_rows.row_at(connection, head.seq, sm3) if head else None
        if head and (row is None or row.chain != head.chain):
            raise Fault(f"the ledger does not hold row {head.seq} as its signed head has it")
        undo.pop_all()
    return _Active(number, first_seq, connection, heads_file)


def _read_tip(connection: sqlite3.Connection) -> Tip:
    batch = segment_rows.last_batch(connection)
    if batch:
        return batch.last_seq, batch.chain
    meta = segments.read_meta(connection)
    return meta.first_seq - 1, meta.start_chain


def _lock_writer(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Conflict("another process writes this ledger") from None
    return lock
