"""What a receiver says in a second becomes one epoch: captures, and each rule of it."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import gnss

from drivers.api import Antenna, Constellation, Garbled, LeapNotice
from drivers.gnss import casic, nmea, ubx
from drivers.gnss.epoch import HELD_NS, EpochAssembler
from drivers.gnss.splitter import Splitter

NOON_S = gnss.NOON_S
NAMES = sorted(path.name for path in gnss.CAPTURES.iterdir() if path.suffix != ".json")


@pytest.mark.parametrize("name", NAMES)
def test_captures_read_as_they_should(name):
    path = gnss.CAPTURES / name
    assert gnss.as_json(gnss.epochs(path.read_bytes())) == path.with_suffix(".json").read_bytes()


def one(*messages, constellation=Constellation.MIXED):
    octets = b"".join(encode(each) for each in messages)
    (epoch,) = gnss.epochs(octets, constellation=constellation)
    return epoch


def encode(message):
    module = {"nmea": nmea, "ubx": ubx, "casic": casic}[type(message).__module__.split(".")[-1]]
    return module.encode(message)


def ubx_changed(**changes):
    """Give a second of UBX with fields of the named kinds changed."""
    return [
        attrs.evolve(each, **changes.get(type(each).__name__, {}))
        for each in gnss.ubx_messages(NOON_S)
    ]


def test_a_second_of_sentences_tells_time_satellites_and_signal():
    epoch = one(*gnss.sentences(NOON_S))
    assert epoch.utc_s == NOON_S
    assert epoch.is_valid
    assert epoch.satellites[:2] == ("C06", "C16")
    assert epoch.cn0_dbhz == 44
    assert epoch.tai_utc_s is None
    assert epoch.leap is LeapNotice.UNKNOWN


def test_a_receiver_without_fix_says_so_though_its_clock_runs():
    epoch = one(*gnss.sentences(NOON_S, is_valid=False))
    assert not epoch.is_valid
    assert epoch.utc_s == NOON_S


def test_the_year_of_zda_wins_over_the_two_digits_of_rmc():
    date, time_ms = gnss.civil(NOON_S)
    old = date.replace(year=1999)
    rmc = nmea.Rmc(time_ms=time_ms, date=date.replace(year=2099), is_valid=True)
    epoch = one(rmc, nmea.Zda(time_ms=time_ms, date=old))
    assert epoch.utc_s == nmea.posix_s(old, time_ms)


def test_a_binary_message_without_satellites_denies_the_fix():
    denied = ubx_changed(NavTimeGps={"valid": 0b010})
    assert not one(*gnss.sentences(NOON_S), *denied).is_valid


def test_a_position_held_fixed_is_a_fix_when_satellites_are_used():
    rmc = nmea.Rmc(time_ms=43_200_000, date=None, is_valid=False)
    assert one(rmc, *gnss.ubx_messages(NOON_S)).is_valid
    blind = ubx_changed(NavSat={"satellites": ()})
    assert not one(rmc, *blind).is_valid


@pytest.mark.parametrize(
    ("constellation", "changes", "tai_utc_s"),
    [
        (Constellation.MIXED, {}, 37),
        (Constellation.GPS, {"NavTimeGps": {"leap_s": 17}}, 36),
        (Constellation.BEIDOU, {"NavTimeBds": {"leap_s": 5}}, 38),
        (Constellation.MIXED, {"NavTimeLs": {"current_source": 0}}, None),
        (Constellation.GPS, {"NavTimeGps": {"valid": 3}, "NavTimeLs": {"current_s": 17}}, 36),
    ],
)
def test_leap_seconds_are_told_as_broadcast(constellation, changes, tai_utc_s):
    messages = [
        attrs.evolve(each, satellites=()) if isinstance(each, ubx.NavSat) else each
        for each in ubx_changed(**changes)
    ]
    assert one(*messages, constellation=constellation).tai_utc_s == tai_utc_s


@pytest.mark.parametrize(
    ("change", "until_s", "leap", "days"),
    [
        (0, 0, LeapNotice.NONE, None),
        (1, 43_200, LeapNotice.INSERT, 1),
        (-1, 43_199 + 86_400, LeapNotice.DELETE, 2),
        (1, -100, LeapNotice.NONE, None),
        (5, 100, LeapNotice.UNKNOWN, None),
    ],
)
def test_an_announced_leap_second_is_at_a_midnight(change, until_s, leap, days):
    told = ubx_changed(NavTimeLs={"change_s": change, "until_event_s": until_s})
    epoch = one(*told)
    assert epoch.leap is leap
    midnight = None if days is None else (NOON_S // nmea.DAY_S + days) * nmea.DAY_S
    assert epoch.leap_at_utc_s == midnight


def test_weeks_are_told_in_the_bits_that_satellites_send():
    epoch = one(*ubx_changed(NavTimeGps={"week": 2437}, NavTimeBds={"week": 1081}))
    assert (epoch.gps_week, epoch.beidou_week) == (2437 - 2048, 1081)


def test_gps_time_gives_utc_when_nothing_else_does():
    assert one(gnss.ubx_messages(NOON_S)[0]).utc_s == NOON_S


def test_a_date_that_is_none_is_not_told():
    sky = ubx_changed(NavTimeUtc={"month": 13})
    assert one(*[each for each in sky if not isinstance(each, ubx.NavTimeGps)]).utc_s is None


def test_a_receiver_that_uses_other_satellites_is_not_of_one_constellation():
    only_beidou = one(
        nmea.Gsa(fix=3, numbers=(6, 7), system=4),
        *gnss.sentences(NOON_S)[:2],
        constellation=Constellation.BEIDOU,
    )
    assert only_beidou.constellation is Constellation.BEIDOU
    both = one(*gnss.sentences(NOON_S), constellation=Constellation.BEIDOU)
    assert both.constellation is Constellation.MIXED


@pytest.mark.parametrize(
    ("code", "antenna"), [(2, Antenna.OK), (3, Antenna.SHORT), (4, Antenna.OPEN)]
)
def test_the_antenna_is_what_the_front_end_says(code, antenna):
    old = ubx.MonHw(80, 5000, code, 1, 0b1000, 10)
    epoch = one(*gnss.sentences(NOON_S), old)
    assert (epoch.antenna, epoch.jamming) == (antenna, 2)
    (block,) = gnss.ubx_messages(NOON_S)[6].blocks
    new = ubx.MonRf(0, (block, attrs.evolve(block, antenna=code, flags=3)))
    epoch = one(*gnss.sentences(NOON_S), new)
    assert (epoch.antenna, epoch.jamming) == (antenna, 3)


@pytest.mark.parametrize("text", ["ANTENNA OPEN", "ANTSTATUS=OPEN"])
def test_the_antenna_is_what_the_text_says(text):
    assert one(*gnss.sentences(NOON_S), nmea.Txt(severity=1, text=text)).antenna is Antenna.OPEN


@pytest.mark.parametrize(
    "message",
    [
        nmea.Rmc(time_ms=0, date=None, is_valid=True, mode="S"),
        nmea.Gga(time_ms=0, quality=8),
        nmea.Txt(severity=2, text="Simulated receiver"),
        ubx.MonVer("EXT CORE SIM", "1"),
    ],
)
def test_a_device_that_calls_itself_simulated_is(message):
    assert one(message, *gnss.sentences(0)).is_simulated
    assert not one(*gnss.sentences(0)).is_simulated


def test_a_bad_pulse_error_is_not_told():
    assert one(*ubx_changed(TimTp={"flags": 0x10})).sawtooth_ps is None


def feed(assembler, octets, raw_ns):
    found = [assembler.take(frame, raw_ns) for frame in Splitter().feed(octets)]
    return [each for each in found if each]


def test_health_is_held_for_half_a_minute():
    assembler = EpochAssembler("gnss0")
    feed(assembler, b"".join(map(ubx.encode, gnss.ubx_messages(NOON_S))), 0)
    feed(assembler, gnss.nmea_second(NOON_S + 29), HELD_NS - gnss.NS)
    assert assembler.flush().spoofing == 1
    feed(assembler, gnss.nmea_second(NOON_S + 30), HELD_NS)
    assert assembler.flush().spoofing is None


def test_a_receiver_that_repeats_its_time_is_heard_each_second():
    assembler = EpochAssembler("gnss0")
    found = []
    for second in range(4):
        found += feed(assembler, gnss.nmea_second(NOON_S), second * gnss.NS)
    assert [each.utc_s for each in found] == [NOON_S] * 3
    assert [each.raw_ns for each in found] == [0, gnss.NS, 2 * gnss.NS]


def test_a_second_is_given_once_though_more_of_it_comes_late():
    assembler = EpochAssembler("gnss0")
    rmc, *late = [nmea.encode(each) for each in gnss.sentences(NOON_S)]
    feed(assembler, rmc, 0)
    assert assembler.flush().utc_s == NOON_S
    assert not feed(assembler, b"".join(late), gnss.NS // 2)
    assert assembler.flush() is None


def test_text_alone_is_no_epoch():
    assert not gnss.epochs(nmea.encode(nmea.Txt(severity=2, text="u-blox AG")))


@given(
    st.lists(
        st.sampled_from(
            Splitter().feed(
                b"".join(
                    make(NOON_S + each)
                    for each in range(2)
                    for make in (gnss.nmea_second, gnss.ubx_second, gnss.casic_second)
                )
            )
        ),
        max_size=40,
    ),
    st.integers(0, 2 * gnss.NS),
)
def test_frames_in_any_order_make_epochs_or_nothing(frames, step_ns):
    assembler = EpochAssembler("gnss0")
    for place, frame in enumerate(frames):
        epoch = assembler.take(frame, place * step_ns)
        assert epoch is None or epoch.utc_s in (None, NOON_S, NOON_S + 1)


def test_a_malformed_frame_is_garbled_and_changes_nothing():
    assembler = EpochAssembler("gnss0")
    feed(assembler, gnss.nmea_second(NOON_S), 0)
    with pytest.raises(Garbled):
        feed(assembler, nmea.frame(b"GNRMC,99"), 0)
    assert assembler.flush().is_valid
