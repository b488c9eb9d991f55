import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed
from appliance.timing.sources.leap import (
    COVERED_S,
    NTP_EPOCH_S,
    Broadcast,
    LeapBelief,
    LeapFault,
    LeapTable,
    LeapWatch,
    next_month_end_s,
    next_possible_leap_s,
    parse_leap_table,
)
from appliance.timing.trusted import Leap

NOW_S = 1_798_000_000  # 2026-12-22
NEW_YEAR_S = 1_798_761_600
DAY_S = 86_400
TABLE_TEXT = b"""#$ 3676924800
#@ 3896899200
3644697600 36 # 1 Jul 2015
3692217600\t37\t# 1 Jan 2017
"""


def told(leap: Leap = Leap.NONE, tai_utc_s: int | None = 37, heard_s: int = NOW_S) -> Broadcast:
    at_s = NEW_YEAR_S if leap in (Leap.INSERT, Leap.DELETE) else None
    return Broadcast(heard_s, tai_utc_s, leap, at_s)


def watch(**constellations: Broadcast) -> LeapWatch:
    leaps = LeapWatch(37)
    for name, each in constellations.items():
        leaps.hear(name, each)
    return leaps


def test_nothing_heard_leaves_the_leap_unknown():
    assert watch().judge(NOW_S) == LeapBelief(37, Leap.UNKNOWN)


def test_satellites_that_announce_nothing_cover_four_weeks():
    leaps = watch(gps=told())
    assert leaps.judge(NOW_S) == LeapBelief(37, Leap.NONE)
    assert leaps.judge(NEW_YEAR_S + DAY_S).leap is Leap.NONE
    assert leaps.covered_until_s == NOW_S + COVERED_S


def test_in_holdover_the_first_leap_date_that_is_not_covered_stops_the_clock():
    leaps = watch(gps=told())
    leaps.judge(NOW_S)
    july_s = next_possible_leap_s(NOW_S + COVERED_S)
    assert leaps.judge(july_s - 10).leap is Leap.NONE
    assert leaps.judge(july_s - 1).leap is Leap.UNKNOWN
    assert leaps.judge(july_s + 90 * DAY_S).leap is Leap.UNKNOWN
    leaps.hear("gps", told(heard_s=july_s + 90 * DAY_S))
    assert leaps.judge(july_s + 90 * DAY_S).leap is Leap.NONE


@pytest.mark.parametrize(("leap", "step_s"), [(Leap.INSERT, 1), (Leap.DELETE, -1)])
def test_two_constellations_are_believed_and_the_count_changes_at_the_instant(leap, step_s):
    leaps = watch(gps=told(leap), beidou=told(leap))
    holds_at_s = NEW_YEAR_S + 37 + step_s
    assert leaps.judge(NOW_S) == LeapBelief(37, leap, holds_at_s)
    before = leaps.judge(holds_at_s - 1 - leaps.tai_utc_s)
    assert (before.tai_utc_s, before.leap) == (37, leap)
    after = leaps.judge(holds_at_s - leaps.tai_utc_s)
    assert (after.tai_utc_s, after.leap) == (37 + step_s, Leap.NONE)


def test_an_announced_leap_happens_in_holdover_too():
    leaps = watch(gps=told(Leap.INSERT), beidou=told(Leap.INSERT))
    leaps.judge(NOW_S)
    assert leaps.judge(NOW_S + 2 * DAY_S).leap is Leap.INSERT
    assert leaps.judge(NEW_YEAR_S + 1).tai_utc_s == 38


def test_a_warning_of_one_constellation_that_the_other_denies_is_false():
    leaps = watch(gps=told(Leap.INSERT), beidou=told())
    assert leaps.judge(NOW_S) == LeapBelief(37, Leap.NONE, 0, frozenset({LeapFault.WARNING}))


def test_a_lone_warning_that_nobody_denies_makes_the_leap_unknown_on_its_last_day():
    leaps = watch(gps=told(Leap.INSERT))
    leaps.covered_until_s = NEW_YEAR_S + DAY_S
    assert leaps.judge(NOW_S).leap is Leap.NONE
    leaps.hear("gps", told(Leap.INSERT, heard_s=NEW_YEAR_S - 3600))
    assert leaps.judge(NEW_YEAR_S - 3600).leap is Leap.UNKNOWN


def test_a_warning_that_is_taken_back_by_all_is_dropped():
    leaps = watch(gps=told(Leap.INSERT), beidou=told(Leap.INSERT))
    leaps.judge(NOW_S)
    leaps.hear("gps", told())
    assert leaps.judge(NOW_S).leap is Leap.INSERT
    leaps.hear("beidou", told())
    assert leaps.judge(NOW_S).leap is Leap.NONE


@pytest.mark.parametrize("count", [19, 36, 38])
def test_a_wrong_count_of_one_constellation_is_not_believed(count):
    leaps = watch(gps=told(tai_utc_s=count), beidou=told())
    belief = leaps.judge(NOW_S)
    assert belief.tai_utc_s == 37
    assert LeapFault.COUNT in belief.faults


def test_both_constellations_with_a_stale_count_do_not_turn_time_back():
    belief = watch(gps=told(tai_utc_s=36), beidou=told(tai_utc_s=36)).judge(NOW_S)
    assert belief.tai_utc_s == 37
    assert LeapFault.COUNT in belief.faults


def test_a_leap_missed_while_off_is_learned_from_two():
    assert watch(gps=told(tai_utc_s=38), beidou=told(tai_utc_s=38)).judge(NOW_S).tai_utc_s == 38


def test_the_file_supports_one_constellation():
    leaps = watch(gps=told(Leap.INSERT))
    leaps.table = LeapTable(NEW_YEAR_S + 99 * DAY_S, ((0, 37), (NEW_YEAR_S, 38)))
    assert leaps.judge(NOW_S).leap is Leap.INSERT
    leaps.hear("gps", told())
    assert LeapFault.FILE_DIFFERS not in leaps.judge(NOW_S).faults


def test_the_file_against_the_satellites_is_an_alarm():
    leaps = watch(gps=told(), beidou=told())
    leaps.table = LeapTable(NEW_YEAR_S + 99 * DAY_S, ((0, 37), (NEW_YEAR_S, 38)))
    assert LeapFault.FILE_DIFFERS in leaps.judge(NOW_S).faults


def test_an_expired_file_is_an_alarm_and_stops_nothing():
    leaps = watch(gps=told())
    leaps.table = parse_leap_table(TABLE_TEXT)
    belief = leaps.judge(NOW_S)
    assert belief == LeapBelief(37, Leap.NONE, 0, frozenset({LeapFault.FILE_EXPIRED}))


def test_the_file_is_read():
    table = parse_leap_table(TABLE_TEXT)
    assert table.expires_s == 3_896_899_200 + NTP_EPOCH_S
    assert table.tai_utc_at(NOW_S) == 37
    assert table.tai_utc_at(0) is None
    assert table.next_after(NOW_S) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"#@ 3896899200\n",
        b"2272060800 10\n",
        b"#@ 3896899200\n2272060800 ten\n",
        b"#@ 3896899200\n2287785600 11\n2272060800 10\n",
        b"#@ 3896899200\n2272060800 10\n2287785600 12\n",
    ],
)
def test_a_file_of_another_form_is_malformed(text):
    with pytest.raises(Malformed):
        parse_leap_table(text)


@given(st.binary() | st.text("#@ 0123456789\n\t").map(str.encode))
def test_garbage_is_malformed_and_nothing_else(text):
    try:
        parse_leap_table(text)
    except Malformed:
        return


@given(st.integers(0, 4_000_000_000))
def test_possible_leaps_are_the_ends_of_june_and_december(utc_s):
    at_s = next_possible_leap_s(utc_s)
    assert utc_s < at_s <= utc_s + 185 * DAY_S
    assert at_s % DAY_S == 0
    assert next_month_end_s(at_s - 1) == at_s
