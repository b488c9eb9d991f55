import math

import pytest

from drivers.simulated.truth import (
    FIGURES,
    CaseTemperature,
    GnssNoise,
    Grade,
    GradeFigures,
    OscillatorTruth,
)

STEP_S = 60.0
ROOM_K = 298.15
QUIET = GradeFigures(
    ageing_per_day=0.0, age_days=60.0, flicker_floor=0.0, walk_at_1_day=0.0, tempco_per_k=1e-11
)


def adev(phases_s, every, spacing_s):
    """Overlapping Allan deviation at `every` times the spacing."""
    seconds = [
        phases_s[i + 2 * every] - 2 * phases_s[i + every] + phases_s[i]
        for i in range(len(phases_s) - 2 * every)
    ]
    tau_s = every * spacing_s
    return math.sqrt(sum(one * one for one in seconds) / (2 * tau_s**2 * len(seconds)))


def phases_of(oscillator, steps, temp_k=ROOM_K):
    phases_s = []
    for _ in range(steps):
        oscillator.advance(temp_k)
        phases_s.append(oscillator.phase_s)
    return phases_s


@pytest.mark.parametrize("grade", Grade)
def test_the_same_seed_gives_the_same_oscillator_and_another_seed_another(grade):
    runs = [phases_of(OscillatorTruth(grade, seed, step_s=STEP_S), 50) for seed in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


def test_white_fm_gives_the_adev_at_one_second():
    oscillator = OscillatorTruth(Grade.GOOD, 1, step_s=1.0)
    assert adev(phases_of(oscillator, 5000), 1, 1.0) == pytest.approx(1.5e-11, rel=0.1)


def test_flicker_is_flat_from_ten_minutes_to_half_a_day():
    figures = GradeFigures(
        ageing_per_day=0.0, age_days=60.0, flicker_floor=1e-10, walk_at_1_day=0.0, tempco_per_k=0.0
    )
    oscillator = OscillatorTruth(Grade.GOOD, 3, step_s=STEP_S, figures=figures)
    phases_s = phases_of(oscillator, 20_000)
    for every in (10, 60, 300, 700):
        assert adev(phases_s, every, STEP_S) == pytest.approx(1e-10, rel=0.2)


def test_random_walk_has_its_adev_at_a_day():
    figures = GradeFigures(
        ageing_per_day=0.0, age_days=60.0, flicker_floor=0.0, walk_at_1_day=5e-11, tempco_per_k=0.0
    )
    oscillator = OscillatorTruth(Grade.GOOD, 8, step_s=STEP_S, figures=figures)
    phases_s = phases_of(oscillator, 60_000)
    assert adev(phases_s, 1440, STEP_S) == pytest.approx(5e-11, rel=0.3)


def test_foreknowledge_of_the_states_leaves_nothing_over_when_no_noise_comes_in():
    figures = GradeFigures(
        ageing_per_day=0.0, age_days=60.0, flicker_floor=0.0, walk_at_1_day=0.0, tempco_per_k=0.0
    )
    oscillator = OscillatorTruth(Grade.GOOD, 2, step_s=STEP_S, figures=figures)
    oscillator.jump(1e-11)
    expected_s = oscillator.expected_noise_phase_s(7200.0)
    phases_of(oscillator, 120)
    white_s = 1.5e-11 * math.sqrt(7200.0)
    assert abs(oscillator.noise_phase_s - expected_s) < 5 * white_s
    assert expected_s == pytest.approx(1e-11 * 7200.0)


def test_flicker_fades_as_foreseen_on_average():
    leftovers, spreads = [], []
    for seed in range(60):
        oscillator = OscillatorTruth(Grade.ADVERSE, seed, step_s=STEP_S)
        expected_s = oscillator.expected_noise_phase_s(3600.0)
        phases_of(oscillator, 60)
        leftovers.append(oscillator.noise_phase_s - expected_s)
        spreads.append(oscillator.noise_phase_s)
    assert sum(x * x for x in leftovers) < 0.8 * sum(x * x for x in spreads)


def test_the_oven_lags_and_the_crystal_answers_by_its_tempco():
    oscillator = OscillatorTruth(Grade.GOOD, 6, step_s=STEP_S, figures=QUIET)
    phases_of(oscillator, 60)
    before = mean_freq(oscillator, 60, ROOM_K)
    phases_of(oscillator, 10, ROOM_K + 5.0)
    early = mean_freq(oscillator, 2, ROOM_K + 5.0) - before
    phases_of(oscillator, 300, ROOM_K + 5.0)
    late = mean_freq(oscillator, 60, ROOM_K + 5.0) - before
    assert late == pytest.approx(oscillator.tempco_per_k * 5.0, rel=0.2)
    assert abs(early) < 0.7 * abs(late)


def mean_freq(oscillator, steps, temp_k):
    start_s = oscillator.phase_s
    phases_of(oscillator, steps, temp_k)
    return (oscillator.phase_s - start_s) / (steps * STEP_S)


def test_efc_pulls_by_a_cubic():
    oscillator = OscillatorTruth(Grade.GOOD, 7, step_s=STEP_S, figures=QUIET)
    before = mean_freq(oscillator, 10, ROOM_K)
    oscillator.efc_freq = 4e-7
    assert mean_freq(oscillator, 10, ROOM_K) - before == pytest.approx(4.08e-7, rel=1e-4)


def test_a_cold_start_warms_up_to_its_frequency_within_the_hour():
    cold = OscillatorTruth(Grade.TYPICAL, 9, step_s=STEP_S, is_cold=True)
    cold.advance(ROOM_K)
    assert cold.freq > 1e-7
    phases_of(cold, 60)
    assert abs(cold.freq) < 1e-8


def test_an_adverse_crystal_jumps_now_and_then_and_a_good_one_does_not():
    figures = GradeFigures(
        ageing_per_day=0.0,
        age_days=60.0,
        flicker_floor=0.0,
        walk_at_1_day=0.0,
        tempco_per_k=0.0,
        jumps_per_day=1440.0,
        jump_freq=1e-9,
    )
    jumping = OscillatorTruth(Grade.ADVERSE, 3, step_s=STEP_S, figures=figures)
    assert adev(phases_of(jumping, 100), 1, STEP_S) > 1e-10
    assert FIGURES[Grade.GOOD].jumps_per_day == 0.0


def test_the_case_has_the_same_temperature_in_whatever_order_it_is_asked():
    forwards, backwards = CaseTemperature(5), CaseTemperature(5)
    times_s = [0.0, 30.0, 3600.0, 90_000.0]
    told = [forwards.at(t_s) for t_s in times_s]
    assert [backwards.at(t_s) for t_s in reversed(times_s)] == told[::-1]
    assert all(285.0 < temp_k < 312.0 for temp_k in told)


def test_air_conditioning_steps_by_six_kelvin():
    still, stepped = CaseTemperature(5), CaseTemperature(5, hvac_at_s=1000.0)
    assert stepped.at(900.0) == still.at(900.0)
    assert abs(stepped.at(9000.0) - still.at(9000.0)) == pytest.approx(6.0, abs=0.01)


def test_pulses_have_the_receivers_noise():
    noise = GnssNoise(3, STEP_S)
    errors_s = [noise.advance() for _ in range(14_400)]
    rms_s = math.sqrt(sum(one * one for one in errors_s) / len(errors_s))
    assert rms_s == pytest.approx(math.sqrt(25e-9**2 + 6e-9**2 + 8e-9**2 / 2), rel=0.05)
