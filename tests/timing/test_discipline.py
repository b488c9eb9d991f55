import copy
import functools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import units

from appliance.errors import Malformed
from appliance.timing.holdover.bank import OscillatorClass
from appliance.timing.holdover.discipline import Discipline
from appliance.timing.holdover.rehearsal import HORIZONS_S, Missed
from appliance.timing.holdover.suspicion import Alarm, Evidence
from drivers.simulated.truth import CaseTemperature, GnssNoise, Grade, OscillatorTruth

STEP_S = 60.0
DAY = 1440


class Unit:
    """A simulated oscillator with its receiver, by minutes, and the discipline that follows it."""

    def __init__(self, grade, seed, prior=OscillatorClass.TYPICAL):
        self.case = CaseTemperature(3 * seed)
        self.oscillator = OscillatorTruth(grade, 3 * seed + 1, step_s=STEP_S)
        self.receiver = GnssNoise(3 * seed + 2, STEP_S)
        self.discipline = Discipline(prior)
        self.t_s = 0.0

    def run(self, minutes, *, is_measured=True, pull_s=0.0, ramp=0.0):
        """Go on; stops early at an alarm, and gives the minutes done."""
        for minute in range(1, minutes + 1):
            self.t_s += STEP_S
            temp_k = self.case.at(self.t_s)
            self.oscillator.advance(temp_k)
            measured_s = self.oscillator.phase_s + self.receiver.advance() + pull_s
            measured_s += ramp * (minute - 0.5) * STEP_S
            told_s = measured_s if is_measured else None
            self.discipline.measure(self.t_s, told_s, round(16 * temp_k) / 16)
            if self.discipline.detect() is not None:
                return minute
        return minutes

    def error_and_bound_s(self):
        forecast = self.discipline.forecast(self.t_s, None)
        return abs(forecast.phase_s - self.oscillator.phase_s), forecast.bound_s


@functools.cache
def learned(grade=Grade.TYPICAL, seed=1, days=3):
    unit = Unit(grade, seed)
    unit.run(days * DAY)
    return unit.discipline.snapshot(), unit.t_s


def test_before_the_first_measurement_nothing_is_promised():
    discipline = Discipline()
    assert discipline.forecast(0.0, None).bound_s == math.inf
    assert discipline.detect() is None
    assert all(one.predicted_bound_s == math.inf for one in discipline.rehearsals())
    discipline.measure(60.0, None, 298.0)
    assert discipline.forecast(60.0, 298.0).bound_s == math.inf


@pytest.mark.parametrize(("days", "seeds"), [(5, range(40, 43)), (2, [51]), (1, [61, 62])])
@pytest.mark.parametrize("grade", Grade)
def test_three_days_without_satellites_stay_within_the_bound(grade, days, seeds):
    for seed in seeds:
        unit = Unit(grade, seed)
        unit.run(days * DAY)
        assert unit.discipline.learned_s == pytest.approx(days * 86_400, rel=0.01)
        bounds_s = []
        for _ in range(72):
            unit.run(60, is_measured=False)
            error_s, bound_s = unit.error_and_bound_s()
            assert error_s <= bound_s
            bounds_s.append(bound_s)
        assert bounds_s == sorted(bounds_s)
        if days == 5:
            assert bounds_s[-1] < {"good": 60e-6, "typical": 120e-6, "adverse": 300e-6}[grade.value]


def test_a_hundred_clean_days_raise_no_alarm_and_the_clock_stays_within_its_bound():
    for seed in range(5):
        unit = Unit(Grade.TYPICAL, 100 + seed)
        for _ in range(20):
            assert unit.run(DAY) == DAY
            error_s, bound_s = unit.error_and_bound_s()
            assert error_s <= bound_s < 1e-6


@pytest.mark.parametrize(
    ("ramp", "minutes"), [(1e-7, 1), (1e-8, 1), (1e-9, 4), (3e-10, 9), (1e-10, 40)]
)
def test_a_reference_that_is_pulled_away_is_found_out(ramp, minutes):
    unit = Unit(Grade.TYPICAL, 5)
    unit.run(3 * DAY)
    assert unit.run(120, ramp=ramp) <= minutes
    assert unit.discipline.detect().evidence in {Evidence.RESIDUAL, Evidence.CHANGE}
    assert unit.error_and_bound_s()[0] < 0.3e-6


@pytest.mark.parametrize(("ramp", "minutes"), [(1e-9, 2), (3e-10, 6), (1e-10, 22)])
@pytest.mark.parametrize("seed", range(70, 74))
def test_sixty_pulses_a_minute_find_a_pull_out_soon(ramp, minutes, seed):
    octets, unit = locked(seed)
    unit = copy.deepcopy(unit)
    unit.discipline = Discipline.restore(octets)
    for _ in range(60):
        assert unit.minute() is None
    found = unit.minutes_until_alarm(ramp, most=120)
    assert found is not None
    assert found <= minutes


@functools.cache
def locked(seed):
    """Lock a unit for five days, its minutes as smooth as sixty pulses make them."""
    unit = units.Unit(Grade.TYPICAL, seed)
    for _ in range(5 * DAY):
        assert unit.minute() is None
    return unit.discipline.snapshot(), unit


@pytest.mark.parametrize("pull_s", [200e-9, -300e-9, 1e-3])
def test_a_step_of_the_reference_is_found_out_at_once_and_not_followed(pull_s):
    unit = Unit(Grade.TYPICAL, 6)
    unit.run(3 * DAY)
    assert unit.run(10, pull_s=pull_s) <= 2
    unit.run(60, pull_s=pull_s)
    assert unit.error_and_bound_s()[0] < 100e-9


def test_a_unit_that_has_learned_little_is_slower_to_suspect():
    octets, t_s = learned()
    old, young = Discipline.restore(octets), Discipline.restore(octets)
    young.learned_s = 0.0
    pulled_s = old.forecast(t_s + STEP_S, None).phase_s + 154e-9
    for discipline in (old, young):
        discipline.measure(t_s + STEP_S, pulled_s, None)
    assert old.detect() is not None
    assert young.detect() is None


def test_an_accepted_reference_is_followed_again_and_learned_anew():
    unit = Unit(Grade.TYPICAL, 7)
    unit.run(2 * DAY)
    unit.run(30, pull_s=5e-6)
    unit.discipline.accept()
    assert unit.discipline.detect() is None
    assert unit.discipline.learned_s == 0.0
    assert unit.run(600, pull_s=5e-6) == 600
    assert unit.error_and_bound_s()[0] == pytest.approx(5e-6, rel=0.05)


def test_a_reference_that_came_back_to_where_it_was_costs_nothing_of_what_was_learned():
    unit = Unit(Grade.TYPICAL, 7)
    unit.run(2 * DAY)
    unit.run(1, pull_s=5e-6)
    assert unit.discipline.detect() is not None
    unit.run(1)
    unit.discipline.accept()
    assert unit.discipline.learned_s == pytest.approx(2 * 86_400, rel=0.01)
    assert unit.run(600) == 600
    assert unit.error_and_bound_s()[0] < 1e-7


def test_a_rehearsal_that_misses_by_far_more_than_this_unit_does_is_an_alarm_that_is_remembered():
    discipline = Discipline.restore(learned()[0])
    suspicion = discipline._suspicion
    suspicion.hear(1.0, [Missed(12 * 3600.0, 9e-6, 1e-6), Missed(3600.0, 5.9e-6, 1e-6)], 1.0)
    suspicion.hear(2.0, [Missed(3600.0, 7e-6, 1e-6)], 1.2)
    assert discipline.detect() is None
    suspicion.hear(3.0, [Missed(24 * 3600.0, -7e-6, 1e-6)], 1.1)
    assert discipline.detect() == Alarm(3.0, Evidence.REHEARSAL, -7e-6, pytest.approx(6.6e-6))
    assert Discipline.restore(discipline.snapshot()).detect() == discipline.detect()


def test_numbers_that_are_none_do_no_harm():
    octets, t_s = learned()
    odd, even = Discipline.restore(octets), Discipline.restore(octets)
    odd.measure(t_s + 60.0, math.nan, math.nan)
    even.measure(t_s + 60.0, None, None)
    assert odd.snapshot() == even.snapshot()
    assert odd.forecast(t_s + 90.0, math.nan) == even.forecast(t_s + 90.0, None)


def test_a_residual_is_told_with_what_it_may_be():
    octets, t_s = learned()
    discipline = Discipline.restore(octets)
    expected = discipline.forecast(t_s + 60.0, None)
    residual = discipline.residual(t_s + 60.0, expected.phase_s + 1e-7, None)
    assert residual.residual_s == pytest.approx(1e-7, rel=1e-3)
    assert 20e-9 < residual.sigma_s < 40e-9


def test_rehearsals_tell_the_bound_of_each_horizon():
    octets, _ = learned()
    told = Discipline.restore(octets).rehearsals()
    assert tuple(one.horizon_s for one in told) == HORIZONS_S
    assert [one.count > 0 for one in told] == [True] * 5 + [False]
    bounds_s = [one.predicted_bound_s for one in told]
    assert bounds_s == sorted(bounds_s)


def test_the_class_rules_until_two_days_have_been_learned():
    bounds_s = {}
    for prior in OscillatorClass:
        unit = Unit(Grade.GOOD, 9, prior)
        unit.run(DAY)
        bounds_s[prior] = unit.discipline.rehearsals()[-1].predicted_bound_s
    assert bounds_s[OscillatorClass.ADVERSE] > 2 * bounds_s[OscillatorClass.TYPICAL]
    assert bounds_s[OscillatorClass.ADVERSE] > 300e-6


def test_a_horizon_seen_less_often_is_promised_with_more_care():
    octets, t_s = learned()
    discipline = Discipline.restore(octets)
    before_s = discipline.forecast(t_s + 72 * 3600, None).bound_s
    discipline.learned_s = 30 * 86_400.0
    assert discipline.forecast(t_s + 72 * 3600, None).bound_s < 0.9 * before_s


def test_gaps_missing_temperatures_and_other_spacings_do_no_harm():
    unit = Unit(Grade.TYPICAL, 11)
    for minute in range(1, 4 * DAY):
        t_s = minute * STEP_S
        temp_k = unit.case.at(t_s)
        unit.oscillator.advance(temp_k)
        measured_s = unit.oscillator.phase_s + unit.receiver.advance()
        is_heard = minute % 500 > 40 and minute % 3 == 0
        told_k = temp_k if minute % 700 > 60 else None
        if minute % 7 != 3:
            unit.discipline.measure(t_s, measured_s if is_heard else None, told_k)
            forecast = unit.discipline.forecast(t_s, told_k)
            assert abs(forecast.phase_s - unit.oscillator.phase_s) <= forecast.bound_s or minute < 5
    assert unit.discipline.detect() is None


def test_what_comes_out_of_order_is_passed_over():
    octets, t_s = learned()
    discipline = Discipline.restore(octets)
    discipline.measure(t_s - 3600.0, 1.0, 400.0)
    assert discipline.snapshot() == octets


def test_a_discipline_goes_on_after_a_reboot_as_if_there_had_been_none():
    octets, t_s = learned()
    once = Discipline.restore(octets)
    assert once.snapshot() == octets
    assert Discipline.restore(Discipline().snapshot()).learned_s == 0.0
    twice = Discipline.restore(once.snapshot())
    for minute in range(1, 1500):
        once.measure(t_s + minute * STEP_S, None, 299.0)
    # The second was off for a day, and slept through the minutes.
    twice.measure(t_s + 1499 * STEP_S, None, 299.0)
    later_s = t_s + 1500 * STEP_S
    first, second = once.forecast(later_s, 299.0), twice.forecast(later_s, 299.0)
    assert second.phase_s == pytest.approx(first.phase_s, abs=1e-7)
    assert second.bound_s == pytest.approx(first.bound_s, rel=0.01)


def test_an_alarm_outlives_a_reboot():
    unit = Unit(Grade.TYPICAL, 12)
    unit.run(DAY)
    unit.run(5, pull_s=1e-5)
    alarm = unit.discipline.detect()
    assert Discipline.restore(unit.discipline.snapshot()).detect() == alarm


@given(st.binary(max_size=200))
def test_garbage_is_refused(octets):
    with pytest.raises(Malformed):
        Discipline.restore(octets)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 40_000), st.binary(min_size=1, max_size=12), st.booleans())
def test_a_damaged_memory_is_refused_or_still_works(place, damage, is_cut):
    octets, t_s = learned()
    place %= len(octets)
    damaged = octets[:place] + (b"" if is_cut else damage + octets[place + len(damage) :])
    try:
        discipline = Discipline.restore(damaged)
    except Malformed:
        return
    for minute in range(1, 15):
        discipline.measure(t_s + minute * STEP_S, 1e-6, 298.0)
    discipline.forecast(t_s + 1e6, 298.0)
    discipline.rehearsals()
