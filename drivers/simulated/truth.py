"""The truth behind simulated devices: an oven oscillator, its case's temperature, GNSS pulses.

Everything follows from a seed and a step, so the report, the rig and the tests see one model.  What
it gives is simulated and must be labelled so.  Frequencies are fractional; a phase is the
oscillator's reading minus TAI, in seconds.  Figures: docs/holdover.md.
"""

from __future__ import annotations

import enum
import math
import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

import attrs

DAY_S = 86_400.0
HOUR_S = 3600.0
REFERENCE_TEMP_K = 298.15

WHITE_FM_1S = 1.5e-11
OVEN_LAG_S = 1200.0
PLAY_K = 0.7
PLAY_SHARE = 0.15
QUADRATIC_PER_K = 0.02

FLICKER_SHORTEST_S = 20.0
FLICKER_RATIO = 4.0
FLICKER_PARTS = 8

WARM_UP_FREQ = 3e-7
WARM_UP_LAG_S = 200.0
RETRACE_FREQ = 1e-9
RETRACE_LAG_S = DAY_S
RETRACE_SHARE = 0.7
EFC_SPAN = 4e-7
EFC_CUBIC = 0.02

GNSS_WHITE_S = 25e-9
GNSS_SLOW_S = 6e-9
GNSS_SLOW_LAG_S = HOUR_S
GNSS_DIURNAL_S = 8e-9

TEMP_STEP_S = 60.0
DIURNAL_K = 1.5
WANDER_K = 0.5
WANDER_LAG_S = 3 * HOUR_S
HVAC_STEP_K = 6.0
HVAC_LAG_S = 600.0


class Grade(enum.Enum):
    """How good an oscillator is; `typical` ages as the tender allows."""

    GOOD = "good"
    TYPICAL = "typical"
    ADVERSE = "adverse"


@attrs.frozen(kw_only=True)
class GradeFigures:
    """What a grade is made of: ADEV figures, ageing a day (at most), tempco (at most), jumps."""

    ageing_per_day: float
    age_days: float
    flicker_floor: float
    walk_at_1_day: float
    tempco_per_k: float
    jumps_per_day: float = 0.0
    jump_freq: float = 0.0


FIGURES = {
    Grade.GOOD: GradeFigures(
        ageing_per_day=1e-10,
        age_days=60.0,
        flicker_floor=3e-12,
        walk_at_1_day=1e-11,
        tempco_per_k=5e-12,
    ),
    Grade.TYPICAL: GradeFigures(
        ageing_per_day=5e-10,
        age_days=60.0,
        flicker_floor=5e-12,
        walk_at_1_day=2e-11,
        tempco_per_k=1e-11,
    ),
    Grade.ADVERSE: GradeFigures(
        ageing_per_day=5e-10,
        age_days=10.0,
        flicker_floor=1e-11,
        walk_at_1_day=5e-11,
        tempco_per_k=2e-11,
        jumps_per_day=0.05,
        jump_freq=5e-11,
    ),
}


class OscillatorTruth:
    """An oven oscillator of a grade, advanced by steps of `step_s`.

    `efc_freq` is the fractional frequency asked of the EFC; the crystal answers with a cubic term.
    `tempco_per_k`, `jump(freq)` and `restart()` are there for scenarios.  A warm one has been on
    for its grade's age; a cold one starts with its warm-up curve and a retrace.
    """

    def __init__(
        self,
        grade: Grade,
        seed: int,
        *,
        step_s: float,
        is_cold: bool = False,
        figures: GradeFigures | None = None,
    ) -> None:
        figures = FIGURES[grade] if figures is None else figures
        self._random = random.Random(seed)  # noqa: S311  (a model, no secret)
        draw = self._random
        self.figures = figures
        self.step_s = step_s
        self.phase_s = 0.0
        self.noise_phase_s = 0.0
        self.freq = 0.0
        self.efc_freq = 0.0
        self.tempco_per_k = figures.tempco_per_k * draw.uniform(0.3, 1.0) * draw.choice((-1, 1))
        self._offset = draw.uniform(-1e-9, 1e-9)
        self._ageing_per_s = figures.ageing_per_day * draw.uniform(-1.0, 1.0) / DAY_S
        self._age_s = figures.age_days * DAY_S
        self._elapsed_s = 0.0
        self._lagged_k: float | None = None
        self._play_k = 0.0
        self._walk = 0.0
        self._retrace = 0.0
        self._warming = 0.0
        self._set_noise(figures, step_s)
        if is_cold:
            self.restart()

    def _set_noise(self, figures: GradeFigures, step_s: float) -> None:
        lags_s = [FLICKER_SHORTEST_S * FLICKER_RATIO**part for part in range(FLICKER_PARTS)]
        # Lorentzians spaced by r sum to h/f with h = variance / ln r, and ADEV^2 = 2 ln 2 h.
        part_sigma = figures.flicker_floor * math.sqrt(math.log(FLICKER_RATIO) / math.log(4.0))
        self._decays = [math.exp(-step_s / lag_s) for lag_s in lags_s]
        self._kicks = [part_sigma * math.sqrt(1.0 - decay * decay) for decay in self._decays]
        self._flicker = [self._random.gauss(0.0, part_sigma) for _ in lags_s]
        self._white_sigma = WHITE_FM_1S / math.sqrt(step_s)
        # ADEV^2 of a random walk is q tau / 3.
        self._walk_sigma = figures.walk_at_1_day * math.sqrt(3.0 * step_s / DAY_S)
        self._jump_chance = figures.jumps_per_day * step_s / DAY_S
        self._oven_gain = 1.0 - math.exp(-step_s / OVEN_LAG_S)
        self._warm_up_decay = math.exp(-step_s / WARM_UP_LAG_S)
        self._retrace_decay = math.exp(-step_s / RETRACE_LAG_S)

    def advance(self, case_temp_k: float) -> None:
        """Go on by one step at a case temperature."""
        step_s = self.step_s
        self._elapsed_s += step_s
        noise = self._advance_noise()
        freq = self._offset + self._ageing() + self._of_temperature(case_temp_k) + self._of_efc()
        if self._warming or self._retrace:
            freq += self._of_start()
        self.freq = freq + noise
        self.noise_phase_s += noise * step_s
        self.phase_s += self.freq * step_s

    def jump(self, freq: float) -> None:
        """Let the crystal jump by a fractional frequency."""
        self._walk += freq

    def restep(self, step_s: float) -> None:
        """Go on in steps of another length; all that it is stays."""
        flicker = self._flicker
        self.step_s = step_s
        self._set_noise(self.figures, step_s)
        self._flicker = flicker

    def restart(self) -> None:
        """Switch off and on: a warm-up curve, and a retrace most of which goes within days."""
        jump = self._random.gauss(0.0, RETRACE_FREQ)
        self._walk += (1.0 - RETRACE_SHARE) * jump
        self._retrace += RETRACE_SHARE * jump
        self._warming = WARM_UP_FREQ

    def expected_noise_phase_s(self, horizon_s: float) -> float:
        """Tell how far the noise will carry the phase, as well as its present states allow.

        What is left over of `noise_phase_s` after the horizon is the physical limit of prediction.
        """
        steps = round(horizon_s / self.step_s)
        states = zip(self._decays, self._flicker, strict=True)
        decaying = sum(state * a * (1.0 - a**steps) / (1.0 - a) for a, state in states)
        return self._walk * horizon_s + decaying * self.step_s

    def _advance_noise(self) -> float:
        gauss = self._random.gauss
        flicker = [
            decay * state + gauss(0.0, kick)
            for decay, state, kick in zip(self._decays, self._flicker, self._kicks, strict=True)
        ]
        self._flicker = flicker
        self._walk += gauss(0.0, self._walk_sigma)
        if self._jump_chance and self._random.random() < self._jump_chance:
            self._walk += gauss(0.0, self.figures.jump_freq)
        return self._walk + sum(flicker) + gauss(0.0, self._white_sigma)

    def _ageing(self) -> float:
        return self._ageing_per_s * self._age_s * math.log1p(self._elapsed_s / self._age_s)

    def _of_temperature(self, case_temp_k: float) -> float:
        deviation_k = case_temp_k - REFERENCE_TEMP_K
        if self._lagged_k is None:
            self._lagged_k = self._play_k = deviation_k
        self._lagged_k += self._oven_gain * (deviation_k - self._lagged_k)
        lagged_k = self._lagged_k
        self._play_k = min(max(self._play_k, lagged_k - PLAY_K), lagged_k + PLAY_K)
        felt_k = (1.0 - PLAY_SHARE) * lagged_k + PLAY_SHARE * self._play_k
        return self.tempco_per_k * (felt_k + QUADRATIC_PER_K * lagged_k * lagged_k)

    def _of_efc(self) -> float:
        asked = self.efc_freq
        return asked * (1.0 + EFC_CUBIC * (asked / EFC_SPAN) ** 2)

    def _of_start(self) -> float:
        self._warming *= self._warm_up_decay
        self._retrace *= self._retrace_decay
        if self._warming < 1e-14:
            self._warming = 0.0
        return self._warming + self._retrace


class CaseTemperature:
    """The temperature of the case: a day's swing, a wander, and a step of 6 K at `hvac_at_s`."""

    def __init__(self, seed: int, *, hvac_at_s: float | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311  (a model, no secret)
        self._mean_k = REFERENCE_TEMP_K + self._random.uniform(-3.0, 3.0)
        self._angle = self._random.uniform(0.0, 2.0 * math.pi)
        self._hvac_at_s = hvac_at_s
        self._hvac_step_k = HVAC_STEP_K * self._random.choice((-1, 1))
        self._decay = math.exp(-TEMP_STEP_S / WANDER_LAG_S)
        self._kick_k = WANDER_K * math.sqrt(1.0 - self._decay * self._decay)
        self._wander_k = [self._random.gauss(0.0, WANDER_K)]

    def at(self, t_s: float) -> float:
        """Give the temperature in kelvin at `t_s` >= 0; any order of asking gives the same."""
        swing_k = DIURNAL_K * math.sin(2.0 * math.pi * t_s / DAY_S + self._angle)
        return self._mean_k + swing_k + self._wander(t_s) + self._hvac(t_s)

    def _wander(self, t_s: float) -> float:
        index, part = divmod(t_s / TEMP_STEP_S, 1.0)
        values = self._wander_k
        while len(values) < index + 2:
            values.append(self._decay * values[-1] + self._random.gauss(0.0, self._kick_k))
        low_k, high_k = values[int(index)], values[int(index) + 1]
        return low_k + part * (high_k - low_k)

    def _hvac(self, t_s: float) -> float:
        if self._hvac_at_s is None or t_s <= self._hvac_at_s:
            return 0.0
        return self._hvac_step_k * -math.expm1((self._hvac_at_s - t_s) / HVAC_LAG_S)


class GnssNoise:
    """The error of a receiver's pulses: white, a Gauss-Markov part of an hour, a day's swing.

    The white part is 25 ns whatever the step: means of 60 s are taken to be no better than pulses,
    which errs on the safe side; `white_s` says otherwise.
    """

    def __init__(self, seed: int, step_s: float, *, white_s: float = GNSS_WHITE_S) -> None:
        self._random = random.Random(seed)  # noqa: S311  (a model, no secret)
        self._step_s = step_s
        self._white_s = white_s
        self._t_s = 0.0
        self._angle = self._random.uniform(0.0, 2.0 * math.pi)
        self._decay = math.exp(-step_s / GNSS_SLOW_LAG_S)
        self._kick_s = GNSS_SLOW_S * math.sqrt(1.0 - self._decay * self._decay)
        self._slow_s = self._random.gauss(0.0, GNSS_SLOW_S)

    def advance(self) -> float:
        """Go on by one step; gives the pulse's error in seconds."""
        gauss = self._random.gauss
        self._t_s += self._step_s
        self._slow_s = self._decay * self._slow_s + gauss(0.0, self._kick_s)
        swing_s = GNSS_DIURNAL_S * math.sin(2.0 * math.pi * self._t_s / DAY_S + self._angle)
        return self._slow_s + swing_s + gauss(0.0, self._white_s)
