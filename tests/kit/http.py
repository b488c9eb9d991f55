"""HTTP connections in memory: a site with its clock, a client that keeps what was answered."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import cast

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer  # type: ignore[import-untyped]

from appliance.wire.http.site import Handler, HttpConnection, Limits, Request, Response, Route, Site

WALL_S = 1_800_000_000.0
DATE = formatdate(WALL_S, usegmt=True)
PLAIN = "text/plain"


@attrs.frozen
class Answer:
    """One answer as a client reads it; names of fields in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes


def read_answers(octets: bytes) -> list[Answer]:
    """Read every answer with a body; fails on octets that are none."""
    answers = []
    while octets:
        head, _, octets = octets.partition(b"\r\n\r\n")
        version, status, *_ = head.split(b" ", 2)
        assert version == b"HTTP/1.1"
        lines = head.decode("latin-1").split("\r\n")[1:]
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(fields.get("content-length", "0"))
        assert len(octets) >= length
        answers.append(Answer(int(status), fields, octets[:length]))
        octets = octets[length:]
    return answers


@implementer(ITCPTransport)
class TcpTransport(StringTransport):
    """A transport that can close its two directions apart, as a TCP connection can."""

    is_half_closed = False

    def loseWriteConnection(self) -> None:  # noqa: N802  Twisted's name
        """Close the direction to the client."""
        self.is_half_closed = True

    def getHandle(self) -> None:
        """There is no socket below."""


class Client:
    """The other end of one connection."""

    def __init__(
        self, connection: HttpConnection, transport: StringTransport | None = None
    ) -> None:
        self.connection = connection
        self.transport = transport or StringTransport()
        connection.makeConnection(self.transport)

    def send(self, octets: bytes) -> None:
        """Let the octets arrive in one read."""
        self.connection.dataReceived(octets)

    def hang_up(self) -> None:
        """Close from the client's side."""
        self.connection.connectionLost()

    @property
    def answers(self) -> list[Answer]:
        """All that was answered so far."""
        return read_answers(self.transport.value())

    @property
    def statuses(self) -> list[int]:
        """The status of each answer so far."""
        return [answer.status for answer in self.answers]

    @property
    def is_ended(self) -> bool:
        """Whether the server closes the connection, politely or not."""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    @property
    def is_aborted(self) -> bool:
        """Whether the server closed without waiting for its octets to leave."""
        return bool(self.transport.disconnected)

    @property
    def is_read(self) -> bool:
        """Whether the server reads from the connection."""
        return bool(self.transport.producerState == "producing")


class Desk:
    """A handler that keeps the requests until the test answers them."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> None:
        """Keep a request."""
        self.requests.append(request)

    def answer(self, index: int, body: bytes, *, close: bool = False) -> None:
        """Answer the request that came as number `index`."""
        self.requests[index].reply(Response(200, PLAIN, body, close=close))


def echo(request: Request) -> None:
    """Answer with the body that came."""
    request.reply(Response(200, PLAIN, request.body))


class World:
    """A site with one route, `POST /echo`, and the clock it lives by."""

    def __init__(
        self, handler: Handler = echo, *, limits: Limits | None = None, body_limit: int = 1000
    ) -> None:
        self.clock = Clock()
        route = Route(handler, body_limit=body_limit)
        self.site = Site(
            {"/echo": {"POST": route, "PUT": route}, "/echo/": {"POST": route}},
            clock=self.clock,
            wall_s=lambda: WALL_S,
            limits=limits or Limits(),
        )
        self.site.doStart()

    def connect(self, host: str = "192.0.2.1", port: int = 40_000) -> Client:
        """Connect from an address."""
        client = self.try_to_connect(IPv4Address("TCP", host, port))
        assert client is not None
        return client

    def try_to_connect(self, address: object) -> Client | None:
        """Connect, or be turned away."""
        connection = self.site.buildProtocol(cast("IAddress", address))
        if connection is None:
            return None
        assert isinstance(connection, HttpConnection)
        return Client(connection)


def post(body: bytes = b"", *fields: str, path: str = "/echo", version: str = "HTTP/1.1") -> bytes:
    """Render a request."""
    lines = [f"POST {path} {version}", "Host: box", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
