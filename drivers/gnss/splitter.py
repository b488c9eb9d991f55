"""Cuts what a receiver sends into NMEA sentences, UBX frames and CASIC frames, in one pass.

Checksums are checked here, so a frame that comes out is as it was sent.  What is no frame is
skipped; octets between frames that start like one and are none count as garbled.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import NamedTuple

from drivers.gnss.casic import CASIC_OVERHEAD, casic_checksum
from drivers.gnss.nmea import MAX_SENTENCE, nmea_checksum
from drivers.gnss.ubx import UBX_OVERHEAD, ubx_checksum

MAX_PAYLOAD = 3072  # NAV-SAT of 255 satellites has 3068 octets

_START = re.compile(rb"\$|\xb5(?:\x62|\Z)|\xba(?:\xce|\Z)")
_SENTENCE = re.compile(rb"\$([ -#%%-)+-~]{5,%d})\*([0-9A-Fa-f]{2})\r?\n" % (MAX_SENTENCE - 6))
_BEGUN_SENTENCE = re.compile(rb"\$[ -#%%-~]{0,%d}\r?\Z" % MAX_SENTENCE)


class Protocol(enum.Enum):
    """Whose frame it is."""

    NMEA = "nmea"
    UBX = "ubx"
    CASIC = "casic"


class Frame(NamedTuple):
    """A sentence without `$`, checksum and line end; or a payload and its class << 8 | id."""

    protocol: Protocol
    message: int
    body: bytes


class Splitter:
    """The framer of a receiver's line; `garbled` counts false starts and wrong checksums."""

    def __init__(self) -> None:
        self.garbled = 0
        self._rest = b""

    @property
    def is_pending(self) -> bool:
        """Tell whether a frame has begun that is not whole yet."""
        return bool(self._rest)

    def feed(self, octets: bytes) -> list[Frame]:
        """Give the frames that are whole now; at most one begun frame is kept for later."""
        data = self._rest + octets
        self._rest = b""
        return list(self._frames(data))

    def _frames(self, data: bytes) -> Iterator[Frame]:
        position = 0
        while start := _START.search(data, position):
            position = start.start()
            found = self._frame_at(data, position)
            if isinstance(found, int):
                if found:
                    self.garbled += 1
                    position += found
                    continue
                self._rest = data[position:]
                return
            frame, position = found
            yield frame

    def _frame_at(self, data: bytes, start: int) -> tuple[Frame, int] | int:
        """Read the frame at `start` and where it ends; else how far to skip, 0 for wait."""
        first = data[start]
        if first == 0x24:
            return _sentence_at(data, start)
        if len(data) - start < 6:
            return 0
        if first == 0xB5:
            return _ubx_at(data, start)
        return _casic_at(data, start)


def _sentence_at(data: bytes, start: int) -> tuple[Frame, int] | int:
    found = _SENTENCE.match(data, start)
    if found is None:
        return 0 if _BEGUN_SENTENCE.match(data, start) else 1
    body = found[1]
    if nmea_checksum(body) != int(found[2], 16):
        return 1
    return Frame(Protocol.NMEA, 0, body), found.end()


def _ubx_at(data: bytes, start: int) -> tuple[Frame, int] | int:
    """UBX: B5 62, class, id, length (little-endian), payload, two octets of Fletcher's sum."""
    size = data[start + 4] | data[start + 5] << 8
    if size > MAX_PAYLOAD:
        return 2
    stop = start + size + UBX_OVERHEAD
    if stop > len(data):
        return 0
    if ubx_checksum(data[start + 2 : stop - 2]) != data[stop - 2 : stop]:
        return 2
    message = data[start + 2] << 8 | data[start + 3]
    return Frame(Protocol.UBX, message, data[start + 6 : stop - 2]), stop


def _casic_at(data: bytes, start: int) -> tuple[Frame, int] | int:
    """CASIC: BA CE, length (little-endian, a multiple of 4), class, id, payload, a 32-bit sum."""
    size = data[start + 2] | data[start + 3] << 8
    if size > MAX_PAYLOAD or size % 4:
        return 2
    stop = start + size + CASIC_OVERHEAD
    if stop > len(data):
        return 0
    if casic_checksum(data[start + 2 : stop - 4]) != data[stop - 4 : stop]:
        return 2
    message = data[start + 4] << 8 | data[start + 5]
    return Frame(Protocol.CASIC, message, data[start + 6 : stop - 4]), stop
