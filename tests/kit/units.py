"""A unit at steps of a minute: a true oscillator, its case, its satellites and its discipline.

For what needs days by the hundred: no codecs, no ensemble.
"""

from __future__ import annotations

import math

from appliance.timing.holdover.discipline import Discipline
from appliance.timing.holdover.suspicion import Alarm
from drivers.simulated.truth import (
    GNSS_WHITE_S,
    CaseTemperature,
    GnssNoise,
    Grade,
    OscillatorTruth,
)

MINUTE_S = 60.0
DAY_MINUTES = 1440


class Unit:
    """One oscillator that is learned from simulated satellites.

    A minute is the mean of `pulses`: 60 as the ensemble makes it, or 1, the noisier mean that
    docs/holdover.md is written for.
    """

    def __init__(self, grade: Grade, seed: int, *, pulses: int = 60) -> None:
        self.discipline = Discipline()
        self.minutes = 0
        self._oscillator = OscillatorTruth(grade, 3 * seed, step_s=MINUTE_S)
        self._case = CaseTemperature(3 * seed + 1)
        white_s = GNSS_WHITE_S / math.sqrt(pulses)
        self._noise = GnssNoise(3 * seed + 2, MINUTE_S, white_s=white_s)

    def minute(self, feigned_s: float = 0.0) -> Alarm | None:
        """Go on by a minute in which the satellites' pulses lie `feigned_s` off the truth."""
        self.minutes += 1
        t_s = self.minutes * MINUTE_S
        case_k = self._case.at(t_s)
        self._oscillator.advance(case_k)
        phase_s = self._oscillator.phase_s + self._noise.advance() + feigned_s
        self.discipline.measure(t_s, phase_s, case_k)
        return self.discipline.detect()

    def minutes_until_alarm(self, ramp: float, step_s: float = 0.0, *, most: int) -> int | None:
        """Feign a step and a ramp of seconds a second; tell in which minute the alarm comes."""
        for number in range(most):
            if self.minute(step_s + ramp * MINUTE_S * (number + 0.5)):
                return number + 1
        return None
