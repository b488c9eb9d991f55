"""The time on serial ports: what goes out for each second, and what does not."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from kit.clock import GOOD
from kit.serial import PumpedReactor, Tty
from kit.statements import RAW_NS, statement
from kit.tod import read_frame, read_time

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clock.following import LatestStatement
from appliance.services.clock.serial_outputs import (
    OutputKind,
    may_say,
    pulse_status,
    render_tod,
    render_zda,
    serial_output,
    tod_alarms,
)
from appliance.timing.keeping.config import Statement
from appliance.timing.trusted import ClockState, Leap
from drivers.gnss import nmea
from drivers.outputs.tod import PulseStatus, TodAlarm
from drivers.serial_line import LinePlace

SIMULATED = attrs.evolve(GOOD, provenance=Provenance.SIMULATED)
TOD_OCTETS = 23


# --- what is said ---------------------------------------------------------------------------------


def test_tod_is_the_second_that_began_last() -> None:
    late = attrs.evolve(GOOD, tai_ns=GOOD.tai_ns + NS_PER_S - 1)
    octets = render_tod(late)
    read = read_time(read_frame(octets[:TOD_OCTETS]))
    assert (read.tai_s, read.gps_utc_s) == (GOOD.tai_ns // NS_PER_S, 18)
    assert read.accuracy == 255
    assert read_frame(octets[TOD_OCTETS:]).identifier == 0x03


@pytest.mark.parametrize(
    ("changes", "pulse"),
    [
        ({}, PulseStatus.NORMAL),
        ({"state": ClockState.READY}, PulseStatus.NORMAL),
        ({"state": ClockState.HOLDOVER}, PulseStatus.CRYSTAL_HOLDOVER),
        ({"state": ClockState.REACQUIRE}, PulseStatus.CRYSTAL_HOLDOVER),
        ({"state": ClockState.UNTRUSTED}, PulseStatus.DO_NOT_USE),
        ({"state": ClockState.WARMUP}, PulseStatus.DO_NOT_USE),
        ({"provenance": Provenance.SIMULATED}, PulseStatus.DO_NOT_USE),
        ({"provenance": Provenance.SYSTEM}, PulseStatus.DO_NOT_USE),
    ],
)
def test_a_pulse_is_worth_what_its_clock_is(changes: dict[str, object], pulse: PulseStatus) -> None:
    assert pulse_status(attrs.evolve(GOOD, **changes)) is pulse


def test_alarms_tell_of_lost_satellites_leaps_and_tests() -> None:
    assert tod_alarms(GOOD) == TodAlarm(0)
    leap = attrs.evolve(SIMULATED, leap=Leap.INSERT, leap_at_tai_ns=GOOD.tai_ns + NS_PER_S)
    assert tod_alarms(leap) == TodAlarm.LEAP_PENDING | TodAlarm.TEST
    assert tod_alarms(attrs.evolve(GOOD, state=ClockState.HOLDOVER)) == TodAlarm.NO_SATELLITES


def test_zda_has_the_second_60() -> None:
    leaping = attrs.evolve(GOOD, leap=Leap.INSERT, leap_at_tai_ns=GOOD.tai_ns + NS_PER_S)
    assert b",115960.00," in render_zda(leaping)


@pytest.mark.parametrize("kind", ["tod", "zda"])
def test_only_tod_speaks_of_time_not_to_be_used(kind: OutputKind) -> None:
    assert may_say(kind, GOOD, is_to_simulation=False)
    for time in (SIMULATED, attrs.evolve(GOOD, state=ClockState.UNTRUSTED)):
        assert may_say(kind, time, is_to_simulation=False) == (kind == "tod")
    assert may_say(kind, SIMULATED, is_to_simulation=True)


# --- on a line ------------------------------------------------------------------------------------


@pytest.fixture
def tty(tmp_path: Path) -> Iterator[Tty]:
    found = Tty(tmp_path / "output")
    yield found
    found.unplug()


def run(kind: OutputKind, tty: Tty, first: Statement, seconds: int) -> list[bytes]:
    """Let an output run for so many seconds; gives what was heard in each."""
    reactor, latest, heard = PumpedReactor(), LatestStatement(), []
    line = serial_output(
        kind,
        LinePlace(kind, str(tty.link), 9600),
        latest,
        reactor=reactor,
        raw_ns=lambda: RAW_NS + reactor.raw_ns(),
    )
    latest(first)
    line.start()
    for second in range(seconds):
        for _ in range(100):
            reactor.advance(0.01)
            reactor.pump_io()
        shift_ns = (second + 1) * NS_PER_S
        latest(attrs.evolve(first, raw_ns=RAW_NS + shift_ns, tai_ns=first.tai_ns + shift_ns))
        heard.append(_drain(tty))
    line.stop()
    return heard


def _drain(tty: Tty) -> bytes:
    try:
        return tty.heard()
    except BlockingIOError:
        return b""


def test_tod_frames_go_out_once_a_second(tty: Tty) -> None:
    seconds = run("tod", tty, statement(provenance=Provenance.SIMULATED), 4)
    times = [read_time(read_frame(octets[:TOD_OCTETS])) for octets in seconds if octets]
    first_s = times[0].tai_s
    assert [time.tai_s for time in times] == list(range(first_s, first_s + len(times)))
    assert len(times) >= 3
    assert {time.pulse for time in times} == {PulseStatus.DO_NOT_USE}


def test_zda_sentences_go_out_once_a_second_to_a_simulation(tty: Tty) -> None:
    seconds = run("zda", tty, statement(provenance=Provenance.SIMULATED), 4)
    sentences = [octets for octets in seconds if octets]
    assert len(sentences) >= 3
    read = [nmea.decode(octets.removeprefix(b"$").partition(b"*")[0]) for octets in sentences]
    told_ms = [sentence.time_ms for sentence in read]
    assert {later - sooner for sooner, later in itertools.pairwise(told_ms)} == {1000}
    assert read[0].time_ms // 1000 == 12 * 3600 + 1


def test_an_output_falls_silent_when_nothing_is_stated(tty: Tty) -> None:
    reactor = PumpedReactor()
    line = serial_output(
        "tod",
        LinePlace("tod", str(tty.link), 9600),
        LatestStatement(),
        reactor=reactor,
        raw_ns=reactor.raw_ns,
    )
    line.start()
    for _ in range(300):
        reactor.advance(0.01)
        reactor.pump_io()
    line.stop()
    assert _drain(tty) == b""
