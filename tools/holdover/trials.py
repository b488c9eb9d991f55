"""Simulated runs: days of lock, then hours without satellites, all from a seed."""

from __future__ import annotations

import itertools
import math
import random  # noqa: TID251  (a seeded model; nothing secret comes of it)
from collections.abc import Iterator

import attrs

from appliance.timing.holdover.bank import OscillatorClass
from drivers.simulated.truth import (
    FIGURES,
    CaseTemperature,
    GnssNoise,
    Grade,
    OscillatorTruth,
)
from holdover.replay import DAY_S, HOUR_S, Minute, Outcome, replay

STEP_S = 60.0
HOLDOVER_S = 72 * HOUR_S
HVAC_SHARE = 0.25
SENSOR_STEPS_PER_K = 16
ADEV_SECONDS = 20_000
STRESSES = {
    "walk": "random walk FM five times that of the adverse grade",
    "tempco": "the temperature coefficient changes its sign a day before the satellites go",
    "double-jump": "two crystal jumps of 5E-11, a day before the satellites go and 12 h after",
    "blind-jumps": "two crystal jumps of 1E-10, 12 and 24 h into the holdover: none can see them",
    "retrace": "a power cut of the oscillator a day before the satellites go",
    "airflow": "6 K back and forth every two hours in the holdover",
}
JUMPS_AT_S = {"double-jump": (-DAY_S, 12 * HOUR_S), "blind-jumps": (12 * HOUR_S, DAY_S)}
JUMP_FREQS = {"double-jump": 5e-11, "blind-jumps": 1e-10}


@attrs.frozen(kw_only=True)
class Trial:
    """What one simulated run is made of."""

    grade: Grade
    seed: int
    lock_days: float
    prior: OscillatorClass = OscillatorClass.TYPICAL
    stress: str | None = None


def run_trial(trial: Trial) -> Outcome:
    """Simulate one run and replay it."""
    world = World(trial)
    outcome = replay(world.minutes(), trial.prior)
    return attrs.evolve(outcome, limit_s=world.limit_s())


class World:
    """An oscillator, its case and a receiver; the satellites go after the days of lock."""

    def __init__(self, trial: Trial) -> None:
        draw = random.Random(trial.seed)  # noqa: S311  (a model, no secret)
        seeds = [draw.getrandbits(48) for _ in range(3)]
        self.trial = trial
        self.gone_s = trial.lock_days * DAY_S
        has_step = draw.random() < HVAC_SHARE
        step_at_s = self.gone_s + draw.uniform(0.0, HOLDOVER_S)
        self.case = CaseTemperature(seeds[0], hvac_at_s=step_at_s if has_step else None)
        figures = FIGURES[trial.grade]
        if trial.stress == "walk":
            walk = 5.0 * FIGURES[Grade.ADVERSE].walk_at_1_day
            figures = attrs.evolve(figures, walk_at_1_day=walk)
        self.oscillator = OscillatorTruth(trial.grade, seeds[1], step_s=STEP_S, figures=figures)
        self.receiver = GnssNoise(seeds[2], STEP_S)
        self._foreseen_s = 0.0

    def minutes(self, holdover_s: float = HOLDOVER_S) -> Iterator[Minute]:
        """Give the minutes of the run, in order."""
        oscillator = self.oscillator
        for index in range(1, round((self.gone_s + holdover_s) / STEP_S) + 1):
            t_s = index * STEP_S
            temp_k = self.case.at(t_s)
            if self.trial.stress is not None:
                temp_k = self._strain(self.trial.stress, t_s, temp_k)
            oscillator.advance(temp_k)
            measured_s = None
            if t_s <= self.gone_s:
                measured_s = oscillator.phase_s + self.receiver.advance()
            felt_k = round(temp_k * SENSOR_STEPS_PER_K) / SENSOR_STEPS_PER_K
            yield Minute(t_s, oscillator.phase_s, measured_s, felt_k)
            if t_s == self.gone_s:
                expected_s = oscillator.expected_noise_phase_s(holdover_s)
                self._foreseen_s = oscillator.noise_phase_s + expected_s

    def limit_s(self) -> float:
        """Tell, after the run, by how much even foreknowledge would have missed."""
        return abs(self.oscillator.noise_phase_s - self._foreseen_s)

    def _strain(self, stress: str, t_s: float, temp_k: float) -> float:
        """Do what the stress does at this minute; gives the temperature it leaves."""
        held_s = t_s - self.gone_s
        oscillator = self.oscillator
        if stress == "tempco" and held_s == -DAY_S:
            oscillator.tempco_per_k = -oscillator.tempco_per_k
        if held_s in JUMPS_AT_S.get(stress, ()):
            oscillator.jump(math.copysign(JUMP_FREQS[stress], self.trial.seed % 2 - 0.5))
        if stress == "retrace" and held_s == -DAY_S:
            oscillator.restart()
        if stress == "airflow" and held_s > 0 and held_s // (2 * HOUR_S) % 2:
            return temp_k + 6.0
        return temp_k


def adev_1s(trial: Trial) -> float:
    """Give the Allan deviation at one second of the trial's oscillator, simulated by seconds."""
    oscillator = OscillatorTruth(trial.grade, trial.seed, step_s=1.0)
    temp_k = CaseTemperature(trial.seed).at(0.0)
    freqs = []
    for _ in range(ADEV_SECONDS):
        oscillator.advance(temp_k)
        freqs.append(oscillator.freq)
    return adev_of_freqs(freqs)


def adev_of_freqs(freqs: list[float]) -> float:
    """Give the Allan deviation at the spacing of these mean frequencies."""
    squares = sum((later - sooner) ** 2 for sooner, later in itertools.pairwise(freqs))
    return math.sqrt(squares / (2 * (len(freqs) - 1)))
