"""The filter written out by element against one of loops, and against closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.timing.holdover.bank import Bank, OscillatorClass
from appliance.timing.holdover.kalman import DAY_S, Kalman, Model

MODEL = Model(walk_at_1_day=2e-11, white_1s=1e-10, age_s=30 * DAY_S)
PLACES = [(row, column) for row in range(5) for column in range(row, 5)]


class Loops:
    """The same filter by matrices and loops."""

    def __init__(self, model, phase_s, phase_var):
        reference = Kalman(model, phase_s, phase_var)
        self.model = model
        self.age_s = model.age_s
        self.x = [phase_s, 0.0, 0.0, 0.0, 0.0]
        self.p = square(reference.cov)

    def advance(self, a, u):
        grown = self.age_s + a
        log = math.log(grown / self.age_s)
        phi = [
            [1.0, a, self.age_s * (grown * log - a), u, 0.0],
            [0.0, 1.0, self.age_s * log, 0.0, 0.0],
            [0.0, 0.0, self.age_s / grown, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, math.exp(-a / self.model.reference_lag_s)],
        ]
        walk = 3.0 * self.model.walk_at_1_day**2 / DAY_S
        bend = self.model.ageing_walk_per_day**2 / DAY_S
        noise = [[0.0] * 5 for _ in range(5)]
        noise[0][0] = self.model.white_1s**2 * a + walk * a**3 / 3 + bend * a**5 / 20
        noise[0][1] = noise[1][0] = walk * a**2 / 2 + bend * a**4 / 8
        noise[1][1] = walk * a + bend * a**3 / 3
        noise[0][2] = noise[2][0] = bend * a**3 / 6
        noise[1][2] = noise[2][1] = bend * a**2 / 2
        noise[2][2] = bend * a
        noise[3][3] = self.model.tempco_walk_per_day**2 / DAY_S * a
        noise[4][4] = self.model.reference_sigma_s**2 * (1.0 - phi[4][4] ** 2)
        self.x = [sum(row[j] * self.x[j] for j in range(5)) for row in phi]
        moved = product(product(phi, self.p), [list(column) for column in zip(*phi, strict=True)])
        self.p = [[moved[i][j] + noise[i][j] for j in range(5)] for i in range(5)]
        self.age_s = grown

    def update(self, z, r):
        h = [1.0, 0.0, 0.0, 0.0, 1.0]
        ph = [sum(self.p[i][j] * h[j] for j in range(5)) for i in range(5)]
        s = sum(h[i] * ph[i] for i in range(5)) + r
        y = z - self.x[0] - self.x[4]
        self.x = [self.x[i] + ph[i] * y / s for i in range(5)]
        self.p = [[self.p[i][j] - ph[i] * ph[j] / s for j in range(5)] for i in range(5)]
        return -0.5 * (y * y / s + math.log(s))


def product(a, b):
    return [[sum(a[i][k] * b[k][j] for k in range(5)) for j in range(5)] for i in range(5)]


def square(cov):
    whole = [[0.0] * 5 for _ in range(5)]
    for (row, column), value in zip(PLACES, cov, strict=True):
        whole[row][column] = whole[column][row] = value
    return whole


def means(one):
    return [one.phase_s, one.freq, one.ageing, one.tempco, one.wander_s]


@given(
    st.lists(
        st.tuples(st.floats(60.0, 7200.0), st.floats(-2e4, 2e4), st.floats(-1e-6, 1e-6)),
        min_size=1,
        max_size=12,
    )
)
def test_the_filter_agrees_with_one_of_matrices_and_loops(steps):
    ours, theirs = Kalman(MODEL, 1e-6, 1e-15), Loops(MODEL, 1e-6, 1e-15)
    for step_s, heat_ks, measured_s in steps:
        ours.advance(step_s, heat_ks)
        theirs.advance(step_s, heat_ks)
        assert ours.update(measured_s, 1e-16) == pytest.approx(
            theirs.update(measured_s, 1e-16), rel=1e-3, abs=1e-3
        )
    spreads = [math.sqrt(theirs.p[i][i]) for i in range(5)]
    for index, (mean, other) in enumerate(zip(means(ours), theirs.x, strict=True)):
        assert abs(mean - other) < 1e-3 * spreads[index] + 1e-6 * abs(other)
    for (row, column), value in zip(PLACES, ours.cov, strict=True):
        assert abs(value - theirs.p[row][column]) < 1e-3 * spreads[row] * spreads[column]


def test_what_is_foretold_is_what_advancing_gives():
    one = Kalman(MODEL, 0.0, 1e-16)
    for minute in range(200):
        one.advance(600.0, 300.0 * (-1) ** minute)
        one.update(1e-9 * minute, 1e-16)
    foretold = one.moments(DAY_S)
    freq = one.freq_after(DAY_S)
    one.advance(DAY_S, 5e4)
    assert foretold.mean_s(5e4) == pytest.approx(one.phase_s)
    assert foretold.variance(5e4) == pytest.approx(one.cov[0], rel=1e-3)
    assert freq == pytest.approx(one.freq)


@given(st.floats(1.0, 1e6), st.floats(0.05, 0.95))
def test_two_steps_carry_the_means_as_far_as_one(step_s, share):
    whole, halves = Kalman(MODEL, 0.0, 1e-16), Kalman(MODEL, 0.0, 1e-16)
    for one in (whole, halves):
        one.freq, one.ageing, one.tempco = 1e-9, 5e-15, 1e-11
    whole.advance(step_s, 100.0)
    halves.advance(share * step_s, 70.0)
    halves.advance((1.0 - share) * step_s, 30.0)
    assert means(halves) == pytest.approx(means(whole), rel=1e-6)


def test_ageing_follows_the_logarithm_of_age():
    one = Kalman(MODEL, 0.0, 1e-16)
    one.ageing = 5e-10 / DAY_S
    assert one.freq_after(30 * DAY_S) == pytest.approx(5e-10 * 30 * math.log(2.0))


def test_the_bank_learns_how_restless_an_oscillator_is():
    levels = []
    for kick in (1e-13, 1e-11):
        bank = Bank(OscillatorClass.TYPICAL, 0.0, 1e-16)
        phase_s = freq = 0.0
        for step in range(400):
            freq += kick * (1 if step * 7919 % 13 < 6 else -1)
            phase_s += freq * 600.0
            bank.advance(600.0, 0.0)
            bank.update(phase_s, 1e-18, 600.0)
        levels.append(
            sum(
                weight * one.model.walk_at_1_day
                for weight, one in zip(bank.weights, bank.filters, strict=True)
            )
        )
    assert levels[1] > 3 * levels[0]


def test_the_mixture_doubts_more_when_its_filters_stand_apart():
    bank = Bank(OscillatorClass.TYPICAL, 0.0, 1e-16)
    agreed = bank.moments(DAY_S).variance(0.0)
    for index, one in enumerate(bank.filters):
        one.freq = 1e-6 * (-1) ** index
    assert bank.moments(DAY_S).variance(0.0) > agreed
