"""Satellites gone in each of the ways that they go: holdover, its cause named, and back again."""

import pytest
from kit.ready_box import RECEIVERS, ready

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A

GONE = {
    Fault.ANTENNA_CUT: Alarm.ANTENNA,
    Fault.ANTENNA_SHORT: Alarm.ANTENNA,
    Fault.JAM: Alarm.JAMMING,
    Fault.PULSE_MISSING: Alarm.PULSE_MISSING,
    Fault.MESSAGES_MISSING: Alarm.MESSAGES_MISSING,
}


@pytest.mark.parametrize("fault", GONE)
def test_without_any_satellites_the_clock_holds_over_and_comes_back(fault):
    """Scenarios 1 (antenna cut), 2 (shorted), 3 (jam), 14 (no pulses), 15 (no messages)."""
    run = ready()
    run.begin(fault, *RECEIVERS)
    assert run.go_until(ClockState.HOLDOVER, most_s=30) >= 5
    run.go(300)
    assert run.state is ClockState.HOLDOVER
    assert run.cause is Cause.LOST
    assert {GONE[fault], Alarm.REFERENCE_LOST} <= run.alarms
    assert not run.signer.refusals
    run.end(fault, *RECEIVERS)
    run.go_until(ClockState.READY, most_s=180)
    run.go(10)
    assert not run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("fault", GONE)
def test_one_receiver_alone_carries_on(fault):
    """Scenarios 1, 2, 3, 14 and 15 on one receiver of two."""
    run = ready()
    begun_s = run.elapsed_s
    run.begin(fault, GNSS_A)
    run.go(60)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert GONE[fault] in run.alarms
    assert not run.signer.refusals


def test_a_cut_antenna_costs_no_token_for_three_days():
    """Scenario 1 for 72 h, thinned to a second a minute."""
    run = ready()
    run.begin(Fault.ANTENNA_CUT, *RECEIVERS)
    run.go(60)
    promised = dict(run.status.vanished)
    run.coast(hours=72)
    assert run.state is ClockState.HOLDOVER
    assert run.bound_ns <= 2 * promised[72]
    assert run.bound_ns < 250_000
    assert not run.signer.refusals
