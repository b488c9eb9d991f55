"""Locked memory for secrets: kept out of swap, core dumps and forked children, zeroed on close."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from abc import ABC, abstractmethod
from types import TracebackType
from typing import NoReturn, Self

from appliance.errors import Fault

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.explicit_bzero.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.explicit_bzero.restype = None

_MADV_WIPEONFORK = 18  # linux/mman.h; the mmap module of 3.11 does not name it


class Zeroed(ABC):
    """A context manager whose secrets `close` zeroes, at its end at the latest."""

    @abstractmethod
    def close(self) -> None:
        """Zero the secrets; calling twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class SecretBuffer(Zeroed):
    """`size` octets of secret in pages of their own; a context manager that zeroes them at its end.

    The pages stay mapped until the object dies, so that a late reader sees zeros and never somebody
    else's memory.  `is_locked` tells whether the kernel granted mlock (RLIMIT_MEMLOCK); a buffer it
    refused works all the same.  The repr never shows content, and a secret is neither copied nor
    pickled.
    """

    _closed = True  # until the pages exist, there is nothing for __del__ to zero

    def __init__(self, size: int) -> None:
        if size < 1:
            raise Fault("a secret has at least one octet")
        self.size = size
        self._pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._view = memoryview(self._pages)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        self._closed = False
        self.is_locked = _libc.mlock(self._address, size) == 0
        self._pages.madvise(mmap.MADV_DONTDUMP)
        self._pages.madvise(_MADV_WIPEONFORK)

    @property
    def view(self) -> memoryview:
        """The content, writable, for `readinto` and the like; it dies with the buffer."""
        self._require_open()
        return self._view

    @property
    def address(self) -> int:
        """Where the content lies, for native code."""
        self._require_open()
        return self._address

    def close(self) -> None:
        """Zero the content and release the view; calling twice is harmless."""
        if self._closed:
            return
        self._closed = True
        _libc.explicit_bzero(self._address, self.size)
        with contextlib.suppress(BufferError):  # someone still holds an export: it reads zeros
            self._view.release()

    def _require_open(self) -> None:
        if self._closed:
            raise Fault("a closed secret was used")

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise Fault("a secret is neither copied nor pickled")

    def __repr__(self) -> str:
        return f"<SecretBuffer of {self.size} octets>"
