"""Signed heads: how far the ledger reached at an instant, kept outside the database.

One JSON line a head, in one append-only file a segment.  Who cuts rows off the ledger's end, or
writes the whole ledger anew, contradicts a head he cannot sign.
"""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

import attrs
import msgspec

from appliance.errors import Fault, Malformed
from appliance.quantities import NS_PER_S, Utc
from appliance.store.files import sync_folder, write_durably
from appliance.store.ledger.segments import numbers_in

SignHead = Callable[[bytes], bytes]
VerifyHead = Callable[[bytes, bytes], bool]
"""Takes what was signed, then the signature."""

HEAD_VERSION = 1
MAX_ROWS_WITHOUT_HEAD = 1000
MAX_NS_WITHOUT_HEAD = NS_PER_S

_DOMAIN = b"shiyin ledger head v1\x00"
_HEADS_NAME = re.compile(r"(\d{8})\.heads")
_signed_head = struct.Struct(">Q32sq").pack
_MAX_LINE = 4096


@attrs.frozen
class Head:
    """A signed statement that row `seq` had chain value `chain` at the instant `at`."""

    seq: int
    chain: bytes
    at: Utc
    signature: bytes


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    seq: int
    chain: str
    at: int
    sig: str


def heads_path(folder: Path, number: int) -> Path:
    """Name the heads file of segment `number` of the ledger in `folder`."""
    return folder / "heads" / f"{number:08d}.heads"


def heads_numbers(folder: Path) -> list[int]:
    """List the segments that have a heads file, ascending; an absent folder holds none."""
    return numbers_in(folder / "heads", _HEADS_NAME)


def head_message(seq: int, chain: bytes, at: Utc) -> bytes:
    """Render what is signed: a domain of its own || seq (8) || chain (32) || at in UTC us (8)."""
    return _DOMAIN + _signed_head(seq, chain, at.posix_us)


def encode_head(head: Head) -> bytes:
    """Render a head as its line, the newline included."""
    line = _Line(HEAD_VERSION, head.seq, head.chain.hex(), head.at.posix_us, head.signature.hex())
    return msgspec.json.encode(line) + b"\n"


def decode_head(line: bytes) -> Head:
    """Read a line without its newline.  Raises Malformed."""
    try:
        read = msgspec.json.decode(line, type=_Line)
        chain, signature = bytes.fromhex(read.chain), bytes.fromhex(read.sig)
    except ValueError as error:
        raise Malformed("not a ledger head") from error
    if read.v != HEAD_VERSION or len(chain) != 32 or not 0 < read.seq < 1 << 63:
        raise Malformed("not a ledger head of this version")
    if not -(1 << 63) <= read.at < 1 << 63:
        raise Malformed("a ledger head outside of time")
    return Head(read.seq, chain, Utc(read.at), signature)


def is_head_due(rows_since: int, elapsed_ns: int) -> bool:
    """Decide whether a head must be written now: rows wait for one, since 1 s or 1,000 rows."""
    return rows_since >= MAX_ROWS_WITHOUT_HEAD or (
        rows_since > 0 and elapsed_ns >= MAX_NS_WITHOUT_HEAD
    )


def read_lines(file: BinaryIO) -> Iterator[bytes]:
    """Read the lines present when called, newlines included; the last may lack its own.

    A line over 4 KiB comes in pieces.
    """
    return _lines(file, os.fstat(file.fileno()).st_size)


def _lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        line = file.readline(min(size, _MAX_LINE))
        if not line:
            return
        size -= len(line)
        yield line


class HeadsFile:
    """The heads file of the active segment, open for its one writer.

    A last line that a crash tore off is dropped when the file is opened: `was_torn` tells.
    What the system raises as OSError passes through.
    """

    def __init__(self, descriptor: int, size: int, last: Head | None, *, was_torn: bool) -> None:
        self._descriptor = descriptor
        self._size = size
        self.last = last
        self.was_torn = was_torn

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file for appending, made when absent.  Raises Fault past one torn line."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            sound, last = _survey(path)
            was_torn = sound != os.fstat(descriptor).st_size
            if was_torn:
                os.ftruncate(descriptor, sound)
            sync_folder(path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, sound, last, was_torn=was_torn)

    def append(self, head: Head) -> None:
        """Add a head, durable when this returns; after an OSError the next call tries afresh."""
        line = encode_head(head)
        # What an earlier failure left behind goes first.
        if os.fstat(self._descriptor).st_size != self._size:
            os.ftruncate(self._descriptor, self._size)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, "a ledger head was written in part")
        os.fdatasync(self._descriptor)
        self._size += len(line)
        self.last = head

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def compact_heads(path: Path) -> None:
    """Keep only the last head of a finished segment; an absent or empty file stays as it is."""
    if not path.exists():
        return
    _sound, last = _survey(path)
    if last is None or path.stat().st_size == len(encode_head(last)):
        return
    write_durably(path, encode_head(last), mode=0o640)


def _survey(path: Path) -> tuple[int, Head | None]:
    """Find where the sound lines end, and the last head.  Raises Fault past one torn line."""
    size = path.stat().st_size
    start = max(0, size - 2 * _MAX_LINE)
    with path.open("rb") as file:
        file.seek(start)
        *lines, rest = file.read(size - start).split(b"\n")
    sound = size - len(rest)
    # A power cut may leave the newline and not all of what stands before it.
    if lines and not rest and not _is_head(lines[-1]):
        sound -= len(lines.pop()) + 1
    if start and not lines:
        raise Fault(f"no ledger head at the end of {path.name}")
    try:
        return sound, decode_head(lines[-1]) if lines else None
    except Malformed as error:
        raise Fault(f"{path.name} ends in more than one bad line") from error


def _is_head(line: bytes) -> bool:
    try:
        decode_head(line)
    except Malformed:
        return False
    return True
