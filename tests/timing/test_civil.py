"""Calendar time as people read it, across a leap second too."""

import attrs

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.civil import BEIJING_S, civil_time
from appliance.timing.trusted import ClockState, Leap, TrustedTime

LEAP_AT_TAI_NS = (1_483_228_800 + 37) * NS_PER_S  # 2017-01-01T00:00:00Z, the leap of 2016
BEFORE = TrustedTime(
    tai_ns=LEAP_AT_TAI_NS - 2 * NS_PER_S + 123_456_789,
    bound_ns=1000,
    utc_offset_s=36,
    leap=Leap.INSERT,
    leap_at_tai_ns=LEAP_AT_TAI_NS,
    state=ClockState.READY,
    provenance=Provenance.SIMULATED,
)


def at(seconds: int, time: TrustedTime = BEFORE) -> TrustedTime:
    """Move a reading by whole seconds."""
    return attrs.evolve(time, tai_ns=time.tai_ns + seconds * NS_PER_S)


def test_the_seconds_around_an_inserted_one_are_59_60_and_00() -> None:
    after = attrs.evolve(at(2), utc_offset_s=37, leap=Leap.NONE, leap_at_tai_ns=0)
    assert [civil_time(each).isoformat() for each in (BEFORE, at(1), after)] == [
        "2016-12-31T23:59:59.123456Z",
        "2016-12-31T23:59:60.123456Z",
        "2017-01-01T00:00:00.123456Z",
    ]


def test_beijing_shows_the_inserted_second_at_its_own_eight_o_clock() -> None:
    assert civil_time(at(1), BEIJING_S).isoformat() == "2017-01-01T07:59:60.123456+08:00"


def test_a_deleted_second_is_jumped_over() -> None:
    leap = attrs.evolve(
        BEFORE, leap=Leap.DELETE, leap_at_tai_ns=LEAP_AT_TAI_NS - 2 * NS_PER_S, utc_offset_s=36
    )
    last = attrs.evolve(leap, tai_ns=leap.leap_at_tai_ns - 1)
    first = attrs.evolve(
        leap, tai_ns=leap.leap_at_tai_ns, utc_offset_s=35, leap=Leap.NONE, leap_at_tai_ns=0
    )
    assert civil_time(last).isoformat() == "2016-12-31T23:59:58.999999Z"
    assert civil_time(first).isoformat() == "2017-01-01T00:00:00.000000Z"


def test_a_zone_west_of_greenwich_is_signed() -> None:
    assert civil_time(at(-3600), -5 * 3600 - 1800).isoformat().endswith("-05:30")
