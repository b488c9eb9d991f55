"""The TCP port of phones: frames in, answers as they come, several under way on a connection."""

from __future__ import annotations

from collections import deque

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.asn1.cosign import Enrol
from appliance.cosign.codes import Code
from appliance.cosign.requests import DeviceRequest
from appliance.errors import Malformed
from appliance.services.cosigning.messages import CodeAnswer, EnrolAnswer, ResultsAnswer
from appliance.services.reactor import Clock, StreamTransport
from appliance.wire.connections import LINGER_S, ConnectionLimits, Door, close_lingering
from appliance.wire.devices.der_form import (
    Asked,
    FrameReader,
    read_question,
    write_answer,
    write_error,
)
from appliance.wire.devices.relay import DeviceRelay


@attrs.frozen
class CosignLimits(ConnectionLimits):
    """What the port grants beside: seconds to the first octets and a frame, questions under way."""

    first_deadline_s: float = 10.0
    frame_deadline_s: float = 30.0
    pipeline: int = 32


DEFAULT_COSIGN_LIMITS = CosignLimits()


class CosignTcpFactory(Door):
    """Accepts connections of phones."""

    def __init__(
        self,
        relay: DeviceRelay,
        *,
        clock: Clock,
        limits: CosignLimits = DEFAULT_COSIGN_LIMITS,
    ) -> None:
        super().__init__(clock, limits)
        self.relay = relay
        self.limits = limits

    def connect(self, client: bytes) -> Protocol:
        """Make the protocol of an accepted connection."""
        return CosignTcpConnection(self, client)


class CosignTcpConnection(Protocol):
    """One connection: a deadline in every state, as much under way as the pipeline has room for."""

    transport: StreamTransport  # type: ignore[assignment]
    _log = Logger()

    def __init__(self, factory: CosignTcpFactory, client: bytes) -> None:
        self._factory = factory
        self.client = client
        # The first deadline bounds the handshake of TLS too.
        self.deadline = factory.clock.seconds() + factory.limits.first_deadline_s
        self._reader = FrameReader()
        self._arrived: deque[bytes] = deque()
        self._under_way = 0
        self._is_taking = False
        self._is_ending = False
        self._is_reading = True
        self._is_writable = True

    # --- Twisted calls -------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Count in, and hear from the transport when its buffer is full."""
        self._factory.opened(self)
        self.transport.registerProducer(self, True)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002  it changes nothing
        """Count out; answers still to come are dropped."""
        self._is_ending = True
        self._arrived.clear()
        self._factory.closed(self)

    def dataReceived(self, data: bytes) -> None:
        """Take what the stream brought, frame by frame."""
        if self._is_ending:
            return
        was_amid = self._reader.is_amid
        frames = self._reader.feed(data)
        self._arrived.extend(frames)
        if frames or not was_amid:
            self._set_deadline()
        self._take_arrived()
        self._steer()

    def pauseProducing(self) -> None:
        """The phone does not read its answers: stop reading its questions."""
        self._is_writable = False
        self.deadline = self._factory.clock.seconds() + self._factory.limits.write_deadline_s
        self._steer()

    def resumeProducing(self) -> None:
        """The phone reads again."""
        self._is_writable = True
        self._set_deadline()
        self._take_arrived()
        self._steer()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost follows."""

    # --- our own -------------------------------------------------------------------------

    def expire(self) -> None:
        """End a late connection; one that waits for us is given time."""
        if self._under_way and self._is_writable:
            self._set_deadline()
        elif self._reader.is_amid and not self._is_ending:
            self._end("the frame took too long")
            self.deadline = self._factory.clock.seconds() + 1.0
        else:
            self.transport.abortConnection()

    def _set_deadline(self) -> None:
        limits = self._factory.limits
        allowed_s = limits.frame_deadline_s if self._reader.is_amid else limits.idle_s
        self.deadline = self._factory.clock.seconds() + allowed_s

    def _take_arrived(self) -> None:
        """Take frames as far as the pipeline has room: one read may bring thousands."""
        if self._is_taking:
            return  # an answer that was there at once: the loop below goes on
        self._is_taking = True
        while self._arrived and self._has_room():
            self._take(read_question(self._arrived.popleft()))
        self._is_taking = False
        if self._reader.fault and not self._arrived and not self._is_ending:
            self._end(self._reader.fault)

    def _take(self, asked: Asked) -> None:
        if isinstance(asked.question, Malformed):
            self._send(write_error(Code.MALFORMED, str(asked.question), asked.id))
        else:
            self._under_way += 1
            Deferred.fromCoroutine(self._answer(asked, asked.question))

    def _has_room(self) -> bool:
        return self._is_writable and self._under_way < self._factory.limits.pipeline

    async def _answer(self, asked: Asked, question: Enrol | DeviceRequest) -> None:
        try:
            octets = write_answer(asked.id, *await self._ask(question))
        except Exception:
            self._log.failure("a question of a phone failed")
            octets = write_error(Code.UNAVAILABLE, "the answer could not be made", asked.id)
        self._under_way -= 1
        self._send(octets)
        if not self._is_ending:
            self._set_deadline()
            self._take_arrived()
            self._steer()

    async def _ask(
        self, question: Enrol | DeviceRequest
    ) -> tuple[int, EnrolAnswer | ResultsAnswer | CodeAnswer]:
        relay = self._factory.relay
        if isinstance(question, DeviceRequest):
            return 0, await relay.request(question, self.client)
        step = question.step
        return step, await relay.enrol(step, question.message, question.mac, self.client)

    def _send(self, octets: bytes) -> None:
        if not self._is_ending:
            self.transport.write(octets)

    def _end(self, text: str) -> None:
        """Say why, and close: the stream cannot be read on."""
        self._send(write_error(Code.MALFORMED, text))
        self._is_ending = True
        # A transport does not close while it has a producer that it told to pause.
        self.transport.unregisterProducer()
        if close_lingering(self.transport):
            self.deadline = self._factory.clock.seconds() + LINGER_S

    def _steer(self) -> None:
        """Read only while the phone reads and the pipeline has room."""
        wanted = self._has_room()
        if wanted != self._is_reading and not self._is_ending:
            self._is_reading = wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
