"""An attacker on loopback, and the limits of the box it attacks."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Self

import attrs

SOURCE = "127.0.0.2"
DEADLINE_S = 1.0
IDLE_S = 2.0
CONNECTIONS = 600
PER_SOURCE = 400
GUARD_S = 20.0

LIMITS = f"""
[limits]
head_deadline_s = {DEADLINE_S}
body_deadline_s = {DEADLINE_S}
write_deadline_s = {DEADLINE_S}
idle_s = {IDLE_S}
connections = {CONNECTIONS}
connections_per_source = {PER_SOURCE}
"""

_RECEIVE_OCTETS = 1 << 16


@attrs.define(eq=False)
class Line:
    """One connection of an attacker: what it heard, and whether the box has ended it."""

    socket: socket.socket
    heard: bytes = b""
    is_over: bool = False

    def send(self, octets: bytes) -> int:
        """Send what the kernel takes at once; gives how many octets that were."""
        if self.is_over:
            return 0
        try:
            return self.socket.send(octets)
        except BlockingIOError:
            return 0
        except OSError:
            self.is_over = True
            return 0

    def listen(self) -> None:
        """Take what has come."""
        try:
            while octets := self.socket.recv(_RECEIVE_OCTETS):
                self.heard += octets
            self.is_over = True
        except BlockingIOError:
            return
        except OSError:
            self.is_over = True


class Attacker:
    """Connections from one source, which never block."""

    def __init__(self, host: str, http_port: int, tcp_port: int) -> None:
        self._host = host
        self.http_port = http_port
        self.tcp_port = tcp_port
        self._stack = contextlib.ExitStack()
        self.lines: list[Line] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close everything."""
        for line in self.lines:
            line.socket.close()
        self.lines.clear()

    def connect(self, port: int, count: int = 1, *, source: str = SOURCE) -> list[Line]:
        """Open connections."""
        opened = [
            Line(socket.create_connection((self._host, port), GUARD_S, (source, 0)))
            for _ in range(count)
        ]
        for line in opened:
            line.socket.setblocking(False)
        self.lines += opened
        return opened


def keep_up(
    lines: Sequence[Line],
    until: Callable[[], bool],
    *,
    drip: Callable[[Line, int], bytes] | None = None,
    pause_s: float = 0.05,
    deaf: bool = False,
) -> None:
    """Go on with an attack until it is over: `drip` gives what each line sends in each round.

    Fails when the box lets it go on for too long.
    """
    end = time.monotonic() + GUARD_S
    turn = 0
    while not until():
        assert time.monotonic() < end, "the box lets the attack go on"
        for line in lines:
            if drip is not None:
                line.send(drip(line, turn))
            if not deaf:
                line.listen()
        turn += 1
        select.select((), (), (), pause_s)


def all_over(lines: Sequence[Line]) -> Callable[[], bool]:
    """Tell when the box has ended every line."""
    return lambda: all(line.is_over for line in lines)


def pour(line: Line, supply: bytes, *, most: int, quiet_s: float = 1.0) -> int:
    """Send copies of `supply` without ever reading, until the box takes no more for `quiet_s`.

    Gives how many octets were taken, by the box and by the buffers of two kernels.
    """
    taken, offset = 0, 0
    quiet_since = time.monotonic()
    while taken < most and not line.is_over and time.monotonic() - quiet_since < quiet_s:
        sent = line.send(supply[offset : offset + _RECEIVE_OCTETS])
        if sent:
            taken += sent
            offset = (offset + sent) % len(supply)
            quiet_since = time.monotonic()
        else:
            select.select((), (line.socket,), (), 0.05)
    return taken
