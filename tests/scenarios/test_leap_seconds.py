"""Leap seconds: passed when announced, doubted when one source alone says so."""

import pytest
from kit.ready_box import RECEIVERS
from kit.virtual_timed import VirtualTimed

from appliance.quantities import NS_PER_S
from appliance.timing.alarms import Alarm
from appliance.timing.sources.leap import LeapTable
from appliance.timing.trusted import ClockState, Leap
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.stage import GNSS_A
from drivers.simulated.world import WorldSettings

MIDNIGHT_UTC_S = 1_798_761_600
"""The end of 2026."""

BEFORE_S = 120
SOUND = LeapTable(MIDNIGHT_UTC_S + 10**7, ((1_483_228_800, 37),))


def before_midnight(**config):
    settings = WorldSettings(start_utc_s=MIDNIGHT_UTC_S - BEFORE_S)
    run = VirtualTimed(settings, **config)
    run.token_every_s = 1
    return run


@pytest.mark.parametrize(("change", "refusals"), [(1, 1), (-1, 0)])
def test_no_token_is_issued_in_a_leap_second_and_none_is_wrong_after_it(change, refusals):
    """Scenarios 10 (inserted) and 11 (deleted, which takes no time), a token asked each second."""
    run = before_midnight()
    run.begin(Fault.LEAP_SECOND, "world", parameters=faults.LeapChange(change))
    run.go_until(ClockState.LOCKED, most_s=60)
    run.go(BEFORE_S - 5 - run.elapsed_s)
    refused = run.signer.refusals
    begun_s = run.elapsed_s
    run.go(10)
    run.go(60)
    assert run.signer.refusals - refused == refusals
    assert run.signer.reasons.get("a leap second is passing", 0) == refusals
    assert run.states_since(begun_s) == {ClockState.LOCKED}
    time = run.read()
    assert (time.utc_offset_s, time.leap) == (37 + change, Leap.NONE)
    assert not {Alarm.LEAP_UNKNOWN, Alarm.LEAP_COUNT} & run.alarms


@pytest.mark.parametrize("gps_utc_s", [17, 0])
@pytest.mark.parametrize("sources", [(GNSS_A,), RECEIVERS])
def test_a_receiver_with_an_old_count_of_leap_seconds_moves_nothing(gps_utc_s, sources):
    """Scenario 9: a wrong count after a cold start, in one receiver or in both."""
    run = VirtualTimed()
    run.begin(Fault.WRONG_LEAP_COUNT, *sources, parameters=faults.LeapCount(gps_utc_s))
    run.go_until(ClockState.LOCKED, most_s=60)
    run.go(60)
    assert Alarm.LEAP_COUNT in run.alarms
    assert run.read().utc_offset_s == 37
    assert run.signer.tokens > 10


def test_an_expired_leap_second_file_is_told_and_costs_nothing():
    """Scenario 12: satellites tell of leap seconds, the file is a check only."""
    run = VirtualTimed(leap_table=LeapTable(1_700_000_000, ((1_483_228_800, 37),)))
    run.go_until(ClockState.LOCKED, most_s=60)
    refused = run.signer.refusals
    run.go(60)
    assert Alarm.LEAP_FILE_EXPIRED in run.alarms
    assert run.signer.refusals == refused


@pytest.mark.parametrize("config", [{}, {"leap_table": SOUND}])
def test_a_leap_second_that_one_constellation_alone_announces_does_not_happen(config):
    """Scenario 13: a false warning."""
    run = before_midnight(**config)
    run.begin(Fault.FALSE_LEAP_WARNING, GNSS_A, parameters=faults.LeapChange(1))
    run.go_until(ClockState.LOCKED, most_s=60)
    refused = run.signer.refusals
    run.go(10)
    assert Alarm.LEAP_WARNING in run.alarms
    run.go(BEFORE_S + 30 - run.elapsed_s)
    assert run.read().utc_offset_s == 37
    assert run.signer.refusals == refused
    assert run.world.tai_s - 37 > MIDNIGHT_UTC_S


def test_the_truth_here_has_its_leap_second_where_the_tests_look():
    run = before_midnight()
    run.begin(Fault.LEAP_SECOND, "world", parameters=faults.LeapChange(1))
    assert run.world.leap.at_utc_s == MIDNIGHT_UTC_S
    tai_ns = (MIDNIGHT_UTC_S + 37) * NS_PER_S
    assert run.world.civil(tai_ns // NS_PER_S).is_leap
