"""gpsd's reports and its port: what it says, how often, and what becomes of a bad daemon."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import fail, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from drivers.api import DeviceState, Garbled, GnssEpoch
from drivers.gnss import gpsd
from drivers.gnss.gpsd_client import SILENCE_S, GpsdClient

VERSION = b'{"class":"VERSION","release":"3.25","rev":"3.25","proto_major":3,"proto_minor":15}'
TPV = (
    b'{"class":"TPV","device":"/dev/gps0","mode":3,"status":1,"time":"2026-10-05T09:00:01.000Z",'
    b'"ept":0.005,"lat":-33.9,"lon":151.2,"altHAE":39.6,"eph":4.6,"epv":7.8}'
)
SKY = (
    b'{"class":"SKY","device":"/dev/gps0","nSat":3,"uSat":2,"hdop":1.3,"satellites":['
    b'{"PRN":5,"gnssid":0,"svid":5,"el":40,"az":120,"ss":41,"used":true},'
    b'{"PRN":412,"gnssid":3,"svid":12,"el":22,"az":250,"ss":33,"used":true},'
    b'{"PRN":133,"gnssid":1,"svid":133,"el":30,"az":300,"ss":10,"used":false}]}'
)
DOPS = b'{"class":"SKY","device":"/dev/gps0","hdop":1.4}'
PPS = (
    b'{"class":"PPS","device":"/dev/gps0","real_sec":1,"real_nsec":0,"clock_sec":1,'
    b'"clock_nsec":140,"precision":-20,"qErr":-2345}'
)
WORDS = st.text(max_size=12)
INTS = st.integers(-(2**31), 2**31)
PULSES = dict.fromkeys(("real_sec", "real_nsec", "clock_sec", "clock_nsec"), INTS)
REPORTS = st.one_of(
    st.builds(gpsd.Version, WORDS, INTS, INTS),
    st.builds(
        gpsd.Devices,
        st.lists(st.builds(gpsd.Device, WORDS, WORDS, WORDS), max_size=3).map(tuple),
    ),
    st.builds(gpsd.Tpv, WORDS, INTS, WORDS, st.none() | st.floats(0, 1e9)),
    st.builds(
        gpsd.Sky,
        WORDS,
        st.none()
        | st.lists(
            st.builds(gpsd.SkySatellite, INTS, INTS, INTS, st.floats(0, 99), st.booleans()),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(gpsd.Toff, device=WORDS, **PULSES),
    st.builds(gpsd.Pps, device=WORDS, qErr=st.none() | INTS, **PULSES),
)


def epochs_of(*lines, **named):
    maker = gpsd.GpsdEpochs("gpsd", **named)
    return [epoch for line in lines if (epoch := maker.take(gpsd.decode(line), 7))]


@given(REPORTS)
def test_what_is_written_is_read_the_same(report):
    assert gpsd.decode(gpsd.encode(report)) == report


@given(
    st.binary(max_size=80) | REPORTS.map(gpsd.encode), st.integers(0, 200), st.binary(max_size=3)
)
def test_garbage_is_nothing_or_garbled(line, place, change):
    mangled = line[:place] + change + line[place + len(change) :]
    with contextlib.suppress(Garbled):
        report = gpsd.decode(mangled)
        if report is not None:
            gpsd.GpsdEpochs("gpsd").take(report, 0)


def test_a_fix_is_an_epoch_with_the_sky_and_the_pulse_error():
    (epoch,) = epochs_of(VERSION, SKY, DOPS, PPS, TPV)
    assert epoch == GnssEpoch(
        source="gpsd",
        raw_ns=7,
        is_simulated=False,
        constellation=epoch.constellation,
        is_valid=True,
        utc_s=1_791_190_801,
        satellites=("C12", "G05"),
        cn0_dbhz=37.0,
        accuracy_ns=5_000_000,
        sawtooth_ps=-2345,
    )


def test_several_reports_of_a_second_are_one_epoch():
    later = TPV.replace(b":01.000Z", b":02.000Z")
    assert len(epochs_of(TPV, TPV.replace(b"01.000", b"01.500"), later, later)) == 2


def test_a_report_without_fix_is_not_valid():
    (epoch,) = epochs_of(TPV.replace(b'"mode":3', b'"mode":1'))
    assert not epoch.is_valid
    (epoch,) = epochs_of(b'{"class":"TPV","device":"/dev/gps0","mode":0}')
    assert (epoch.is_valid, epoch.utc_s) == (False, None)


def test_an_epoch_is_a_witness_to_its_second_and_the_next():
    (epoch,) = epochs_of(TPV)
    sample = gpsd.as_sample(epoch)
    assert sample is not None
    assert (sample.source, sample.raw_ns, sample.is_simulated) == ("gpsd", 7, False)
    earliest_ns, latest_ns = 1_791_190_801 * 10**9, 1_791_190_803 * 10**9
    assert sample.utc_ns - sample.delay_ns // 2 == earliest_ns
    assert sample.utc_ns + sample.delay_ns // 2 == latest_ns


def test_what_is_simulated_or_no_fix_is_so_as_a_witness_too():
    (epoch,) = epochs_of(TPV.replace(b"/dev/gps0", b"/dev/pts/7"))
    sample = gpsd.as_sample(epoch)
    assert sample is not None
    assert sample.is_simulated
    (epoch,) = epochs_of(TPV.replace(b'"mode":3', b'"mode":1'))
    assert gpsd.as_sample(epoch) is None


def test_a_device_behind_a_pseudo_terminal_is_simulated():
    (epoch,) = epochs_of(TPV.replace(b"/dev/gps0", b"/dev/pts/7"))
    assert epoch.is_simulated


@pytest.mark.parametrize(
    "line",
    [
        b'{"class":"DEVICE","path":"/dev/gps0","driver":"u-blox","subtype":"SW SIMULATED 1.0"}',
        b'{"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/gps0","subtype":"SIMULATOR"}]}',
    ],
    ids=["when it is found out", "when the daemon is asked"],
)
def test_a_device_that_says_it_is_simulated_is_so_whatever_its_path(line):
    assert [each.is_simulated for each in epochs_of(line, TPV)] == [True]
    other = line.replace(b"gps0", b"gps1")
    assert [each.is_simulated for each in epochs_of(other, TPV, device="/dev/gps0")] == [False]


def test_another_device_of_the_daemon_is_not_heard():
    assert not epochs_of(TPV, device="/dev/gps1")


@pytest.mark.parametrize(
    ("time", "utc_s"),
    [("2016-12-31T23:59:60.000Z", 1_483_228_800), ("1999-08-22T00:00:00Z", 935_280_000)],
)
def test_times_are_read_to_the_second(time, utc_s):
    assert gpsd.utc_s(time) == utc_s


@pytest.mark.parametrize(
    "time",
    [
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01 00:00:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_times_that_are_none_are_garbled(time):
    with pytest.raises(Garbled):
        gpsd.utc_s(time)


def test_reports_of_other_classes_are_passed_over():
    assert gpsd.decode(b'{"class":"ATT","device":"x"}') is None
    with pytest.raises(Garbled):
        gpsd.decode(b"{}")
    with pytest.raises(Garbled):
        gpsd.decode(b"[" * 20_000)


class Daemon:
    """Accepts or refuses connections, and remembers them."""

    def __init__(self):
        self.clock = Clock()
        self.told = []
        self.connections = []
        self.attempts = 0
        self.is_up = True
        self.client = GpsdClient(
            gpsd.GpsdEpochs("gpsd"),
            self,
            sink=self.told.append,
            reactor=self.clock,
            raw_ns=lambda: 7,
        )

    def connect(self, factory):
        self.attempts += 1
        if not self.is_up:
            return fail(Refused())
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        self.connections.append(protocol)
        return succeed(protocol)

    def states(self):
        return [each.state for each in self.told if not isinstance(each, GnssEpoch)]


@pytest.fixture
def daemon():
    return Daemon()


def test_the_client_watches_and_tells_epochs(daemon):
    daemon.client.start()
    (connection,) = daemon.connections
    assert connection.transport.value() == gpsd.WATCH
    connection.dataReceived(VERSION + b"\r\n" + SKY + b"\r\n" + TPV[:50])
    connection.dataReceived(TPV[50:] + b"\r\n\r\n")
    assert daemon.states() == [DeviceState.PRESENT]
    assert daemon.told[-1].satellites == ("C12", "G05")
    daemon.client.stop()
    assert connection.transport.disconnecting


def test_a_refused_connection_is_tried_again_ever_more_rarely(daemon):
    daemon.is_up = False
    daemon.client.start()
    daemon.clock.pump([0.1] * 400)
    assert daemon.attempts == 8
    assert daemon.states() == [DeviceState.ABSENT]


def test_a_closed_connection_is_made_anew(daemon):
    daemon.client.start()
    daemon.connections[0].dataReceived(TPV + b"\n")
    daemon.connections[0].connectionLost()
    daemon.clock.pump([0.1] * 10)
    assert len(daemon.connections) == 2
    assert daemon.states() == [DeviceState.PRESENT, DeviceState.ABSENT]


def test_a_daemon_that_says_nothing_is_left(daemon):
    daemon.client.start()
    daemon.clock.advance(SILENCE_S)
    assert daemon.states() == [DeviceState.SILENT]
    assert daemon.connections[0].transport.disconnected


def test_nonsense_is_told_and_survived(daemon):
    daemon.client.start()
    daemon.connections[0].dataReceived(b"not json\n" + TPV + b"\n")
    assert daemon.states() == [DeviceState.GARBLED, DeviceState.PRESENT]


def test_a_line_without_end_closes_the_connection(daemon):
    daemon.client.start()
    daemon.connections[0].dataReceived(b"x" * (gpsd.MAX_LINE + 1))
    assert daemon.connections[0].transport.disconnecting


def test_a_stopped_client_stays_away(daemon):
    daemon.client.start()
    daemon.client.stop()
    daemon.connections[0].connectionLost()
    daemon.clock.pump([1] * 30)
    assert len(daemon.connections) == 1
    assert not daemon.states()
