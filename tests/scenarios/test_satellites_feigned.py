"""Satellites that lie: the learned oscillator is the witness against them."""

import pytest
from kit.ready_box import RECEIVERS, ready

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A, GNSS_B

HOST_NS = 10_000
"""The pulses on the host's clock are known no better than this."""

LATE_S = 70
"""Minutes are judged when they end, and seconds wait 5 s in quarantine."""

REFUSING = {ClockState.HOLDOVER, ClockState.REACQUIRE}
# seconds a second: (minutes until it is seen, what it has moved the satellites by then in ns)
RAMPS = {1e-7: (1, 6000), 1e-8: (1, 600), 1e-9: (2, 120), 3e-10: (6, 110), 1e-10: (22, 140)}


@pytest.mark.parametrize("rate", RAMPS)
def test_a_ramp_of_both_constellations_is_found_out(rate):
    """Scenario 4: slow spoofing of both constellations together."""
    minutes, induced_ns = RAMPS[rate]
    run = ready()
    begun_s = run.elapsed_s
    run.begin(Fault.SPOOF_RAMP, *RECEIVERS, parameters=faults.Ramp(rate))
    took_s = run.go_until(ClockState.HOLDOVER, most_s=minutes * 60 + LATE_S)
    print(f"{rate:g} s/s: {took_s} s, {rate * took_s * 1e9:.0f} ns; {minutes} min, {induced_ns} ns")
    run.go(300)
    assert run.state in REFUSING
    assert run.cause is Cause.SPOOF
    assert Alarm.REFERENCE_REJECTED in run.alarms
    assert not run.signer.refusals
    assert run.worst_error_ns(begun_s) < HOST_NS + induced_ns


@pytest.mark.parametrize("step_ns", [200, -200, 1_000, 40_000, -5_000_000])
def test_a_step_of_both_constellations_is_vetoed(step_ns):
    """Scenario 6: both constellations step together."""
    run = ready()
    run.begin(Fault.SPOOF_STEP, *RECEIVERS, parameters=faults.Delay(step_ns))
    print(f"{step_ns} ns: {run.go_until(ClockState.HOLDOVER, most_s=70)} s")
    run.go(300)
    assert run.state in REFUSING
    assert run.cause is Cause.SPOOF
    assert Alarm.REFERENCE_REJECTED in run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("step_ns", [1_000, 40_000, -5_000_000])
@pytest.mark.parametrize("source", [GNSS_A, GNSS_B])
def test_a_step_of_one_constellation_leaves_the_other_in_charge(source, step_ns):
    """Scenario 5: one constellation steps."""
    run = ready()
    begun_s = run.elapsed_s
    run.begin(Fault.SPOOF_STEP, source, parameters=faults.Delay(step_ns))
    run.go(300)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert Alarm.CONSTELLATIONS_DIFFER in run.alarms
    assert abs(run.error_ns) < HOST_NS
    assert not run.signer.refusals


def test_meaconed_satellites_are_refused_until_they_agree_again():
    """Scenario 7: all signals delayed alike, for longer than the deadline, then gone."""
    run = ready(reacquire_deadline_s=600, reacquire_spoof_s=300)
    run.begin(Fault.MEACONING, *RECEIVERS, parameters=faults.Delay(100_000))
    run.go_until(ClockState.HOLDOVER, most_s=30)
    run.go(900)
    assert run.state in REFUSING
    assert Alarm.REACQUIRE_STUCK in run.alarms
    assert abs(run.error_ns) < HOST_NS
    run.end(Fault.MEACONING, *RECEIVERS)
    run.go_until(ClockState.READY, most_s=900)
    assert not run.signer.refusals
