"""The proof that a ledger is whole: reads its files as anyone may, and names the first bad batch.

Nothing is shared with the writer but the formats, and the writer may run meanwhile: each segment is
read in one snapshot, its heads before its rows.  Memory does not grow with the ledger.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import attrs

from appliance.errors import Fault, Malformed
from appliance.store.ledger import segment_rows, segments
from appliance.store.ledger.batches import Batch, chains_of, decode_entries, serial_range
from appliance.store.ledger.chain import GENESIS, Hash, sm3_hash
from appliance.store.ledger.heads import (
    Head,
    VerifyHead,
    decode_head,
    head_message,
    heads_numbers,
    heads_path,
    read_lines,
)

Progress = Callable[[int, int], None]
"""Takes the segment that is read and the rows proven so far, each 10,000 rows."""

_ROWS_PER_PROGRESS = 10_000


class FirstBad(NamedTuple):
    """Where a ledger is first seen to be changed, and what is wrong there.

    `seq` is the first row of a batch when any of its rows may be the changed one.
    """

    segment: int
    seq: int
    what: str


@attrs.frozen
class LedgerVerdict:
    """How far a ledger was proven: `first_bad` is None when all of it is sound.

    Rows after `headed_seq` are chained, but no signed head vouches yet that none is missing at the
    end.  `is_head_torn`: a crash cut off the last line of heads, which is no sign of tampering.
    """

    rows: int
    segments: int
    heads: int
    headed_seq: int
    is_head_torn: bool
    first_bad: FirstBad | None


def check_ledger(
    folder: Path,
    *,
    verify_head: VerifyHead,
    sm3: Hash | None = None,
    progress: Progress | None = None,
) -> LedgerVerdict:
    """Check every row, link and head of the ledger in `folder`, up to the first bad one.

    Raises OSError when a file cannot be read at all.
    """
    walk = _Walk(folder, verify_head, sm3 or sm3_hash(), progress)
    bad: FirstBad | None = None
    try:
        walk.run()
    except _BadRowError as found:
        bad = found.at
    return LedgerVerdict(
        walk.rows, walk.segments, walk.heads, walk.headed_seq, walk.is_head_torn, bad
    )


class _BadRowError(Exception):
    """Ends the walk; never leaves this module."""

    def __init__(self, segment: int, seq: int, what: str) -> None:
        super().__init__(what)
        self.at = FirstBad(segment, seq, what)


class _Walk:
    """The walk along the chain: what is proven so far, and the link the next row must continue."""

    def __init__(
        self, folder: Path, verify_head: VerifyHead, sm3: Hash, progress: Progress | None
    ) -> None:
        self._folder = folder
        self._verify_head = verify_head
        self._sm3 = sm3
        self._progress = progress
        self._number = 0
        self._seq = 0
        self._chain = GENESIS
        self.rows = 0
        self.segments = 0
        self.heads = 0
        self.headed_seq = 0
        self.is_head_torn = False

    def run(self) -> None:
        # Heads are listed first: a segment made meanwhile is then no missing one.
        headed = heads_numbers(self._folder)
        present = segments.segment_numbers(self._folder)
        last = max(headed[-1:] + present[-1:], default=0)
        for number in range(1, last + 1):
            self._number = number
            if number not in present:
                raise self._bad(self._seq + 1, "the segment is missing")
            try:
                self._check_segment(is_last=number == last)
            except (sqlite3.Error, Fault, TypeError) as error:  # a type no writer can have stored
                raise self._bad(self._seq + 1, f"the segment cannot be read: {error}") from error
            self.segments += 1

    def _bad(self, seq: int, what: str) -> _BadRowError:
        return _BadRowError(self._number, seq, what)

    def _check_segment(self, *, is_last: bool) -> None:
        with contextlib.ExitStack() as files:
            heads = self._read_heads(files, is_last=is_last)
            path = segments.segment_path(self._folder, self._number)
            connection = files.enter_context(segments.open_for_reading(path))
            connection.execute("BEGIN")
            self._check_start(segments.read_meta(connection))
            head = next(heads, None)
            for batch in segment_rows.all_batches(connection):
                chains = self._check_batch(batch)
                while head and head.seq <= self._seq:
                    self._check_head(head, batch.first_seq, chains)
                    head = next(heads, None)
        if head:
            self._verify(head)
            raise self._bad(self._seq + 1, f"the row is missing: a head vouches for {head.seq}")
        if not is_last and self.headed_seq != self._seq:
            raise self._bad(self._seq, "the last row of a finished segment has no head")

    def _check_start(self, meta: segments.Meta) -> None:
        if meta.first_seq > self._seq + 1 and meta.segment == self._number > 1:
            what = f"the row is missing: the next segment starts at {meta.first_seq}"
            raise _BadRowError(self._number - 1, self._seq + 1, what)
        if meta[1:] != (self._number, self._seq + 1, self._chain):
            what = "the segment does not start where the one before ends"
            raise self._bad(meta.first_seq, what)

    def _check_batch(self, batch: Batch) -> list[bytes]:
        """Prove a batch to continue the chain; gives the chain value of each of its rows."""
        expected = self._seq + 1
        if batch.first_seq > expected:
            raise self._bad(expected, "the row is missing")
        if batch.first_seq < expected:
            raise self._bad(batch.first_seq, "the row stands before the segment's first")
        try:
            entries = decode_entries(batch.body)
        except Malformed as error:
            raise self._bad(expected, f"the batch that begins here is damaged: {error}") from error
        chains = chains_of(self._sm3, expected, self._chain, entries)
        if (batch.rows, batch.chain) != (len(entries), chains[-1]):
            raise self._bad(expected, "the batch that begins here does not continue the chain")
        if (batch.first_serial, batch.last_serial) != serial_range(entries):
            raise self._bad(expected, "the batch that begins here is filed under other serials")
        self._seq, self._chain = batch.last_seq, batch.chain
        self._count(batch.rows)
        return chains

    def _count(self, rows: int) -> None:
        before, self.rows = self.rows, self.rows + rows
        if self._progress and before // _ROWS_PER_PROGRESS < self.rows // _ROWS_PER_PROGRESS:
            self._progress(self._number, self.rows)

    def _check_head(self, head: Head, first_seq: int, chains: Sequence[bytes]) -> None:
        self._verify(head)
        if head.seq < first_seq or head.seq <= self.headed_seq:
            raise self._bad(head.seq, "the head is out of order")
        if head.chain != chains[head.seq - first_seq]:
            raise self._bad(head.seq, "the row is not the one its signed head has")
        self.headed_seq = head.seq
        self.heads += 1

    def _verify(self, head: Head) -> None:
        message = head_message(head.seq, head.chain, head.at)
        if not self._verify_head(message, head.signature):
            raise self._bad(head.seq, "the signature of the head does not verify")

    def _read_heads(self, files: contextlib.ExitStack, *, is_last: bool) -> Iterator[Head]:
        """Open the heads of the segment now, to be read as the rows come by."""
        path = heads_path(self._folder, self._number)
        try:
            file = files.enter_context(path.open("rb"))
        except FileNotFoundError:
            return iter(())
        return self._decode_heads(read_lines(file), is_last=is_last)

    def _decode_heads(self, lines: Iterator[bytes], *, is_last: bool) -> Iterator[Head]:
        for line in lines:
            try:
                head = decode_head(line.removesuffix(b"\n"))
            except Malformed as error:
                self.is_head_torn = is_last and next(lines, None) is None
                if self.is_head_torn:
                    return
                raise self._bad(self._seq + 1, "a line amid the heads is none") from error
            yield head
