"""A receiver on a pseudo-terminal: configured when its line opens, one epoch a second."""

import pytest
from kit import gnss
from kit.serial import PumpedReactor, Tty

from drivers.api import Constellation, DeviceState, GnssEpoch
from drivers.gnss import casic, nmea, ubx, ubx_setup
from drivers.gnss.receiver import Family, GnssReceiverSettings, receiver_line
from drivers.gnss.splitter import Splitter
from drivers.serial_line import LinePlace


class Bench:
    """A receiver's line on a pseudo-terminal."""

    def __init__(self, tty, **settings):
        self.reactor = PumpedReactor()
        self.told = []
        self.line = receiver_line(
            GnssReceiverSettings(line=LinePlace("gnss0", str(tty.link), 115_200), **settings),
            sink=self.told.append,
            reactor=self.reactor,
            raw_ns=self.reactor.raw_ns,
        )
        self.line.start()

    def run(self, seconds):
        for _ in range(round(seconds * 20)):
            self.reactor.advance(0.05)
            self.reactor.pump_io()

    def epochs(self):
        return [each for each in self.told if isinstance(each, GnssEpoch)]


@pytest.fixture
def tty(tmp_path):
    made = Tty(tmp_path / "gnss0")
    yield made
    made.unplug()


@pytest.mark.parametrize("make", [gnss.nmea_second, gnss.ubx_second, gnss.casic_second])
def test_each_second_gives_an_epoch_with_the_time_of_its_first_octet(tty, make):
    bench = Bench(tty)
    for second in range(3):
        octets = make(gnss.NOON_S + second)
        tty.say(octets[:100])
        bench.run(0.1)
        tty.say(octets[100:])
        bench.run(0.9)
    assert [each.utc_s for each in bench.epochs()] == [gnss.NOON_S + each for each in range(3)]
    starts = [each.raw_ns for each in bench.epochs()]
    assert [round((each - starts[0]) / 1e8) for each in starts] == [0, 10, 20]
    assert all(each.is_simulated for each in bench.epochs())
    bench.line.stop()


def test_an_epoch_waits_for_quiet_and_no_longer(tty):
    bench = Bench(tty)
    tty.say(gnss.nmea_second(gnss.NOON_S))
    bench.run(0.3)
    assert not bench.epochs()
    bench.run(0.15)
    assert len(bench.epochs()) == 1
    bench.line.stop()


def test_garbage_is_told_and_the_good_sentences_are_read(tty):
    bench = Bench(tty)
    tty.say(b"$GNRMC,9999*00\r\n" + nmea.frame(b"GNZDA,x") + gnss.nmea_second(gnss.NOON_S))
    bench.run(0.6)
    states = [each.state for each in bench.told if not isinstance(each, GnssEpoch)]
    assert states == [DeviceState.PRESENT, DeviceState.GARBLED]
    assert len(bench.epochs()) == 1
    bench.line.stop()


def sent(tty):
    return [(each.message, each.body) for each in Splitter().feed(tty.heard())]


def test_an_nmea_receiver_is_only_listened_to(tty):
    bench = Bench(tty)
    bench.run(0.1)
    with pytest.raises(BlockingIOError):
        tty.heard()
    bench.line.stop()


def test_a_ubx_receiver_is_told_its_place_and_what_to_send(tty):
    place = ubx_setup.Place(1, 2, 3, 4)
    bench = Bench(tty, family=Family.UBX, place=place, cable_delay_ns=-50)
    bench.run(0.1)
    asked, *sets = sent(tty)
    assert asked == (ubx.MON_VER, b"")
    items = [ubx_setup.decode_value_set(body)[1] for _, body in sets]
    assert items[0] == dict.fromkeys(ubx_setup.MESSAGE_RATES_UART1.values(), 1)
    assert items[1][ubx_setup.TMODE_MODE] == 2
    assert items[2] == {ubx_setup.TP_ANT_CABLEDELAY: 65_536 - 50}
    bench.line.stop()


def test_a_ubx_receiver_without_a_place_surveys(tty):
    bench = Bench(tty, family=Family.UBX, survey_s=3600, survey_accuracy_mm=1500)
    bench.run(0.1)
    items = ubx_setup.decode_value_set(sent(tty)[2][1])[1]
    assert items == {
        ubx_setup.TMODE_MODE: 1,
        ubx_setup.TMODE_SVIN_MIN_DUR: 3600,
        ubx_setup.TMODE_SVIN_ACC_LIMIT: 15_000,
    }
    bench.line.stop()


@pytest.mark.parametrize(
    ("place", "wanted_m"),
    [
        (ubx_setup.Place(0, 900_000_000, 10_000, 20_000), (0.0, 6_378_237.0, 0.0)),
        (ubx_setup.Place(-900_000_000, 0, 0, 20_000), (0.0, 0.0, -6_356_752.3142)),
    ],
)
def test_a_casic_receiver_is_told_its_place_from_the_earth_s_centre(tty, place, wanted_m):
    # The half axes are those of WGS 84.
    bench = Bench(tty, family=Family.CASIC, place=place)
    bench.run(0.1)
    *_, mode = [casic.decode(*each) for each in sent(tty)]
    assert (mode.mode, mode.variance_m2) == (casic.TimingMode.FIXED, 4.0)
    assert (mode.x_m, mode.y_m, mode.z_m) == pytest.approx(wanted_m, abs=1e-3)
    bench.line.stop()


def test_a_casic_receiver_surveys_and_sends_its_times(tty):
    bench = Bench(tty, family=Family.CASIC, survey_s=600)
    bench.run(0.1)
    messages = [casic.decode(*each) for each in sent(tty)]
    assert [each.message for each in messages[:3]] == [0x0110, 0x0111, 0x0200]
    assert messages[3] == casic.CfgTmode(1, survey_s=600, survey_variance_m2=4.0)
    bench.line.stop()


def test_the_settings_name_the_constellation(tty):
    bench = Bench(tty, constellation=Constellation.GPS)
    tty.say(b"".join(map(nmea.encode, gnss.sentences(gnss.NOON_S)[:2])))
    bench.run(1)
    assert bench.epochs()[0].constellation is Constellation.GPS
    bench.line.stop()
