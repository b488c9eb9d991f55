"""A bank of Kalman filters: each believes in another oscillator, and the data weigh them.

Eleven levels of random walk by two ages.  What the bank tells is the mixture of its filters: its
variance holds both what each filter doubts and how far they stand apart.
"""

from __future__ import annotations

import enum
import math
from typing import Self

from appliance.errors import Malformed
from appliance.timing.holdover.kalman import DAY_S, Kalman, Model, Moments
from appliance.timing.holdover.memory import FilterMemory

LEVELS = (5e-12, 7e-12, 1e-11, 1.4e-11, 2e-11, 2.8e-11, 4e-11, 5.6e-11, 8e-11, 1.6e-10, 4e-10)
AGES_S = {12 * DAY_S: 0.2, 90 * DAY_S: 0.8}
WHITE_PER_WALK = 8.0
FORGET_S = 10 * DAY_S
LEAST_LOG_WEIGHT = -14.0


class OscillatorClass(enum.Enum):
    """What an oscillator is sold as: the ADEV of its random walk FM at a day, at most."""

    GOOD = 1.2e-11
    TYPICAL = 2.5e-11
    ADVERSE = 6e-11


class Bank:
    """Filters side by side, and the logarithms of their weights."""

    def __init__(self, prior: OscillatorClass, phase_s: float, phase_var: float) -> None:
        models = [
            Model(walk_at_1_day=level, white_1s=WHITE_PER_WALK * level, age_s=age_s)
            for level in LEVELS
            for age_s in AGES_S
        ]
        self.filters = [Kalman(model, phase_s, phase_var) for model in models]
        self.log_weights = [_log_prior(prior, model) for model in models]
        self._prior = list(self.log_weights)
        self.weights: list[float] = []
        self._weigh()

    @classmethod
    def restore(cls, prior: OscillatorClass, filters: tuple[FilterMemory, ...]) -> Self:
        """Go on from what was remembered.  Raises Malformed for another bank than this one."""
        restored = cls(prior, 0.0, 0.0)
        if len(filters) != len(restored.filters):
            raise Malformed("a bank of another size")
        for one, was in zip(restored.filters, filters, strict=True):
            one.age_s, one.phase_s, one.freq = was.age_s, was.phase_s, was.freq
            one.ageing, one.tempco, one.wander_s = was.ageing, was.tempco, was.wander_s
            one.cov = was.cov
        restored.log_weights = [was.log_weight for was in filters]
        restored._weigh()
        return restored

    def remember(self) -> tuple[FilterMemory, ...]:
        """Give what `restore` needs."""
        return tuple(
            FilterMemory(
                *(weight, one.age_s, one.phase_s, one.freq),
                *(one.ageing, one.tempco, one.wander_s, one.cov),
            )
            for weight, one in zip(self.log_weights, self.filters, strict=True)
        )

    def advance(self, step_s: float, heat_ks: float) -> None:
        """Go on by `step_s`, over which temperature integrates to `heat_ks`."""
        for one in self.filters:
            one.advance(step_s, heat_ks)

    def update(self, measured_s: float, measured_var: float, step_s: float) -> None:
        """Take a measured phase: the filters learn, and their weights with them."""
        keep = math.exp(-step_s / FORGET_S)
        self.log_weights = [
            prior + keep * (weight - prior) + one.update(measured_s, measured_var)
            for one, weight, prior in zip(self.filters, self.log_weights, self._prior, strict=True)
        ]
        self._weigh()

    def widen(self, phase_var: float, freq_var: float) -> None:
        """Doubt phase and frequency by so much more."""
        for one in self.filters:
            one.widen(phase_var, freq_var)

    def moments(self, horizon_s: float) -> Moments:
        """Tell the mixture's phase `horizon_s` from now, whatever the temperature does."""
        parts = [
            (weight, one.moments(horizon_s))
            for weight, one in zip(self.weights, self.filters, strict=True)
            if weight > 1e-6
        ]
        phase_s = sum(weight * part.phase_s for weight, part in parts)
        tempco = sum(weight * part.tempco for weight, part in parts)
        phase_var = cross = tempco_var = 0.0
        for weight, part in parts:
            phase_off, tempco_off = part.phase_s - phase_s, part.tempco - tempco
            phase_var += weight * (part.phase_var + phase_off * phase_off)
            cross += weight * (part.cross + phase_off * tempco_off)
            tempco_var += weight * (part.tempco_var + tempco_off * tempco_off)
        return Moments(phase_s, tempco, phase_var, cross, tempco_var)

    def freq_after(self, horizon_s: float) -> float:
        """Give the mixture's fractional frequency then, at the temperature of the beginning."""
        pairs = zip(self.weights, self.filters, strict=True)
        return sum(weight * one.freq_after(horizon_s) for weight, one in pairs)

    def _weigh(self) -> None:
        top = max(self.log_weights)
        self.log_weights = [max(weight - top, LEAST_LOG_WEIGHT) for weight in self.log_weights]
        raw = [math.exp(weight) for weight in self.log_weights]
        total = sum(raw)
        self.weights = [weight / total for weight in raw]


def _log_prior(prior: OscillatorClass, model: Model) -> float:
    """Weigh a level by its distance from the class in octaves: a factor of four is two sigma."""
    octaves = math.log2(model.walk_at_1_day / prior.value)
    return math.log(AGES_S[model.age_s]) - 0.5 * octaves * octaves
