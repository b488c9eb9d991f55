"""The socket-based protocol of RFC 3161 3.3: messages in, replies in order, polls for late answers.

A tsaMsg is answered by finalMsgRep; one that is late by pollRep, and a poll for it by
partialMsgRep (a TimeStampResp of status waiting) until it is there.  negPollRep says that a
reference was answered before, errorMsgRep that it is unknown or that a message makes no sense.
"""

from __future__ import annotations

from collections import deque

import attrs
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from appliance.asn1.tsp import PKIStatus, encode_status
from appliance.errors import Malformed
from appliance.services.messages import PollState
from appliance.services.reactor import Clock, DelayedCall, StreamTransport
from appliance.services.timestamping import StampDesk
from appliance.wire.connections import (
    LINGER_S,
    ConnectionLimits,
    DirectSender,
    Door,
    close_lingering,
)
from appliance.wire.tsp.frames import (
    Flag,
    MessageReader,
    decode_reference,
    encode_message,
    encode_poll,
)

CHECK_AFTER_S = 2
_WAITING = encode_status(PKIStatus.WAITING)
_UNKNOWN = encode_message(Flag.ERROR_MSG_REP, b"no such reference, or it is forgotten")
_DELIVERED = encode_message(Flag.NEG_POLL_REP, b"\x00")


@attrs.frozen
class TcpLimits(ConnectionLimits):
    """What the TCP listener grants beside."""

    message_deadline_s: float = 10.0
    pipeline: int = 1024


DEFAULT_TCP_LIMITS = TcpLimits()


class TspTcpFactory(Door):
    """Accepts connections; every request goes to one TSP profile, the transport knows no other."""

    def __init__(
        self,
        desk: StampDesk,
        profile: str,
        *,
        clock: Clock,
        limits: TcpLimits = DEFAULT_TCP_LIMITS,
    ) -> None:
        super().__init__(clock, limits)
        self.desk = desk
        self.profile = profile
        self.limits = limits

    def connect(self, client: bytes) -> Protocol:
        """Make the protocol of an accepted connection."""
        return TspTcpConnection(self, client)


class _Reply:
    """The place of one reply in the order of its connection."""

    __slots__ = ("_connection", "octets", "reference")

    def __init__(self, connection: TspTcpConnection) -> None:
        self._connection = connection
        self.octets = b""
        self.reference = 0

    def finished(self, answer: bytes | int) -> None:
        """Take the answer to a tsaMsg."""
        if isinstance(answer, int):
            self.send(encode_poll(Flag.POLL_REP, answer, CHECK_AFTER_S))
        else:
            self.send(encode_message(Flag.FINAL_MSG_REP, answer))

    def polled(self, answer: bytes | PollState) -> None:
        """Take the answer to a pollReq."""
        if isinstance(answer, bytes):
            self.send(encode_message(Flag.FINAL_MSG_REP, answer))
        elif answer is PollState.WAITING:
            poll = encode_poll(Flag.PARTIAL_MSG_REP, self.reference, CHECK_AFTER_S, _WAITING)
            self.send(poll)
        else:
            self.send(_DELIVERED if answer is PollState.DELIVERED else _UNKNOWN)

    def send(self, octets: bytes) -> None:
        """Let the reply leave when those before it have."""
        self.octets = octets
        self._connection.answered()


@implementer(IHalfCloseableProtocol)
class TspTcpConnection(Protocol):
    """One connection: pipelined messages, replies in order, a deadline in every state.

    A client may close its direction after its last message and still gets its replies.
    """

    transport: StreamTransport  # type: ignore[assignment]

    def __init__(self, factory: TspTcpFactory, client: bytes) -> None:
        self._factory = factory
        self.client = client
        self.deadline = factory.clock.seconds() + factory.limits.idle_s
        self._reader = MessageReader()
        self._arrived: deque[tuple[int, bytes]] = deque()
        self._pending: deque[_Reply] = deque()
        self._flush_call: DelayedCall | None = None
        self._is_ending = False
        self._is_half_closed = False
        self._is_lingering = False
        self._is_reading = True
        self._is_writable = True

    # --- Twisted calls -------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Count in, and hear from the transport when its buffer is full."""
        self._factory.opened(self)
        self.transport.registerProducer(self, True)
        self._send = DirectSender(self.transport).send

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002  it changes nothing
        """Count out; replies still to come are dropped."""
        self._is_ending = True
        self._arrived.clear()
        self._pending.clear()
        if self._flush_call is not None:
            self._flush_call.cancel()
            self._flush_call = None
        self._factory.closed(self)

    def readConnectionLost(self) -> None:  # noqa: N802  Twisted's name
        """The client sends no more: answer what it asked, then close."""
        self._is_half_closed = True
        if self._is_lingering:
            self.transport.loseConnection()
            return
        self._reader.end()
        self._take_arrived()
        self._close_when_done()

    def writeConnectionLost(self) -> None:  # noqa: N802  Twisted's name
        """Our own direction is closed, which only lingering does; the client may still read."""

    def dataReceived(self, data: bytes) -> None:
        """Take what the stream brought, message by message."""
        if self._is_ending:
            return
        was_amid = self._reader.is_amid
        messages = self._reader.feed(data)
        self._arrived.extend(messages)
        if messages or not was_amid:
            limits = self._factory.limits
            allowed_s = limits.message_deadline_s if self._reader.is_amid else limits.idle_s
            self.deadline = self._factory.clock.seconds() + allowed_s
        self._take_arrived()
        self._steer()

    def pauseProducing(self) -> None:
        """The peer does not read its replies: stop reading its requests."""
        self._is_writable = False
        self.deadline = self._factory.clock.seconds() + self._factory.limits.write_deadline_s
        self._steer()

    def resumeProducing(self) -> None:
        """The peer reads again."""
        self._is_writable = True
        self.deadline = self._factory.clock.seconds() + self._factory.limits.idle_s
        self._steer()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost follows."""

    # --- our own -------------------------------------------------------------------------

    def answered(self) -> None:
        """Send, at the end of this turn, what is next in order: a batch's answers come together."""
        if self._flush_call is None and self._pending and self._pending[0].octets:
            self._flush_call = self._factory.clock.callLater(0, self._flush)

    def expire(self) -> None:
        """End a late connection; one whose answers are still to come is given time."""
        if self._pending and self._is_writable:
            self.deadline = self._factory.clock.seconds() + self._factory.limits.idle_s
        elif self._reader.is_amid and not self._is_ending:
            self._end("the message took too long")
            self.deadline = self._factory.clock.seconds() + 1.0
        else:
            self.transport.abortConnection()

    def _take_arrived(self) -> None:
        """Take messages as far as the pipeline has room: one read may bring thousands."""
        limit = self._factory.limits.pipeline
        while self._arrived and len(self._pending) < limit:
            self._take(*self._arrived.popleft())
        if self._reader.fault and not self._arrived and not self._is_ending:
            self._end(self._reader.fault)

    def _take(self, flag: int, value: bytes) -> None:
        reply = _Reply(self)
        self._pending.append(reply)
        factory = self._factory
        if flag == Flag.TSA_MSG:
            factory.desk.submit_patiently(factory.profile, value, self.client, reply.finished)
        elif flag == Flag.POLL_REQ:
            try:
                reply.reference = decode_reference(value)
            except Malformed as error:
                reply.send(encode_message(Flag.ERROR_MSG_REP, str(error).encode()))
            else:
                factory.desk.poll(reply.reference, self.client, reply.polled)
        else:
            text = f"a client sends tsaMsg (0) and pollReq (2), not {flag}"
            reply.send(encode_message(Flag.ERROR_MSG_REP, text.encode()))

    def _flush(self) -> None:
        self._flush_call = None
        ready: list[bytes] = []
        while self._pending and self._pending[0].octets:
            ready.append(self._pending.popleft().octets)
        self._send(b"".join(ready))
        if not self._is_ending:
            self._take_arrived()
        self._close_when_done()
        self._steer()

    def _close_when_done(self) -> None:
        """Close once no reply is owed and no message can come."""
        if not (self._is_ending or self._is_half_closed) or self._pending:
            return
        self._is_ending = True
        # A transport does not close while it has a producer that it told to pause.
        self.transport.unregisterProducer()
        if self._is_half_closed:
            self.transport.loseConnection()
        elif close_lingering(self.transport):
            self._is_lingering = True
            self.deadline = self._factory.clock.seconds() + LINGER_S

    def _end(self, text: str) -> None:
        """Say why, after the replies that are owed, and close: the stream cannot be read on."""
        self._is_ending = True
        reply = _Reply(self)
        self._pending.append(reply)
        reply.send(encode_message(Flag.ERROR_MSG_REP, text.encode()))

    def _steer(self) -> None:
        """Read only while the peer reads and its pipeline has room."""
        wanted = self._is_writable and len(self._pending) < self._factory.limits.pipeline
        if wanted != self._is_reading and not (self._is_ending or self._is_half_closed):
            self._is_reading = wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
