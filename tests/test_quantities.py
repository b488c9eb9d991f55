"""Instants and accuracies."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed
from appliance.quantities import NS_PER_S, Accuracy, Utc, render_second

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
INSTANTS = st.datetimes(timezones=st.just(dt.UTC))
"""Every microsecond of the years 1 to 9999."""


def utc_of(instant: dt.datetime) -> Utc:
    return Utc((instant - EPOCH) // dt.timedelta(microseconds=1))


@given(INSTANTS)
def test_generalized_time_is_what_datetime_says(instant: dt.datetime) -> None:
    fraction = f".{instant:%f}".rstrip("0").rstrip(".")
    expected = f"{instant.year:04}{instant:%m%d%H%M%S}{fraction}Z".encode()
    assert utc_of(instant).generalized_time() == expected


@given(INSTANTS)
def test_generalized_time_survives_a_round_trip(instant: dt.datetime) -> None:
    utc = utc_of(instant)
    assert Utc.parse_generalized_time(utc.generalized_time()) == utc


@given(INSTANTS)
def test_isoformat_is_rfc_3339_with_six_digits(instant: dt.datetime) -> None:
    text = utc_of(instant).isoformat()
    assert len(text) == len("2026-03-01T12:00:00.000000Z")
    assert dt.datetime.fromisoformat(text) == instant


@given(INSTANTS.filter(lambda instant: instant.year < 9999))
def test_beijing_is_the_same_instant_eight_hours_east(instant: dt.datetime) -> None:
    shown = dt.datetime.fromisoformat(utc_of(instant).beijing())
    assert shown == instant
    assert shown.utcoffset() == dt.timedelta(hours=8)


@pytest.mark.parametrize("text", [b"00010101000000", b"00040229235959", b"99991231235959"])
def test_the_ends_of_the_calendar_are_rendered(text: bytes) -> None:
    assert render_second(Utc.parse_generalized_time(text + b"Z").posix_us // 1_000_000) == text


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        (b"19700101000000Z", 0),
        (b"19700101000000.5Z", 500_000),
        (b"19700101000000.000001Z", 1),
        (b"19700101000000.123456789Z", 123_456),
        (b"19700101000000.000000009Z", 0),
    ],
)
def test_digits_past_the_microsecond_are_dropped(text: bytes, micros: int) -> None:
    assert Utc.parse_generalized_time(text).posix_us == micros


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"Z", b"20260301120000", b"202603011200Z", b"260301120000Z"),
        *(b"20260301120000+0800", b"20260301120000z", b" 20260301120000Z", b"20260301120000Z\n"),
        *(b"20260301120000.Z", b"20260301120000.0Z", b"20260301120000.10Z"),
        *(b"20260301120000,5Z", b"20260301120000.1234567891Z"),
        *(b"00000101000000Z", b"20260001000000Z", b"20261301000000Z", b"20260100000000Z"),
        *(b"20260229000000Z", b"21000229000000Z", b"20260431000000Z"),
        *(b"20260301240000Z", b"20260301126000Z", b"20260301120060Z"),
        "２0260301120000Z".encode(),
    ],
)
def test_what_rfc_3161_does_not_allow_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        Utc.parse_generalized_time(text)


@given(st.binary(max_size=30) | st.from_regex(rb"\A\d{14}(\.\d{1,9})?Z\Z"))
def test_garbage_is_malformed_or_an_instant(text: bytes) -> None:
    try:
        utc = Utc.parse_generalized_time(text)
    except Malformed:
        return
    assert utc.generalized_time()[:14] == text[:14]


@given(st.integers(0, 1 << 62), st.integers(0, 100))
def test_utc_is_tai_less_the_offset(tai_ns: int, offset_s: int) -> None:
    utc = Utc.from_tai(tai_ns, offset_s)
    assert 0 <= tai_ns - offset_s * NS_PER_S - utc.posix_us * 1000 < 1000


def test_instants_are_ordered_by_time() -> None:
    assert Utc(-1) < Utc(0) < Utc(1)


# --- accuracy -------------------------------------------------------------------------------------

STEPS = [digit * 10**power for power in range(13) for digit in (1, 2, 5)]


@given(st.integers(0, 10**13))
def test_an_accuracy_covers_its_bound_by_the_least_step(bound_ns: int) -> None:
    micros = Accuracy.covering(bound_ns).micros_total
    assert micros * 1000 >= bound_ns
    assert micros == min(step for step in STEPS if step * 1000 >= bound_ns)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_covers_itself_and_no_nanosecond_more(step: int) -> None:
    assert Accuracy.covering(step * 1000).micros_total == step
    assert Accuracy.covering(step * 1000 + 1).micros_total > step


@given(st.integers(0, 10**12))
def test_the_parts_of_an_accuracy_add_up(micros: int) -> None:
    seconds, millis, rest = Accuracy(micros).parts
    assert seconds * 1_000_000 + millis * 1000 + rest == micros
    assert 0 <= millis <= 999
    assert 0 <= rest <= 999
