"""Receivers that tell a wrong second, date or week: none of it becomes the time."""

import pytest
from kit.ready_box import RECEIVERS, ready
from kit.virtual_timed import VirtualTimed

from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A

WRONG = {
    "a second late": (Fault.MESSAGES_SHIFTED, faults.Shift(-1), Alarm.SECOND_OFF),
    "a second early": (Fault.MESSAGES_SHIFTED, faults.Shift(1), Alarm.SECOND_OFF),
    "stuck": (Fault.STUCK, faults.Nothing(), Alarm.RECEIVER_STUCK),
    "1999": (Fault.WRONG_YEAR, faults.Year(1999), Alarm.WEEK_ROLLED),
    "2080": (Fault.WRONG_YEAR, faults.Year(2080), Alarm.DATE_WRONG),
}


@pytest.mark.parametrize("what", WRONG)
def test_one_receiver_with_a_wrong_date_is_left_out(what):
    """Scenarios 16 (messages off by a second), 20 (stuck) and 21 (years 1999 and 2080)."""
    fault, parameters, alarm = WRONG[what]
    run = ready()
    begun_s = run.elapsed_s
    run.begin(fault, GNSS_A, parameters=parameters)
    run.go(90)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert alarm in run.alarms
    assert not run.signer.refusals
    run.end(fault, GNSS_A)
    run.go(90)
    assert alarm not in run.alarms


@pytest.mark.parametrize("what", WRONG)
def test_when_all_receivers_have_a_wrong_date_the_clock_holds_over(what):
    """Scenarios 16, 20 and 21 on both receivers at once."""
    fault, parameters, alarm = WRONG[what]
    run = ready()
    run.begin(fault, *RECEIVERS, parameters=parameters)
    run.go_until(ClockState.HOLDOVER, most_s=60)
    run.go(60)
    assert run.state in {ClockState.HOLDOVER, ClockState.REACQUIRE}
    assert run.cause is Cause.LOST
    assert alarm in run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("year", [1999, 2080])
def test_a_cold_start_on_a_wrong_year_issues_nothing(year):
    """Scenario 21 from the start: nothing is known that could be right."""
    run = VirtualTimed()
    run.begin(Fault.WRONG_YEAR, *RECEIVERS, parameters=faults.Year(year))
    run.go(120)
    assert run.state is ClockState.ACQUIRE
    assert Alarm.DATE_WRONG in run.alarms
    assert not run.signer.tokens


def test_a_rolled_week_is_put_right_while_running():
    """Scenario 8: both receivers fall back by 1024 weeks."""
    run = ready()
    run.begin(Fault.WEEK_ROLLOVER, *RECEIVERS)
    run.go(180)
    assert run.state is ClockState.READY
    assert Alarm.WEEK_ROLLED in run.alarms
    assert not run.signer.refusals


def test_a_cold_start_on_rolled_weeks_never_tells_the_wrong_date():
    """Scenario 8 from the start: the product's build date and BeiDou's weeks put the date right."""
    run = VirtualTimed()
    run.begin(Fault.WEEK_ROLLOVER, *RECEIVERS)
    run.go(120)
    assert run.state is ClockState.LOCKED
    assert Alarm.WEEK_ROLLED in run.alarms
    assert run.signer.tokens
