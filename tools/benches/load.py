"""The load: a few connections kept busy, so lightly that the box has the machine to itself.

While the clock runs, replies are only cut apart and kept, with the instants of their query and
their arrival; what they say is judged afterwards, in `replies`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
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
from benches.transports import Split

RECEIVE_OCTETS = 64 * 1024
STALL_S = 10.0
_CONNECT_S = 5.0


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

    @property
    def per_s(self) -> float:
        """Replies a second, of whatever worth."""
        return len(self.exchanges) / self.seconds


def join_runs(runs: Sequence[Run]) -> Run:
    """Take several runs as one."""
    return Run(
        exchanges=[exchange for run in runs for exchange in run.exchanges],
        seconds=sum(run.seconds for run in runs),
        client_cpu_s=sum(run.client_cpu_s for run in runs),
        lost=sum(run.lost for run in runs),
    )


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

    def press(self, seconds: float) -> Run:
        """Ask again whenever an answer comes, for that long: as fast as the server answers."""
        return self._run(self._drive, seconds)

    def pace(self, per_s: float, seconds: float) -> Run:
        """Ask at an even rate, as long as no connection has more than `depth` queries under way.

        A query counts as sent when it is due, so one that has to wait is late by that much; the
        kernel's timer lets each be up to 1 ms late.
        """
        return self._run(functools.partial(self._drip, int(NS_PER_S / per_s)), seconds)

    def _run(self, drive: Callable[[int, list[Exchange]], None], seconds: float) -> Run:
        """Drive until the time is over and what was still under way has come."""
        exchanges: list[Exchange] = []
        self._lost = 0
        with _no_garbage_collection():
            cpu_s = time.process_time()
            began_ns = time.perf_counter_ns()
            drive(began_ns + int(seconds * NS_PER_S), exchanges)
            ended_ns = exchanges[-1].received_ns if exchanges else time.perf_counter_ns()
            cpu_s = time.process_time() - cpu_s
        self._drop_silent()
        return Run(exchanges, (ended_ns - began_ns) / NS_PER_S, cpu_s, self._lost)

    def _drive(self, until_ns: int, exchanges: list[Exchange]) -> None:
        connections, poll, turn = self._connections, self._poll.poll, self._turn
        now_ns, under_way = time.perf_counter_ns(), 0
        for connection in list(connections.values()):
            under_way += self._begin(connection, self._depth, now_ns)
        while under_way > 0 and (events := poll(STALL_S)):
            for fileno, _ in events:
                connection = connections[fileno]
                try:
                    under_way -= turn(connection, until_ns, exchanges)
                except OSError:
                    under_way -= self._drop(connection)

    def _drip(self, interval_ns: int, until_ns: int, exchanges: list[Exchange]) -> None:
        idle = deque(list(self._connections.values()) * self._depth)
        due_ns, under_way = time.perf_counter_ns(), 0
        while due_ns < until_ns or under_way:
            now_ns = time.perf_counter_ns()
            while idle and due_ns <= now_ns and due_ns < until_ns:
                under_way += self._begin(idle.popleft(), 1, due_ns)
                due_ns += interval_ns
            is_due = bool(idle) and due_ns < until_ns
            events = self._poll.poll((due_ns - now_ns) / NS_PER_S if is_due else STALL_S)
            if not events and not is_due:
                return
            for fileno, _ in events:
                connection = self._connections[fileno]
                try:
                    heard = self._turn(connection, 0, exchanges)
                except OSError:
                    heard = self._drop(connection)
                else:
                    idle.extend([connection] * heard)
                under_way -= heard

    def _begin(self, connection: _Connection, count: int, now_ns: int) -> int:
        """Send queries, and give by how many more are under way: fewer when that fails."""
        try:
            self._ask(connection, count, now_ns)
        except OSError:
            return count - self._drop(connection)
        return count

    def _turn(self, connection: _Connection, until_ns: int, exchanges: list[Exchange]) -> int:
        """Take what came and ask as much again; gives the replies that no query followed.

        Raises OSError when the connection ended.
        """
        received = connection.receive(RECEIVE_OCTETS)
        now_ns = time.perf_counter_ns()
        if not received:
            raise ConnectionResetError
        replies, connection.rest = self._split(connection.rest + received)
        asked = connection.asked
        if len(replies) > len(asked):
            raise Malformed("a reply to no query")
        for reply in replies:
            query, sent_ns = asked.popleft()
            exchanges.append(Exchange(query, sent_ns, now_ns, reply))
        if now_ns >= until_ns:
            return len(replies)
        self._ask(connection, len(replies), now_ns)
        return 0

    def _ask(self, connection: _Connection, count: int, now_ns: int) -> None:
        octets = []
        for _ in range(count):
            index, query = next(self._supply)
            connection.asked.append((index, now_ns))
            octets.append(query)
        connection.send(b"".join(octets))

    def _drop(self, connection: _Connection) -> int:
        """Close a connection, if it still is open, and count the queries lost with it."""
        self._connections.pop(connection.socket.fileno(), None)
        connection.socket.close()
        lost = len(connection.asked)
        connection.asked.clear()
        self._lost += lost
        return lost

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
