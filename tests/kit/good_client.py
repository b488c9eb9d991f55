"""A client that behaves: it asks again and again, and holds every answer to its question."""

import socket
import struct
import time
from threading import Event, Thread
from typing import Any, Self

from kit.box import Box
from kit.tsp_client import QUERY_TYPE, make_query, tst_info

GUARD_S = 30.0
PACE_S = 0.02
FINAL_MSG_REP = 5


class GoodClient(Thread):
    """Asks for stamps over HTTP and the socket protocol in turns, each on one open connection.

    `fault` is the first thing that was not as it should be; `answered` counts tokens.
    """

    def __init__(self, box: Box) -> None:
        super().__init__(name="good client")
        host, http_port, tcp_port = addresses(box)
        self._http = socket.create_connection((host, http_port), timeout=GUARD_S)
        self._tcp = socket.create_connection((host, tcp_port), timeout=GUARD_S)
        self._http_stream = self._http.makefile("rb")
        self._tcp_stream = self._tcp.makefile("rb")
        self._stopping = Event()
        self.answered = 0
        self.slowest_s = 0.0
        self.fault: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join(GUARD_S)
        for each in (self._http_stream, self._tcp_stream, self._http, self._tcp):
            each.close()

    def run(self) -> None:
        """Ask until told to stop, or until something is wrong."""
        nonce = 0
        try:
            while not self._stopping.wait(PACE_S):
                for ask in (self._ask_http, self._ask_tcp):
                    nonce += 1
                    began = time.monotonic()
                    response = ask(make_query(nonce=nonce))
                    self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                    assert int(tst_info(response)["nonce"]) == nonce
                    self.answered += 1
        except BaseException as fault:
            self.fault = fault

    def _ask_http(self, query: bytes) -> bytes:
        self._http.sendall(http_request(query))
        status, body = read_http(self._http_stream)
        assert status == 200, f"HTTP status {status}"
        return body

    def _ask_tcp(self, query: bytes) -> bytes:
        self._tcp.sendall(tsa_msg(query))
        flag, value = read_message(self._tcp_stream)
        assert flag == FINAL_MSG_REP, f"a message of flag {flag}"
        return value


def addresses(box: Box) -> tuple[str, int, int]:
    """Give the box's IPv4 host, its HTTP port and its port of the socket protocol."""
    host, _, http_port = box.facts["tsp_http"].split("/")[2].rpartition(":")
    return host, int(http_port), int(box.facts["tsp_tcp"].rpartition(":")[2])


def http_request(query: bytes, path: str = "/tsa") -> bytes:
    """Render a POST of RFC 3161 3.4."""
    head = f"POST {path} HTTP/1.1\r\nHost: box\r\nContent-Type: {QUERY_TYPE}\r\n"
    return f"{head}Content-Length: {len(query)}\r\n\r\n".encode() + query


def tsa_msg(query: bytes) -> bytes:
    """Render a tsaMsg of RFC 3161 3.3."""
    return struct.pack(">IB", len(query) + 1, 0) + query


def read_http(stream: Any) -> tuple[int, bytes]:
    """Read one answer: status and body.  Raises EOFError when none comes."""
    line = stream.readline()
    if not line:
        raise EOFError
    length = 0
    while (field := stream.readline()) not in (b"\r\n", b""):
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return int(line.split()[1]), stream.read(length)


def read_message(stream: Any) -> tuple[int, bytes]:
    """Read one message: flag and value.  Raises EOFError when none comes."""
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError
    octets = stream.read(int.from_bytes(head, "big"))
    return octets[0], octets[1:]
