import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import GOOD, UTC_OFFSET_S, tai_ns

from appliance.asn1.tsp import PKIFailureInfo
from appliance.quantities import NS_PER_S, Provenance, Utc
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap, NoTime
from appliance.tsp.gate import NEVER_US, Opening, TimeGate, TimeRules
from appliance.tsp.request import Rejection

NEW_YEAR = Utc.parse_generalized_time(b"20270101000000Z")
BOUND_NS = 250_000
MIDNIGHT_OF_INSERT = tai_ns(NEW_YEAR, UTC_OFFSET_S + 1)
MIDNIGHT_OF_DELETE = tai_ns(Utc(NEW_YEAR.posix_us - 1_000_000))


def judge(reading, *, production=True, allow_system_time=False):
    return TimeGate(TimeRules(production, allow_system_time)).judge(reading)


def is_closed(outcome):
    return isinstance(outcome, Rejection) and outcome.failure is PKIFailureInfo.timeNotAvailable


def around_insert(past_midnight_ns, leap=Leap.INSERT):
    is_past = past_midnight_ns >= 0
    return attrs.evolve(
        GOOD,
        tai_ns=MIDNIGHT_OF_INSERT + past_midnight_ns,
        bound_ns=BOUND_NS,
        utc_offset_s=UTC_OFFSET_S + is_past,
        leap=leap,
        leap_at_tai_ns=0 if leap is Leap.NONE else MIDNIGHT_OF_INSERT,
    )


def around_delete(past_midnight_ns):
    is_past = past_midnight_ns >= 0
    return attrs.evolve(
        GOOD,
        tai_ns=MIDNIGHT_OF_DELETE + past_midnight_ns,
        bound_ns=BOUND_NS,
        utc_offset_s=UTC_OFFSET_S - is_past,
        leap=Leap.DELETE,
        leap_at_tai_ns=MIDNIGHT_OF_DELETE,
    )


def test_a_good_reading_opens_the_gate():
    opening = judge(GOOD)
    assert opening == Opening(GOOD.tai_ns - 37 * NS_PER_S, GOOD.bound_ns, 2_000_000, NEVER_US)


def test_without_time_the_gate_is_closed_and_says_why():
    outcome = judge(NoTime("the page is stale"))
    assert is_closed(outcome)
    assert "the page is stale" in outcome.text


@pytest.mark.parametrize("state", ClockState)
def test_tokens_are_issued_in_the_states_that_allow_it_and_no_other(state):
    assert is_closed(judge(attrs.evolve(GOOD, state=state))) is (state not in MAY_ISSUE)


def test_an_unknown_leap_state_closes_the_gate():
    assert is_closed(judge(attrs.evolve(GOOD, leap=Leap.UNKNOWN)))


@pytest.mark.parametrize("leap", [Leap.INSERT, Leap.DELETE])
def test_a_leap_announced_for_no_instant_closes_the_gate(leap):
    assert is_closed(judge(attrs.evolve(GOOD, leap=leap)))


def test_a_negative_bound_closes_the_gate():
    assert is_closed(judge(attrs.evolve(GOOD, bound_ns=-1)))


def test_a_production_authority_refuses_a_simulated_clock():
    simulated = attrs.evolve(GOOD, provenance=Provenance.SIMULATED)
    assert is_closed(judge(simulated))
    assert is_closed(judge(simulated, allow_system_time=True))
    assert isinstance(judge(simulated, production=False), Opening)


@pytest.mark.parametrize("production", [True, False])
def test_system_time_is_refused_unless_it_is_allowed(production):
    system = attrs.evolve(GOOD, provenance=Provenance.SYSTEM)
    assert is_closed(judge(system, production=production))
    opening = judge(system, production=production, allow_system_time=True)
    assert opening.max_error_ns == NS_PER_S


@pytest.mark.parametrize(
    ("past_midnight_ns", "closed"),
    [
        (-NS_PER_S - BOUND_NS - 1, False),
        (-NS_PER_S - BOUND_NS, True),
        (-NS_PER_S // 2, True),
        (0, True),
        (BOUND_NS, True),
        (BOUND_NS + 1, False),
    ],
)
def test_the_gate_is_closed_from_a_bound_before_an_inserted_second_to_a_bound_after_it(
    past_midnight_ns, closed
):
    assert is_closed(judge(around_insert(past_midnight_ns))) is closed


@pytest.mark.parametrize(
    ("past_midnight_ns", "closed"),
    [
        (-BOUND_NS - 1, False),
        (-BOUND_NS, True),
        (0, True),
        (BOUND_NS, True),
        (BOUND_NS + 1, False),
    ],
)
def test_the_gate_is_closed_for_a_bound_either_side_of_a_removed_second(past_midnight_ns, closed):
    assert is_closed(judge(around_delete(past_midnight_ns))) is closed


def test_the_leap_is_remembered_when_its_announcement_ends_with_it():
    gate = TimeGate(TimeRules(production=True))
    assert isinstance(gate.judge(around_insert(-10 * NS_PER_S)), Opening)
    assert is_closed(gate.judge(around_insert(0, Leap.NONE)))
    assert is_closed(gate.judge(around_insert(BOUND_NS, Leap.NONE)))
    assert isinstance(gate.judge(around_insert(BOUND_NS + 1, Leap.NONE)), Opening)


def test_a_leap_that_is_past_is_forgotten():
    gate = TimeGate(TimeRules(production=True))
    gate.judge(around_insert(-10 * NS_PER_S))
    gate.judge(around_insert(NS_PER_S, Leap.NONE))
    assert isinstance(gate.judge(around_insert(0, Leap.NONE)), Opening)


@given(st.integers(1, 3600 * NS_PER_S))
def test_before_an_inserted_second_no_gen_time_may_reach_it(lead_ns):
    opening = judge(around_insert(-NS_PER_S - BOUND_NS - lead_ns))
    leap_starts_ns = NEW_YEAR.posix_us * 1000
    assert (opening.closes_us - 1) * 1000 + BOUND_NS < leap_starts_ns
    assert opening.closes_us * 1000 + BOUND_NS >= leap_starts_ns


def test_after_a_leap_second_gen_time_is_free_again():
    assert judge(around_insert(BOUND_NS + 1)).closes_us == NEVER_US
    assert judge(around_delete(BOUND_NS + 1)).closes_us == NEVER_US
