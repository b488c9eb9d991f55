"""The oscillator board: greeted before it is believed, asked with tags, watched for restarts."""

import pytest
from kit.boards import AnsweringBoard
from kit.lines import MemoryLine, converse
from kit.serial import PumpedReactor, Tty

from drivers.api import Absent, BoardStatus, Garbled, Oven, PhaseReading, Silent
from drivers.oscillator import ocb
from drivers.oscillator.answers import LogRow
from drivers.oscillator.board import ANSWER_S, MAX_WAITING, Board, Declined, board_line
from drivers.oscillator.ocb import RefusalCode, Verb
from drivers.serial_line import LinePlace


class Bench:
    """A board's driver on a line in memory, and the board that answers it."""

    def __init__(self, **settings):
        self.line = MemoryLine()
        self.remote = AnsweringBoard(**settings)
        self.told = []
        self.board = Board(
            "board",
            sink=self.line.readings.append,
            reactor=self.line.reactor,
            told=self.told.append,
        )

    def open(self):
        self.board.opened(self.line)
        self.answer()

    def answer(self):
        while said := self.line.said():
            for octets in said:
                if answer := self.remote.answer(octets):
                    self.board.received(answer, 0)

    def say(self, line, raw_ns=7):
        self.board.received(ocb.encode_line(line)[:-2], raw_ns)
        self.answer()

    def verbs(self):
        verbs = [each.verb for each in self.remote.asked]
        self.remote.asked.clear()
        return verbs


def tic(sequence=100, **fields):
    return ocb.Tic(sequence=sequence, tai_s=1_795_396_000 + sequence, **fields)


def status(uptime_s=100):
    return ocb.Status(
        sequence=100,
        oven=Oven.READY,
        current_ma=200,
        case_mk=310_000,
        board_mk=312_000,
        dac=5,
        efc_uv=-6,
        uptime_s=uptime_s,
        alarms=8,
    )


def minute(sequence):
    return LogRow(sequence=sequence, tai_s=sequence, gps_ps=1, case_mk=300_000, dac=9)


def result(deferred):
    found = []
    deferred.addBoth(found.append)
    return found


def failure(deferred):
    found = result(deferred)
    assert found, "the request is still under way"
    return found[0].value


def test_a_board_is_greeted_with_identity_watchdog_calibration_and_log():
    bench = Bench()
    bench.open()
    assert bench.verbs() == [Verb.ID, Verb.WDT, Verb.CAL, Verb.LOG]
    (history,) = bench.told
    assert history.identity.serial == "OB-17"
    assert history.calibration.power_on_h == 900
    assert history.minutes == ()


def test_all_minutes_that_the_board_kept_are_fetched_oldest_first():
    bench = Bench()
    bench.remote.minutes = tuple(minute(60 * each) for each in range(1, 30))
    bench.open()
    assert bench.told[0].minutes == bench.remote.minutes


def test_only_later_minutes_are_fetched_when_the_line_comes_back():
    bench = Bench()
    bench.remote.minutes = (minute(60), minute(120))
    bench.open()
    bench.board.lost()
    bench.remote.minutes += (minute(180),)
    bench.open()
    assert bench.told[1].minutes == (minute(180),)


def test_a_board_that_was_never_calibrated_is_taken_all_the_same():
    bench = Bench()
    bench.remote.refusals[Verb.CAL] = RefusalCode.STATE
    bench.open()
    assert bench.told[0].calibration is None


def test_a_tic_and_a_status_become_readings():
    bench = Bench()
    bench.open()
    bench.say(tic(gps_ps=-20, external_ps=4, flags=1), raw_ns=11)
    bench.say(status(), raw_ns=12)
    assert bench.line.readings == [
        PhaseReading(
            source="board",
            raw_ns=11,
            is_simulated=False,
            sequence=100,
            tai_s=1_795_396_100,
            gps_ps=-20,
            beidou_ps=None,
            external_ps=4,
            flags=1,
        ),
        BoardStatus(
            source="board",
            raw_ns=12,
            is_simulated=False,
            sequence=100,
            oven=Oven.READY,
            current_ma=200,
            case_mk=310_000,
            board_mk=312_000,
            dac=5,
            efc_uv=-6,
            uptime_s=100,
            alarms=8,
        ),
    ]


def test_nothing_is_told_before_the_board_has_said_who_it_is():
    bench = Bench()
    bench.remote.silent.add(Verb.ID)
    bench.open()
    bench.say(tic(1))
    bench.say(status())
    assert bench.line.readings == []
    bench.remote.silent.clear()
    bench.line.reactor.advance(ANSWER_S)
    bench.say(tic(2))
    bench.say(tic(3))
    assert [each.sequence for each in bench.line.of(PhaseReading)] == [3]


@pytest.mark.parametrize(("serial", "is_pty"), [("SIM1", False), ("OB-17", True), ("SIM1", True)])
def test_a_board_is_simulated_by_its_serial_number_or_by_its_line(serial, is_pty):
    bench = Bench(serial=serial)
    bench.line.is_simulated = is_pty
    bench.open()
    bench.say(tic())
    assert bench.line.readings[0].is_simulated


def test_the_board_is_told_again_and_again_that_its_host_lives():
    bench = Bench()
    bench.open()
    bench.verbs()
    for sequence in range(60):
        bench.say(tic(sequence))
    assert bench.verbs() == [Verb.WDT] * 3


@pytest.mark.parametrize("sign", [tic(3), status(uptime_s=2)], ids=["sequence", "uptime"])
def test_a_board_that_started_again_is_greeted_anew_with_its_whole_log(sign):
    bench = Bench()
    bench.remote.minutes = (minute(60),)
    bench.open()
    bench.say(tic(100))
    bench.say(status(uptime_s=100))
    bench.verbs()
    bench.say(sign)
    bench.say(tic(4))
    bench.say(tic(5))
    assert Verb.ID in bench.verbs()
    assert bench.told[-1].minutes == (minute(60),)
    assert len(bench.told) == 2


def test_the_count_of_pulses_may_wrap():
    bench = Bench()
    bench.open()
    bench.verbs()
    bench.say(tic(0xFFFF_FFFF))
    bench.say(tic(0))
    assert bench.verbs() == []
    assert len(bench.line.readings) == 2


def test_an_answer_reaches_the_one_who_asked():
    bench = Bench()
    bench.open()
    first = result(bench.board.ask(Verb.SET, 5))
    second = result(bench.board.ask(Verb.DAC, 6))
    tags = [ocb.decode_request(octets[:-2]).tag for octets in bench.line.said()]
    bench.say(ocb.Answer(tags[1], ("6",)))
    assert (first, second) == ([], [("6",)])
    bench.say(ocb.Refusal(tags[0], RefusalCode.RANGE))
    assert isinstance(first[0].value, Declined)
    assert first[0].value.code is RefusalCode.RANGE


def test_a_request_without_an_answer_is_given_up():
    bench = Bench()
    bench.open()
    asked = bench.board.ask(Verb.SET, 5)
    bench.line.reactor.advance(ANSWER_S)
    assert isinstance(failure(asked), Silent)


def test_an_answer_that_nobody_waits_for_changes_nothing():
    bench = Bench()
    bench.open()
    bench.say(ocb.Answer(999))
    bench.say(ocb.Refusal(999, RefusalCode.BUSY))
    assert bench.line.readings == []


def test_what_is_asked_of_a_board_that_is_not_there_fails_at_once():
    bench = Bench()
    assert isinstance(failure(bench.board.ask(Verb.SET, 5)), Absent)
    bench.open()
    asked = bench.board.ask(Verb.SET, 5)
    bench.board.lost()
    assert isinstance(failure(asked), Absent)


def test_a_line_that_takes_no_octets_fails_the_request():
    bench = Bench()
    bench.open()
    bench.line.failure = Silent("full")
    assert isinstance(failure(bench.board.ask(Verb.SET, 5)), Silent)


def test_requests_do_not_pile_up():
    bench = Bench()
    bench.open()
    waiting = [result(bench.board.ask(Verb.SET, 5)) for _ in range(MAX_WAITING)]
    assert not any(waiting)
    assert isinstance(failure(bench.board.ask(Verb.SET, 5)), Silent)


def test_a_value_that_no_board_takes_is_refused_here():
    bench = Bench()
    bench.open()
    with pytest.raises(Garbled):
        bench.board.ask(Verb.DAC, 1 << 20)


def test_garbage_on_the_line_is_the_line_s_to_count():
    bench = Bench()
    bench.open()
    with pytest.raises(Garbled):
        bench.board.received(b"$OCTIC,1,2*0000", 0)


def test_the_driver_reads_a_board_behind_a_pseudo_terminal(tmp_path):
    reactor = PumpedReactor()
    remote = AnsweringBoard()
    tty = Tty(tmp_path / "board")
    readings = []
    told = []
    board = Board("board", sink=readings.append, reactor=reactor, told=told.append)
    line = board_line(
        LinePlace("board", str(tty.link), 115_200),
        board,
        sink=readings.append,
        reactor=reactor,
        raw_ns=reactor.raw_ns,
    )
    line.start()

    def answer(asked):
        lines = asked.splitlines(keepends=True)
        return b"".join(remote.answer(each) + b"\r\n" for each in lines)

    converse(tty, reactor, answer, lambda: bool(told))
    tty.say(ocb.encode_line(tic()))
    converse(tty, reactor, answer, lambda: isinstance(readings[-1], PhaseReading))
    line.stop()
    assert readings[-1].is_simulated
