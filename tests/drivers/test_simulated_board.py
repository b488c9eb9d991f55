"""The simulated oscillator board, heard and asked through OCB/1 as the real one."""

from itertools import pairwise

import pytest
from kit.simulated_ears import Ears

from drivers.api import Oven
from drivers.oscillator import answers, ocb
from drivers.oscillator.ocb import Alarm, Refusal, RefusalCode, TicFlag, Verb
from drivers.simulated import faults
from drivers.simulated.devices.board import DAC_CODES_PER_S
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A, GNSS_B, OCXO
from drivers.simulated.truth import EFC_SPAN
from drivers.simulated.world import DAC_MIDDLE, WorldSettings


@pytest.fixture
def ears():
    made = Ears()
    made.listen(10)
    return made


def ask(ears, verb, *arguments):
    """Ask the board one thing; gives its answer."""
    ears.rig.write(OCXO, ocb.encode_request(ocb.Request(7, verb, arguments)))
    ears.listen(1)
    return ears.answers.pop()


def test_each_second_has_a_comparison_and_a_status_20_ms_after_the_pulse(ears):
    assert [tic.sequence for tic in ears.tics] == list(range(1, 11))
    assert [status.sequence for status in ears.statuses] == list(range(1, 11))
    said = [each for each in ears.heard if each.source == OCXO]
    for heard in said:
        assert ears.rig.truth_tai_ns(heard.raw_ns) % 10**9 in range(19_900_000, 21_100_000)


def test_the_interval_measures_the_oscillators_phase(ears):
    world = ears.rig.world
    for _ in range(50):
        ears.listen(1)
        assert ears.tics[-1].gps_ps == pytest.approx(world.phase_s * 1e12, abs=250_000)


def test_the_board_says_that_it_is_simulated(ears):
    identity = answers.read_identity(ask(ears, Verb.ID).fields)
    assert identity.is_simulated


def test_a_label_holds_from_the_next_pulse_on(ears):
    assert ears.tics[-1].tai_s == 0
    ask(ears, Verb.SET, 5_000_000)
    ears.listen(1)
    labelled = [tic.tai_s for tic in ears.tics if tic.flags & TicFlag.LABELLED]
    assert labelled == [5_000_000, 5_000_001]


def test_a_label_given_just_before_a_pulse_is_that_pulses(ears):
    stage = ears.rig.stage
    stage.tick()
    just_before_ns = stage.board.pulse_ns - 10_000_000
    stage.hear(OCXO, ocb.encode_request(ocb.Request(7, Verb.SET, (5_000_000,))), just_before_ns)
    ears.listen(1)
    assert ears.tics[-1].tai_s == 5_000_001


def test_the_dac_moves_no_faster_than_its_limit_and_steers_the_oscillator(ears):
    ask(ears, Verb.DAC, DAC_MIDDLE + 1000)
    ears.listen(1)
    steps = [status.dac for status in ears.statuses]
    assert max(b - a for a, b in pairwise(steps)) == DAC_CODES_PER_S
    ears.listen(5)
    assert ears.statuses[-1].dac == DAC_MIDDLE + 1000
    assert ears.rig.world.oscillator.efc_freq == pytest.approx(1000 / DAC_MIDDLE * EFC_SPAN)


def test_a_slew_moves_the_phase_by_what_was_asked(ears):
    before_s = ears.rig.world.phase_s
    ask(ears, Verb.SLEW, 100_000, 1_000_000)
    ears.listen(12)
    assert ears.rig.world.phase_s - before_s == pytest.approx(-1e-6, abs=5e-8)
    assert not ears.tics[-1].flags & TicFlag.SLEWING


def test_a_step_needs_the_key_and_the_nonce(ears):
    assert ask(ears, Verb.ARM, 500, 42) == Refusal(7, RefusalCode.LOCKED)
    ears.rig.stage.board.is_step_enabled = True
    assert ask(ears, Verb.STEP, 42) == Refusal(7, RefusalCode.STATE)
    ask(ears, Verb.ARM, 500_000, 42)
    assert ask(ears, Verb.STEP, 41) == Refusal(7, RefusalCode.NONCE)
    ask(ears, Verb.ARM, 500_000, 42)
    before_ps = ears.tics[-1].gps_ps
    assert ask(ears, Verb.STEP, 42) == ocb.Answer(7)
    assert ears.tics[-1].gps_ps - before_ps == pytest.approx(-500_000_000, abs=300_000)
    assert ears.tics[-1].flags & TicFlag.STEPPED


def test_a_silent_host_freezes_the_dac(ears):
    ask(ears, Verb.WDT, 5)
    ears.listen(4)
    assert not ears.statuses[-1].alarms & Alarm.HOST_SILENT
    ears.listen(4)
    assert ears.statuses[-1].alarms & Alarm.HOST_SILENT
    assert ears.tics[-1].flags & TicFlag.FROZEN


def test_the_board_keeps_the_minutes_with_their_means(ears):
    ears.listen(600)
    rows = answers.read_log(ask(ears, Verb.LOG, 60).fields)
    assert [row.sequence for row in rows] == [120, 180, 240, 300, 360, 420, 480, 540]
    minute = [tic.gps_ps for tic in ears.tics if 60 < tic.sequence <= 120]
    assert rows[0].gps_ps == sum(minute) // 60


def test_the_calibration_is_the_crystals_own_curve(ears):
    calibration = answers.read_calibration(ask(ears, Verb.CAL).fields)
    freq = sum(c * 0.5**n for n, c in enumerate(calibration.efc_e15)) * 1e-15
    assert freq == pytest.approx(0.5 * EFC_SPAN * (1 + 0.02 * 0.25), rel=1e-9)


def test_without_any_reference_the_board_says_so(ears):
    ears.begin(Fault.PULSE_MISSING, GNSS_A, GNSS_B)
    ears.listen(2)
    assert ears.statuses[-1].alarms & Alarm.NO_REFERENCE


def test_garbage_is_not_answered_and_the_next_request_is(ears):
    ears.rig.write(OCXO, b"!ID,#1*0000\r\n\xff\x00\n")
    ears.listen(1)
    assert ears.answers == []
    assert isinstance(ask(ears, Verb.ID), ocb.Answer)


def test_the_oven_warms_up_and_its_current_falls():
    ears = Ears(WorldSettings(is_cold=True, warm_up_speed=60.0))
    ears.listen(60)
    ovens = [status.oven for status in ears.statuses]
    assert list(dict.fromkeys(ovens)) == [Oven.WARMING, Oven.READY]
    assert ears.statuses[0].current_ma > 2 * ears.statuses[-1].current_ma


def test_a_failed_oven_lets_the_frequency_run_away_and_is_told(ears):
    ears.begin(Fault.OVEN_FAILED, OCXO)
    ears.listen(300)
    assert ears.statuses[-1].oven is Oven.FAULT
    assert ears.statuses[-1].alarms & Alarm.OVEN
    assert abs(ears.rig.world.oscillator.freq) > 1e-8
    ears.end(Fault.OVEN_FAILED, OCXO)
    ears.listen(1)
    assert ears.statuses[-1].oven in {Oven.COLD, Oven.WARMING}
    assert abs(ears.rig.world.oscillator.freq) < 1e-8


def test_a_dac_on_its_rail_is_told(ears):
    ears.begin(Fault.DAC_RAIL, OCXO, parameters=faults.Rail(end="low"))
    ears.listen(1)
    assert ears.statuses[-1].dac == 0
    assert ears.statuses[-1].alarms & Alarm.DAC_RAIL


def test_a_crystal_jump_changes_the_frequency_by_so_much(ears):
    other = Ears()
    other.listen(10)
    ears.begin(Fault.CRYSTAL_JUMP, OCXO, parameters=faults.Frequency(freq=5e-9))
    for each in (ears, other):
        each.listen(100)
    moved_s = ears.rig.world.phase_s - other.rig.world.phase_s
    assert moved_s == pytest.approx(100 * 5e-9)


def test_a_phase_step_is_seen_in_the_comparison(ears):
    before_ps = ears.tics[-1].gps_ps
    ears.begin(Fault.PHASE_STEP, OCXO, parameters=faults.Delay(delay_ns=60_000))
    ears.listen(1)
    assert ears.tics[-1].gps_ps - before_ps == pytest.approx(-60_000_000, abs=300_000)


def test_a_power_cut_starts_the_board_anew(ears):
    ask(ears, Verb.SET, 5_000_000)
    ears.begin(Fault.POWER_OFF, OCXO)
    said = len(ears.tics)
    ears.rig.write(OCXO, ocb.encode_request(ocb.Request(8, Verb.ID)))
    ears.listen(30)
    assert len(ears.tics) == said
    assert ears.answers == []
    ears.end(Fault.POWER_OFF, OCXO)
    ears.listen(2)
    assert ears.tics[-1].sequence == 2
    assert ears.tics[-1].tai_s == 0
    assert ears.statuses[-1].uptime_s <= 2
    assert ears.statuses[-1].oven is Oven.COLD


def test_the_air_moves_the_case_with_a_lag(ears):
    before_mk = ears.statuses[-1].case_mk
    ears.begin(Fault.HVAC_STEP, "world", parameters=faults.Kelvin(step_k=20.0))
    ears.listen(600)
    assert ears.statuses[-1].case_mk - before_mk == pytest.approx(12_600, abs=1_500)
