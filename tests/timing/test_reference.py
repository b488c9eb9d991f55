from appliance.timing.keeping.coarse import LEAST_SAMPLES, CoarseFix
from appliance.timing.keeping.config import EnsembleConfig
from appliance.timing.keeping.reacquire import Outcome, Return
from appliance.timing.keeping.reference import Reference
from appliance.timing.keeping.states import Cause
from appliance.timing.keeping.tie import Instant

NS = 1000
S = 10**9


def test_two_that_agree_are_averaged_and_check_each_other():
    reference = Reference(150, beidou_mandatory=False)
    assert reference.combine([40 * NS, 60 * NS], None) == 50 * NS
    assert reference.is_cross_checked


def test_the_loss_of_one_is_no_step():
    reference = Reference(150, beidou_mandatory=False)
    for _ in range(3000):
        reference.combine([100 * NS, 0], None)
    both = reference.combine([100 * NS, 0], None)
    assert both == 50 * NS
    for phases in ([100 * NS, None], [None, 0]):
        alone = reference.combine(phases, None)
        assert alone is not None
        assert abs(alone - both) < NS
        assert not reference.is_cross_checked


def test_two_that_differ_leave_the_one_the_oscillator_expects():
    reference = Reference(150, beidou_mandatory=False)
    assert reference.combine([5000 * NS, 0], 10 * NS) == 0
    assert reference.combine([0, 5000 * NS], 10 * NS) == 0
    assert reference.combine([0, 5000 * NS], None) is None
    assert reference.differ


def test_a_small_difference_is_found_by_its_mean():
    reference = Reference(150, beidou_mandatory=False)
    assert [reference.combine([250 * NS, 0], None) for _ in range(60)][-1] is None


def test_where_beidou_is_mandatory_gps_alone_is_nothing():
    reference = Reference(150, beidou_mandatory=True)
    assert reference.combine([0, None], None) is None
    assert reference.combine([None, 0], None) == 0
    assert reference.combine([0, 5000 * NS], 0) is None


def test_nothing_gives_nothing():
    assert Reference(150, beidou_mandatory=False).combine([None, None], None) is None


def test_a_coarse_fix_needs_three_seconds_and_then_a_line():
    coarse = CoarseFix()
    for sequence in range(60):
        fix = coarse.at(float(sequence))
        assert (fix is None) is (sequence < LEAST_SAMPLES)
        coarse.add(sequence, 1000 * sequence)
    fix = coarse.at(70.0)
    assert fix is not None
    assert abs(fix.phase_s - 70e-9) < 1e-15
    assert abs(fix.freq - 1e-9) < 1e-18
    assert 250e-9 < fix.bound_s < 500e-9


def judged(cause: Cause, apart_ns: int, seconds: range, *, is_witnessed: bool) -> list[Outcome]:
    attempt = Return(EnsembleConfig(), cause, 0)
    old = Instant(0, 0, 1000, 0)
    fresh = Instant(apart_ns, 0, 500, 0)
    return [attempt.judge(second * S, old, fresh, is_witnessed=is_witnessed) for second in seconds]


def test_agreement_for_a_minute_continues():
    outcomes = judged(Cause.LOST, 1500, range(61), is_witnessed=False)
    assert outcomes[:-1] == [Outcome.WAIT] * 60
    assert outcomes[-1] is Outcome.CONTINUE


def test_agreement_after_a_contradiction_must_hold_for_half_an_hour():
    outcomes = judged(Cause.SPOOF, 1500, range(1801), is_witnessed=False)
    assert outcomes[-2:] == [Outcome.WAIT, Outcome.CONTINUE]


def test_past_the_deadline_the_gate_widens_for_a_witnessed_reference():
    hours = range(0, 10 * 3600, 30)
    outcomes = judged(Cause.LOST, 4000, hours, is_witnessed=True)
    assert Outcome.STUCK in outcomes
    assert outcomes[-1] is Outcome.SWITCH
    assert judged(Cause.LOST, 4000, hours, is_witnessed=False)[-1] is Outcome.STUCK


def test_after_a_contradiction_the_gate_never_widens():
    outcomes = judged(Cause.SPOOF, 4000, range(0, 200 * 3600, 600), is_witnessed=True)
    assert set(outcomes) == {Outcome.WAIT, Outcome.STUCK}
