"""Hostile clients at a steady pace, from a source of their own, in a process of their own.

Run as a program it attacks HOST HTTP_PORT TCP_PORT, says so once all lines are open, and goes on
until it is ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import attrs

SOURCE = "127.0.0.2"
ROUNDS_PER_S = 50
DRIPPING = 100
"""Lines of each kind that send an octet or a field each second: heads, bodies, messages."""
DEAF = 4
"""Lines of each kind that send requests and never read an answer."""
REQUESTS_PER_ROUND = 4
BOMBS_PER_ROUND = 1
TOUCHES_PER_ROUND = 1

_HEAD = b"POST /tsa HTTP/1.1\r\nHost: box\r\nContent-Type: application/timestamp-query\r\n"
_BOMB = b"\x30\x80" * 2048
_RECEIVE_OCTETS = 4096
_STOP_S = 10.0


@contextlib.contextmanager
def attacking(host: str, http_port: int, tcp_port: int) -> Iterator[None]:
    """Attack a box for as long as the context lasts."""
    command = [sys.executable, __file__, host, str(http_port), str(tcp_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attackers:
        assert attackers.stdout is not None
        attackers.stdout.readline()
        try:
            yield
        finally:
            attackers.terminate()
            attackers.wait(_STOP_S)


@attrs.define
class _Line:
    """A connection, what it sends first, and what it sends in its turns after that."""

    port: int
    first: bytes
    then: bytes
    is_deaf: bool = False
    socket: socket.socket | None = None


class _Siege:
    """All that goes on at a time; a line that the box has ended is opened again."""

    def __init__(self, host: str, http_port: int, tcp_port: int) -> None:
        self._host = host
        self._ports = (http_port, tcp_port)
        body = _HEAD + b"Content-Length: 65536\r\n\r\n"
        requests = (_HEAD + b"Content-Length: 2\r\n\r\n\x30\x00") * REQUESTS_PER_ROUND
        messages = b"\0\0\0\3\0\x30\0" * REQUESTS_PER_ROUND
        self._dripping = [
            _Line(port, first, then)
            for port, first, then in (
                (http_port, _HEAD, b"A: b\r\n"),
                (http_port, body, b"x"),
                (tcp_port, b"\x00\x00\x10\x00\x00", b"x"),
            )
            for _ in range(DRIPPING)
        ]
        self._deaf = [
            _Line(port, b"", flood, is_deaf=True)
            for port, flood in ((http_port, requests), (tcp_port, messages))
            for _ in range(DEAF)
        ]

    def open(self) -> None:
        """Open every line."""
        for line in (*self._dripping, *self._deaf):
            self._go_on(line)

    def round(self, number: int) -> None:
        """Let some of the lines drip and the deaf ask; drop bombs and garbage on new ones."""
        for line in (*self._dripping[number % ROUNDS_PER_S :: ROUNDS_PER_S], *self._deaf):
            self._go_on(line)
        http_port, _ = self._ports
        bomb = _HEAD + b"Content-Length: %d\r\n\r\n" % len(_BOMB) + _BOMB
        touches = [(http_port, bomb)] * BOMBS_PER_ROUND
        touches += [(port, os.urandom(500)) for port in self._ports] * TOUCHES_PER_ROUND
        for port, octets in touches:
            with contextlib.suppress(OSError), self._connect(port) as touched:
                touched.send(octets)

    def _go_on(self, line: _Line) -> None:
        try:
            if line.socket is None:
                line.socket = self._connect(line.port)
                line.socket.send(line.first)
            elif not line.is_deaf and select.select((line.socket,), (), (), 0)[0]:
                line.socket.recv(1 << 16)
            line.socket.send(line.then)
        except BlockingIOError:
            return
        except OSError:
            if line.socket is not None:
                line.socket.close()
                line.socket = None

    def _connect(self, port: int) -> socket.socket:
        connected = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connected.settimeout(1.0)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_OCTETS)
        connected.bind((SOURCE, 0))
        connected.connect((self._host, port))
        connected.setblocking(False)
        return connected


def main(host: str, http_port: str, tcp_port: str) -> None:
    """Attack in rounds until ended."""
    siege = _Siege(host, int(http_port), int(tcp_port))
    siege.open()
    print("attacking", flush=True)
    due, number = time.monotonic(), 0
    while True:
        siege.round(number)
        number += 1
        due += 1 / ROUNDS_PER_S
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
