"""The proof that a ledger is whole: reads its files as anyone may, and names the first bad row.

Nothing is shared with the writer but the formats, and the writer may run meanwhile: each segment is
read in one snapshot, its heads before its rows.  Memory does not grow with the ledger.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import attrs

from appliance.errors import Fault, Malformed
from appliance.store import segments
from appliance.store.chain import GENESIS, Entry, Hash, Row, link, sm3_hash
from appliance.store.heads import (
    Head,
    VerifyHead,
    decode_head,
    head_message,
    heads_numbers,
    heads_path,
    read_lines,
)

Progress = Callable[[int, int], None]
"""Takes the segment that is read and the rows proven so far, every 10,000 rows."""

_ROWS_PER_PROGRESS = 10_000
_BEFORE_ANY_SEQ = -(1 << 63)


class FirstBad(NamedTuple):
    """Where a ledger is first seen to be changed, and what is wrong there."""

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
    """Check every row, link and head of the ledger in `folder`, up to the first bad row.

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
            except (sqlite3.Error, Fault) as error:
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
            for row in segments.rows_from(connection, _BEFORE_ANY_SEQ):
                self._check_row(row)
                while head and head.seq <= self._seq:
                    self._check_head(head)
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

    def _check_row(self, row: Row) -> None:
        expected = self._seq + 1
        if row.seq > expected:
            raise self._bad(expected, "the row is missing")
        if row.seq < expected:
            raise self._bad(row.seq, "the row stands before the segment's first")
        if row.serial == b"" or self._link(row) != row.chain:
            raise self._bad(row.seq, "the row does not continue the chain")
        self._seq, self._chain = row.seq, row.chain
        self.rows += 1
        if self._progress and self.rows % _ROWS_PER_PROGRESS == 0:
            self._progress(self._number, self.rows)

    def _link(self, row: Row) -> bytes | None:
        try:
            return link(self._sm3, self._chain, row.seq, Entry(row.kind, row.body, row.serial))
        except (struct.error, TypeError):
            return None  # a value no writer of ours can have stored

    def _check_head(self, head: Head) -> None:
        self._verify(head)
        if head.seq != self._seq or head.seq <= self.headed_seq:
            raise self._bad(head.seq, "the head is out of order")
        if head.chain != self._chain:
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
