"""The discipline of an oscillator: what it learns while there is a reference, and what it promises.

A paper clock: nothing is steered, the oscillator's phase is told instead.  Phases are the
oscillator's reading minus TAI in seconds, frequencies fractional, temperatures of the case in
kelvin, `t_s` any axis that runs like TAI.  docs/holdover.md has the model and what was measured.
"""

from __future__ import annotations

import collections
import math
from typing import Self

import attrs

from appliance.errors import Malformed
from appliance.timing.holdover import memory as memories
from appliance.timing.holdover.bank import Bank, OscillatorClass
from appliance.timing.holdover.kalman import DAY_S, Moments
from appliance.timing.holdover.memory import Memory
from appliance.timing.holdover.oven import Oven
from appliance.timing.holdover.rehearsal import HORIZONS_S, Rehearsal, Rehearsals
from appliance.timing.holdover.suspicion import (
    SLOW_SIGMA_S,
    SPAN_MINUTES,
    Alarm,
    Residual,
    Suspicion,
)

BLOCK_S = 600.0
BLOCK_SLACK_S = 90.0
NEAR_BLOCKS = 1
FAR_BLOCKS = 3
FARTHEST_BLOCKS = 13
FAR = 1
"""The place of the outlooks of FAR_BLOCKS."""

BRIEF_S = 1800.0
MINUTE_GAP_S = 90.0
WHITE_FIRST_S = 30e-9
WHITE_LEAST_S = 1e-9
WHITE_MEMORY = 300

# The bound (docs/decisions/010-holdover-bound.md).
SIGMAS = 4.0
FLOOR_S = 250e-9
WITNESSES = 4.0
LEAST_SCALE = 0.85
UNSEEN_INFLATION = 0.25
SEVERAL = 3.0
CLASS_RULES_S = 2 * DAY_S
CLASS_MARGIN = 2.5
CLASS_AGEING_PER_S = 1.5e-9 / DAY_S
YOUNG_DOUBT = 0.25


@attrs.frozen
class Forecast:
    """What the oscillator reads ahead of TAI: true within `bound_s`, not only within `sigma_s`."""

    phase_s: float
    freq: float
    sigma_s: float
    bound_s: float


@attrs.frozen
class Outlook:
    """What was foretold at `t_s`, when temperature had come to `heat_ks`, over a short horizon."""

    t_s: float
    heat_ks: float
    horizon_s: float
    moments: Moments
    freq: float

    def expected_s(self, t_s: float, heat_ks: float) -> float:
        """Tell the phase that was foretold for `t_s`, when temperature comes to `heat_ks`."""
        early_s = self.t_s + self.horizon_s - t_s
        return self.moments.mean_s(heat_ks - self.heat_ks) - self.freq * early_s


@attrs.define
class Block:
    """Measurements of up to ten minutes, on their way to become one."""

    start_s: float = 0.0
    count: int = 0
    t_sum_s: float = 0.0
    phase_sum_s: float = 0.0
    heat_sum_ks: float = 0.0

    def add(self, t_s: float, phase_s: float, heat_ks: float) -> None:
        """Take one in."""
        if not self.count:
            self.start_s = t_s
        self.count += 1
        self.t_sum_s += t_s - self.start_s
        self.phase_sum_s += phase_s
        self.heat_sum_ks += heat_ks

    def means(self) -> tuple[float, float, float]:
        """Give the mean instant, phase and integral of temperature."""
        count = self.count
        return (
            self.start_s + self.t_sum_s / count,
            self.phase_sum_s / count,
            self.heat_sum_ks / count,
        )


class Discipline:
    """Learns an oscillator from minutes of measured phase; foretells it, with an honest bound."""

    def __init__(self, prior: OscillatorClass = OscillatorClass.TYPICAL) -> None:
        self.prior = prior
        self.learned_s = 0.0
        self._bank: Bank | None = None
        self._oven = Oven()
        self._epoch_s = 0.0
        self._epoch_heat_ks = 0.0
        self._block = Block()
        self._rehearsals = Rehearsals()
        self._suspicion = Suspicion()
        self._white_var = WHITE_FIRST_S**2
        self._white_count = 10
        self._track: collections.deque[tuple[float, float, float]] = collections.deque(
            maxlen=SPAN_MINUTES
        )
        self._last_s: float | None = None
        self._last_residual_s = 0.0
        self._off_s = 0.0
        self._outlooks: tuple[collections.deque[Outlook], ...] = tuple(
            collections.deque(maxlen=blocks)
            for blocks in (NEAR_BLOCKS, FAR_BLOCKS, FARTHEST_BLOCKS)
        )

    def measure(self, t_s: float, phase_s: float | None, temp_k: float | None) -> None:
        """Take a minute: its mean phase, None without a reference, and the temperature.

        What is not later than the last one is passed over.
        """
        if self._oven.is_started and t_s <= self._oven.t_s:
            return
        self._oven.advance(t_s, temp_k)
        if phase_s is None or not math.isfinite(phase_s):
            self._suspicion.pause()
            self._track.clear()
        elif self._bank is None:
            self._begin(t_s, phase_s)
        else:
            self._take(t_s, phase_s)
        if self._block.count and t_s - self._block.start_s >= BLOCK_S - BLOCK_SLACK_S:
            self._close_block()

    def accept(self) -> None:
        """Believe the reference again after an alarm, for another witness says the same.

        If it stands within the bound by now, all goes on as before.  If not, the oscillator or the
        reference has changed: the phase is sought anew, and what was learned counts no more.
        """
        alarm, off_s = self._suspicion.alarm, self._off_s
        self._suspicion.reset()
        self._track.clear()
        self._block = Block()
        if self._bank is None or alarm is None:
            return
        t_s = self._oven.t_s
        if abs(off_s) > self.forecast(t_s, None).bound_s:
            elapsed_s = max(t_s - alarm.since_s, BLOCK_S)
            self._bank.widen(off_s**2, (off_s / elapsed_s) ** 2)
            self._rehearsals.abandon()
            self.learned_s = 0.0
        for outlooks in self._outlooks:
            outlooks.clear()
        self._set_epoch(self._epoch_s, self._epoch_heat_ks)

    def detect(self) -> Alarm | None:
        """Tell whether the reference moves as the oscillator cannot."""
        return self._suspicion.alarm

    def forecast(self, t_s: float, temp_k: float | None) -> Forecast:
        """Tell the oscillator's phase at `t_s`, by all that has been measured until now.

        Before the first measurement nothing is known, and the bound is infinite.
        """
        if self._bank is None:
            return Forecast(0.0, 0.0, math.inf, math.inf)
        horizon_s = max(t_s - self._epoch_s, 0.0)
        heat_ks = self._oven.heat_at(t_s, temp_k) - self._epoch_heat_ks
        moments = self._bank.moments(horizon_s)
        sigma_s = _sigma(moments.variance(heat_ks))
        freq = self._bank.freq_after(horizon_s) + moments.tempco * self._oven.felt_k
        bound_s = self._bound(horizon_s, sigma_s)
        return Forecast(moments.mean_s(heat_ks), freq, sigma_s, bound_s)

    def residual(self, t_s: float, phase_s: float, temp_k: float | None) -> Residual:
        """Compare a measured phase with what is expected at `t_s`."""
        forecast = self.forecast(t_s, temp_k)
        spread_s = math.sqrt(forecast.sigma_s**2 + self._white_var)
        return Residual(phase_s - forecast.phase_s, spread_s)

    def rehearsals(self) -> tuple[Rehearsal, ...]:
        """Tell how rehearsed holdover went, and what is promised if the reference goes now."""
        return tuple(
            Rehearsal(horizon_s, score.count, score.rms_ratio, self._promise(horizon_s))
            for horizon_s, score in zip(HORIZONS_S, self._rehearsals.scores, strict=True)
        )

    def snapshot(self) -> bytes:
        """Write what has been learned, for `restore`."""
        bank, rehearsals = self._bank, self._rehearsals
        memory = Memory(
            prior=self.prior.name,
            learned_s=self.learned_s,
            oven=self._oven,
            epoch_s=self._epoch_s,
            epoch_heat_ks=self._epoch_heat_ks,
            white_var=self._white_var,
            white_count=self._white_count,
            filters=() if bank is None else bank.remember(),
            rehearsed_s=rehearsals.last_s,
            pending=tuple(tuple(queue) for queue in rehearsals.pending),
            scores=tuple(rehearsals.scores),
            alarm=self._suspicion.alarm,
        )
        return memories.encode(memory)

    @classmethod
    def restore(cls, octets: bytes) -> Self:
        """Go on from a snapshot, on the same axis of time.  Raises Malformed."""
        memory = memories.decode(octets)
        if memory.prior not in OscillatorClass.__members__:
            raise Malformed("a discipline's memory of an unknown class")
        restored = cls(OscillatorClass[memory.prior])
        restored.learned_s = memory.learned_s
        restored._oven = memory.oven
        restored._white_var = memory.white_var
        restored._white_count = max(memory.white_count, 1)
        restored._rehearsals = Rehearsals.restore(memory.rehearsed_s, memory.pending, memory.scores)
        restored._suspicion.alarm = memory.alarm
        if memory.filters:
            restored._bank = Bank.restore(restored.prior, memory.filters)
            restored._set_epoch(memory.epoch_s, memory.epoch_heat_ks)
        return restored

    def _promise(self, horizon_s: float) -> float:
        if self._bank is None:
            return math.inf
        moments = self._bank.moments(horizon_s)
        sigma_s = _sigma(moments.variance(self._oven.felt_k * horizon_s))
        return self._bound(horizon_s, sigma_s)

    def _begin(self, t_s: float, phase_s: float) -> None:
        self._bank = Bank(self.prior, phase_s, self._white_var)
        self._set_epoch(t_s, self._oven.heat_at(t_s))
        self._last_s = t_s

    def _take(self, t_s: float, phase_s: float) -> None:
        looks = [self._look(outlooks[0], t_s, phase_s) for outlooks in self._outlooks]
        near = looks[0]
        gap_s = t_s - self._last_s if self._last_s is not None else math.inf
        self._suspicion.watch(t_s, self._white_var, looks)
        if gap_s > MINUTE_GAP_S:
            self._track.clear()
        self._track.append((t_s, phase_s, self._oven.heat_ks))
        self._compare(t_s, looks[FAR].sigma_s ** 2 - near.sigma_s**2)
        if self._suspicion.alarm is not None:
            self._block = Block()
            self._last_s = None
            self._off_s = phase_s - self.forecast(t_s, None).phase_s
            return
        if gap_s <= BRIEF_S:
            self.learned_s += gap_s
            self._learn_white(near.residual_s - self._last_residual_s, near.sigma_s**2)
        self._last_s = t_s
        self._last_residual_s = near.residual_s
        self._block.add(t_s, phase_s, self._oven.heat_at(t_s))

    def _compare(self, t_s: float, wander_var: float) -> None:
        """Hold the last half hour against one older outlook, once levels of noise are known."""
        outlooks = self._outlooks[FAR]
        is_young = self.learned_s < CLASS_RULES_S or len(outlooks) < FAR_BLOCKS
        if is_young or len(self._track) < SPAN_MINUTES:
            return
        outlook, wander_s = outlooks[0], math.sqrt(max(wander_var, 0.0))
        track = [phase_s - outlook.expected_s(at_s, h) for at_s, phase_s, h in self._track]
        self._suspicion.compare(t_s, self._white_var, track[::-1], wander_s)

    def _look(self, outlook: Outlook, t_s: float, phase_s: float) -> Residual:
        """Compare a phase with what was foretold of it, or is now when that has expired."""
        doubt = self._young_doubt()
        if t_s - outlook.t_s > outlook.horizon_s:
            forecast = self.forecast(t_s, None)
            return Residual(phase_s - forecast.phase_s, doubt * forecast.sigma_s)
        expected_s = outlook.expected_s(t_s, self._oven.heat_ks)
        variance = outlook.moments.variance(self._oven.heat_ks - outlook.heat_ks)
        return Residual(phase_s - expected_s, doubt * _sigma(variance))

    def _young_doubt(self) -> float:
        """Widen what is held against the reference before the levels of noise are told apart."""
        return 1.0 + YOUNG_DOUBT * max(0.0, 1.0 - self.learned_s / CLASS_RULES_S)

    def _learn_white(self, change_s: float, expected_var: float) -> None:
        half = 0.5 * change_s * change_s
        half = min(half, 12.0 * (self._white_var + expected_var))
        self._white_count = min(self._white_count + 1, WHITE_MEMORY)
        self._white_var += (half - self._white_var) / self._white_count
        self._white_var = max(self._white_var, WHITE_LEAST_S**2)

    def _close_block(self) -> None:
        bank = self._bank
        assert bank is not None
        block, self._block = self._block, Block()
        t_s, phase_s, heat_ks = block.means()
        step_s = t_s - self._epoch_s
        bank.advance(step_s, heat_ks - self._epoch_heat_ks)
        bank.update(phase_s, self._white_var / block.count + SLOW_SIGMA_S**2, step_s)
        self._set_epoch(t_s, heat_ks)
        self._rehearse()

    def _set_epoch(self, t_s: float, heat_ks: float) -> None:
        assert self._bank is not None
        self._epoch_s = t_s
        self._epoch_heat_ks = heat_ks
        for outlooks in self._outlooks:
            assert outlooks.maxlen is not None
            outlooks.append(self._outlook(BLOCK_S * (outlooks.maxlen + 1)))

    def _outlook(self, horizon_s: float) -> Outlook:
        bank = self._bank
        assert bank is not None
        moments = bank.moments(horizon_s)
        freq = bank.freq_after(horizon_s / 2.0)
        return Outlook(self._epoch_s, self._epoch_heat_ks, horizon_s, moments, freq)

    def _rehearse(self) -> None:
        bank, rehearsals = self._bank, self._rehearsals
        assert bank is not None
        t_s, heat_ks = self._epoch_s, self._epoch_heat_ks
        missed = rehearsals.judge(t_s, heat_ks, bank.moments(0.0), bank.freq_after(0.0))
        if self.learned_s >= CLASS_RULES_S:
            self._suspicion.hear(t_s, missed, self._scale())
        if rehearsals.is_due(t_s):
            rehearsals.predict(t_s, heat_ks, [bank.moments(one) for one in HORIZONS_S])

    def _bound(self, horizon_s: float, sigma_s: float) -> float:
        sigma_s *= self._scale() * self._inflation(horizon_s)
        if self.learned_s < CLASS_RULES_S:
            sigma_s = max(sigma_s, self._class_sigma(horizon_s))
        return SIGMAS * sigma_s + FLOOR_S

    def _scale(self) -> float:
        """Give the factor that the worst rehearsals ask for: WITNESSES speak for the model."""
        return max(
            LEAST_SCALE,
            *(
                math.sqrt((WITNESSES + score.squares) / (WITNESSES + score.weight))
                for score in self._rehearsals.scores
            ),
        )

    def _inflation(self, horizon_s: float) -> float:
        """Widen what has not been seen several times over yet."""
        seen = min(1.0, self.learned_s / (SEVERAL * max(horizon_s, 1.0)))
        return 1.0 + UNSEEN_INFLATION * (1.0 - seen)

    def _class_sigma(self, horizon_s: float) -> float:
        """Give the sigma of an oscillator well worse than its class, learned for as long."""
        density = 3.0 * (CLASS_MARGIN * self.prior.value) ** 2 / DAY_S
        learned_s = max(self.learned_s, 3600.0)
        ageing_var = min(density / learned_s, CLASS_AGEING_PER_S**2)
        return math.sqrt(density * horizon_s**3 / 3.0 + ageing_var * horizon_s**4 / 4.0)


def _sigma(variance: float) -> float:
    """Give the root; what rounding has made no variance promises nothing."""
    return math.sqrt(variance) if variance > 0.0 else math.inf
