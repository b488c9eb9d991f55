"""Connections of frames in memory, and a control socket that answers one question."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from twisted.internet.testing import StringTransport

from appliance.services.messages import Frame
from appliance.wire.ipc import socket_address

GUARD_S = 20.0


def framed(frame: Frame) -> bytes:
    """Render a frame with its length."""
    return framed_octets(msgspec.msgpack.encode(frame))


def framed_octets(octets: bytes) -> bytes:
    """Put a length before octets."""
    return len(octets).to_bytes(4, "big") + octets


class PeerOf:
    """A socket whose peer has a uid (SO_PEERCRED)."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        """Give struct ucred."""
        assert (level, option, size) == (socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.pack("3i", 4711, self._uid, 4712)


class UnixTransport(StringTransport):
    """A transport over a Unix socket whose peer has a uid."""

    def __init__(self, uid: int) -> None:
        super().__init__()
        self._uid = uid

    def getHandle(self) -> PeerOf:
        """Give the socket."""
        return PeerOf(self._uid)


@contextmanager
def control_socket(path: Path, answer: Callable[[bytes], bytes], hello: bytes) -> Iterator[None]:
    """Serve one connection on `path`: say `hello`, read a frame, say what `answer` makes of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        with socket_address(path) as address:
            listening.bind(address)
        listening.listen(1)
        listening.settimeout(GUARD_S)

        def serve() -> None:
            line = listening.accept()[0]
            with line, line.makefile("rb") as reader:
                line.settimeout(GUARD_S)
                line.sendall(hello)
                length = int.from_bytes(reader.read(4), "big")
                line.sendall(answer(reader.read(length)))

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield
        finally:
            server.join(GUARD_S)


@contextmanager
def rude_socket(path: Path) -> Iterator[None]:
    """Take one connection on `path` and hang up on it without a word."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen(1)
        listening.settimeout(GUARD_S)

        def serve() -> None:
            listening.accept()[0].close()

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield
        finally:
            server.join(GUARD_S)
