import attrs
import pytest

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.config import BUILD_UTC_S
from appliance.timing.sources.receivers import Receiver
from appliance.timing.sources.witnesses import CELLULAR, LIFE_NS, Witnesses
from drivers.api import (
    Antenna,
    Constellation,
    GnssEpoch,
    LeapNotice,
    ModemReport,
    NtpSample,
)

NOW_S = 1_790_000_000
EPOCH = GnssEpoch(
    source="gnss-a",
    raw_ns=10**12,
    is_simulated=False,
    constellation=Constellation.GPS,
    is_valid=True,
    utc_s=NOW_S,
    satellites=("G01", "G02", "G03", "G04"),
    antenna=Antenna.OK,
    jamming=1,
    spoofing=0,
)


def met(**fields: object) -> tuple[Receiver, bool]:
    """A receiver that gave EPOCH, and a second later one with other fields."""
    receiver = Receiver(0, EPOCH)
    receiver.take(EPOCH, BUILD_UTC_S)
    later = attrs.evolve(EPOCH, raw_ns=EPOCH.raw_ns + 10**9, utc_s=NOW_S + 1)
    return receiver, receiver.take(attrs.evolve(later, **fields), BUILD_UTC_S)


def test_a_sound_receiver_is_used_until_it_is_silent():
    receiver, is_suspect = met()
    assert not is_suspect
    assert receiver.may_be_used(EPOCH.raw_ns + 10**9)
    assert not receiver.may_be_used(EPOCH.raw_ns + 5 * 10**9)
    assert Alarm.MESSAGES_MISSING in receiver.alarms(EPOCH.raw_ns + 5 * 10**9)


@pytest.mark.parametrize(
    ("fields", "alarm"),
    [
        ({"is_valid": False}, None),
        ({"antenna": Antenna.OPEN}, Alarm.ANTENNA),
        ({"antenna": Antenna.SHORT}, Alarm.ANTENNA),
        ({"jamming": 3}, Alarm.JAMMING),
        ({"spoofing": 2}, Alarm.SPOOFING),
    ],
)
def test_a_receiver_in_trouble_is_suspect_and_not_used(fields, alarm):
    receiver, is_suspect = met(**fields)
    assert is_suspect
    assert not receiver.may_be_used(EPOCH.raw_ns + 10**9)
    assert receiver.alarms(EPOCH.raw_ns + 10**9) == ({alarm} if alarm else set())


@pytest.mark.parametrize("fields", [{"jamming": 2}, {"satellites": ()}, {"spoofing": 1}])
def test_a_change_of_health_is_suspect_and_may_still_be_used(fields):
    receiver, is_suspect = met(**fields)
    assert is_suspect
    assert receiver.may_be_used(EPOCH.raw_ns + 10**9)


def test_what_is_told_for_the_first_time_is_no_change():
    receiver = Receiver(0, attrs.evolve(EPOCH, antenna=Antenna.UNKNOWN, jamming=None))
    receiver.take(receiver.epoch, BUILD_UTC_S)
    assert not receiver.take(attrs.evolve(EPOCH, utc_s=NOW_S + 1), BUILD_UTC_S)


def test_a_receiver_of_1999_is_not_used():
    receiver = Receiver(0, EPOCH)
    receiver.take(attrs.evolve(EPOCH, utc_s=915_148_800), BUILD_UTC_S)
    assert not receiver.is_usable
    assert Alarm.DATE_WRONG in receiver.alarms(EPOCH.raw_ns)


def test_a_receiver_a_round_of_weeks_back_is_put_right():
    receiver = Receiver(0, EPOCH)
    week = (NOW_S - 315_964_800) // 604_800 % 1024
    rolled = attrs.evolve(EPOCH, utc_s=NOW_S - 1024 * 604_800, gps_week=week)
    receiver.take(rolled, BUILD_UTC_S)
    assert receiver.is_usable
    assert receiver.utc_s == NOW_S
    assert Alarm.WEEK_ROLLED in receiver.alarms(EPOCH.raw_ns)


def ntp(utc_ns: int, stratum: int = 2) -> NtpSample:
    return NtpSample(
        source="ntp-a",
        raw_ns=0,
        is_simulated=False,
        utc_ns=utc_ns,
        delay_ns=400_000_000,
        root_delay_ns=2_000_000,
        root_dispersion_ns=1_000_000,
        stratum=stratum,
        leap=LeapNotice.NONE,
    )


def test_an_ntp_server_allows_what_its_delays_do_and_more_as_it_ages():
    witnesses = Witnesses({"ntp-a": "operator"})
    witnesses.take_ntp(ntp(10**18))
    (claim,) = witnesses.claims(0, 37)
    middle_ns = 10**18 + 37 * 10**9
    assert claim.domain == "ntp:operator"
    assert claim.interval == (middle_ns - 202_000_000, middle_ns + 202_000_000)
    (older,) = witnesses.claims(10**9, 37)
    assert older.interval[1] - older.interval[0] == 404_000_000 + 2 * 100_000
    assert witnesses.claims(LIFE_NS + 1, 37) == []


@pytest.mark.parametrize("stratum", [0, 16])
def test_an_unsynchronised_server_is_no_witness(stratum):
    witnesses = Witnesses({})
    witnesses.take_ntp(ntp(10**18, stratum))
    assert witnesses.claims(0, 37) == []


def test_a_modem_allows_two_seconds_either_way_until_it_is_gone():
    witnesses = Witnesses({})
    report = ModemReport(
        source="modem", raw_ns=0, is_simulated=False, is_registered=True, utc_s=NOW_S
    )
    witnesses.take_modem(attrs.evolve(report, utc_s=None))
    assert witnesses.claims(0, 37) == []
    witnesses.take_modem(report)
    (claim,) = witnesses.claims(0, 37)
    assert claim.domain == CELLULAR
    assert claim.interval[1] - claim.interval[0] == 4 * 10**9
    witnesses.forget("modem")
    assert witnesses.claims(0, 37) == []
