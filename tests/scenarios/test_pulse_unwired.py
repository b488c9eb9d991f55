"""The oscillator's pulse does not reach the host: no `pps` device, or its wire is off."""

from kit.ready_box import ready
from kit.virtual_timed import VirtualTimed

from appliance.timing.alarms import Alarm
from appliance.timing.trusted import ClockState


def test_a_clock_without_pulses_at_the_host_waits_and_one_alarm_says_for_what():
    run = VirtualTimed()
    run.is_pulse_wired = False
    with run.unjudged():
        run.go(900)
    # It does not go to and fro with the five milliseconds of a serial line.
    assert [state for _, state in run.states] == [
        ClockState.COLD,
        ClockState.WARMUP,
        ClockState.ACQUIRE,
    ]
    assert run.alarms == {Alarm.PULSE_UNTIED}
    assert run.status.bound_ns is None


def test_it_locks_as_soon_as_the_pulse_is_there():
    run = VirtualTimed()
    run.is_pulse_wired = False
    with run.unjudged():
        run.go(120)
    run.is_pulse_wired = True
    run.go_until(ClockState.LOCKED, most_s=60)
    run.go(60)
    assert not run.alarms
    assert not run.signer.refusals


def test_a_pulse_that_is_lost_is_named_and_the_clock_ends_in_waiting():
    run = ready()
    run.is_pulse_wired = False
    run.go(10)
    assert run.state is ClockState.READY
    assert run.alarms == {Alarm.PULSE_UNTIED}
    with run.unjudged():
        run.go(3000)
    since_s = run.states[-1][0]
    assert len(run.states) <= 12, run.states
    assert run.elapsed_s - since_s > 600, run.states
    assert Alarm.PULSE_UNTIED in run.alarms
