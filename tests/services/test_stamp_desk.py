"""The front's desk: batches, limits, and one answer for each request whatever happens."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kit.logs import logged
from twisted.internet.task import Clock

from appliance.asn1.tsp import PKIFailureInfo, PKIStatus, decode_response
from appliance.services.messages import (
    BATCH_LIMIT,
    PROTOCOL_VERSION,
    Hello,
    PollAsk,
    PollReply,
    PollState,
    ProfileOffer,
    StampBatch,
    StampReplies,
)
from appliance.services.timestamping import (
    CROSSINGS_PER_QUEUE,
    DEADLINE_S,
    PROFILE_LIMIT,
    REQUEST_LIMIT,
    SOURCE_LIMIT,
    StampDesk,
)

ONE, OTHER = b"\xc0\0\2\1\0\1", b"\xc0\0\2\2\0\1"
"""Two packed clients."""
HELLO = Hello(PROTOCOL_VERSION, (ProfileOffer("sm2", "sm2"), ProfileOffer("rsa", "rsa")))


class World:
    """A desk, its signer's end, and what each request was answered with."""

    def __init__(self, *, with_signer: bool = True) -> None:
        self.clock = Clock()
        self.desk = StampDesk(self.clock)
        self.sent: list[StampBatch] = []
        self.polls: list[PollAsk] = []
        self.polled: list[bytes | PollState] = []
        self.answers: list[bytes | int] = []
        self.is_line_open = True
        if with_signer:
            self.arrive()

    def arrive(self) -> None:
        self.is_line_open = True
        self.desk.signer_arrived(HELLO, self.send)

    def send(self, frame: StampBatch | PollAsk) -> bool:
        if self.is_line_open and isinstance(frame, StampBatch):
            self.sent.append(frame)
        elif self.is_line_open and isinstance(frame, PollAsk):
            self.polls.append(frame)
        return self.is_line_open

    def ask(self, *requests: bytes, profile: str = "sm2", client: bytes = ONE) -> None:
        for request in requests:
            self.desk.submit(profile, request, client, self.answers.append)

    def turn(self) -> None:
        """Let the reactor's turn end."""
        self.clock.advance(0)

    def reply(self, batch: StampBatch) -> None:
        self.desk.replies_arrived(
            StampReplies(batch.batch, [b"token of " + ask.request for ask in batch.asks])
        )


def failures(answers: list[bytes | int]) -> list[tuple[int | None, str]]:
    """Read rejections: the failure bit and the text."""
    read = [decode_response(answer) for answer in answers if isinstance(answer, bytes)]
    assert all(response.status == PKIStatus.REJECTION for response in read)
    return [(response.failure, "".join(response.status_texts)) for response in read]


def is_system_failure(answers: list[bytes | int], words: str, count: int = 1) -> bool:
    found = failures(answers)
    return len(found) == count and all(
        bit == PKIFailureInfo.systemFailure and words in text for bit, text in found
    )


# --- batches --------------------------------------------------------------------------------------


def test_what_arrives_in_one_turn_crosses_together() -> None:
    world = World()
    world.ask(b"a", b"b")
    assert world.sent == []
    world.turn()
    ((a, b),) = [batch.asks for batch in world.sent]
    assert (a.request, b.request) == (b"a", b"b")
    assert (a.profile, a.client) == ("sm2", ONE)


def test_answers_go_to_who_asked_in_any_order_of_batches() -> None:
    world = World()
    world.ask(b"a")
    world.turn()
    world.ask(b"b", b"c")
    world.turn()
    first, second = world.sent
    world.reply(second)
    world.reply(first)
    assert world.answers == [b"token of b", b"token of c", b"token of a"]
    assert not world.desk.is_busy


def test_a_batch_has_at_most_its_limit() -> None:
    world = World()
    world.ask(*[b"%d" % number for number in range(BATCH_LIMIT + 1)])
    world.turn()
    assert [len(batch.asks) for batch in world.sent] == [BATCH_LIMIT, 1]


def test_a_third_batch_gathers_until_one_of_two_is_back() -> None:
    world = World()
    for request in (b"a", b"b", b"c", b"d"):
        world.ask(request)
        world.turn()
    assert len(world.sent) == CROSSINGS_PER_QUEUE
    world.reply(world.sent[1])
    assert [ask.request for ask in world.sent[2].asks] == [b"c", b"d"]


def test_a_slow_profile_holds_up_no_other() -> None:
    world = World()
    for _ in range(3):
        world.ask(b"slow", profile="rsa")
        world.turn()
    world.ask(b"quick")
    world.turn()
    assert world.sent[-1].asks[0].request == b"quick"


# --- what is answered here ------------------------------------------------------------------------


def test_a_request_over_4096_octets_is_bad_data_format() -> None:
    world = World()
    world.ask(bytes(REQUEST_LIMIT + 1))
    assert [bit for bit, _ in failures(world.answers)] == [PKIFailureInfo.badDataFormat]
    world.ask(bytes(REQUEST_LIMIT))
    world.turn()
    assert len(world.sent) == 1


def test_without_a_signer_it_is_a_system_failure_at_once() -> None:
    world = World(with_signer=False)
    assert not world.desk.is_open
    world.ask(b"a")
    assert is_system_failure(world.answers, "not available")
    assert not world.desk.is_busy


def test_too_much_of_one_source_is_an_overload_until_some_is_answered() -> None:
    world = World()
    world.ask(*[b"a"] * SOURCE_LIMIT)
    world.ask(b"b", client=ONE[:4] + b"\0\7")
    assert is_system_failure(world.answers, "overload")
    world.ask(b"c", client=OTHER)
    assert len(world.answers) == 1
    world.turn()
    world.reply(world.sent[0])
    world.answers.clear()
    world.ask(b"d")
    assert world.answers == []


def test_too_much_of_one_profile_leaves_room_for_the_others() -> None:
    world = World()
    for number in range(PROFILE_LIMIT):
        world.ask(b"a", client=number.to_bytes(4, "big") + b"\0\7", profile="rsa")
    assert world.answers == []
    world.ask(b"b", client=OTHER, profile="rsa")
    assert is_system_failure(world.answers, "overload")
    world.ask(b"c", client=OTHER, profile="sm2")
    assert len(world.answers) == 1


def test_too_many_in_flight_is_an_overload_until_some_are_answered() -> None:
    world = World()
    for profile in ("sm2", "rsa"):
        for number in range(PROFILE_LIMIT):
            world.ask(b"a", client=number.to_bytes(4, "big") + b"\0\7", profile=profile)
    world.ask(b"b", client=OTHER, profile="p256")
    assert is_system_failure(world.answers, "overload")
    world.turn()
    world.reply(world.sent[0])
    world.answers.clear()
    world.ask(b"c", client=OTHER, profile="p256")
    assert world.answers == []


def test_sources_that_wait_for_nothing_leave_nothing_behind() -> None:
    world = World()
    world.ask(b"a")
    world.ask(b"b", client=OTHER)
    world.turn()
    world.reply(world.sent[0])
    assert world.desk._in_flight_of == {}


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_signer_that_is_late_is_given_up() -> None:
    world = World()
    world.ask(b"a")
    world.turn()
    world.clock.advance(DEADLINE_S - 1.0)
    assert world.answers == []
    world.clock.pump([1.0, 1.0])
    assert is_system_failure(world.answers, "in time")
    world.reply(world.sent[0])
    assert len(world.answers) == 1
    assert not world.clock.getDelayedCalls()


def test_what_gathered_behind_a_late_batch_is_given_up_with_it() -> None:
    world = World()
    for request in (b"a", b"b", b"c"):
        world.ask(request)
        world.turn()
    world.clock.pump([1.0] * 12)
    assert is_system_failure(world.answers, "in time", count=3)
    world.ask(b"d")
    world.turn()
    assert world.sent[-1].asks[0].request == b"d"


def test_a_signer_that_goes_away_leaves_nobody_waiting() -> None:
    world = World()
    for request in (b"crossed", b"crossed too", b"gathered"):
        world.ask(request)
        world.turn()
    world.ask(b"of this turn", profile="rsa")
    world.desk.signer_left()
    assert is_system_failure(world.answers, "went away", count=4)
    assert not world.desk.is_busy
    world.turn()
    assert len(world.sent) == 2


def test_a_signer_that_comes_back_is_used() -> None:
    world = World()
    world.desk.signer_left()
    world.arrive()
    world.ask(b"a")
    world.turn()
    assert len(world.sent) == 1
    assert world.desk.profiles == HELLO.profiles


def test_a_line_that_takes_nothing_is_a_lost_batch() -> None:
    world = World()
    world.is_line_open = False
    world.ask(b"a")
    world.turn()
    assert is_system_failure(world.answers, "went away")
    assert not world.desk.is_busy


def test_a_loss_may_be_answered_by_asking_again_at_once() -> None:
    world = World()
    world.is_line_open = False
    world.desk.submit("sm2", b"a", b"", lambda _: world.ask(b"again", profile="rsa"))
    world.turn()
    world.turn()
    assert is_system_failure(world.answers, "went away")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_answers_is_none_and_is_logged(count: int) -> None:
    world = World()
    world.ask(b"a", b"b")
    world.turn()
    with logged() as events:
        world.desk.replies_arrived(StampReplies(world.sent[0].batch, [b"x"] * count))
    assert is_system_failure(world.answers, "went away", count=2)
    assert len(events) == 1


def test_answers_nobody_waits_for_are_dropped() -> None:
    world = World()
    world.desk.replies_arrived(StampReplies(17, [b"x"]))
    assert world.answers == []


# --- clients that poll ----------------------------------------------------------------------------


def test_clients_that_can_poll_cross_apart_and_may_get_a_reference() -> None:
    world = World()
    world.ask(b"a")
    world.desk.submit_patiently("sm2", b"b", b"client", world.answers.append)
    world.turn()
    assert [batch.may_poll for batch in world.sent] == [False, True]
    world.desk.replies_arrived(StampReplies(world.sent[1].batch, [4711]))
    assert world.answers == [4711]


def test_a_poll_is_answered_once() -> None:
    world = World()
    world.desk.poll(4711, b"client", world.polled.append)
    (ask,) = world.polls
    assert (ask.reference, ask.client) == (4711, b"client")
    for _ in range(2):
        world.desk.poll_answered(PollReply(ask.batch, b"token"))
    assert world.polled == [b"token"]


def test_a_poll_that_reaches_nobody_may_be_tried_again() -> None:
    world = World(with_signer=False)
    world.desk.poll(1, b"", world.polled.append)
    world.arrive()
    world.desk.poll(2, b"", world.polled.append)
    world.clock.pump([1.0] * 12)
    assert world.polled == [PollState.WAITING, PollState.WAITING]


def test_a_poll_at_a_signer_that_goes_away_is_unknown() -> None:
    world = World()
    world.desk.poll(1, b"", world.polled.append)
    world.desk.signer_left()
    assert world.polled == [PollState.UNKNOWN]


# --- every request has one answer -----------------------------------------------------------------


class Desk(RuleBasedStateMachine):
    """Anything may happen in any order: each `done` is called once, and never twice."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.asked = 0
        self.answered: Counter[int] = Counter()
        self.unanswered: list[StampBatch] = []

    @rule(
        count=st.integers(1, 150),
        size=st.sampled_from([1, 5000]),
        name=st.sampled_from("ab"),
        client=st.sampled_from([ONE, OTHER, b""]),
    )
    def ask(self, count: int, size: int, name: str, client: bytes) -> None:
        for _ in range(count):
            number = self.asked
            self.asked += 1
            self.world.desk.submit(
                name, bytes(size), client, lambda _, number=number: self.answered.update([number])
            )

    @rule()
    def end_turn(self) -> None:
        self.world.turn()

    @precondition(lambda self: self.world.sent)
    @rule(data=st.data(), surplus=st.sampled_from([0, 0, 0, -1, 1]))
    def reply(self, data: st.DataObject, surplus: int) -> None:
        batch = data.draw(st.sampled_from(self.world.sent))
        with logged():
            self.world.desk.replies_arrived(
                StampReplies(batch.batch, [b"x"] * (len(batch.asks) + surplus))
            )

    @rule(seconds=st.floats(0.1, 12.0))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def signer_leaves(self) -> None:
        self.world.desk.signer_left()

    @rule()
    def signer_arrives(self) -> None:
        self.world.arrive()

    @rule()
    def line_breaks(self) -> None:
        self.world.is_line_open = False

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        assert not self.answered or max(self.answered.values()) == 1

    @invariant()
    def the_desk_knows_how_many_wait(self) -> None:
        desk, waiting = self.world.desk, self.asked - len(self.answered)
        assert desk._in_flight == waiting
        assert sum(desk._in_flight_of.values()) == waiting

    @invariant()
    def no_batch_is_too_large(self) -> None:
        assert all(1 <= len(batch.asks) <= BATCH_LIMIT for batch in self.world.sent)

    def teardown(self) -> None:
        for _ in range(15):
            self.world.clock.advance(1.0)
        assert len(self.answered) == self.asked


TestEveryRequestHasOneAnswer = Desk.TestCase
TestEveryRequestHasOneAnswer.settings = settings(max_examples=40, stateful_step_count=30)
