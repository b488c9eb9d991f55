"""A host whose clocks and memory are disturbed: restarts, steps, pauses, a damaged state file."""

import pytest
from kit.ready_box import RECEIVERS, ready

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState
from drivers.simulated import faults
from drivers.simulated.faults import Fault


def test_a_restart_within_holdover_goes_on_by_the_boards_counter():
    """Scenario 30: the state is restored, what elapsed is told by the board."""
    run = ready()
    run.begin(Fault.ANTENNA_CUT, *RECEIVERS)
    run.go_until(ClockState.HOLDOVER, most_s=30)
    run.coast(hours=6)
    before, tokens = run.bound_ns, run.signer.tokens
    run.reboot(down_s=180)
    run.go_until(ClockState.HOLDOVER, most_s=15)
    run.go(60)
    assert run.state is ClockState.HOLDOVER
    assert run.cause is Cause.RESTART
    assert Alarm.REFERENCE_LOST in run.alarms
    assert run.bound_ns <= before + 10_000
    assert run.signer.tokens > tokens
    run.end(Fault.ANTENNA_CUT, *RECEIVERS)
    run.go_until(ClockState.READY, most_s=180)


def test_a_board_that_was_off_too_is_not_taken_for_one_that_ran_on():
    """Scenario 30 with the board's power gone as well."""
    run = ready(warm_up_speed=60.0)
    run.begin(Fault.POWER_OFF, "ocxo", parameters=faults.Retrace(1e-9))
    run.reboot(down_s=60)
    run.end(Fault.POWER_OFF, "ocxo")
    tokens = run.signer.tokens
    run.go(10)
    assert run.state in {ClockState.COLD, ClockState.WARMUP}
    assert run.signer.tokens == tokens
    run.go_until(ClockState.LOCKED, most_s=240)
    run.go(30)
    assert run.signer.tokens > tokens


@pytest.mark.parametrize("offset_ns", [1_000_000_000, -3_600_000_000_000, 3_000_000])
def test_a_step_of_the_operating_systems_clock_moves_nothing(offset_ns):
    """Scenario 31: root steps CLOCK_REALTIME, by which the kernel stamps pulses."""
    run = ready()
    begun_s = run.elapsed_s
    run.begin(Fault.REALTIME_STEP, "host", parameters=faults.Offset(offset_ns))
    run.go(120)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert not run.signer.refusals
    assert not run.alarms


def test_a_pause_of_the_host_is_found_out_by_the_next_pulse():
    """Scenario 32: the raw clock stands still for 30 s, as in a paused virtual machine.

    Nothing in the host shows the pause until the board's next line; a board in a real host never
    pauses.  From that line on nothing may be issued until the pulses have tied the clock anew.
    """
    run = ready()
    run.begin(Fault.RAW_STALL, "host")
    run.go(30)
    run.end(Fault.RAW_STALL, "host")
    with run.unjudged():
        run.go(1)
    run.go(60)
    assert Alarm.HOST_CLOCK_TORN in run.alarms
    assert run.signer.refusals
    run.go_until(ClockState.LOCKED, most_s=180)
    refused = run.signer.refusals
    run.go(60)
    assert run.signer.refusals == refused


@pytest.mark.parametrize("damage", [b"", b"SYTE", b"\x00" * 400, None])
def test_a_damaged_state_file_means_a_cold_start(damage):
    """Scenario 33: garbage, a cut file, a flipped bit."""
    run = ready()
    tokens = run.signer.tokens
    kept = bytearray(run.kept)
    kept[len(kept) // 2] ^= 4
    run.reboot(down_s=30, kept=bytes(kept) if damage is None else damage)
    run.go(3)
    assert run.state in {ClockState.COLD, ClockState.WARMUP, ClockState.ACQUIRE}
    assert Alarm.STATE_CORRUPT in run.alarms
    assert run.signer.tokens == tokens
    run.go_until(ClockState.LOCKED, most_s=60)
    run.go(30)
    assert run.signer.tokens > tokens
