"""A timeline: a label and a phase that turn the oscillator's pulses into TAI.

TAI at an oscillator's reading of t is t + label - phase.  The axis is the board's sequence.
"""

from __future__ import annotations

import math

from appliance.quantities import NS_PER_S
from appliance.timing.holdover.discipline import Discipline
from appliance.timing.keeping.coarse import PS_PER_S, CoarseFix, Fix
from appliance.timing.keeping.tie import Instant, PulseTie

MINUTE_S = 60
MIDDLE_S = 29.5
LEAST_OF_A_MINUTE = 10
MATURE_S = 1200.0
GATE_SIGMAS = 5.0
GATE_NOISE_S = 70e-9
_FAR_NS = 10**18


class Timeline:
    """Learns the phase of one oscillator run; `label` is TAI seconds less the sequence."""

    def __init__(self, label: int, base_ps: int, discipline: Discipline | None = None) -> None:
        self.label = label
        self.base_ps = base_ps
        self.discipline = discipline or Discipline()
        self.coarse = CoarseFix()
        self.is_contradicted = False
        self._minute: int | None = None
        self._sums = [0, 0, 0]
        self._phase_s = 0.0
        self._freq = 0.0
        self._at_s = 0.0
        self._bound_s = math.inf
        self._growth = 0.0
        self._sigma_s = 0.0

    @property
    def is_mature(self) -> bool:
        """Whether the discipline, rather than the last minute's line, tells the phase."""
        return self.discipline.learned_s >= MATURE_S and self._bound_s < math.inf

    def tick(self, sequence: int, temp_k: float | None) -> None:
        """Close the minute before `sequence`, where it begins another."""
        minute = sequence // MINUTE_S
        if minute != self._minute:
            if self._minute is not None:
                self._close(self._minute, temp_k)
                self.foretell(sequence, temp_k)
            self._minute, self._sums = minute, [0, 0, 0]

    def add(self, sequence: int, phase_ps: int) -> None:
        """Take an accepted second of the minute under way."""
        phase_ps -= self.base_ps
        self.coarse.add(sequence, phase_ps)
        sums = self._sums
        sums[0] += 1
        sums[1] += sequence % MINUTE_S
        sums[2] += phase_ps

    def foretell(self, sequence: int, temp_k: float | None) -> None:
        """Ask the discipline for the phase now and in two minutes; between them it is a line."""
        now = self.discipline.forecast(float(sequence), temp_k)
        if now.bound_s == math.inf:
            return
        later = self.discipline.forecast(float(sequence + 2 * MINUTE_S), temp_k)
        self._at_s, self._phase_s, self._sigma_s = float(sequence), now.phase_s, now.sigma_s
        self._freq = (later.phase_s - now.phase_s) / (2 * MINUTE_S)
        self._growth = max(0.0, later.bound_s - now.bound_s) / (2 * MINUTE_S)
        self._bound_s = max(now.bound_s, later.bound_s)

    def fix(self, t_s: float) -> Fix | None:
        """Tell phase, frequency and bound at `t_s`, None before there is any."""
        if not self.is_mature:
            return self.coarse.at(t_s)
        ahead_s = t_s - self._at_s
        bound_s = self._bound_s + self._growth * max(0.0, ahead_s)
        return Fix(self._phase_s + self._freq * ahead_s, self._freq, bound_s)

    def expected_ps(self, sequence: int) -> float | None:
        """Tell the phase foretold for a second, in the comparator's ps."""
        fix = self.fix(float(sequence))
        return None if fix is None else self.base_ps + fix.phase_s * PS_PER_S

    def accepts(self, sequence: int, phase_ps: int) -> bool:
        """Tell whether a second's phase is near enough to what is foretold."""
        fix = self.fix(float(sequence))
        if fix is None:
            return True
        if self.is_mature:
            gate_s = GATE_SIGMAS * math.sqrt(self._sigma_s**2 + GATE_NOISE_S**2)
        else:
            gate_s = fix.bound_s + GATE_SIGMAS * GATE_NOISE_S
        return abs((phase_ps - self.base_ps) / PS_PER_S - fix.phase_s) <= gate_s

    def instant(self, raw_ns: int, tie: PulseTie, extra_ns: int) -> Instant | None:
        """Estimate TAI at `raw_ns`, its bound grown by the tie's and by `extra_ns`."""
        sequence, since_ns = tie.at(raw_ns)
        fix = self.fix(sequence + since_ns / NS_PER_S)
        if fix is None:
            return None
        shift_ns = since_ns - self.base_ps / 1000 - fix.phase_s * NS_PER_S
        tai_ns = (sequence + self.label) * NS_PER_S + round(shift_ns)
        bound_ns = math.ceil(fix.bound_s * NS_PER_S) + tie.uncertainty_ns(raw_ns) + extra_ns
        rate = (NS_PER_S / tie.period_ns) * (1.0 - fix.freq) - 1.0
        growth_e12 = math.ceil(tie.wander_ppm * 1e6 + self._growth * 1e12)
        return Instant(tai_ns, round(rate * 1e12), min(bound_ns, _FAR_NS), growth_e12)

    def _close(self, minute: int, temp_k: float | None) -> None:
        count, seconds, phase_ps = self._sums
        t_s = minute * MINUTE_S + MIDDLE_S
        if count < LEAST_OF_A_MINUTE:
            self.discipline.measure(t_s, None, temp_k)
            return
        # Missing seconds shift the mean's instant; the known frequency takes it to the middle.
        early_s = MIDDLE_S - seconds / count
        phase_s = phase_ps / count / PS_PER_S + self._freq * early_s
        self.discipline.measure(t_s, phase_s, temp_k)
        self.is_contradicted = self.discipline.detect() is not None
