"""The door of a listener: how many connections it takes, from whom, and how late one may be."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Protocol

import attrs
from twisted.internet.interfaces import IAddress, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as BaseProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.services.clients import source_of
from appliance.services.reactor import Clock, StreamTransport
from appliance.wire.addresses import pack_client

LINGER_S = 2.0
"""How long a client that was refused may take to read why."""


@attrs.frozen
class ConnectionLimits:
    """What one listener grants: seconds, and numbers of connections."""

    idle_s: float = 60.0
    write_deadline_s: float = 30.0
    connections: int = 4096
    connections_per_source: int = 256


class Connection(Protocol):
    """What the door knows of a connection: its client, and until when it may go on as it does."""

    client: bytes
    deadline: float

    def expire(self) -> None:
        """The deadline is over."""


class Door(Factory):
    """Counts connections in and out and, once a second, expires those past their deadline."""

    noisy = False
    _log: ClassVar[Logger] = Logger()

    def __init__(self, clock: Clock, limits: ConnectionLimits) -> None:
        self.clock = clock
        self.connections: set[Connection] = set()
        self.refused_connections = 0
        self._limits = limits
        self._per_source: Counter[bytes] = Counter()
        self._sweep = LoopingCall(self.tick)
        self._sweep.clock = clock  # type: ignore[assignment]

    def connect(self, client: bytes) -> BaseProtocol:
        """Make the protocol of an accepted connection; `client` is its packed address."""
        raise AssertionError(client)

    def doStart(self) -> None:
        """Start the sweep with the first port."""
        super().doStart()
        if not self._sweep.running:
            self._sweep.start(1.0).addErrback(self._sweep_failed)

    def doStop(self) -> None:
        """Stop the sweep with the last port."""
        super().doStop()
        if self._sweep.running and not self.numPorts:
            self._sweep.stop()

    def buildProtocol(self, addr: IAddress | None) -> BaseProtocol | None:
        """Accept a connection unless the listener or its source is at its limit."""
        client = pack_client(str(getattr(addr, "host", "")), int(getattr(addr, "port", 0)))
        if (
            len(self.connections) >= self._limits.connections
            or self._per_source[source_of(client)] >= self._limits.connections_per_source
        ):
            self.refused_connections += 1
            return None
        return self.connect(client)

    def opened(self, connection: Connection) -> None:
        """Count a connection in."""
        self.connections.add(connection)
        self._per_source[source_of(connection.client)] += 1

    def closed(self, connection: Connection) -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        source = source_of(connection.client)
        self._per_source[source] -= 1
        if not self._per_source[source]:
            del self._per_source[source]

    def tick(self) -> None:
        """Expire what is late; called once a second."""
        now = self.clock.seconds()
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.expire()

    def _sweep_failed(self, failure: Failure) -> None:
        self._log.failure("the connection sweep ended", failure)


def is_plain_tcp(transport: StreamTransport) -> bool:
    """Tell whether octets go to a TCP socket as they are."""
    return bool(ITCPTransport.providedBy(transport)) and not ISSLTransport.providedBy(transport)


def close_lingering(transport: StreamTransport) -> bool:
    """Close when all is sent, but go on reading what a refused client still sends.

    Closing at once would reset the connection before it reads why (RFC 9112 9.6).  False where only
    closing at once is possible; else the owner drops what it hears and aborts after LINGER_S.
    """
    if not is_plain_tcp(transport):
        transport.loseConnection()
        return False
    transport.loseWriteConnection()
    transport.resumeProducing()
    return True


class DirectSender:
    """Sends at once when the socket takes it all; a peer that once did not is buffered for good.

    Through the reactor a reply costs three more system calls, a third of the front's time.
    """

    __slots__ = ("_direct", "_transport")

    def __init__(self, transport: StreamTransport) -> None:
        self._transport = transport
        self._direct = transport.getHandle() if is_plain_tcp(transport) else None

    def send(self, octets: bytes) -> None:
        """Send after everything sent before."""
        if self._direct is not None:
            try:
                sent = self._direct.send(octets)
            except OSError:
                sent = 0  # full, or broken, which the transport finds out for itself
            if sent == len(octets):
                return
            octets = octets[sent:]
            self._direct = None
        self._transport.write(octets)
