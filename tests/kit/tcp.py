"""Connections of the socket protocol in memory: a listener with its clock, and its clients."""

from typing import cast

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.services.messages import (
    PROTOCOL_VERSION,
    Hello,
    PollAsk,
    PollReply,
    PollState,
    ProfileOffer,
    StampBatch,
    StampReplies,
)
from appliance.services.timestamping import StampDesk
from appliance.wire.tsp.frames import Flag, MessageReader, encode_message
from appliance.wire.tsp.tcp import TcpLimits, TspTcpConnection, TspTcpFactory

LIMITS = TcpLimits()
_HELLO = Hello(PROTOCOL_VERSION, (ProfileOffer("rsa", "rsa"),))


class Client:
    """The other end of one connection, which reads until the test says otherwise."""

    def __init__(
        self, connection: TspTcpConnection, transport: StringTransport | None = None
    ) -> None:
        self.connection = connection
        self.transport = transport or StringTransport()
        connection.makeConnection(self.transport)

    def send(self, octets: bytes) -> None:
        """Let the octets arrive in one read, unless the server stopped reading."""
        assert self.is_read
        self.connection.dataReceived(octets)

    def ask(self, *requests: bytes) -> None:
        """Send a tsaMsg for each request, in one read."""
        self.send(b"".join(encode_message(Flag.TSA_MSG, request) for request in requests))

    def close_its_direction(self) -> None:
        """Shut the client's direction, as shutdown(2) does; the transport says so to who asks."""
        assert IHalfCloseableProtocol.providedBy(self.connection)
        self.connection.readConnectionLost()

    def poll(self, reference: int) -> None:
        """Send a pollReq."""
        self.send(encode_message(Flag.POLL_REQ, reference.to_bytes(4, "big")))

    @property
    def replies(self) -> list[tuple[int, bytes]]:
        """Every reply so far: flag and value."""
        reader = MessageReader()
        replies = reader.feed(self.transport.value())
        assert not reader.is_amid
        return replies

    @property
    def flags(self) -> list[int]:
        """The flag of every reply so far."""
        return [flag for flag, _ in self.replies]

    @property
    def is_read(self) -> bool:
        """Whether the server reads from the connection."""
        return bool(self.transport.producerState == "producing")

    @property
    def is_closing(self) -> bool:
        """Whether the server closes once its octets have left."""
        return bool(self.transport.disconnecting) and not self.transport.disconnected

    @property
    def is_aborted(self) -> bool:
        """Whether the server closed without waiting for its octets to leave."""
        return bool(self.transport.disconnected)


class World:
    """The TCP listener over a desk whose signer answers when the test says so."""

    def __init__(self, *, limits: TcpLimits = LIMITS, with_signer: bool = True) -> None:
        self.clock = Clock()
        self.desk = StampDesk(self.clock)
        self.batches: list[StampBatch] = []
        self.polls: list[PollAsk] = []
        self.factory = TspTcpFactory(self.desk, "rsa", clock=self.clock, limits=limits)
        self.factory.doStart()
        if with_signer:
            self.desk.signer_arrived(_HELLO, self._take)

    def _take(self, frame: StampBatch | PollAsk) -> bool:
        if isinstance(frame, StampBatch):
            self.batches.append(frame)
        else:
            self.polls.append(frame)
        return True

    def connect(self, port: int = 40_000, transport: StringTransport | None = None) -> Client:
        """Connect from 192.0.2.1."""
        address = cast("IAddress", IPv4Address("TCP", "192.0.2.1", port))
        connection = self.factory.buildProtocol(address)
        assert isinstance(connection, TspTcpConnection)
        return Client(connection, transport)

    def turn(self) -> None:
        """Let the reactor's turn end."""
        self.clock.advance(0)

    def answer(self, *batches: int) -> None:
        """Answer batches by `token of REQUEST`, in the order given."""
        for index in batches:
            batch = self.batches[index]
            self.desk.replies_arrived(
                StampReplies(batch.batch, [b"token of " + ask.request for ask in batch.asks])
            )
        self.turn()

    def answer_late(self, reference: int) -> None:
        """Answer the last batch by a reference."""
        self.desk.replies_arrived(StampReplies(self.batches[-1].batch, [reference]))
        self.turn()

    def answer_poll(self, answer: bytes | PollState) -> None:
        """Answer the last poll."""
        self.desk.poll_answered(PollReply(self.polls[-1].batch, answer))
        self.turn()
