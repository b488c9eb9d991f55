"""The TrustedTime page as a mapped file: `timed` writes it in place, the other roles read it.

The file keeps its inode and its size for life, so that a mapping once made stays good.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from typing import Self

from appliance.errors import Conflict, Fault
from appliance.timing.page import PAGE_SIZE, SLOT_STRIDE, PageSlot, choose, encode_slot

_HEAD_SIZE = 8
_FILE_MODE = 0o640


class TimePageFile:
    """The page, open for its one writer."""

    def __init__(self, descriptor: int, pages: mmap.mmap, last_sequence: int) -> None:
        self._descriptor = descriptor
        self._map = pages
        self._last_sequence = last_sequence

    @classmethod
    def create(cls, path: Path) -> Self:
        """Open the page for writing, made when absent, kept as it is when present.

        Raises Conflict when another writer has it, Fault when a file of another size is there.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, _FILE_MODE)
        try:
            _claim(descriptor, path)
            pages = mmap.mmap(descriptor, PAGE_SIZE)
        except BaseException:
            os.close(descriptor)
            raise
        present = choose(pages[:])
        return cls(descriptor, pages, present.sequence if present else 0)

    @property
    def next_sequence(self) -> int:
        """The sequence the next slot must carry; it goes on from what an earlier writer left."""
        return self._last_sequence + 1

    def write(self, slot: PageSlot) -> None:
        """Put `slot` in its place; until it is whole, readers find the one before it sound."""
        assert slot.sequence == self.next_sequence
        octets = encode_slot(slot)
        start = (slot.sequence & 1) * SLOT_STRIDE
        end = start + len(octets)
        # Version 0 is sound to nobody: it goes first, the true one last.
        self._map[start : start + _HEAD_SIZE] = bytes(_HEAD_SIZE)
        self._map[start + _HEAD_SIZE : end] = octets[_HEAD_SIZE:]
        self._map[start : start + _HEAD_SIZE] = octets[:_HEAD_SIZE]
        self._last_sequence = slot.sequence

    def close(self) -> None:
        """Give the page up; what stands in it goes stale by itself."""
        self._map.close()
        os.close(self._descriptor)


class TimePageReader:
    """The page, mapped read-only as soon as it exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None

    def read(self) -> bytes:
        """Copy the page; empty, which holds no sound slot, while there is no file of its size."""
        if self._map is None:
            self._map = _map_to_read(self._path)
        return self._map[:] if self._map else b""

    def close(self) -> None:
        """Unmap the page."""
        if self._map:
            self._map.close()
            self._map = None


def _claim(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"another process writes {path.name}") from None
    size = os.fstat(descriptor).st_size
    if size == 0:
        os.fchmod(descriptor, _FILE_MODE)
        os.ftruncate(descriptor, PAGE_SIZE)
    elif size != PAGE_SIZE:
        raise Fault(f"{path.name} has {size} octets, a time page has {PAGE_SIZE}")


def _map_to_read(path: Path) -> mmap.mmap | None:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != PAGE_SIZE:
                return None
            return mmap.mmap(file.fileno(), PAGE_SIZE, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
