"""What a PTP grandmaster says of our time."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import GOOD

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.ptp import grandmaster_settings
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap, NoTime

HALF_DAY_NS = 12 * 3600 * NS_PER_S


@pytest.mark.parametrize(
    ("changes", "clock_class", "source"),
    [
        ({}, 6, 0x20),
        ({"state": ClockState.READY}, 6, 0x20),
        ({"state": ClockState.DEGRADED}, 6, 0x20),
        ({"state": ClockState.HOLDOVER}, 7, 0xA0),
        ({"state": ClockState.REACQUIRE}, 7, 0xA0),
        ({"state": ClockState.HOLDOVER, "bound_ns": 1_000_001}, 52, 0xA0),
        ({"bound_ns": 1_000_001}, 52, 0xA0),
        ({"provenance": Provenance.SYSTEM}, 187, 0x50),
        ({"provenance": Provenance.SIMULATED}, 13, 0x90),
        ({"state": ClockState.ACQUIRE}, 248, 0xA0),
        ({"state": ClockState.UNTRUSTED}, 248, 0xA0),
    ],
)
def test_the_class_follows_from_state_provenance_and_bound(
    changes: dict[str, object], clock_class: int, source: int
) -> None:
    told = grandmaster_settings(attrs.evolve(GOOD, **changes))
    assert (told.clock_class, told.time_source) == (clock_class, source)
    assert told.time_traceable == told.frequency_traceable == (clock_class in (6, 7))
    assert told.ptp_timescale == (clock_class != 13)


@pytest.mark.parametrize(
    ("bound_ns", "accuracy"),
    [
        (25, 0x20),
        (26, 0x21),
        (16_000, 0x26),
        (72_000, 0x27),
        (1_000_000, 0x29),
        (10_000_000_000, 0x30),
        (10_000_000_001, 0x31),
    ],
)
def test_the_accuracy_is_the_least_step_that_covers_the_bound(bound_ns: int, accuracy: int) -> None:
    assert grandmaster_settings(attrs.evolve(GOOD, bound_ns=bound_ns)).clock_accuracy == accuracy


@given(st.integers(0, 10**11), st.sampled_from(ClockState), st.sampled_from(Provenance))
def test_accuracy_is_told_only_of_trusted_time(
    bound_ns: int, state: ClockState, provenance: Provenance
) -> None:
    told = grandmaster_settings(
        attrs.evolve(GOOD, bound_ns=bound_ns, state=state, provenance=provenance)
    )
    assert (told.clock_accuracy == 0xFE) == (state not in MAY_ISSUE)
    assert told.current_utc_offset_valid == (state in MAY_ISSUE)


@pytest.mark.parametrize(("leap", "flags"), [(Leap.INSERT, (1, 0)), (Leap.DELETE, (0, 1))])
def test_a_leap_second_is_flagged_twelve_hours_ahead(leap: Leap, flags: tuple[int, int]) -> None:
    for ahead_ns, wanted in ((HALF_DAY_NS, flags), (HALF_DAY_NS + 1, (0, 0))):
        time = attrs.evolve(GOOD, leap=leap, leap_at_tai_ns=GOOD.tai_ns + ahead_ns)
        told = grandmaster_settings(time)
        assert (told.leap61, told.leap59) == wanted


def test_an_unknown_leap_leaves_utc_unsaid() -> None:
    told = grandmaster_settings(attrs.evolve(GOOD, leap=Leap.UNKNOWN))
    assert not told.current_utc_offset_valid
    assert not told.leap61
    assert not told.leap59


def test_without_time_the_default_class_and_the_last_offset_stand() -> None:
    told = grandmaster_settings(NoTime("stale"), utc_offset_s=38)
    assert told.pmc_command() == (
        "SET GRANDMASTER_SETTINGS_NP clockClass 248 clockAccuracy 0xfe"
        " offsetScaledLogVariance 0xffff currentUtcOffset 38 leap61 0 leap59 0"
        " currentUtcOffsetValid 0 ptpTimescale 1 timeTraceable 0 frequencyTraceable 0"
        " timeSource 0xa0"
    )


def test_the_command_has_the_fields_in_the_order_of_pmc() -> None:
    told = grandmaster_settings(attrs.evolve(GOOD, bound_ns=72_000)).pmc_command()
    assert told == (
        "SET GRANDMASTER_SETTINGS_NP clockClass 6 clockAccuracy 0x27"
        " offsetScaledLogVariance 0xffff currentUtcOffset 37 leap61 0 leap59 0"
        " currentUtcOffsetValid 1 ptpTimescale 1 timeTraceable 1 frequencyTraceable 1"
        " timeSource 0x20"
    )
