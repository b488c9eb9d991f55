"""An oscillator that does what its model does not foretell: cold, broken, jumping, heated."""

import pytest
from kit.ready_box import RECEIVERS, ready
from kit.virtual_timed import VirtualTimed

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.stage import OCXO
from drivers.simulated.world import WorldSettings

HOST_NS = 10_000
"""The pulses on the host's clock are known no better than this."""


def test_a_cold_oven_issues_nothing_until_it_is_warm():
    """Scenario 26: power on, the oven warmed up thirty times as fast as any does."""
    run = VirtualTimed(WorldSettings(is_cold=True, warm_up_speed=30.0))
    run.go(30)
    assert run.state is ClockState.WARMUP
    assert Alarm.OVEN_COLD in run.alarms
    assert not run.signer.tokens
    run.go_until(ClockState.LOCKED, most_s=120)
    run.go(60)
    assert not run.alarms
    assert run.signer.tokens


def test_a_failed_oven_is_no_longer_believed():
    """Scenario 26: the oven fails while the box is ready, and is repaired."""
    run = ready()
    run.begin(Fault.OVEN_FAILED, OCXO)
    run.go_until(ClockState.HOLDOVER, most_s=10)
    run.go(600)
    assert run.cause is Cause.BOARD
    assert {Alarm.OVEN_FAULT, Alarm.BOARD_ALARM} <= run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("end", ["low", "high"])
def test_a_dac_at_its_rail_is_told_and_not_believed(end):
    """Scenario 26: the DAC runs to one end, which moves the frequency by 4E-7."""
    run = ready()
    run.begin(Fault.DAC_RAIL, OCXO, parameters=faults.Rail(end))
    run.go_until(ClockState.HOLDOVER, most_s=5)
    assert run.cause is Cause.BOARD
    assert Alarm.BOARD_ALARM in run.alarms
    run.go_until(ClockState.LOCKED, most_s=180)
    run.go(1800)
    assert run.state is ClockState.LOCKED
    assert run.status.learned_s < 3600
    assert not run.signer.refusals


@pytest.mark.parametrize("freq", [5e-11, -5e-11])
def test_a_crystal_jump_is_followed_within_the_bound(freq):
    """Scenario 27 while satellites are there."""
    run = ready()
    begun_s = run.elapsed_s
    run.begin(Fault.CRYSTAL_JUMP, OCXO, parameters=faults.Frequency(freq))
    run.go(1800)
    assert run.worst_error_ns(begun_s) < HOST_NS
    assert not run.signer.refusals


@pytest.mark.parametrize("freq", [5e-11, -5e-11])
def test_a_crystal_jump_in_holdover_stays_within_the_bound(freq):
    """Scenario 27 six hours into 48 h without satellites, thinned to a second in five minutes."""
    run = ready()
    run.begin(Fault.ANTENNA_CUT, *RECEIVERS)
    run.go(60)
    run.coast(hours=6, every_s=300)
    run.begin(Fault.CRYSTAL_JUMP, OCXO, parameters=faults.Frequency(freq))
    run.coast(hours=42, every_s=300)
    assert run.state is ClockState.HOLDOVER
    assert Alarm.REFERENCE_LOST in run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("step_k", [6.0, -6.0])
def test_a_step_of_the_air_conditioning_stays_within_the_bound(step_k):
    """Scenario 28: 6 K as a day without satellites begins, thinned to a second a minute."""
    run = ready()
    run.begin(Fault.ANTENNA_CUT, *RECEIVERS)
    run.go(60)
    run.begin(Fault.HVAC_STEP, "world", parameters=faults.Kelvin(step_k))
    run.coast(hours=24)
    assert run.state is ClockState.HOLDOVER
    assert not run.signer.refusals


def test_an_oscillator_that_was_off_is_learned_anew():
    """Scenario 29: power off for ten seconds, then a warm-up and a retrace of 1E-9."""
    run = ready(warm_up_speed=20.0)
    run.begin(Fault.POWER_OFF, OCXO, parameters=faults.Retrace(1e-9))
    run.go(10)
    assert run.state is ClockState.HOLDOVER
    assert run.cause is Cause.BOARD
    assert Alarm.BOARD_SILENT in run.alarms
    run.end(Fault.POWER_OFF, OCXO)
    run.go(30)
    assert {Alarm.BOARD_RESTARTED, Alarm.OVEN_COLD} <= run.alarms
    run.go_until(ClockState.LOCKED, most_s=300)
    run.go(60)
    assert not run.signer.refusals
