"""TSP over TCP: one reply a message, in order; nonsense is told once and ends the stream."""

from collections.abc import Sequence
from typing import Any

from kit.fuzzing import halves
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.services.messages import (
    Hello,
    PollAsk,
    PollReply,
    PollState,
    ProfileOffer,
    StampBatch,
    StampReplies,
)
from appliance.services.timestamping import StampDesk
from appliance.wire.tsp.frames import Flag, MessageReader, decode_poll
from appliance.wire.tsp.tcp import TspTcpFactory

HELLO = Hello(1, (ProfileOffer("sm2", "sm2"),))
ANSWER = b"the answer"
LATE = b"late"
LIFETIME_S = 100.0


def one_input(data: bytes) -> None:
    expected, is_sound = messages(data)
    replies = exchange([data])
    assert exchange(halves(data)) == replies
    assert len(replies) == len(expected) + (not is_sound)
    for (flag, value), (asked, request) in zip(replies, expected, strict=False):
        check_reply(flag, value, asked, request)
    if not is_sound:
        assert replies[-1][0] == Flag.ERROR_MSG_REP


def check_reply(flag: int, value: bytes, asked: int, request: bytes) -> None:
    if asked == Flag.TSA_MSG:
        assert flag in (Flag.FINAL_MSG_REP, Flag.POLL_REP)
        assert (flag == Flag.POLL_REP) == request.startswith(LATE)
    elif asked == Flag.POLL_REQ and len(request) == 4:
        assert flag in (Flag.FINAL_MSG_REP, Flag.PARTIAL_MSG_REP, Flag.NEG_POLL_REP)
    else:
        assert flag == Flag.ERROR_MSG_REP
    if flag in (Flag.POLL_REP, Flag.PARTIAL_MSG_REP):
        decode_poll(value)


def messages(data: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """Read a stream by the letter of RFC 3161 3.3: its messages, and whether one is sound no more.

    A message that is cut short is late in the end.
    """
    found: list[tuple[int, bytes]] = []
    position = 0
    while position + 4 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if not 1 <= length <= 65_537:
            return found, False
        stop = position + 4 + length
        if stop > len(data):
            break
        found.append((data[position + 4], data[position + 5 : stop]))
        position = stop
    return found, position == len(data)


def exchange(pieces: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Send a stream in pieces, wait until the connection is over, and read the replies."""
    clock = Clock()
    desk = StampDesk(clock)
    Signer(desk, clock)
    factory = TspTcpFactory(desk, "sm2", clock=clock)
    factory.doStart()
    connection: Any = factory.buildProtocol(None)
    transport = StringTransport()
    connection.makeConnection(transport)
    for piece in pieces:
        connection.dataReceived(piece)
    clock.pump([LIFETIME_S] * 3)
    assert transport.disconnecting or transport.disconnected
    connection.connectionLost()
    assert not factory.connections
    return MessageReader().feed(transport.value())


class Signer:
    """Answers next; requests that begin with LATE by a reference, polls by turns."""

    def __init__(self, desk: StampDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        desk.signer_arrived(HELLO, self.ask)

    def ask(self, frame: StampBatch | PollAsk) -> bool:
        if isinstance(frame, PollAsk):
            state = (PollState.WAITING, PollState.DELIVERED, ANSWER)[frame.reference % 3]
            self._clock.callLater(0, self._desk.poll_answered, PollReply(frame.batch, state))
            return True
        answers = [7 if ask.request.startswith(LATE) else ANSWER for ask in frame.asks]
        self._clock.callLater(0, self._desk.replies_arrived, StampReplies(frame.batch, answers))
        return True
