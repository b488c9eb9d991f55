"""Indexes of a sealed segment by digest, client and time, in a side file, made off the hot path.

They hold nothing that is not in the segment: one that is lost or in doubt is deleted and made anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from appliance.errors import Conflict
from appliance.store.ledger import segment_rows, segments

_SCHEMA = """
PRAGMA journal_mode=OFF;
PRAGMA synchronous=OFF;
CREATE TABLE row_key(
    seq INTEGER PRIMARY KEY,
    digest BLOB,
    client TEXT,
    at_us INTEGER
) STRICT;
"""
_INDEXES = """
CREATE INDEX by_digest ON row_key(digest) WHERE digest IS NOT NULL;
CREATE INDEX by_client ON row_key(client, at_us) WHERE client IS NOT NULL;
CREATE INDEX by_time ON row_key(at_us) WHERE at_us IS NOT NULL;
"""


class Keys(NamedTuple):
    """What a row can be found by; `at_us` is UTC in microseconds since 1970."""

    digest: bytes | None = None
    client: str | None = None
    at_us: int | None = None


Extract = Callable[[int, bytes], Keys | None]
"""Takes the kind and the body of a row; None leaves the row out."""

_KeyRow = tuple[int, bytes | None, str | None, int | None]


def index_path(path: Path) -> Path:
    """Name the index of the segment at `path`."""
    return path.with_suffix(".index.sqlite")


def index_segment(path: Path, extract: Extract) -> Path:
    """Make the index of a sealed segment, unless it is there; returns where it is.

    It gets its name when it is complete and durable, so a run that was broken off is repeated.
    Raises Conflict while the segment is not sealed, Fault when it is damaged, Unavailable when the
    disk is full or fails.
    """
    final = index_path(path)
    if final.exists():
        return final
    temporary = path.with_suffix(".index.new")
    with segments.storage_errors("indexing a ledger segment"):
        if not segments.is_sealed(path):
            raise Conflict(f"{path.name} is not sealed yet")
        temporary.unlink(missing_ok=True)
        with (
            segments.open_for_reading(path) as segment,
            contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as index,
        ):
            _fill(index, _key_rows(segment, extract))
        temporary.chmod(0o440)
        segments.publish_database(temporary, final)
    return final


def _fill(index: sqlite3.Connection, rows: Iterator[_KeyRow]) -> None:
    index.executescript(_SCHEMA)
    index.execute("BEGIN")
    index.executemany("INSERT INTO row_key(seq, digest, client, at_us) VALUES(?, ?, ?, ?)", rows)
    index.execute("COMMIT")
    index.executescript(_INDEXES)


def _key_rows(segment: sqlite3.Connection, extract: Extract) -> Iterator[_KeyRow]:
    for batch in segment_rows.all_batches(segment):
        for seq, entry in enumerate(segment_rows.entries_of(batch), batch.first_seq):
            keys = extract(entry.kind, entry.body)
            if keys is not None:
                yield (seq, *keys)
