"""A serial device comes, goes, comes back elsewhere, falls silent, and talks nonsense."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.serial import PumpedReactor, Tty

from drivers.api import Absent, DeviceState, Garbled, Silent
from drivers.serial_line import (
    MAX_UNSENT_OCTETS,
    LinePlace,
    Lines,
    SerialLine,
    has_hardware,
)


class User:
    """Notes what its line tells."""

    def __init__(self):
        self.line = None
        self.frames = []
        self.losses = 0

    def opened(self, line):
        self.line = line

    def received(self, frame, raw_ns):
        if frame == b"bad":
            raise Garbled("bad")
        self.frames.append((frame, raw_ns))

    def lost(self):
        self.losses += 1


class Bench:
    """A line on a pseudo-terminal."""

    def __init__(self, link):
        self.reactor = PumpedReactor()
        self.user = User()
        self.changes = []
        self.line = SerialLine(
            LinePlace("gnss0", str(link), 9600),
            Lines,
            self.user,
            sink=self.changes.append,
            reactor=self.reactor,
            raw_ns=self.reactor.raw_ns,
        )

    def states(self):
        return [each.state for each in self.changes]

    def run(self, seconds):
        for _ in range(round(seconds * 10)):
            self.reactor.advance(0.1)
            self.reactor.pump_io()


@pytest.fixture
def tty(tmp_path):
    made = Tty(tmp_path / "gnss0")
    yield made
    if made.link.exists():
        made.unplug()


@pytest.fixture
def bench(tty):
    made = Bench(tty.link)
    made.line.start()
    yield made
    made.line.stop()


def test_frames_carry_the_time_of_the_read_that_their_start_came_in(bench, tty):
    tty.say(b"one\r\ntw")
    bench.run(0.1)
    tty.say(b"o\nthree\n")
    bench.run(0.1)
    assert bench.user.frames == [
        (b"one", 100_000_000),
        (b"two", 100_000_000),
        (b"three", 200_000_000),
    ]
    assert bench.states() == [DeviceState.PRESENT]


def test_a_pseudo_terminal_is_simulated(bench):
    assert bench.user.line.is_simulated


@pytest.mark.parametrize("path", ["/dev/null", "/dev/tty", "/dev/ptmx"])
def test_a_device_that_is_none_of_hardware_is_simulated(path):
    assert not has_hardware(Path(path).stat().st_rdev)


def test_a_uart_has_hardware_behind_it(tmp_path):
    uart = tmp_path / "dev" / "char" / "4:64"
    uart.mkdir(parents=True)
    assert not has_hardware(os.makedev(4, 64), tmp_path)
    (uart / "device").symlink_to(tmp_path)
    assert has_hardware(os.makedev(4, 64), tmp_path)
    assert not has_hardware(os.makedev(4, 65), tmp_path)


def test_what_is_written_reaches_the_device(bench, tty):
    bench.line.write(b"hello")
    bench.run(0.1)
    assert tty.heard() == b"hello"


def test_a_device_that_takes_nothing_does_not_fill_the_memory(bench):
    with pytest.raises(Silent):
        bench.line.write(bytes(MAX_UNSENT_OCTETS + 1))


def test_no_one_else_may_open_the_device(bench, tty):
    other = Bench(tty.link)
    other.line.start()
    assert other.states() == [DeviceState.ABSENT]
    other.line.stop()


def test_a_silent_device_is_told_once_and_is_present_when_it_speaks(bench, tty):
    bench.run(12)
    tty.say(b"here\n")
    bench.run(0.1)
    assert bench.states() == [DeviceState.PRESENT, DeviceState.SILENT, DeviceState.PRESENT]


def test_nonsense_is_told_until_ten_seconds_after_the_last_of_it(bench, tty):
    tty.say(b"x" * 1100)
    bench.run(0.1)
    for _ in range(9):
        tty.say(b"\ngood\n")
        bench.run(1)
    assert bench.states() == [DeviceState.PRESENT, DeviceState.GARBLED]
    tty.say(b"good\n")
    bench.run(1.2)
    tty.say(b"good\n")
    bench.run(0.1)
    assert bench.states()[2:] == [DeviceState.PRESENT]


def test_a_frame_that_its_user_refuses_is_nonsense(bench, tty):
    tty.say(b"bad\n")
    bench.run(0.1)
    assert bench.states() == [DeviceState.PRESENT, DeviceState.GARBLED]


def test_a_device_that_is_plugged_in_again_under_another_name_is_found(bench, tty, tmp_path):
    tty.unplug()
    bench.run(2)
    assert bench.states() == [DeviceState.PRESENT, DeviceState.ABSENT]
    with pytest.raises(Absent):
        bench.line.write(b"x")
    again = Tty(tty.link)
    bench.run(11)
    again.say(b"back\n")
    bench.run(0.1)
    assert bench.user.frames[-1][0] == b"back"
    assert DeviceState.PRESENT in bench.states()[2:]
    bench.line.stop()


def test_a_link_that_leads_elsewhere_is_followed_though_the_old_device_stays(bench, tty, tmp_path):
    other = Tty(tmp_path / "other")
    other.link = tty.link
    other.plug()
    bench.run(2.5)
    other.say(b"other\n")
    bench.run(0.1)
    assert bench.user.frames == [(b"other", bench.reactor.raw_ns())]
    assert bench.user.losses == 1


def test_attempts_to_open_grow_rarer_up_to_ten_seconds(tmp_path):
    bench = Bench(tmp_path / "absent")
    attempts = []

    def refuse(*_arguments):
        attempts.append(bench.reactor.seconds())
        raise FileNotFoundError

    bench.line = SerialLine(
        bench.line.place,
        Lines,
        bench.user,
        sink=bench.changes.append,
        reactor=bench.reactor,
        raw_ns=bench.reactor.raw_ns,
        open_port=refuse,
    )
    bench.line.start()
    bench.run(40)
    gaps = [round(2 * (b - a)) / 2 for a, b in itertools.pairwise(attempts)]
    assert gaps == [0.5, 1, 2, 4, 8, 10, 10]
    assert bench.states() == [DeviceState.ABSENT]
    assert bench.line.is_simulated


def test_a_stopped_line_tells_and_tries_no_more(bench):
    bench.line.stop()
    bench.run(20)
    assert bench.states() == [DeviceState.PRESENT]
    assert not bench.reactor.getDelayedCalls()


def test_a_name_without_a_slash_is_below_dev():
    assert LinePlace("a", "gnss0", 9600).device == "/dev/gnss0"
    assert LinePlace("a", "/x/y", 9600).device == "/x/y"


@given(st.lists(st.binary(max_size=40)), st.integers(0, 20))
def test_lines_come_out_whole_however_they_are_cut(pieces, limit):
    """A stream in pieces gives what it gives in one: no line is longer than the bound."""
    in_pieces, at_once = Lines(limit), Lines(limit)
    found = [line for piece in pieces for line in in_pieces.feed(piece)]
    assert found == at_once.feed(b"".join(pieces))
    assert in_pieces.garbled == at_once.garbled
    assert all(0 < len(line) <= limit and b"\n" not in line for line in found)
