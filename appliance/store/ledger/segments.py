"""Segment files of the ledger: how one is named, made, opened, sealed and searched.

The ledger's folder holds `ledger/00000001.sqlite` and on, one SQLite file a segment, and
`heads/00000001.heads` and on, the signed heads outside the database.  The highest segment is the
active one, in WAL mode; the others are finished, and sealed as soon as no reader is in the way:
one file without a journal, mode 0440.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from appliance.errors import Conflict, Fault, Unavailable
from appliance.store.files import sync_folder

FORMAT_VERSION = 2

# Measured with batches of 1, 16 and 64 rows: 8 KiB pages and a checkpoint each 4 MiB cost least
# in all; the commit that checkpoints takes 4 ms, 6 ms with SQLite's 4 KiB, 10-20 ms each 16 MiB.
_PAGE_SIZE = 8192
_CHECKPOINT_PAGES = (4 << 20) // _PAGE_SIZE
_WAL_LIMIT = 16 << 20
_CACHE_KIB = 512  # what is appended is never read again: SQLite's 2 MiB would fill with old pages

_SEGMENT_NAME = re.compile(r"(\d{8})\.sqlite")
_SEALED_MODE = 0o440

_SCHEMA = """
CREATE TABLE meta(
    format_version INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    start_chain BLOB NOT NULL
) STRICT;
CREATE TABLE batch(
    first_seq INTEGER PRIMARY KEY,
    rows INTEGER NOT NULL,
    first_serial BLOB,
    last_serial BLOB,
    body BLOB NOT NULL,
    chain BLOB NOT NULL
) STRICT;
CREATE INDEX by_serial ON batch(last_serial, first_serial) WHERE last_serial IS NOT NULL;
"""
_META = "SELECT format_version, segment, first_seq, start_chain FROM meta"


class Meta(NamedTuple):
    """What a segment says of itself: its number, first sequence, the chain value it starts from."""

    format_version: int
    segment: int
    first_seq: int
    start_chain: bytes


def segment_path(folder: Path, number: int) -> Path:
    """Name the database of segment `number` (from 1) of the ledger in `folder`."""
    return folder / "ledger" / f"{number:08d}.sqlite"


def segment_numbers(folder: Path) -> list[int]:
    """List the segments present, ascending; an absent folder holds none."""
    return numbers_in(folder / "ledger", _SEGMENT_NAME)


def numbers_in(folder: Path, pattern: re.Pattern[str]) -> list[int]:
    """List the numbers (group 1 of `pattern`) of the files in `folder`, ascending."""
    if not folder.is_dir():
        return []
    names = (pattern.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(name[1]) for name in names if name)


def publish_database(temporary: Path, path: Path) -> None:
    """Give a finished, closed database its name; a crash leaves it whole there or not at all."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Translate what SQLite and the file system raise.

    Raises Unavailable for a full disk, an I/O error or a lock, Conflict for a value that is there
    already, Fault for a damaged database.
    """
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise Unavailable(f"{doing}: {error}") from error
    except sqlite3.IntegrityError as error:
        raise Conflict(f"{doing}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Fault(f"{doing}: {error}") from error


def create_segment(folder: Path, meta: Meta) -> None:
    """Make an empty segment, complete and durable before it has its name."""
    path = segment_path(folder, meta.segment)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
        # A rollback journal left by a crash would be played into the next file of this name.
        connection.execute("PRAGMA journal_mode=MEMORY")
        connection.execute(f"PRAGMA page_size={_PAGE_SIZE}")
        connection.executescript(_SCHEMA)
        connection.execute(
            "INSERT INTO meta(format_version, segment, first_seq, start_chain) VALUES(?, ?, ?, ?)",
            meta,
        )
    temporary.chmod(0o640)
    publish_database(temporary, path)


def open_for_append(path: Path) -> sqlite3.Connection:
    """Open the active segment as its one writer: WAL, each commit durable when it returns.

    The connection is used by one thread at a time; its owner sees to that.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT}")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    return connection


@contextlib.contextmanager
def open_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a segment read-only, whether its writer runs or not.

    Raises Fault when it is absent or of another format.
    """
    if not path.exists():
        raise Fault(f"the ledger lacks its segment {path.name}")
    # Without locks and journal a sealed segment can be read from a read-only file system.
    options = "mode=ro&immutable=1" if is_sealed(path) else "mode=ro"
    uri = f"{path.absolute().as_uri()}?{options}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        read_meta(connection)
        yield connection


def is_sealed(path: Path) -> bool:
    """Tell whether a segment is finished for good: nobody may write it any more."""
    return path.stat().st_mode & 0o222 == 0


def seal_segment(path: Path) -> bool:
    """Bring a finished segment into one file without a journal and set it read-only.

    Tells whether it is sealed now; False means a reader is inside, and a later call will do it.
    """
    if is_sealed(path):
        return True
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            return False
    path.chmod(_SEALED_MODE)
    return True


def read_meta(connection: sqlite3.Connection) -> Meta:
    """Read what the segment says of itself.  Raises Fault for nothing or another format."""
    found = connection.execute(_META).fetchall()
    if len(found) != 1:
        raise Fault("a ledger segment has no single meta row")
    meta = Meta(*found[0])
    if meta.format_version != FORMAT_VERSION:
        raise Fault(f"a ledger segment has format {meta.format_version}, not {FORMAT_VERSION}")
    return meta
