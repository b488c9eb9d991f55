"""Locked memory for secrets: kept out of swap, core dumps and forked children, zeroed on close."""

from __future__ import annotations

import ctypes
import mmap
from types import TracebackType
from typing import Self

from appliance.errors import Fault

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.explicit_bzero.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.explicit_bzero.restype = None

_MADV_WIPEONFORK = 18  # linux/mman.h; the mmap module of 3.11 does not name it


class SecretBuffer:
    """`size` octets of secret in pages of their own; a context manager that zeroes them at its end.

    `view` is a writable memoryview for `readinto` and native code; nothing copies out of it into
    Python objects.  The repr never shows content.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._exported = ctypes.c_char.from_buffer(self._pages)
        self.address = ctypes.addressof(self._exported)
        _libc.mlock(self.address, size)
        self._pages.madvise(mmap.MADV_DONTDUMP)
        self._pages.madvise(_MADV_WIPEONFORK)
        self._closed = False

    @property
    def view(self) -> memoryview:
        """The content, writable; release it before the buffer is closed."""
        if self._closed:
            raise Fault("a closed secret was used")
        return memoryview(self._pages)[: self.size]

    def close(self) -> None:
        """Zero the content; calling twice is harmless."""
        if not self._closed:
            self._closed = True
            _libc.explicit_bzero(self.address, self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SecretBuffer of {self.size} octets>"
