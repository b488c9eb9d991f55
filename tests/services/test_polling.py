"""The poll table and the issuer that uses it: bounded, forgetful, each answer once to its owner."""

from collections.abc import Callable, Sequence
from typing import cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from twisted.internet.task import Clock

from appliance.asn1.tsp import PKIFailureInfo, decode_response
from appliance.services.clients import owner_of
from appliance.services.issuing import Issuer
from appliance.services.messages import PollState, StampAsk
from appliance.services.polling import CAPACITY, KEPT_S, PatientIssuer, PollTable
from appliance.wire.addresses import pack_client

OWNER, STRANGER = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"
PATIENCE_S = 2.0


class Draw:
    """Gives octets that a test foresees: by default 1, 2, 3 and so on."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = iter(numbers) if numbers else iter(range(1, CAPACITY + 10))

    def __call__(self, octets: int) -> bytes:
        return next(self._numbers).to_bytes(octets, "big")


def make_table(*numbers: int) -> tuple[PollTable, Clock]:
    clock = Clock()
    return PollTable(clock, Draw(*numbers)), clock


def full_table() -> tuple[PollTable, Clock]:
    table, clock = make_table()
    assert all(table.reserve(OWNER) for _ in range(CAPACITY))
    return table, clock


# --- the table ------------------------------------------------------------------------------------


def test_an_answer_is_waited_for_then_given_once() -> None:
    table, _ = make_table(7)
    assert table.reserve(OWNER) == 7
    assert table.take(7, OWNER) is PollState.WAITING
    table.fill(7, b"response")
    assert table.take(7, OWNER) == b"response"
    assert table.take(7, OWNER) is PollState.DELIVERED


def test_a_reference_is_unknown_to_strangers_and_stays_for_its_owner() -> None:
    table, _ = make_table(7)
    table.reserve(OWNER)
    table.fill(7, b"response")
    assert table.take(7, STRANGER) is PollState.UNKNOWN
    assert table.take(7, OWNER) == b"response"
    assert table.take(7, STRANGER) is PollState.UNKNOWN


def test_what_was_never_given_out_is_unknown() -> None:
    table, _ = make_table()
    assert table.take(7, OWNER) is PollState.UNKNOWN


def test_a_reference_is_never_given_to_two_at_a_time() -> None:
    table, _ = make_table(7, 7, 7, 8)
    assert [table.reserve(OWNER), table.reserve(STRANGER)] == [7, 8]


def test_an_answer_nobody_fetches_is_forgotten() -> None:
    table, clock = make_table(7)
    table.reserve(OWNER)
    table.fill(7, b"response")
    clock.advance(KEPT_S)
    assert table.take(7, OWNER) is PollState.UNKNOWN


def test_an_answer_that_comes_after_its_reference_is_forgotten_is_dropped() -> None:
    table, clock = make_table(7, 8)
    table.reserve(OWNER)
    clock.advance(KEPT_S)
    table.reserve(OWNER)
    table.fill(7, b"response")
    assert table.take(7, OWNER) is PollState.UNKNOWN
    assert table.take(8, OWNER) is PollState.WAITING


def test_a_full_table_gives_no_reference_until_one_is_forgotten() -> None:
    table, clock = full_table()
    assert table.reserve(OWNER) is None
    clock.advance(KEPT_S)
    assert table.reserve(OWNER) is not None


def test_a_poll_may_come_over_another_connection_of_the_same_address() -> None:
    for host in ("192.0.2.1", "2001:db8::1"):
        assert owner_of(pack_client(host, 1)) == owner_of(pack_client(host, 65535))
    assert owner_of(pack_client("192.0.2.1", 1)) != owner_of(pack_client("192.0.2.2", 1))


class TableMachine(RuleBasedStateMachine):
    """Holds the table against a dictionary that forgets by the same clock."""

    @initialize()
    def begin(self) -> None:
        self.table, self.clock = make_table()
        self.model: dict[int, tuple[bytes, float, bytes | PollState]] = {}
        self.given: set[bytes] = set()

    def known(self, reference: int) -> tuple[bytes, float, bytes | PollState] | None:
        entry = self.model.get(reference)
        return entry if entry and entry[1] > self.clock.seconds() else None

    @rule(owner=st.sampled_from([OWNER, STRANGER]))
    def reserve(self, owner: bytes) -> None:
        reference = self.table.reserve(owner)
        assert reference is not None
        assert reference not in self.model
        self.model[reference] = (owner, self.clock.seconds() + KEPT_S, PollState.WAITING)

    @rule(reference=st.integers(1, 8))
    def fill(self, reference: int) -> None:
        response = b"response to %d" % reference
        self.table.fill(reference, response)
        entry = self.known(reference)
        if entry and entry[2] is PollState.WAITING:
            self.model[reference] = (*entry[:2], response)

    @rule(reference=st.integers(1, 8), owner=st.sampled_from([OWNER, STRANGER]))
    def take(self, reference: int, owner: bytes) -> None:
        answer = self.table.take(reference, owner)
        entry = self.known(reference)
        if entry is None or entry[0] != owner:
            assert answer is PollState.UNKNOWN
            return
        assert answer == entry[2]
        if isinstance(answer, bytes):
            assert answer not in self.given
            self.given.add(answer)
            self.model[reference] = (*entry[:2], PollState.DELIVERED)

    @rule(seconds=st.sampled_from([1.0, KEPT_S / 2, KEPT_S]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)


TestTable = TableMachine.TestCase


# --- the issuer -----------------------------------------------------------------------------------


class LateIssuer:
    """Keeps what was submitted until the test answers it."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Sequence[StampAsk], Callable[[Sequence[bytes]], None]]] = []

    def submit(self, asks: Sequence[StampAsk], done: Callable[[Sequence[bytes]], None]) -> None:
        self.jobs.append((asks, done))

    def answer(self, job: int = 0) -> None:
        asks, done = self.jobs[job]
        done([b"response to " + ask.request for ask in asks])


class World:
    """A patient issuer, and what each batch was answered with."""

    def __init__(self, table: PollTable | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.table = table or PollTable(self.clock, Draw())
        self.issuer = LateIssuer()
        self.answers: list[list[bytes | int]] = []
        self.patient = PatientIssuer(
            cast("Issuer", self.issuer), self.table, clock=self.clock, patience_s=PATIENCE_S
        )

    def ask(self, *requests: bytes, client: bytes = OWNER + b"\x00\x50") -> None:
        asks = [StampAsk("sm2", request, client) for request in requests]
        self.patient.submit(asks, lambda answers: self.answers.append(list(answers)))


def test_what_is_answered_in_time_needs_no_reference() -> None:
    world = World()
    world.ask(b"a", b"b")
    world.issuer.answer()
    world.clock.advance(PATIENCE_S)
    assert world.answers == [[b"response to a", b"response to b"]]
    assert world.table.take(1, OWNER) is PollState.UNKNOWN
    assert world.clock.getDelayedCalls() == []


def test_what_is_late_gets_references_and_is_fetched_by_them() -> None:
    world = World()
    world.ask(b"a", b"b")
    world.clock.advance(PATIENCE_S)
    assert world.answers == [[1, 2]]
    assert world.table.take(2, OWNER) is PollState.WAITING
    world.issuer.answer()
    assert world.answers == [[1, 2]]
    assert [world.table.take(number, OWNER) for number in (2, 1)] == [
        b"response to b",
        b"response to a",
    ]


def test_an_issuer_that_answers_at_once_is_not_waited_for() -> None:
    class PromptIssuer:
        def submit(self, asks: Sequence[StampAsk], done: Callable[[list[bytes]], None]) -> None:
            done([b"refused"] * len(asks))

    clock = Clock()
    answers: list[bytes | int] = []
    patient = PatientIssuer(
        cast("Issuer", PromptIssuer()),
        PollTable(clock, Draw()),
        clock=clock,
        patience_s=PATIENCE_S,
    )
    patient.submit([StampAsk("sm2", b"a", b"")], answers.extend)
    clock.advance(PATIENCE_S)
    assert answers == [b"refused"]


def test_late_answers_of_two_batches_are_not_mixed_up() -> None:
    world = World()
    world.ask(b"a", client=OWNER + b"\x00\x01")
    world.ask(b"b", client=STRANGER + b"\x00\x01")
    world.clock.advance(PATIENCE_S)
    world.issuer.answer(1)
    assert world.table.take(1, OWNER) is PollState.WAITING
    assert world.table.take(2, OWNER) is PollState.UNKNOWN
    assert world.table.take(2, STRANGER) == b"response to b"


def test_beyond_a_full_table_what_is_late_is_a_system_failure() -> None:
    table, clock = make_table()
    for _ in range(CAPACITY - 1):
        table.reserve(STRANGER)
    world = World(table, clock)
    world.ask(b"a", b"b")
    clock.advance(PATIENCE_S)
    ((reference, refusal),) = world.answers
    assert reference == CAPACITY
    assert isinstance(refusal, bytes)
    assert decode_response(refusal).failure == PKIFailureInfo.systemFailure
    world.issuer.answer()
    assert table.take(CAPACITY, OWNER) == b"response to a"
