"""The load: a closed loop over a few connections, so light that the box keeps the machine.

While the clock runs, replies are only cut apart and kept, with the instants of their query and
their arrival; what they say is judged afterwards, in `replies`.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import re
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import attrs
import msgspec

from appliance.errors import Malformed
from appliance.quantities import NS_PER_S

RECEIVE_OCTETS = 64 * 1024
STALL_S = 10.0
_CONNECT_S = 5.0
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r", re.IGNORECASE)

Split = Callable[[bytes], tuple[list[bytes], bytes]]
"""Cuts received octets into whole replies and what is left over."""


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A query by its index, when it was sent and answered (monotonic), and the reply as it came."""

    query: int
    sent_ns: int
    received_ns: int
    reply: bytes


@attrs.frozen
class Run:
    """What one run brought; `lost` counts queries whose connection ended or fell silent."""

    exchanges: list[Exchange]
    seconds: float
    client_cpu_s: float
    lost: int


def split_http(received: bytes) -> tuple[list[bytes], bytes]:
    """Cut HTTP/1.1 replies apart by Content-Length.  Raises Malformed for one without."""
    replies: list[bytes] = []
    start = 0
    while (head_end := received.find(b"\r\n\r\n", start)) >= 0:
        length = _CONTENT_LENGTH.search(received, start, head_end + 1)
        if length is None:
            raise Malformed("an HTTP reply without Content-Length")
        stop = head_end + 4 + int(length[1])
        if stop > len(received):
            break
        replies.append(received[start:stop])
        start = stop
    return replies, received[start:]


class _Connection:
    """A connection and the queries under way on it, oldest first: index and instant of sending."""

    __slots__ = ("asked", "receive", "rest", "send", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.send = connected.sendall
        self.receive = connected.recv
        self.asked: deque[tuple[int, int]] = deque()
        self.rest = b""


class Load:
    """Connections that each keep `depth` queries under way; the queries are taken round and round.

    The sockets block: the few small queries under way always fit their buffers, and they are read
    only when the kernel says that something came.
    """

    def __init__(self, queries: Sequence[bytes], split: Split, *, depth: int) -> None:
        self._supply = itertools.cycle(enumerate(queries))
        self._split = split
        self._depth = depth
        self._connections: dict[int, _Connection] = {}
        self._poll = select.epoll()
        self._lost = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._poll.close()

    def connect(self, host: str, port: int, count: int) -> None:
        """Open `count` connections."""
        for _ in range(count):
            connected = socket.create_connection((host, port), timeout=_CONNECT_S)
            connected.settimeout(None)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[connected.fileno()] = _Connection(connected)
            self._poll.register(connected, select.EPOLLIN)

    def run(self, seconds: float) -> Run:
        """Keep the server busy for that long, then wait for what is still under way."""
        exchanges: list[Exchange] = []
        self._lost = 0
        with _no_garbage_collection():
            cpu_s = time.process_time()
            began_ns = time.perf_counter_ns()
            self._drive(began_ns + int(seconds * NS_PER_S), exchanges)
            ended_ns = exchanges[-1].received_ns if exchanges else time.perf_counter_ns()
            cpu_s = time.process_time() - cpu_s
        self._drop_silent()
        return Run(exchanges, (ended_ns - began_ns) / NS_PER_S, cpu_s, self._lost)

    def _drive(self, until_ns: int, exchanges: list[Exchange]) -> None:
        now_ns, poll, connections = time.perf_counter_ns, self._poll.poll, self._connections
        under_way = sum(self._begin(connection) for connection in list(connections.values()))
        while under_way > 0 and (events := poll(STALL_S)):
            for fileno, _ in events:
                connection = connections[fileno]
                try:
                    heard = self._hear(connection, exchanges)
                    if now_ns() < until_ns:
                        self._ask(connection, heard)
                    else:
                        under_way -= heard
                except OSError:
                    under_way -= self._drop(connection)

    def _begin(self, connection: _Connection) -> int:
        try:
            self._ask(connection, self._depth)
        except OSError:
            self._drop(connection)
            return 0
        return self._depth

    def _ask(self, connection: _Connection, count: int) -> None:
        sent_ns = time.perf_counter_ns()
        octets = []
        for index, query in itertools.islice(self._supply, count):
            connection.asked.append((index, sent_ns))
            octets.append(query)
        connection.send(b"".join(octets))

    def _hear(self, connection: _Connection, exchanges: list[Exchange]) -> int:
        """Take what came and count the replies in it.  Raises OSError when the connection ended."""
        received = connection.receive(RECEIVE_OCTETS)
        received_ns = time.perf_counter_ns()
        if not received:
            raise ConnectionResetError
        replies, connection.rest = self._split(connection.rest + received)
        if len(replies) > len(connection.asked):
            raise Malformed("a reply to no query")
        exchanges += [
            Exchange(*connection.asked.popleft(), received_ns, reply) for reply in replies
        ]
        return len(replies)

    def _drop(self, connection: _Connection) -> int:
        """Close a connection and count the queries lost with it."""
        del self._connections[connection.socket.fileno()]
        connection.socket.close()
        self._lost += len(connection.asked)
        return len(connection.asked)

    def _drop_silent(self) -> None:
        for connection in [each for each in self._connections.values() if each.asked]:
            self._drop(connection)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Spare the run the collector: nothing it makes has cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
