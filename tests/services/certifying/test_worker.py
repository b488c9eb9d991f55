"""The thread of a room: it answers in order, outlives every failure, and takes only so much."""

import threading
from collections.abc import Callable, Iterator

import pytest
from kit.issuing import GUARD_S, ThreadedClock

from appliance.errors import ApplianceError, Fault, Refused, Unavailable
from appliance.services.certifying import worker as module
from appliance.services.certifying.worker import QUEUE_LIMIT, Worker


class Room:
    """A room that counts what is done in it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.rests = threading.Semaphore(0)
        self.is_closed = False
        self.is_tired = False

    def rest(self) -> None:
        self.rests.release()
        if self.is_tired:
            raise OSError("the disk is full")

    def close(self) -> None:
        self.is_closed = True


class World:
    """A worker whose room opens when the test lets it."""

    def __init__(self) -> None:
        self.reactor = ThreadedClock()
        self.room = Room()
        self.failures: list[Exception] = []
        self.worker = Worker(self.reactor, self._open, name="the room")
        self.answers: list[object] = []

    def _open(self) -> Room:
        if self.failures:
            raise self.failures.pop()
        return self.room

    def ask(self, question: Callable[[Room], object], *, weight: int = 1) -> None:
        self.worker.submit(question, self.answers.append, weight=weight)

    def wait(self, answers: int) -> list[object]:
        self.reactor.run_until(lambda: len(self.answers) >= answers)
        return self.answers


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.worker.stop()


def test_questions_are_answered_in_order(world: World) -> None:
    world.worker.start()
    for number in range(10):
        world.ask(lambda _, number=number: number)
    assert world.wait(10) == list(range(10))


def test_an_error_is_an_answer_and_a_defect_is_a_fault(world: World) -> None:
    world.worker.start()

    def refuse(_: Room) -> None:
        raise Refused("no")

    def break_down(_: Room) -> None:
        raise ZeroDivisionError

    for question in (refuse, break_down, lambda _: "well"):
        world.ask(question)
    refused, fault, well = world.wait(3)
    assert isinstance(refused, Refused)
    assert isinstance(fault, Fault)
    assert "Zero" not in str(fault)
    assert well == "well"


def test_a_room_that_cannot_be_opened_is_opened_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    world.failures = [OSError("the disk is not there")]
    world.worker.start()
    world.ask(lambda _: "first")
    world.ask(lambda _: "second")
    first, second = world.wait(2)
    assert isinstance(first, Unavailable)
    assert "the disk is not there" in str(first)
    assert second == "second"


def test_more_than_may_wait_is_turned_away_at_once(world: World) -> None:
    world.ask(lambda _: "heavy", weight=QUEUE_LIMIT)
    world.ask(lambda _: "too much")
    assert [type(each) for each in world.answers] == [Unavailable]
    world.worker.start()
    assert world.wait(2)[1] == "heavy"
    world.ask(lambda _: "room again", weight=QUEUE_LIMIT)
    assert world.wait(3)[2] == "room again"


def test_news_comes_after_what_was_asked_before(world: World) -> None:
    world.ask(lambda room: list(room.told))
    world.worker.tell(lambda room: room.told.append("news"))
    world.ask(lambda room: list(room.told))
    world.worker.start()
    assert world.wait(2) == [[], ["news"]]


def test_a_room_rests_whatever_becomes_of_it(world: World) -> None:
    world.room.is_tired = True
    world.worker.start()
    for _ in range(2):
        world.ask(lambda _: "asked")
        assert world.room.rests.acquire(timeout=GUARD_S)
    assert world.wait(2) == ["asked", "asked"]


def test_stopping_answers_what_waits_and_closes_the_room(world: World) -> None:
    world.ask(lambda _: "waiting")
    world.worker.start()
    world.worker.stop()
    assert world.room.is_closed
    assert world.wait(1) == ["waiting"]
    world.ask(lambda _: "late")
    assert isinstance(world.answers[1], ApplianceError)
