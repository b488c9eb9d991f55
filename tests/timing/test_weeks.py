import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.quantities import NS_PER_S
from appliance.timing.sources.weeks import (
    BEIDOU_EPOCH_S,
    GPS_EPOCH_S,
    WEEK_S,
    DateFault,
    Dating,
    Progress,
    full_gps_week,
    judge_date,
)

BUILT_S = 1_767_225_600
NOW_S = 1_790_000_000
ROUND_S = 1024 * WEEK_S


def gps_week(utc_s: int) -> int:
    return (utc_s - GPS_EPOCH_S) // WEEK_S


def beidou_week(utc_s: int) -> int:
    return (utc_s - BEIDOU_EPOCH_S) // WEEK_S


@given(utc_s=st.integers(BUILT_S, BUILT_S + 100 * 365 * 86400), off_weeks=st.integers(-2, 2))
def test_a_beidou_week_tells_the_round_of_a_gps_week(utc_s, off_weeks):
    full = gps_week(utc_s)
    assert full_gps_week(full % 1024, beidou_week(utc_s) + off_weeks) == full


@given(utc_s=st.integers(BUILT_S, BUILT_S + ROUND_S - 10 * 86400))
def test_a_date_of_today_is_believed(utc_s):
    judged = judge_date(
        utc_s,
        earliest_s=BUILT_S,
        gps_week=gps_week(utc_s) % 1024,
        beidou_week=beidou_week(utc_s),
    )
    assert judged == Dating(utc_s)


def test_a_date_without_weeks_is_believed_after_the_build():
    assert judge_date(NOW_S, earliest_s=BUILT_S) == Dating(NOW_S)


def test_a_receiver_1024_weeks_back_is_put_right_by_its_weeks():
    week = gps_week(NOW_S) % 1024
    for beidou in (None, beidou_week(NOW_S)):
        judged = judge_date(NOW_S - ROUND_S, earliest_s=BUILT_S, gps_week=week, beidou_week=beidou)
        assert judged == Dating(NOW_S, DateFault.ROLLED)


def test_a_rolled_date_that_nothing_supports_is_not_used():
    judged = judge_date(NOW_S - ROUND_S, earliest_s=BUILT_S)
    assert judged == Dating(None, DateFault.IMPOSSIBLE)


@pytest.mark.parametrize("utc_s", [0, 915_148_800, 3_471_292_800, 2**40])
def test_1970_1999_2080_and_later_cannot_be(utc_s):
    assert judge_date(utc_s, earliest_s=BUILT_S).utc_s is None


def test_a_date_in_another_week_than_beidous_is_not_used():
    judged = judge_date(NOW_S, earliest_s=BUILT_S, beidou_week=beidou_week(NOW_S) + 2)
    assert judged.fault is DateFault.WEEK


def test_a_date_in_another_week_than_gps_is_not_used():
    judged = judge_date(NOW_S, earliest_s=BUILT_S, gps_week=(gps_week(NOW_S) + 3) % 1024)
    assert judged.fault is DateFault.WEEK


def test_a_date_before_the_last_time_kept_is_not_used():
    assert judge_date(NOW_S, earliest_s=NOW_S + 90 * 86400).utc_s is None


@given(
    utc_s=st.integers(-(2**62), 2**62),
    gps=st.none() | st.integers(0, 1023),
    beidou=st.none() | st.integers(0, 8191),
)
def test_whatever_is_received_a_date_that_is_used_is_possible(utc_s, gps, beidou):
    judged = judge_date(utc_s, earliest_s=BUILT_S, gps_week=gps, beidou_week=beidou)
    if judged.utc_s is not None:
        assert BUILT_S - 2 * 86400 <= judged.utc_s < BUILT_S + ROUND_S
        assert (judged.utc_s - utc_s) % ROUND_S == 0


def test_seconds_that_run_are_steady_and_those_that_stand_are_not():
    progress = Progress()
    assert all(progress.take(NOW_S + second, second * NS_PER_S) for second in range(20))
    stuck = [progress.take(NOW_S + 19, second * NS_PER_S) for second in range(20, 60)]
    assert not any(stuck[5:])
    back = [progress.take(NOW_S + second, second * NS_PER_S) for second in range(60, 90)]
    assert not back[0]
    assert back[-1]
