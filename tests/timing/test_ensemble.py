import pytest
from kit.skies import START_TAI_S, Sky

from appliance.errors import Conflict
from appliance.quantities import Provenance
from appliance.timing.alarms import Alarm
from appliance.timing.ensemble import Ensemble
from appliance.timing.keeping.config import EnsembleConfig, EnsembleStatus, SetLabel
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap
from drivers.api import Antenna, LeapNotice, Oven

MATURE_S = 1500


def status(sky: Sky) -> EnsembleStatus:
    assert sky.statement is not None
    return sky.ensemble.status(sky.statement.raw_ns)


def locked(seconds: int = 60, **config: object) -> Sky:
    sky = Sky(EnsembleConfig(**config))  # type: ignore[arg-type]
    assert sky.run(seconds).state is ClockState.LOCKED
    return sky


def lose(sky: Sky) -> None:
    sky.gps.is_valid = sky.beidou.is_valid = False


def find(sky: Sky) -> None:
    sky.gps.is_valid = sky.beidou.is_valid = True


def test_a_warm_board_under_a_clear_sky_locks_within_ten_seconds():
    sky = Sky()
    states = [sky.advance().state for _ in range(10)]
    assert states[0] is ClockState.COLD
    assert states[-1] is ClockState.LOCKED
    assert sky.statement is not None
    assert (sky.statement.leap, sky.statement.utc_offset_s) == (Leap.NONE, 37)
    assert sky.worst_ratio < 1
    assert not status(sky).alarms


def test_a_cold_oven_is_waited_for():
    sky = Sky()
    sky.oven = Oven.WARMING
    assert sky.run(60).state is ClockState.WARMUP
    sky.oven = Oven.READY
    assert sky.run(10).state is ClockState.LOCKED


def test_the_bound_has_its_floor_and_holds_while_locked():
    sky = locked(2000)
    assert sky.statement is not None
    assert sky.statement.bound_ns == 10_000
    assert sky.worst_ratio < 0.5


def test_a_clock_is_ready_once_the_oscillator_is_learned():
    sky = locked(60, learned_s=1800.0)
    assert sky.run(2400).state is ClockState.READY
    assert "oscillator" in status(sky).agreeing


def test_a_clock_without_satellites_coasts_and_comes_back():
    sky = locked(MATURE_S)
    lose(sky)
    assert sky.run(20).state is ClockState.HOLDOVER
    assert status(sky).cause is Cause.LOST
    assert Alarm.REFERENCE_LOST in status(sky).alarms
    sky.run(3600)
    find(sky)
    assert sky.run(30).state is ClockState.REACQUIRE
    assert sky.run(80).state is ClockState.LOCKED
    assert sky.worst_ratio < 1


def test_the_bound_grows_while_there_are_no_satellites():
    sky = locked(MATURE_S, floor_ns=0)
    lose(sky)
    early, late = sky.run(600).bound_ns, sky.run(7200).bound_ns
    assert late > early + 2_000
    assert sky.worst_ratio < 1


def test_a_cut_antenna_is_an_alarm_and_holdover():
    sky = locked(MATURE_S)
    for receiver in (sky.gps, sky.beidou):
        receiver.antenna, receiver.is_valid = Antenna.OPEN, False
    assert sky.run(20).state is ClockState.HOLDOVER
    assert Alarm.ANTENNA in status(sky).alarms


def test_one_constellation_alone_before_the_oscillator_is_learned_is_degraded():
    sky = locked()
    sky.beidou.is_valid = False
    assert sky.run(60).state is ClockState.DEGRADED
    sky.beidou.is_valid = True
    assert sky.run(60).state is ClockState.LOCKED


def test_one_constellation_with_a_network_witness_is_not_degraded():
    sky = locked()
    sky.ntp_error_ns["ntp-a"] = 3_000_000
    sky.beidou.is_valid = False
    assert sky.run(60).state is ClockState.LOCKED


def test_beidou_can_be_made_mandatory():
    sky = locked(MATURE_S, beidou_mandatory=True)
    sky.beidou.is_valid = False
    assert sky.run(60).state is ClockState.HOLDOVER


def test_satellites_that_rise_and_set_starve_nobody():
    sky = locked(MATURE_S)
    for minute in range(20):
        sky.gps.satellites = tuple(f"G{minute + place:02d}" for place in range(10))
        assert sky.run(6).state is ClockState.LOCKED


def test_a_huge_phase_in_the_second_of_a_lost_fix_moves_nothing():
    sky = locked(MATURE_S)
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = 200.0
    sky.run(3)
    lose(sky)
    sky.run(60)
    assert sky.worst_ratio < 1
    assert status(sky).cause is Cause.LOST


@pytest.mark.parametrize("step_ns", [-100_000, 1_000, 100_000])
def test_both_constellations_stepping_together_are_vetoed_by_the_oscillator(step_ns):
    sky = locked(MATURE_S)
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = step_ns
    assert sky.run(15).state is ClockState.HOLDOVER
    assert status(sky).cause is Cause.SPOOF
    assert Alarm.REFERENCE_REJECTED in status(sky).alarms
    sky.run(900)
    assert sky.worst_ratio < 1


def test_after_a_contradiction_thirty_minutes_of_agreement_are_needed():
    sky = locked(MATURE_S)
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = 100_000
    sky.run(60)
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = 0
    assert sky.run(1700).state is ClockState.REACQUIRE
    assert sky.run(200).state is ClockState.LOCKED
    assert Alarm.REFERENCE_REJECTED not in status(sky).alarms
    assert sky.worst_ratio < 1


def test_a_contradiction_that_stays_is_an_alarm_until_an_operator_confirms():
    sky = locked(MATURE_S, reacquire_deadline_s=600)
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = 100_000
    assert sky.run(900).state is ClockState.REACQUIRE
    assert Alarm.REACQUIRE_STUCK in status(sky).alarms
    assert sky.worst_ratio < 1
    sky.ensemble.confirm()
    assert sky.advance().state is ClockState.LOCKED


def test_an_operator_clears_alarms_of_what_is_over():
    sky = locked(MATURE_S)
    sky.restart_board(-0.321)
    sky.run(120)
    sky.raw_ns -= 30 * 10**9
    sky.run(120)
    over = {Alarm.BOARD_RESTARTED, Alarm.HOST_CLOCK_TORN}
    assert over <= status(sky).alarms
    assert sky.ensemble.confirm() == over
    assert sky.advance().state is ClockState.LOCKED
    assert not over & status(sky).alarms
    with pytest.raises(Conflict):
        sky.ensemble.confirm()
    sky.restart_board(0.5)
    sky.run(5)
    assert Alarm.BOARD_RESTARTED in status(sky).alarms


def test_an_alarm_of_what_lasts_is_not_cleared():
    sky = locked(MATURE_S)
    sky.raw_ns -= 5_000_000
    sky.advance()
    assert Alarm.HOST_CLOCK_TORN in status(sky).alarms
    with pytest.raises(Conflict):
        sky.ensemble.confirm()
    assert Alarm.HOST_CLOCK_TORN in status(sky).alarms


def test_satellites_that_wait_are_confirmed_before_alarms_are_cleared():
    sky = locked(MATURE_S, reacquire_deadline_s=600)
    sky.restart_board(-0.321)
    sky.run(MATURE_S)
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = 100_000
    assert sky.run(900).state is ClockState.REACQUIRE
    assert sky.ensemble.confirm() == set()
    assert Alarm.BOARD_RESTARTED in status(sky).alarms
    assert sky.advance().state is ClockState.LOCKED
    assert sky.ensemble.confirm() == {Alarm.BOARD_RESTARTED}


def test_the_first_state_stands_since_the_clock_began_and_not_since_the_host_did():
    sky = Sky()
    ensemble = Ensemble(EnsembleConfig())
    ensemble.step(sky.raw_ns)
    ensemble.step(sky.raw_ns + 10**9)
    assert ensemble.status(sky.raw_ns + 10**9).since_raw_ns == sky.raw_ns


def test_nothing_can_be_confirmed_while_there_is_no_reference():
    with pytest.raises(Conflict):
        Sky().ensemble.confirm()


def test_gps_stepping_alone_is_left_for_beidou():
    sky = locked(MATURE_S)
    sky.gps.pulse_error_ns = 5_000
    assert sky.run(60).state in (ClockState.LOCKED, ClockState.DEGRADED)
    assert Alarm.CONSTELLATIONS_DIFFER in status(sky).alarms
    sky.run(600)
    assert sky.worst_ratio < 1


def test_two_constellations_apart_before_anything_is_learned_give_no_time():
    sky = Sky()
    sky.gps.pulse_error_ns = 5_000
    assert sky.run(60).state is ClockState.ACQUIRE
    assert Alarm.CONSTELLATIONS_DIFFER in status(sky).alarms


def test_messages_a_second_off_their_pulse_are_found_by_a_witness():
    sky = Sky()
    sky.ntp_error_ns["ntp-a"] = 0
    sky.gps.second_error_s = -1
    assert sky.run(60).state in (ClockState.LOCKED, ClockState.DEGRADED)
    assert Alarm.SECOND_OFF in status(sky).alarms
    assert sky.worst_ratio < 1


def test_messages_a_second_off_without_a_witness_give_no_time():
    sky = Sky()
    sky.gps.second_error_s = -1
    assert sky.run(60).state is ClockState.ACQUIRE


def test_messages_that_slip_a_second_while_locked_are_not_followed():
    sky = locked()
    sky.gps.second_error_s = 1
    assert sky.run(60).state in MAY_ISSUE
    assert Alarm.SECOND_OFF in status(sky).alarms
    assert sky.worst_ratio < 1


def test_satellites_a_second_off_are_outvoted_by_two_operators():
    sky = Sky()
    sky.ntp_error_ns = {"ntp-a": 0, "ntp-b": 0}
    sky.gps.second_error_s = sky.beidou.second_error_s = -1
    sky.run(30)
    assert not {sky.advance().state for _ in range(60)} & MAY_ISSUE
    assert Alarm.VOTE_LOST in status(sky).alarms


def test_satellites_that_two_operators_outvote_later_lose_trust():
    sky = Sky()
    sky.gps.second_error_s = sky.beidou.second_error_s = -1
    assert sky.run(60).state is ClockState.LOCKED
    sky.ntp_error_ns = {"ntp-a": 0, "ntp-b": 0}
    assert sky.run(40).state not in MAY_ISSUE
    sky.gps.second_error_s = sky.beidou.second_error_s = 0
    assert sky.run(60).state is ClockState.LOCKED


def test_a_false_network_server_is_an_alarm_and_no_more():
    sky = locked()
    sky.ntp_error_ns["ntp-a"] = 10**9
    assert sky.run(60).state is ClockState.LOCKED
    sky.ntp_error_ns["ntp-b"] = 0
    assert sky.run(60).state is ClockState.LOCKED
    assert Alarm.NETWORK_DIFFERS in status(sky).alarms


def test_a_stuck_receiver_is_left_out():
    sky = locked()
    sky.gps.frozen_utc_s = sky.tai_s - 37
    assert sky.run(60).state in (ClockState.LOCKED, ClockState.DEGRADED)
    assert Alarm.RECEIVER_STUCK in status(sky).alarms
    assert sky.worst_ratio < 1


def test_receivers_with_a_stale_leap_count_are_an_alarm_and_utc_stays():
    sky = Sky()
    sky.gps.tai_utc_s = 36
    assert sky.run(60).state in MAY_ISSUE
    assert Alarm.LEAP_COUNT in status(sky).alarms
    assert sky.statement is not None
    assert sky.statement.utc_offset_s == 37
    assert sky.worst_ratio < 1


def test_an_announced_leap_second_is_stated_with_its_instant():
    sky = locked()
    for receiver in (sky.gps, sky.beidou):
        receiver.leap, receiver.leap_at_utc_s = LeapNotice.INSERT, 1_790_812_800
    sky.run(130)
    assert sky.statement is not None
    assert sky.statement.leap is Leap.INSERT
    assert sky.statement.leap_at_tai_ns == (1_790_812_800 + 38) * 10**9


def test_missing_pulses_and_missing_messages_are_told_apart():
    sky = locked(MATURE_S)
    sky.gps.pulses = False
    sky.run(5)
    assert Alarm.PULSE_MISSING in status(sky).alarms
    sky.gps.pulses, sky.gps.speaks = True, False
    sky.run(5)
    assert Alarm.MESSAGES_MISSING in status(sky).alarms


def test_a_silent_board_leaves_the_raw_clock_with_a_growing_bound():
    sky = locked(MATURE_S)
    sky.board_speaks = False
    assert sky.run(10).state is ClockState.HOLDOVER
    assert status(sky).cause is Cause.BOARD
    early, late = sky.run(10).bound_ns, sky.run(300).bound_ns
    assert late > early
    assert Alarm.BOARD_SILENT in status(sky).alarms
    sky.board_speaks = True
    assert sky.run(120).state is ClockState.LOCKED
    assert sky.worst_ratio < 1


def test_a_board_that_restarts_is_learned_anew_while_the_raw_clock_carries_the_time():
    sky = locked(MATURE_S)
    sky.restart_board(-0.321)
    assert sky.run(5).state is ClockState.HOLDOVER
    assert status(sky).cause is Cause.BOARD
    assert Alarm.BOARD_RESTARTED in status(sky).alarms
    assert sky.run(120).state is ClockState.LOCKED
    assert sky.worst_ratio < 1


def test_a_failed_oven_ends_in_no_trust():
    sky = locked(MATURE_S)
    sky.oven = Oven.FAULT
    assert sky.run(10).state is ClockState.HOLDOVER
    assert Alarm.OVEN_FAULT in status(sky).alarms
    assert sky.run(10_100).state is ClockState.UNTRUSTED
    assert Alarm.BOUND_EXCEEDED in status(sky).alarms
    sky.oven = Oven.READY
    assert sky.run(60).state is ClockState.LOCKED


def test_a_raw_clock_that_stood_still_for_thirty_seconds_is_bounded_and_caught_up():
    sky = locked(MATURE_S)
    sky.raw_ns -= 30 * 10**9
    sky.advance()
    assert status(sky).bound_ns > 10**9
    sky.run(120)
    assert Alarm.HOST_CLOCK_TORN in status(sky).alarms


def test_a_simulated_reading_taints_for_good():
    sky = locked()
    assert sky.statement is not None
    assert sky.statement.provenance is Provenance.HARDWARE
    sky.is_simulated = True
    assert sky.advance().provenance is Provenance.SIMULATED
    sky.is_simulated = False
    assert sky.run(60).provenance is Provenance.SIMULATED


def reboot(sky: Sky, kept: bytes, down_s: int) -> None:
    """Restart the host: its raw clock begins again, the board runs on."""
    sky.ensemble = Ensemble(sky.config, kept)
    sky.raw_ns = 5 * 10**9
    sky.sequence += down_s
    sky.uptime_s += down_s
    sky.tai_s += down_s
    sky.phase_s += down_s * sky.freq
    sky.statement = None


def test_a_host_that_restarts_in_holdover_goes_on_by_the_boards_counter():
    sky = locked(MATURE_S)
    lose(sky)
    sky.run(600)
    reboot(sky, sky.ensemble.snapshot(), 90)
    assert sky.run(5).state is ClockState.HOLDOVER
    assert status(sky).cause is Cause.RESTART
    sky.run(600)
    assert sky.worst_ratio < 1


def test_a_board_that_restarted_with_the_host_is_not_gone_on_with():
    sky = locked(MATURE_S)
    lose(sky)
    kept = sky.ensemble.snapshot()
    reboot(sky, kept, 90)
    sky.uptime_s = 20
    assert sky.run(30).state is ClockState.ACQUIRE


def test_a_restart_keeps_the_taint():
    sky = locked()
    sky.is_simulated = True
    sky.advance()
    kept = sky.ensemble.snapshot()
    sky.is_simulated = False
    reboot(sky, kept, 10)
    assert sky.run(60).provenance is Provenance.SIMULATED


def test_a_damaged_memory_is_an_alarm_and_a_cold_start():
    sky = locked(MATURE_S)
    kept = bytearray(sky.ensemble.snapshot())
    kept[20] ^= 1
    reboot(sky, bytes(kept), 10)
    assert sky.run(5).state is ClockState.ACQUIRE
    assert Alarm.STATE_CORRUPT in status(sky).alarms
    assert sky.ensemble.confirm() == {Alarm.STATE_CORRUPT}
    assert Alarm.STATE_CORRUPT not in status(sky).alarms


def test_satellites_60_us_off_after_a_long_holdover_are_slewed_to():
    sky = locked(MATURE_S, floor_ns=0)
    lose(sky)
    for _ in range(150):
        sky.freq += 4e-12
        sky.run(240)
    assert sky.worst_ratio < 1
    assert sky.statement is not None
    assert abs(sky.statement.tai_ns - sky.true_ns) > 5_000
    find(sky)
    sky.run(1500)
    assert status(sky).state is ClockState.LOCKED
    assert abs(sky.statement.tai_ns - sky.true_ns) < 3_000
    assert sky.worst_ratio < 1


def test_a_board_with_another_label_is_asked_to_take_ours():
    sky = locked()
    assert sky.ensemble.commands() == (SetLabel("oscillator", sky.tai_s + 1),)
    assert Sky().ensemble.commands() == ()


def test_what_would_hold_without_satellites_is_told_for_three_days():
    rows = status(locked(MATURE_S)).vanished
    assert [hours for hours, _ in rows] == [1, 6, 12, 24, 48, 72]
    assert [bound for _, bound in rows] == sorted(bound for _, bound in rows)


def test_a_cable_delay_is_taken_off():
    sky = locked(60, delays_ns={0: 500, 1: 500})
    off_ns = sky.statement.tai_ns - sky.true_ns  # type: ignore[union-attr]
    assert -3_000 < off_ns < 3_000
    assert sky.tai_s > START_TAI_S
