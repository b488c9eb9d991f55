"""The bounded table of accounts by which sources are held to a rate."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.wire.rates import RateTable, Verdict


def judge_many(table: RateTable, count: int, now_s: float, source: bytes = b"a") -> list[Verdict]:
    return [table.judge(source, now_s) for _ in range(count)]


def test_a_burst_is_answered_then_one_complaint_then_silence() -> None:
    table = RateTable(per_s=2, burst=3)
    assert judge_many(table, 6, 100.0) == [
        *[Verdict.ANSWER] * 3,
        Verdict.COMPLAIN,
        *[Verdict.SILENCE] * 2,
    ]


def test_a_steady_source_at_the_rate_is_always_answered() -> None:
    table = RateTable(per_s=2, burst=1)
    assert {table.judge(b"a", 0.5 * at) for at in range(100)} == {Verdict.ANSWER}


def test_who_was_told_is_not_told_again_before_it_rested() -> None:
    table = RateTable(per_s=1, burst=2)
    judge_many(table, 3, 0.0)
    assert judge_many(table, 3, 1.0) == [Verdict.ANSWER, Verdict.SILENCE, Verdict.SILENCE]
    assert judge_many(table, 3, 10.0) == [Verdict.ANSWER, Verdict.ANSWER, Verdict.COMPLAIN]


def test_sources_do_not_share_an_account() -> None:
    table = RateTable(per_s=1, burst=1)
    assert judge_many(table, 2, 0.0) == [Verdict.ANSWER, Verdict.COMPLAIN]
    assert table.judge(b"b", 0.0) is Verdict.ANSWER


def test_a_full_table_forgets_who_was_quiet_longest() -> None:
    table = RateTable(per_s=1, burst=1, most=2)
    for source in (b"a", b"b", b"a", b"c"):  # b was quiet longest
        table.judge(source, 0.0)
    assert len(table) == 2
    assert table.judge(b"a", 0.0) is Verdict.SILENCE
    assert table.judge(b"b", 0.0) is Verdict.ANSWER


@given(
    st.lists(st.floats(0.0, 0.2), min_size=1, max_size=200),
    st.integers(1, 50),
    st.integers(1, 20),
)
def test_answers_never_exceed_the_burst_and_the_rate(
    pauses_s: list[float], per_s: int, burst: int
) -> None:
    table, now_s, answers = RateTable(per_s, burst), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        answers += table.judge(b"a", now_s) is Verdict.ANSWER
    assert answers <= burst + per_s * now_s + 1e-6
