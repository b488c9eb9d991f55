"""Frames between our own processes: a 32-bit length, then one msgpack Struct, over AF_UNIX streams.

The server greets first; a peer whose uid is not allowed, or who sends anything but its verb set,
is cut off without an answer.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as BaseProtocol
from twisted.logger import Logger
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from appliance.services.messages import FRAME_LIMIT, Frame
from appliance.services.reactor import Clock
from appliance.services.sparse_log import SparseLog

Incoming = TypeVar("Incoming")

CONNECTION_LIMIT = 128
"""Twice the fronts there can be: a front gone wrong takes no more of a server than this."""

_encode = msgspec.msgpack.Encoder().encode
_UCRED = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7), SO_PEERCRED)
_WHY_CHARACTERS = 200  # msgspec quotes what it refuses, however long
_LONGEST_PATH = 100  # sun_path holds 108 octets with its terminator


class FrameProtocol(Int32StringReceiver, Generic[Incoming]):
    """One connection: sends frames, decodes `Incoming`, hangs up on anything else."""

    MAX_LENGTH = FRAME_LIMIT
    _logger = Logger()

    def __init__(
        self,
        incoming: msgspec.msgpack.Decoder[Incoming],
        received: Callable[[FrameProtocol[Incoming], Incoming], None],
        *,
        log: SparseLog | None = None,
        opened: Callable[[FrameProtocol[Incoming]], None] | None = None,
        closed: Callable[[FrameProtocol[Incoming]], None] | None = None,
    ) -> None:
        self._incoming = incoming
        self._received = received
        self._log = log or self._logger
        self._opened = opened
        self._closed = closed
        self.is_open = False

    def connectionMade(self) -> None:
        """Greet, or whatever else the owner does first."""
        self.is_open = True
        if self._opened is not None:
            self._opened(self)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002
        """Tell the owner; nothing can be sent from now on."""
        self.is_open = False
        if self._closed is not None:
            self._closed(self)

    def stringReceived(self, string: bytes) -> None:
        """Decode one frame and hand it to the owner; after hanging up, nothing is heard."""
        if not self.is_open:
            return
        try:
            frame = self._incoming.decode(string)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why = str(error)[:_WHY_CHARACTERS]
            self._log.warn("a peer sent what is no frame of its verb set", why=why)
            self.abort()
            return
        self._received(self, frame)

    def lengthLimitExceeded(self, length: int) -> None:
        """Hang up on a frame over the limit before reading it."""
        self._log.warn("a peer announced a frame over the limit", octets=length)
        self.abort()

    def send(self, frame: Frame) -> bool:
        """Send a frame; False when it would be over the limit or the peer is gone."""
        octets = _encode(frame)
        if len(octets) > FRAME_LIMIT or not self.is_open:
            return False
        self.sendString(octets)
        return True

    def abort(self) -> None:
        """Hang up now."""
        self.is_open = False
        if self.transport is not None:
            self.transport.abortConnection()


class FrameServer(Factory, Generic[Incoming]):
    """Accepts connections of one verb set from the uids that may use it.

    A client that does not read its answers is not read from; a server's own clients always read,
    or both sides could wait for each other.  What a client gone wrong provokes is logged sparsely.
    """

    noisy = False
    _logger = Logger()

    def __init__(
        self,
        incoming: msgspec.msgpack.Decoder[Incoming],
        received: Callable[[FrameProtocol[Incoming], Incoming], None],
        *,
        hello: Callable[[], Frame],
        allowed_uids: frozenset[int],
        clock: Clock,
    ) -> None:
        self._incoming = incoming
        self._received = received
        self._hello = hello
        self._allowed_uids = allowed_uids
        self._log = SparseLog(self._logger, clock)
        self._open: set[FrameProtocol[Incoming]] = set()

    def buildProtocol(self, addr: IAddress | None) -> BaseProtocol:  # noqa: ARG002  a Unix peer has no address
        """Make the protocol of one accepted connection."""
        return FrameProtocol(
            self._incoming,
            self._received,
            log=self._log,
            opened=self._greet,
            closed=self._open.discard,
        )

    def _greet(self, protocol: FrameProtocol[Incoming]) -> None:
        uid = _peer_uid(protocol.transport)
        if uid is not None and uid not in self._allowed_uids:
            self._log.warn("a user without the right knocked", uid=uid)
            protocol.abort()
            return
        if len(self._open) >= CONNECTION_LIMIT:
            self._log.warn("too many connections of one verb set", open=len(self._open))
            protocol.abort()
            return
        self._open.add(protocol)
        assert protocol.transport is not None
        protocol.transport.registerProducer(protocol, True)
        protocol.send(self._hello())


def _peer_uid(transport: Any) -> int | None:  # noqa: ANN401  Twisted's transports share no type
    """Ask the kernel who connected; None on transports without a socket (tests in memory)."""
    handle = getattr(transport, "getHandle", lambda: None)()
    if handle is None:
        return None
    octets = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(octets)[1])


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Give an address for `path` that fits sun_path, however deep the folder lies."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(
    path: Path, question: Frame, answer: type[Incoming], *, timeout_s: float = 10.0
) -> Incoming:
    """Ask one question on a control socket and wait; for programs without a reactor.

    Raises PermissionError when the other side hangs up without a greeting, as it does on users
    without the right, OSError when nobody answers, and msgspec.DecodeError on an answer that is
    none.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        with socket_address(path) as address:
            line.connect(address)
        with line.makefile("rb") as reader:
            try:
                _read_frame(reader.read)  # the Hello
            except ConnectionError as error:
                raise PermissionError(f"{path} hung up: this user may not ask there") from error
            octets = _encode(question)
            line.sendall(len(octets).to_bytes(4, "big") + octets)
            return msgspec.msgpack.decode(_read_frame(reader.read), type=answer)


def _read_frame(read: Callable[[int], bytes]) -> bytes:
    length = int.from_bytes(read(4), "big")
    octets = read(length) if 0 < length <= FRAME_LIMIT else b""
    if not octets or len(octets) < length:
        raise ConnectionError("the other side closed the connection")
    return octets
