"""The front's half of OCSP: whoever asks is answered once."""

import msgspec
import pytest
from twisted.internet.task import Clock

from appliance.asn1.status.ocsp import MAX_REQUEST_OCTETS, ResponseStatus, decode_response
from appliance.services.certifying.ocsp_counter import (
    DEADLINE_S,
    IN_FLIGHT_LIMIT,
    OcspCounter,
)
from appliance.services.certifying.status_messages import (
    OcspAnswer,
    OcspAsk,
    OcspQuestion,
    OcspReply,
)


class World:
    """A counter, its clock, and a signer that may be deaf."""

    def __init__(self, *, hears=True):
        self.clock = Clock()
        self.counter = OcspCounter(self.clock)
        self.sent = []
        self.answers = []
        self.hears = hears
        self.counter.signer_arrived(self.send)

    def send(self, ask):
        self.sent.append(ask)
        return self.hears

    def ask(self, octets=b"question"):
        self.counter.submit(octets, self.answers.append)

    @property
    def statuses(self):
        return [decode_response(octets).status for octets in self.answers]


def test_an_answer_reaches_who_asked():
    world = World()
    world.ask(b"one")
    world.ask(b"two")
    assert world.sent == [OcspAsk(0, b"one"), OcspAsk(1, b"two")]
    for reply in (OcspReply(1, b"second"), OcspReply(0, b"first"), OcspReply(0, b"again")):
        world.counter.reply_arrived(reply)
    assert world.answers == [b"second", b"first"]


def test_without_a_signer_one_tries_later():
    world = World()
    world.ask()
    world.counter.signer_left()
    world.ask()
    assert world.statuses == [ResponseStatus.TRY_LATER] * 2


def test_a_signer_that_does_not_hear_is_no_signer():
    world = World(hears=False)
    world.ask()
    assert world.statuses == [ResponseStatus.TRY_LATER]


def test_a_late_answer_is_no_answer():
    world = World()
    world.ask()
    world.clock.advance(DEADLINE_S - 1)
    world.ask()
    world.clock.advance(1)
    assert world.statuses == [ResponseStatus.TRY_LATER]
    world.counter.reply_arrived(OcspReply(0, b"late"))
    world.counter.reply_arrived(OcspReply(1, b"in time"))
    assert world.answers[1:] == [b"in time"]
    world.clock.advance(2)
    assert world.clock.getDelayedCalls() == []


def test_only_so_many_wait_at_once():
    world = World()
    for _ in range(IN_FLIGHT_LIMIT + 1):
        world.ask()
    assert len(world.sent) == IN_FLIGHT_LIMIT
    assert world.statuses == [ResponseStatus.TRY_LATER]


def test_what_is_too_long_does_not_cross():
    world = World()
    world.ask(bytes(MAX_REQUEST_OCTETS + 1))
    assert world.sent == []
    assert world.statuses == [ResponseStatus.MALFORMED_REQUEST]


@pytest.mark.parametrize(
    ("frame", "verbs"), [(OcspAsk(1, b"q"), OcspQuestion), (OcspReply(1, b"a"), OcspAnswer)]
)
def test_frames_cross_whole(frame, verbs):
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(frame), type=verbs) == frame
