"""Satellites that come back after three days: the clock goes to them, and never back."""

from itertools import pairwise

from kit.ready_box import RECEIVERS, ready

from appliance.timing.alarms import Alarm
from appliance.timing.trusted import ClockState
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.stage import OCXO
from drivers.simulated.truth import Grade

SETTLES_S = 1800
"""The reference weighs in by blocks of ten minutes."""

SLEW_PPM = 10
JUMP = 3e-10


def test_after_72_h_an_offset_of_60_us_is_slewed_away():
    """Scenario 35: 72 h thinned to a second in five minutes, the return at full rate.

    A jump of the crystal brings the offset; the bound of an adverse oscillator covers it.
    """
    run = ready(grade=Grade.ADVERSE)
    run.begin(Fault.ANTENNA_CUT, *RECEIVERS)
    run.go(60)
    run.begin(Fault.CRYSTAL_JUMP, OCXO, parameters=faults.Frequency(JUMP))
    run.coast(hours=72, every_s=300)
    offset_ns = run.error_ns
    assert 40_000 < abs(offset_ns) < 100_000
    assert run.bound_ns > abs(offset_ns)
    assert Alarm.REFERENCE_LOST in run.alarms
    run.end(Fault.ANTENNA_CUT, *RECEIVERS)
    run.token_every_s = 1
    begun_s = run.elapsed_s
    run.go_until(ClockState.LOCKED, most_s=180)
    run.go(SETTLES_S)
    assert run.states_since(begun_s) <= {
        ClockState.HOLDOVER,
        ClockState.REACQUIRE,
        ClockState.LOCKED,
        ClockState.READY,
    }
    assert abs(run.error_ns) < 10_000
    errors_ns = [beat.error_ns for beat in run.beats if beat.elapsed_s > begun_s]
    moves_ns = [abs(now - then) for then, now in pairwise(errors_ns)]
    assert max(moves_ns) <= SLEW_PPM * 1_000 + 5_000
    assert not run.signer.refusals
