"""Network time that is wrong: a witness that is outvoted, never the clock's source."""

import pytest
from kit.ready_box import ready
from kit.virtual_network import NTP_4G, NTP_A, NTP_B
from kit.virtual_timed import VirtualTimed

from appliance.timing.alarms import Alarm
from appliance.timing.trusted import ClockState
from drivers.api import LeapNotice, ModemReport, NtpSample
from drivers.ntp.exchange import Reason
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.stage import MODEM

WRONG_NITZ = {
    "a day off": (Fault.NITZ_WRONG, faults.Shift(-86_400)),
    "another zone": (Fault.NITZ_ZONE, faults.Zone(-32)),
}
LIES = {
    "a second ahead": (Fault.NTP_FALSE, faults.Offset(1_000_000_000), None),
    "a second behind": (Fault.NTP_FALSE, faults.Offset(-1_000_000_000), None),
    "KoD RATE": (Fault.NTP_KISS, faults.Kiss("RATE"), Reason.RATE),
    "KoD DENY": (Fault.NTP_KISS, faults.Kiss("DENY"), Reason.DENIED),
    "replay": (Fault.NTP_REPLAY, faults.Nothing(), Reason.ORIGIN),
    "origin": (Fault.NTP_ORIGIN, faults.Nothing(), Reason.ORIGIN),
}


@pytest.mark.parametrize("what", WRONG_NITZ)
def test_wrong_network_time_of_the_modem_is_told_and_not_followed(what):
    """Scenario 22: NITZ hours off, in a wrong zone, or with two digits of the year."""
    fault, parameters = WRONG_NITZ[what]
    run = ready()
    begun_s = run.elapsed_s
    run.begin(fault, MODEM, parameters=parameters)
    run.go(150)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert Alarm.CELLULAR_DIFFERS in run.alarms
    assert not run.signer.refusals


def test_two_digits_of_the_year_are_of_this_century():
    """Scenario 22: AT+CCLK has no century, so one that is off by a hundred years says the same."""
    run = ready()
    run.begin(Fault.NITZ_WRONG, MODEM, parameters=faults.Shift(-36_525 * 86_400))
    run.go(150)
    assert run.heard_of(MODEM, ModemReport) > run.elapsed_s - 75
    assert Alarm.CELLULAR_DIFFERS not in run.alarms


@pytest.mark.parametrize("fault", [Fault.MODEM_REBOOT, Fault.MODEM_URC])
def test_a_modem_that_restarts_or_interrupts_itself_is_asked_again(fault):
    """Scenario 23: a restart in the middle of a command, unsolicited codes within an answer."""
    run = ready()
    begun_s = run.elapsed_s
    run.begin(fault, MODEM)
    run.go(75)
    run.end(fault, MODEM)
    ended_s = run.elapsed_s
    run.go(150)
    assert run.heard_of(MODEM, ModemReport) > ended_s
    assert run.states_since(begun_s) == {ClockState.READY}
    assert not run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("what", LIES)
def test_a_server_that_lies_is_outvoted_and_one_that_is_feigned_not_heard(what):
    """Scenario 24: a server false by a second, kisses of death, replays, a wrong origin."""
    fault, parameters, reason = LIES[what]
    run = ready(with_ntp=True)
    begun_s = run.elapsed_s
    run.begin(fault, NTP_A, parameters=parameters)
    run.go(150)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert (Alarm.NETWORK_DIFFERS in run.alarms) == (reason is None)
    assert reason is None or run.network.refused[NTP_A][reason] > 0
    assert not run.signer.refusals
    assert {NTP_B, NTP_4G} <= {each.name for each in run.status.sources if each.is_used}


def test_an_asymmetric_path_is_within_its_round_trip():
    """Scenario 25: 400 ms on one way of the 4G path only, which half the round trip covers."""
    run = ready(with_ntp=True)
    begun_s = run.elapsed_s
    run.begin(Fault.NTP_ASYMMETRY, NTP_4G, parameters=faults.Delay(400_000_000))
    run.go(150)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert not run.alarms
    assert not run.signer.refusals


@pytest.mark.parametrize("offset_ns", [2_000_000, -50_000_000])
def test_a_peer_that_disagrees_by_more_than_both_bounds_is_told(offset_ns):
    """Scenario 34: another node, heard as an NTP server of its own domain."""
    run = ready(operators={"peer": "peer"})
    begun_s = run.elapsed_s
    for _ in range(12):
        run.tell_ensemble(peer_sample(run, offset_ns))
        run.go(10)
    assert run.states_since(begun_s) == {ClockState.READY}
    assert Alarm.NETWORK_DIFFERS in run.alarms
    assert abs(run.error_ns) < 10_000
    assert not run.signer.refusals


def peer_sample(run: VirtualTimed, offset_ns: int) -> NtpSample:
    return NtpSample(
        source="peer",
        raw_ns=run.raw_ns,
        is_simulated=True,
        utc_ns=run.truth.utc_ns + offset_ns,
        delay_ns=200_000,
        root_delay_ns=0,
        root_dispersion_ns=20_000,
        stratum=1,
        leap=LeapNotice.NONE,
    )
