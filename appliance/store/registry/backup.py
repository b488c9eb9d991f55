"""Copies of a SQLite registry, taken while it is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from appliance.errors import Fault
from appliance.quantities import Utc, render_second
from appliance.store.files import sync_folder
from appliance.store.registry.database import Database

KEPT = 5


def back_up_sqlite(database: Database, folder: Path, now: Utc, kept: int = KEPT) -> Path:
    """Copy a database of SQLite into `folder` under the date of `now`; keep the last `kept` copies.

    Gives the path of the copy, which is itself a registry.  Raises Fault.
    """
    source = database.engine.url.database
    assert source, "a registry is a file"
    second = render_second(now.posix_us // 1_000_000).decode()
    path = folder / f"registry-{second[:8]}T{second[8:]}Z.sqlite"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(Path(source), path)
        _make_room(folder, kept)
    except (OSError, sqlite3.Error) as error:
        raise Fault(f"the registry cannot be copied to {folder}: {error}") from error
    return path


def _copy(source: Path, path: Path) -> None:
    """Copy by SQLite's own means into a file that has its name only when it is whole."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with (
        closing(sqlite3.connect(source.as_uri() + "?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(fresh)) as new,
    ):
        old.backup(new)
    descriptor = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
    sync_folder(path.parent)


def _make_room(folder: Path, kept: int) -> None:
    for path in sorted(folder.glob("registry-*.sqlite"))[:-kept]:
        path.unlink(missing_ok=True)
