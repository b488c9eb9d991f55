"""BER of indefinite length (X.690 8.1.3.6) made definite, for the strict reader to judge.

Writers that stream a document, OpenSSL and BouncyCastle among them, leave the lengths around it
open and cut it into pieces.  Only that is undone; what has a length is copied as it stands, so that
nothing under a signature changes.
"""

from __future__ import annotations

from appliance.asn1 import der
from appliance.errors import Malformed

MAX_DEPTH = 12
MAX_PIECES = 1 << 16

_INDEFINITE = 0x80
_CONSTRUCTED = 0x20
_CONSTRUCTED_OCTETS = der.OCTET_STRING | _CONSTRUCTED


def definite(data: bytes) -> bytes:
    """Render a value that fills `data` with definite lengths; DER comes back as it is.

    Raises Malformed, also past `MAX_DEPTH` open lengths in one another or `MAX_PIECES` values.
    """
    if len(data) < 2 or data[1] != _INDEFINITE:
        return data
    return _Closing(data).run()


class _Closing:
    """One walk over a value, with a budget."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_PIECES

    def run(self) -> bytes:
        closed, stop = self._value(0, 0)
        der.finish(stop, len(self._data))
        return closed

    def _value(self, position: int, depth: int) -> tuple[bytes, int]:
        """Give the value at `position` with a length, and where it ends."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise Malformed("BER is nested too deeply, or has too many pieces")
        data = self._data
        if position + 2 > len(data):
            raise Malformed("BER ends inside a header")
        tag = data[position]
        if data[position + 1] != _INDEFINITE:
            _, start, stop = der.read(data, position, len(data))
            if tag == _CONSTRUCTED_OCTETS:
                return self._joined(start, stop, depth)
            return data[position:stop], stop
        if not tag & _CONSTRUCTED or tag & 0x1F == 0x1F:
            raise Malformed("BER of indefinite length is not constructed")
        pieces, stop = self._open(position + 2, depth)
        if tag == _CONSTRUCTED_OCTETS:
            return der.octet_string(b"".join(map(_piece, pieces))), stop
        return der.tlv(tag, *pieces), stop

    def _open(self, position: int, depth: int) -> tuple[list[bytes], int]:
        """Read values up to the end-of-contents octets."""
        pieces = []
        while self._data[position : position + 2] != b"\0\0":
            piece, position = self._value(position, depth + 1)
            pieces.append(piece)
        return pieces, position + 2

    def _joined(self, position: int, end: int, depth: int) -> tuple[bytes, int]:
        """Join the pieces of a constructed OCTET STRING that has a length."""
        pieces = []
        while position < end:
            piece, position = self._value(position, depth + 1)
            pieces.append(piece)
        der.finish(position, end)
        return der.octet_string(b"".join(map(_piece, pieces))), end


def _piece(value: bytes) -> bytes:
    start, stop = der.whole(value, der.OCTET_STRING)
    return value[start:stop]
