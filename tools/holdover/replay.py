"""One run: a discipline fed with measured phase, and what became of its promise against the truth.

The truth is only looked at to judge; nothing of it reaches the discipline.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator

import attrs

from appliance.timing.holdover.bank import OscillatorClass
from appliance.timing.holdover.discipline import Discipline
from appliance.timing.holdover.suspicion import Alarm

HOUR_S = 3600.0
DAY_S = 86_400.0
SHOWN_S = (HOUR_S, 24 * HOUR_S, 72 * HOUR_S)
JUDGED_EACH_S = 300.0
DISCIPLINED_AFTER_S = DAY_S
CONFIRMED_AFTER_S = 1800.0
GONE_AFTER_S = 600.0
ALPHA = 0.001
"""The interval score charges 2 / ALPHA for each second by which the truth lies outside."""


@attrs.frozen
class Minute:
    """A row: the true phase, the measured one (None: no satellites), the temperature if known."""

    t_s: float
    truth_s: float
    measured_s: float | None
    temp_k: float | None


@attrs.frozen
class Held:
    """A holdover: how long, error and bound at its end, and at the horizons of `SHOWN_S`."""

    held_s: float
    error_s: float
    bound_s: float
    bounds_s: dict[float, float]
    errors_s: dict[float, float]


@attrs.frozen(kw_only=True)
class Outcome:
    """What one run showed: its longest holdover, if it had one.

    `covered` of `judged` instants of all holdovers lay within the bound.  `limit_s` is by how much
    foreknowledge of the noise's states would have missed, None when it is not known.
    """

    longest: Held | None = None
    limit_s: float | None = None
    judged: int = 0
    covered: int = 0
    score_s: float = 0.0
    locked_errors_s: tuple[float, ...] = ()
    daily_means: tuple[float, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    ratios: tuple[tuple[float, int, float], ...] = ()

    @property
    def coverage(self) -> float:
        """The share of judged instants at which the bound held; 1 when none was judged."""
        return self.covered / self.judged if self.judged else 1.0


@attrs.define
class Judge:
    """Compares forecasts with the truth: in holdover each five minutes, in lock each hour."""

    discipline: Discipline
    first_s: float | None = None
    gone_s: float | None = None
    judged_s: float = -math.inf
    measured_s: float = -math.inf
    covered: int = 0
    judged: int = 0
    scores_s: list[float] = attrs.field(factory=list)
    locked: list[tuple[float, float]] = attrs.field(factory=list)
    bounds_s: dict[float, float] = attrs.field(factory=dict)
    errors_s: dict[float, float] = attrs.field(factory=dict)
    longest: Held | None = None

    def see(self, minute: Minute) -> None:
        """Judge the forecast for this minute, if it is time to."""
        if self.first_s is None:
            self.first_s = minute.t_s
        if minute.measured_s is not None:
            self._see_locked(minute)
            return
        if self.gone_s is None:
            if minute.t_s - self.measured_s < GONE_AFTER_S:
                return
            self.gone_s = max(self.measured_s, self.first_s)
            self.bounds_s, self.errors_s = {}, {}
        if minute.t_s - self.judged_s >= JUDGED_EACH_S:
            self._see_holdover(minute, minute.t_s - self.gone_s)

    def _see_locked(self, minute: Minute) -> None:
        self.measured_s = minute.t_s
        self.gone_s = None
        assert self.first_s is not None
        is_settled = minute.t_s - self.first_s >= DISCIPLINED_AFTER_S
        if is_settled and (not self.locked or minute.t_s - self.locked[-1][0] >= HOUR_S):
            forecast = self.discipline.forecast(minute.t_s, minute.temp_k)
            self.locked.append((minute.t_s, forecast.phase_s - minute.truth_s))

    def _see_holdover(self, minute: Minute, held_s: float) -> None:
        self.judged_s = minute.t_s
        forecast = self.discipline.forecast(minute.t_s, minute.temp_k)
        error_s = abs(forecast.phase_s - minute.truth_s)
        if not math.isfinite(forecast.bound_s) or math.isnan(error_s):
            return
        self.judged += 1
        self.covered += error_s <= forecast.bound_s
        outside_s = max(0.0, error_s - forecast.bound_s)
        self.scores_s.append(2.0 * forecast.bound_s + 2.0 / ALPHA * outside_s)
        if self.longest is None or held_s >= self.longest.held_s:
            self.longest = Held(held_s, error_s, forecast.bound_s, self.bounds_s, self.errors_s)
        for horizon_s in SHOWN_S:
            if horizon_s not in self.bounds_s and held_s >= horizon_s - JUDGED_EACH_S / 2:
                self.bounds_s[horizon_s] = forecast.bound_s
                self.errors_s[horizon_s] = error_s

    def outcome(self, alarms: Iterable[Alarm]) -> Outcome:
        """Sum up."""
        return Outcome(
            longest=self.longest,
            judged=self.judged,
            covered=self.covered,
            score_s=sum(self.scores_s) / max(1, len(self.scores_s)),
            locked_errors_s=tuple(error_s for _, error_s in self.locked),
            daily_means=tuple(_daily_means(self.locked)),
            alarms=tuple(alarms),
            ratios=tuple(
                (one.horizon_s, one.count, one.rms_ratio) for one in self.discipline.rehearsals()
            ),
        )


def replay(
    minutes: Iterable[Minute],
    prior: OscillatorClass,
) -> Outcome:
    """Run a discipline over the minutes.

    There is no second witness here, so after half an hour of an alarm the reference is believed
    again: the appliance waits for another domain or an operator.
    """
    discipline = Discipline(prior)
    judge = Judge(discipline)
    alarms: list[Alarm] = []
    for minute in minutes:
        discipline.measure(minute.t_s, minute.measured_s, minute.temp_k)
        judge.see(minute)
        alarm = discipline.detect()
        if alarm is not None and (not alarms or alarms[-1] is not alarm):
            alarms.append(alarm)
        if alarm is not None and minute.t_s - alarm.since_s >= CONFIRMED_AFTER_S:
            discipline.accept()
    return judge.outcome(alarms)


def _daily_means(locked: list[tuple[float, float]]) -> Iterator[float]:
    """Give the mean frequency error of each whole day of the disciplined clock."""
    for first, last in itertools.pairwise(locked[::24]):
        if 0.9 * DAY_S < last[0] - first[0] < 1.1 * DAY_S:
            yield (last[1] - first[1]) / (last[0] - first[0])
