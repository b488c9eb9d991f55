"""TOD frames and ZDA sentences, read by other readers; sent each second, in time or not at all."""

import select

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.lines import MemoryLine
from kit.serial import PumpedReactor, Tty
from kit.tod import read_frame, read_time

from drivers.api import DeviceChange, DeviceState, Garbled, Silent
from drivers.gnss import nmea
from drivers.outputs import tod, zda
from drivers.outputs.serial_output import LATEST_S, Second, SerialOutput, output_line
from drivers.outputs.tod import ClockSource, PulseStatus, TimeInformation, TimeStatus, TodAlarm
from drivers.outputs.zda import CivilSecond
from drivers.serial_line import LinePlace

TAI_S = 1_795_396_541


@given(
    st.integers(1_700_000_000, 4_000_000_000),
    st.integers(19, 100),
    st.sampled_from(PulseStatus),
    st.none() | st.integers(0, 10_000),
)
def test_time_information_is_read_by_another_reader(tai_s, tai_utc_s, pulse, accuracy_ns):
    time = TimeInformation(tai_s=tai_s, tai_utc_s=tai_utc_s, pulse=pulse, accuracy_ns=accuracy_ns)
    octets = tod.encode_time(time)
    read = read_time(read_frame(octets))
    assert len(octets) == 23
    assert (read.tai_s, read.gps_utc_s, read.pulse) == (tai_s, tai_utc_s - 19, pulse)
    if accuracy_ns is None or accuracy_ns > 254 * 15:
        assert read.accuracy == 255
    else:
        assert accuracy_ns <= read.accuracy * 15 < accuracy_ns + 15


def test_a_status_is_read_by_another_reader():
    alarms = TodAlarm.ANTENNA_OPEN | TodAlarm.LEAP_PENDING
    octets = tod.encode_status(TimeStatus(source=ClockSource.GPS, fix=3, alarms=alarms))
    frame = read_frame(octets)
    assert (frame.message_class, frame.identifier) == (0x01, 0x03)
    assert frame.payload == bytes((1, 0, 3, 0, 0x82)) + bytes(11)


def test_the_check_sees_any_single_bit():
    octets = tod.encode_time(TimeInformation(tai_s=TAI_S, tai_utc_s=37, pulse=PulseStatus.NORMAL))
    for place in range(16, 8 * len(octets)):
        bent = bytearray(octets)
        bent[place // 8] ^= 1 << place % 8
        with pytest.raises(AssertionError):
            read_frame(bytes(bent))


@given(st.datetimes(), st.integers(-780, 780))
def test_a_zda_sentence_is_read_by_our_receiver_s_reader(when, zone_min):
    if when.year < 1000:
        when = when.replace(year=when.year + 1000)
    utc = CivilSecond(when.year, when.month, when.day, when.hour, when.minute, when.second)
    octets = zda.encode(utc, zone_min=zone_min)
    body, _, checksum = octets.removesuffix(b"\r\n").removeprefix(b"$").partition(b"*")
    assert int(checksum, 16) == nmea.nmea_checksum(body)
    read = nmea.decode(body)
    assert read.date == when.date()
    assert read.time_ms == ((when.hour * 60 + when.minute) * 60 + when.second) * 1000


def test_a_zda_sentence_has_a_second_60():
    octets = zda.encode(CivilSecond(2028, 12, 31, 23, 59, 60), zone_min=480)
    assert octets.startswith(b"$ZQZDA,235960.00,31,12,2028,-08,00*")
    assert nmea.decode(octets[1:-5]).time_ms == 86_400_000


# --- the device -----------------------------------------------------------------------------------


class Bench:
    """An output on a line in memory, and seconds as the test has them."""

    def __init__(self):
        self.line = MemoryLine()
        self.is_trusted = True
        self.late_s = 0.0
        self.output = SerialOutput(self.tell, reactor=self.line.reactor)

    def tell(self):
        now_s = self.line.reactor.seconds() + self.late_s
        return Second(b"%d" % now_s, now_s % 1.0) if self.is_trusted else None


def test_each_second_is_sent_once_soon_after_it_began():
    bench = Bench()
    bench.line.reactor.advance(10.3)
    bench.output.opened(bench.line)
    bench.line.reactor.pump([0.001] * 3000)
    assert bench.line.said() == [b"11", b"12", b"13"]
    assert (bench.output.sent, bench.output.left_out) == (3, 0)


def test_a_second_that_comes_too_late_is_left_out():
    bench = Bench()
    bench.output.opened(bench.line)
    bench.late_s = LATEST_S + 0.1
    bench.line.reactor.advance(1.1)
    assert (bench.line.said(), bench.output.left_out) == ([], 1)


def test_nothing_is_sent_without_trusted_time():
    bench = Bench()
    bench.is_trusted = False
    bench.output.opened(bench.line)
    bench.line.reactor.pump([0.001] * 3000)
    assert bench.line.said() == []
    bench.is_trusted = True
    bench.line.reactor.pump([0.001] * 3000)
    assert bench.line.said()


def test_a_line_that_takes_nothing_leaves_seconds_out():
    bench = Bench()
    bench.output.opened(bench.line)
    bench.line.failure = Silent("full")
    bench.line.reactor.pump([0.001] * 2100)
    assert (bench.output.sent, bench.output.left_out) == (0, 2)


def test_nothing_is_sent_while_the_line_is_away():
    bench = Bench()
    bench.output.opened(bench.line)
    bench.output.lost()
    assert bench.line.reactor.getDelayedCalls() == []


def test_an_output_does_not_listen():
    with pytest.raises(Garbled):
        Bench().output.received(b"hello", 0)


def test_an_output_sends_on_a_real_line_and_is_never_silent(tmp_path):
    reactor = PumpedReactor()
    tty = Tty(tmp_path / "tod")
    told = []
    output = SerialOutput(lambda: Second(b"CM", reactor.seconds() % 1.0), reactor=reactor)
    line = output_line(
        LinePlace("tod", str(tty.link), 9600),
        output,
        sink=told.append,
        reactor=reactor,
        raw_ns=reactor.raw_ns,
    )
    line.start()
    for _ in range(1000):
        reactor.advance(0.01)
        reactor.pump_io()
    came = bytearray()
    while len(came) < 2 * output.sent:
        ready, _, _ = select.select([tty.device], [], [], 20)
        assert ready, "the octets did not come"
        came += tty.heard()
    line.stop()
    assert bytes(came) == b"CM" * output.sent
    assert output.sent in {9, 10}
    assert [each.state for each in told if isinstance(each, DeviceChange)] == [DeviceState.PRESENT]
