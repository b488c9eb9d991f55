"""What others can provoke without end is told once a minute, with a count."""

from kit.logs import logged
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel

from appliance.services.sparse_log import WINDOW_S, SparseLog


class World:
    """A sparse log and its clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sparse = SparseLog(Logger(), self.clock)


def test_the_first_event_is_told_at_once_with_its_fields() -> None:
    world = World()
    with logged() as events:
        world.sparse.warn("a knock", uid=7)
    (event,) = events
    assert (event["log_level"], event["log_format"], event["uid"]) == (LogLevel.warn, "a knock", 7)


def test_its_like_are_withheld_and_counted_when_the_window_ends() -> None:
    world = World()
    with logged() as events:
        for uid in range(1000):
            world.sparse.warn("a knock", uid=uid)
        world.clock.advance(WINDOW_S - 1)
        world.sparse.warn("a knock", uid=1)
        assert len(events) == 1
        world.clock.advance(1)
    assert [event["log_format"] for event in events] == ["a knock", "warnings were withheld"]
    assert (events[1]["of"], events[1]["count"]) == ("a knock", 1000)


def test_nothing_is_said_of_nothing_withheld() -> None:
    world = World()
    with logged() as events:
        world.sparse.warn("a knock")
        world.clock.advance(WINDOW_S)
    assert len(events) == 1
    assert not world.clock.getDelayedCalls()


def test_after_the_window_the_next_is_told_at_once() -> None:
    world = World()
    with logged() as events:
        world.sparse.warn("a knock")
        world.clock.advance(WINDOW_S)
        world.sparse.warn("a knock")
    assert len(events) == 2


def test_one_event_does_not_hide_another() -> None:
    world = World()
    with logged() as events:
        world.sparse.warn("a knock")
        world.sparse.warn("a bang")
    assert len(events) == 2


def test_a_flood_without_end_is_two_lines_a_window() -> None:
    world = World()
    with logged() as events:
        for _ in range(600):
            world.sparse.warn("a knock")
            world.clock.advance(1.0)
    assert len(events) <= 2 * 600 / WINDOW_S
