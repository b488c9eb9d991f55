"""What is told of the trusted time over NTP."""

import attrs
import pytest
from kit.clock import GOOD, NOON, UTC_OFFSET_S
from kit.clock import tai_ns as tai_of

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clock.ntp_serving import (
    is_leaping,
    leap_notice,
    reference_id,
    serve,
    utc_ns,
)
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap, TrustedTime
from drivers.api import LeapNotice

DAY_NS = 86_400 * NS_PER_S


def before_leap(leap: Leap, ahead_ns: int) -> TrustedTime:
    """A reading `ahead_ns` before the new offset holds."""
    return attrs.evolve(GOOD, leap=leap, leap_at_tai_ns=GOOD.tai_ns + ahead_ns)


def test_what_is_served_is_utc_with_the_bound_of_the_reading() -> None:
    sent = attrs.evolve(GOOD, tai_ns=GOOD.tai_ns + 50_000, bound_ns=GOOD.bound_ns + 1)
    served = serve(GOOD, sent, is_local=False)
    assert served is not None
    noon_ns = tai_of(NOON) - UTC_OFFSET_S * NS_PER_S
    assert (served.receive_utc_ns, served.transmit_utc_ns) == (noon_ns, noon_ns + 50_000)
    assert served.reference_utc_ns <= served.receive_utc_ns
    assert served.bound_ns == GOOD.bound_ns + 1
    assert served.stratum == 1


@pytest.mark.parametrize("state", ClockState)
def test_time_is_served_in_the_states_in_which_tokens_are_issued(state: ClockState) -> None:
    time = attrs.evolve(GOOD, state=state)
    assert (serve(time, time, is_local=True) is not None) == (state in MAY_ISSUE)


def test_simulated_time_stays_on_this_host() -> None:
    simulated = attrs.evolve(GOOD, provenance=Provenance.SIMULATED)
    served = serve(simulated, simulated, is_local=True)
    assert served is not None
    assert (served.stratum, served.reference_id) == (1, b"SIM\0")
    assert serve(simulated, simulated, is_local=False) is None


def test_a_hosts_own_clock_ranks_behind_every_server_that_knows_its_stratum() -> None:
    system = attrs.evolve(GOOD, provenance=Provenance.SYSTEM)
    served = serve(system, system, is_local=False)
    assert served is not None
    assert (served.stratum, served.reference_id) == (10, b"SYS\0")


@pytest.mark.parametrize(
    ("state", "bound_ns", "name"),
    [
        (ClockState.LOCKED, 10_000, b"GNSS"),
        (ClockState.READY, 9_999, b"GNSS"),
        (ClockState.DEGRADED, 10_000, b"GNSS"),
        (ClockState.READY, 1_000_001, b"GNSS"),
        (ClockState.HOLDOVER, 10_000, b"HLD1"),
        (ClockState.HOLDOVER, 72_000, b"HLD2"),
        (ClockState.REACQUIRE, 1_000_000, b"HLD3"),
        (ClockState.HOLDOVER, 1_000_001, b"HLDX"),
    ],
)
def test_the_reference_tells_satellites_from_the_oscillator(
    state: ClockState, bound_ns: int, name: bytes
) -> None:
    assert reference_id(attrs.evolve(GOOD, state=state, bound_ns=bound_ns)) == name


@pytest.mark.parametrize(
    ("leap", "notice"), [(Leap.INSERT, LeapNotice.INSERT), (Leap.DELETE, LeapNotice.DELETE)]
)
def test_a_leap_second_is_announced_on_its_last_day_only(leap: Leap, notice: LeapNotice) -> None:
    assert leap_notice(before_leap(leap, DAY_NS)) is notice
    assert leap_notice(before_leap(leap, DAY_NS + 1)) is LeapNotice.NONE


def test_no_leap_and_an_unknown_one_are_told_apart() -> None:
    assert leap_notice(GOOD) is LeapNotice.NONE
    assert leap_notice(attrs.evolve(GOOD, leap=Leap.UNKNOWN)) is LeapNotice.UNKNOWN


@pytest.mark.parametrize(("leap", "second_ns"), [(Leap.INSERT, NS_PER_S), (Leap.DELETE, 0)])
def test_a_leap_second_passes_from_its_start_less_the_bound(leap: Leap, second_ns: int) -> None:
    edge_ns = second_ns + GOOD.bound_ns
    assert is_leaping(before_leap(leap, edge_ns))
    assert is_leaping(before_leap(leap, 0))
    assert not is_leaping(before_leap(leap, edge_ns + 1))
    assert not is_leaping(GOOD)


def test_utc_is_tai_less_its_offset() -> None:
    assert utc_ns(GOOD) == GOOD.tai_ns - 37 * NS_PER_S
