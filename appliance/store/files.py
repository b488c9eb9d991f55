"""Small files written so that a crash leaves the old content or the new, never a mixture."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a temporary file beside `path`, fsync it, rename it over `path`, fsync the folder."""
    with write_from(path, mode=mode) as file:
        file.write(content)


@contextlib.contextmanager
def write_from(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Give the temporary file of `write_durably` to be written; it is kept where nothing raises."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        yield file
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
