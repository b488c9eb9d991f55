"""The supervisor: what it spawns, when again, and how it ends."""

import os
import socket
import sys
from pathlib import Path

import pytest
from kit.logs import logged
from kit.processes import ProcessReactor

from appliance.daemon.listeners import Listener
from appliance.daemon.supervision.supervisor import (
    FIRST_RESTART_S,
    LAST_RESTART_S,
    STEADY_AFTER_S,
    Role,
    Supervisor,
)


class World:
    """A supervisor over a reactor without processes."""

    def __init__(self, folder: Path, *roles: Role) -> None:
        self.reactor = ProcessReactor()
        self.changes = 0
        self.supervisor = Supervisor(
            self.reactor,
            roles or (Role("signer", 0, ()), Role("front", 0, ()), Role("front", 1, ())),
            command=["-m", "shiyind"],
            run_folder=folder / "run",
            log_folder=folder,
            changed=self._count,
        )

    def _count(self) -> None:
        self.changes += 1

    @property
    def spawned(self) -> int:
        return len(self.reactor.processes)

    def notify(self, text: str) -> None:
        self.supervisor.datagramReceived(text.encode(), None)

    def restart_after(self) -> float:
        """End the last process and give the seconds until there is another."""
        before = self.spawned
        self.reactor.processes[-1].end()
        (call,) = self.reactor.getDelayedCalls()
        pause_s = call.getTime() - self.reactor.seconds()
        self.reactor.advance(pause_s)
        assert self.spawned == before + 1
        return pause_s


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def single(tmp_path: Path) -> World:
    world = World(tmp_path, Role("signer", 0, ()))
    world.supervisor.start()
    return world


# --- spawning -------------------------------------------------------------------------------------


def test_roles_are_spawned_in_order_each_with_its_log(world: World, tmp_path: Path) -> None:
    world.supervisor.start()
    assert [list(each.args) for each in world.reactor.processes] == [
        [sys.executable, "-m", "shiyind", role] for role in ("signer", "front", "front")
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"signer.log", "front.log", "front-1.log"}


def test_a_child_gets_its_listeners_from_descriptor_3_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("KEPT", "yes")
    one, two = socket.socketpair()
    with one, two:
        world = World(tmp_path, Role("signer", 0, (Listener("stamp", one), Listener("ctl", two))))
        world.supervisor.start()
        (process,) = world.reactor.processes
        assert process.descriptors[0] == "w"
        assert process.descriptors[1] == process.descriptors[2]
        assert (process.descriptors[3], process.descriptors[4]) == (one.fileno(), two.fileno())
    assert process.env["LISTEN_FDS"] == "2"
    assert process.env["LISTEN_FDNAMES"] == "stamp:ctl"
    assert process.env["NOTIFY_SOCKET"] == str(tmp_path / "run" / "notify.sock")
    assert process.env["SHIYIN_SUPERVISED"] == str(os.getpid())
    assert process.env["KEPT"] == "yes"
    assert "LISTEN_PID" not in process.env


def test_the_log_is_not_kept_open_here(single: World) -> None:
    (process,) = single.reactor.processes
    log = process.descriptors[1]
    assert isinstance(log, int)
    with pytest.raises(OSError):
        os.fstat(log)


# --- restarts -------------------------------------------------------------------------------------


def test_a_child_that_dies_young_waits_twice_as_long_each_time(single: World) -> None:
    with logged():
        pauses = [single.restart_after() for _ in range(8)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LAST_RESTART_S, LAST_RESTART_S])


def test_a_steady_life_makes_the_next_restart_quick_again(single: World) -> None:
    with logged():
        for _ in range(5):
            single.restart_after()
        single.reactor.advance(STEADY_AFTER_S + 0.1)
        assert single.restart_after() == pytest.approx(FIRST_RESTART_S)
        assert single.restart_after() == pytest.approx(2 * FIRST_RESTART_S)


def test_a_death_is_logged_with_its_name_and_reason(single: World) -> None:
    with logged() as events:
        single.reactor.processes[0].end(7)
    (event,) = events
    assert event["child"] == "signer"
    assert "exit code 7" in event["why"]


def test_a_child_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, Role("signer", 0, ()))
    world.reactor.is_full = True
    with logged() as events:
        world.supervisor.start()
        world.reactor.advance(FIRST_RESTART_S)
        world.reactor.is_full = False
        world.reactor.advance(2 * FIRST_RESTART_S)
    assert world.spawned == 1
    assert len(events) == 2


def test_one_death_leaves_the_others_alone(world: World) -> None:
    world.supervisor.start()
    with logged():
        world.reactor.processes[0].end()
        world.reactor.advance(FIRST_RESTART_S)
    assert world.spawned == 4
    assert world.supervisor.pids() == {"signer": [1003], "front": [1001, 1002]}


# --- readiness ------------------------------------------------------------------------------------


def test_the_box_is_complete_when_every_child_says_so(world: World) -> None:
    world.supervisor.start()
    for pid in (1000, 1001, 1002):
        assert not world.supervisor.is_complete
        world.notify(f"READY=1\nMAINPID={pid}")
    assert world.supervisor.is_complete


def test_a_child_that_died_is_no_longer_ready(single: World) -> None:
    single.notify("READY=1\nMAINPID=1000")
    with logged():
        single.reactor.processes[0].end()
        single.reactor.advance(1.0)
    assert not single.supervisor.is_complete
    single.notify("READY=1\nMAINPID=1001")
    assert single.supervisor.is_complete


@pytest.mark.parametrize(
    "text",
    [
        *("", "READY=1", "MAINPID=1000", "READY=0\nMAINPID=1000", "READY=1\nMAINPID=1"),
        *("READY=1\nMAINPID=", "STATUS=READY=1\nMAINPID=1000", "\udc80"),
    ],
)
def test_what_says_no_readiness_changes_nothing(single: World, text: str) -> None:
    before = single.changes
    single.supervisor.datagramReceived(text.encode("utf-8", "surrogateescape"), None)
    assert not single.supervisor.is_complete
    assert single.changes == before


def test_nobody_can_speak_for_a_child_that_does_not_run(single: World) -> None:
    with logged():
        single.reactor.processes[0].end()
    single.notify("READY=1\nMAINPID=None")
    assert not single.supervisor.is_complete


def test_every_change_is_told(single: World) -> None:
    assert single.changes == 1
    single.notify("READY=1\nMAINPID=1000")
    assert single.changes == 2
    with logged():
        single.reactor.processes[0].end()
    assert single.changes == 3


# --- the end --------------------------------------------------------------------------------------


def test_stopping_tells_every_child_and_starts_none_again(world: World) -> None:
    world.supervisor.start()
    world.supervisor.stop("TERM")
    assert [each.signals for each in world.reactor.processes] == [["TERM"]] * 3
    for process in world.reactor.processes:
        assert not world.supervisor.is_empty
        process.end(0)
    assert world.supervisor.is_empty
    assert world.supervisor.pids() == {}
    assert not world.reactor.getDelayedCalls()


def test_stopping_calls_off_a_restart_that_was_due(single: World) -> None:
    with logged():
        single.reactor.processes[0].end()
    single.supervisor.stop("TERM")
    single.reactor.advance(LAST_RESTART_S)
    assert single.spawned == 1
    assert single.supervisor.is_empty


def test_a_child_may_end_just_before_it_is_told_to(single: World) -> None:
    single.reactor.processes[0].is_over = True
    single.supervisor.stop("TERM")
    single.supervisor.stop("KILL")
    assert single.reactor.processes[0].signals == []
