"""Disturbed lines and devices that go and come: readings are lost, never believed wrongly."""

import pytest
from kit.ready_box import RECEIVERS, ready

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A, MODEM, OCXO

NOISE = (Fault.GARBAGE, Fault.BAD_CHECKSUM, Fault.SPLIT, Fault.MERGED, Fault.OVERLONG)


@pytest.mark.parametrize("fault", [Fault.SAWTOOTH_SIGN, Fault.HANGING_BRIDGE])
def test_a_wrong_sawtooth_stays_within_the_bound_and_raises_no_alarm(fault):
    """Scenario 17: qErr with the wrong sign, and a hanging bridge."""
    run = ready()
    begun_s = run.elapsed_s
    run.begin(fault, *RECEIVERS)
    run.go(600)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert not run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("fault", NOISE)
@pytest.mark.parametrize("source", [GNSS_A, OCXO, MODEM])
def test_a_disturbed_line_costs_readings_and_no_truth(fault, source):
    """Scenario 18: garbage, bad checksums, split, merged and over-long lines."""
    run = ready()
    run.begin(fault, source)
    run.go(60)
    assert run.state in {ClockState.READY, ClockState.HOLDOVER, ClockState.REACQUIRE}
    assert not run.signer.refusals
    run.end(fault, source)
    run.go_until(ClockState.READY, most_s=240)
    run.go(60)
    assert run.state is ClockState.READY
    assert not run.alarms


def test_receivers_unplugged_and_plugged_in_again_are_found():
    """Scenario 19: USB adapters go and come back under another name, behind the same link."""
    run = ready()
    run.begin(Fault.UNPLUG, *RECEIVERS)
    run.go_until(ClockState.HOLDOVER, most_s=30)
    run.go(30)
    assert run.cause is Cause.LOST
    assert Alarm.REFERENCE_LOST in run.alarms
    run.end(Fault.UNPLUG, *RECEIVERS)
    run.go_until(ClockState.READY, most_s=180)
    assert not run.signer.refusals


def test_pulses_carry_the_time_while_the_board_is_unplugged():
    """Scenario 19 with the oscillator's board, whose pulses have a wire of their own."""
    run = ready()
    run.begin(Fault.UNPLUG, OCXO)
    run.go_until(ClockState.HOLDOVER, most_s=10)
    run.go(120)
    assert run.cause is Cause.BOARD
    assert Alarm.BOARD_SILENT in run.alarms
    run.end(Fault.UNPLUG, OCXO)
    run.go_until(ClockState.READY, most_s=180)
    run.go(10)
    assert Alarm.BOARD_SILENT not in run.alarms
    assert not run.signer.refusals
