"""The simulated receivers, heard through the real splitter, codecs and assembler."""

from itertools import pairwise

import pytest
from kit.simulated_ears import Ears

from drivers.api import Antenna, LeapNotice
from drivers.gnss import ubx, ubx_setup
from drivers.gnss.splitter import Splitter
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.rig import MemoryRig
from drivers.simulated.stage import GNSS_A, GNSS_B
from drivers.simulated.world import WorldSettings

BOTH = (GNSS_A, GNSS_B)
PS_PER_NS = 1000


@pytest.fixture
def ears():
    """A rig that has been heard until both receivers have a fix and have told all they tell."""
    made = Ears()
    made.listen(65)
    return made


def intervals(ears, count):
    return [(tic.gps_ps, tic.beidou_ps) for tic in ears.tics[-count:]]


def test_a_healthy_receiver_tells_the_true_second_and_leap_count(ears):
    for source in BOTH:
        epoch = ears.last(source)
        true_s = ears.rig.truth_tai_ns(epoch.raw_ns) // 10**9
        assert epoch.is_valid
        assert epoch.utc_s == true_s - 37
        assert epoch.tai_utc_s == 37
        assert epoch.leap is LeapNotice.NONE
        assert epoch.antenna is Antenna.OK
        assert epoch.jamming == 1
        assert len(epoch.satellites) == 9
    assert ears.misframed == ears.garbled == 0


def test_the_receivers_say_that_they_are_simulated(ears):
    assert all(ears.last(source).is_simulated for source in BOTH)


def test_weeks_of_both_systems_name_the_same_day(ears):
    gps, beidou = ears.last(GNSS_A), ears.last(GNSS_B)
    days_of_bdt = (beidou.beidou_week * 604_800 + 1_136_073_600) // 86_400
    assert (days_of_bdt - (gps.utc_s // 86_400)) in range(-7, 1)
    assert gps.gps_week == (gps.utc_s - 315_964_800 + 18) // 604_800 % 1024


def test_the_pulse_plus_its_announced_sawtooth_is_quieter_than_the_pulse():
    rig = MemoryRig(WorldSettings())
    receiver = rig.stage.receivers[0]
    receiver._noise.advance = lambda: 0.0
    ears = Ears(rig=rig)
    ears.listen(200)
    pairs = list(zip(ears.epochs[GNSS_A][10:-1], ears.tics[11:-1], strict=False))
    phase_ps = [tic.gps_ps for _, tic in pairs]
    corrected = [tic.gps_ps + epoch.sawtooth_ps for epoch, tic in pairs]
    assert spread(corrected) < 2 * PS_PER_NS
    assert spread(phase_ps) > 10 * PS_PER_NS


def spread(values):
    """Give the largest change from one second to the next."""
    return max(abs(b - a) for a, b in pairwise(values))


def test_without_the_antenna_there_is_no_fix_no_pulse_and_a_word_of_it(ears):
    ears.begin(Fault.ANTENNA_CUT, GNSS_A)
    ears.listen(15)
    epoch = ears.last(GNSS_A)
    assert not epoch.is_valid
    assert epoch.satellites == ()
    assert epoch.antenna is Antenna.OPEN
    assert ears.tics[-1].gps_ps is None
    assert ears.tics[-1].beidou_ps is not None
    ears.end(Fault.ANTENNA_CUT, GNSS_A)
    ears.listen(15)
    assert ears.last(GNSS_A).is_valid
    assert ears.tics[-1].gps_ps is not None


def test_a_shorted_antenna_is_told_as_short(ears):
    ears.begin(Fault.ANTENNA_SHORT, GNSS_B)
    ears.listen(15)
    assert ears.last(GNSS_B).antenna is Antenna.SHORT


def test_jamming_lowers_the_signals_before_the_fix_is_lost(ears):
    before = [each.cn0_dbhz for each in ears.epochs[GNSS_A] if each.cn0_dbhz][-1]
    ears.listen(4)  # the next second tells the sky
    ears.begin(Fault.JAM, *BOTH)
    ears.listen(2)
    weak = [each.cn0_dbhz for each in ears.epochs[GNSS_A] if each.cn0_dbhz][-1]
    ears.listen(15)
    assert weak < before - 10
    assert ears.last(GNSS_A).jamming == 3
    assert not ears.last(GNSS_A).is_valid
    assert ears.tics[-1].gps_ps is ears.tics[-1].beidou_ps is None


@pytest.mark.parametrize("fault", [Fault.SPOOF_STEP, Fault.MEACONING])
def test_a_step_moves_the_pulse_by_so_much(ears, fault):
    before_ps = ears.tics[-1].gps_ps
    ears.begin(fault, GNSS_A, parameters=faults.Delay(delay_ns=40_000))
    ears.listen(2)
    assert ears.tics[-1].gps_ps - before_ps == pytest.approx(40_000_000, abs=400_000)
    assert ears.last(GNSS_A).is_valid


def test_a_step_of_whole_seconds_moves_the_label_and_not_the_pulse(ears):
    ears.begin(Fault.SPOOF_STEP, GNSS_A, parameters=faults.Delay(delay_ns=3_000_000_000))
    ears.listen(3)
    true_s = ears.rig.truth_tai_ns(ears.last(GNSS_A).raw_ns) // 10**9 - 37
    assert ears.last(GNSS_A).utc_s == true_s - 3
    assert abs(ears.tics[-1].gps_ps) < 10_000_000


def test_a_ramp_grows_by_its_rate(ears):
    ears.begin(Fault.SPOOF_RAMP, GNSS_B, parameters=faults.Ramp(rate=1e-7))
    ears.listen(1)
    first_ps = ears.tics[-1].beidou_ps
    ears.listen(100)
    assert ears.tics[-1].beidou_ps - first_ps == pytest.approx(10_000_000, abs=500_000)


def test_a_week_rollover_sets_the_date_back_by_1024_weeks(ears):
    ears.begin(Fault.WEEK_ROLLOVER, GNSS_A)
    ears.listen(3)
    true_s = ears.rig.truth_tai_ns(ears.last(GNSS_A).raw_ns) // 10**9 - 37
    assert ears.last(GNSS_A).utc_s == true_s - 1024 * 604_800


@pytest.mark.parametrize("count", [0, 17, 19])
def test_a_wrong_leap_count_moves_utc_and_tells_the_count(ears, count):
    ears.begin(Fault.WRONG_LEAP_COUNT, GNSS_A, parameters=faults.LeapCount(gps_utc_s=count))
    ears.listen(3)
    true_tai_s = ears.rig.truth_tai_ns(ears.last(GNSS_A).raw_ns) // 10**9
    assert ears.last(GNSS_A).tai_utc_s == count + 19
    assert ears.last(GNSS_A).utc_s == true_tai_s - count - 19


def test_a_false_leap_warning_comes_from_one_constellation_alone(ears):
    ears.begin(Fault.FALSE_LEAP_WARNING, GNSS_B)
    ears.listen(15)
    assert ears.last(GNSS_B).leap is LeapNotice.INSERT
    assert ears.last(GNSS_B).leap_at_utc_s % 86_400 == 0
    assert ears.last(GNSS_A).leap is LeapNotice.NONE


def test_messages_flow_without_a_pulse(ears):
    ears.begin(Fault.PULSE_MISSING, GNSS_A)
    ears.listen(3)
    assert ears.last(GNSS_A).is_valid
    assert ears.tics[-1].gps_ps is None


def test_pulses_flow_without_messages(ears):
    ears.begin(Fault.MESSAGES_MISSING, GNSS_A)
    ears.listen(1)
    told = len(ears.epochs[GNSS_A])
    ears.listen(5)
    assert len(ears.epochs[GNSS_A]) == told
    assert ears.tics[-1].gps_ps is not None


def test_messages_off_by_a_second_leave_the_pulse_alone(ears):
    ears.begin(Fault.MESSAGES_SHIFTED, GNSS_A, parameters=faults.Shift(shift_s=-1))
    ears.listen(3)
    true_s = ears.rig.truth_tai_ns(ears.last(GNSS_A).raw_ns) // 10**9 - 37
    assert ears.last(GNSS_A).utc_s == true_s - 1
    assert abs(ears.tics[-1].gps_ps) < 10_000_000


def test_the_wrong_sign_of_the_sawtooth_makes_the_pulse_noisier():
    def sawtooths(*present):
        ears = Ears()
        ears.begin(Fault.MERGED, GNSS_B)  # the same world, whatever the other does
        for fault in present:
            ears.begin(fault, GNSS_A)
        ears.listen(100)
        return [epoch.sawtooth_ps for epoch in ears.epochs[GNSS_A]]

    right, wrong = sawtooths(), sawtooths(Fault.SAWTOOTH_SIGN)
    assert wrong == [-each for each in right]
    assert sawtooths(Fault.HANGING_BRIDGE) == [None] * len(right)


def test_a_stuck_receiver_repeats_its_second(ears):
    ears.begin(Fault.STUCK, *BOTH)
    ears.listen(5)
    assert len({epoch.utc_s for epoch in ears.epochs[GNSS_A][-3:]}) == 1


@pytest.mark.parametrize("year", [1999, 2080])
def test_a_receiver_may_believe_in_another_year(ears, year):
    ears.begin(Fault.WRONG_YEAR, GNSS_A, parameters=faults.Year(year=year))
    ears.listen(3)
    assert ears.last(GNSS_A).utc_s // 31_556_952 + 1970 == year


def test_satellites_come_and_go_one_at_a_time():
    ears = Ears()
    ears.listen(4000)
    skies = [set(epoch.satellites) for epoch in ears.epochs[GNSS_A] if epoch.is_valid]
    changes = [len(a ^ b) for a, b in pairwise(skies) if a != b]
    assert 2 <= len(changes) <= 20
    assert set(changes) == {2}


def test_a_receiver_answers_polls_and_configuration():
    rig = MemoryRig(WorldSettings())
    rig.second()
    rig.write(GNSS_A, ubx_setup.timing_messages() + ubx_setup.survey_in(60, 20_000))
    octets = b"".join(each.octets for each in rig.second() if each.source == GNSS_A)
    said = [ubx.decode(each.message, each.body) for each in Splitter().feed(octets) if each.message]
    assert [each.hardware for each in said if isinstance(each, ubx.MonVer)] == ["SIM"]
    assert said.count(ubx.Ack(ubx.CFG_VALSET, is_accepted=True)) == 2
