"""The phone's store: one file, sealed, replaced as a whole, used by one program at a time.

Its key is the device's: 32 octets in a file of mode 0600 beside it, or handed in from a key store
of the operating system.  It is never derived from the PIN, and nothing in the file tells a right
one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from shiyin_cosign import cipher, profile
from shiyin_cosign.errors import StoreError
from shiyin_cosign.profile import Profile

_PRIVATE = 0o600
_OTHERS = 0o077
_COUNTERS = 64
"""So many counters are set apart by one write; those of a program that ended are left out."""


class Store:
    """An open store; a context manager that lets it go.  `profile` is what it holds."""

    def __init__(self, path: Path, key: bytes, lock: int) -> None:
        self.path = path
        self._key = key
        self._lock = lock
        self._profile: Profile | None = None
        self._ctr = 0

    @classmethod
    def open(cls, path: Path, key: bytes | None = None) -> Self:
        """Open a store that is there.  Raises StoreError."""
        store = cls._locked(path, key, is_new=False)
        try:
            store._read()
        except BaseException:
            store.close()
            raise
        store._ctr = store.profile.ctr
        return store

    @classmethod
    def create(cls, path: Path, key: bytes | None = None) -> Self:
        """Make room for a store that `keep` will write.  Raises StoreError where there is one."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            raise StoreError(f"{path} exists already")
        return cls._locked(path, key, is_new=True)

    @classmethod
    def _locked(cls, path: Path, key: bytes | None, *, is_new: bool) -> Self:
        if not is_new and not path.exists():
            raise StoreError(f"there is no phone in {path}: enrol one first")
        found = key if key is not None else _device_key(_beside(path, ".key"), is_new=is_new)
        if len(found) != cipher.KEY_OCTETS:
            raise StoreError(f"the key of a store has {cipher.KEY_OCTETS} octets")
        return cls(path, found, _take_lock(_beside(path, ".lock")))

    def _read(self) -> None:
        self._profile = profile.decode(cipher.unseal(self._key, self.path.read_bytes()))

    @property
    def profile(self) -> Profile:
        """What the store holds.  Raises StoreError before the first `keep` of a new one."""
        if self._profile is None:
            raise StoreError("the store is empty")
        return self._profile

    def keep(self, new: Profile) -> None:
        """Write a profile, durably, before anything goes on."""
        _replace(self.path, cipher.seal(self._key, profile.encode(new)))
        self._profile = new

    def next_counter(self) -> int:
        """Give a counter higher than any before, whatever becomes of this program."""
        if self._ctr >= self.profile.ctr:
            self.keep(replace(self.profile, ctr=self._ctr + _COUNTERS))
        self._ctr += 1
        return self._ctr

    def destroy(self) -> None:
        """Erase the store and its key."""
        for path in (self.path, _beside(self.path, ".key")):
            with contextlib.suppress(FileNotFoundError):
                _overwrite(path)
                path.unlink()
        self._profile = None

    def close(self) -> None:
        """Let another program use it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _take_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError("another program is using this phone") from error
    return descriptor


def _device_key(path: Path, *, is_new: bool) -> bytes:
    """Read the key of the device, or draw one for a new store."""
    if is_new and not path.exists():
        _replace(path, os.urandom(cipher.KEY_OCTETS))
    if not path.exists():
        raise StoreError(f"the key of the store is missing: {path}")
    if path.stat().st_mode & _OTHERS:
        raise StoreError(f"others may read {path}; it must have mode 600")
    return path.read_bytes()


def _replace(path: Path, octets: bytes) -> None:
    """Put octets in place of a file: all of them or none, also when the power fails."""
    fresh = _beside(path, ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
