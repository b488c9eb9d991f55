"""Rehearsed holdover: now and then predict as if the reference had gone, and see how it went.

The errors, in units of what had been predicted for them, calibrate the bound that is published of
this very unit.
"""

from __future__ import annotations

import collections
import math
from typing import Self

import attrs

from appliance.errors import Malformed
from appliance.timing.holdover.kalman import Moments

HOUR_S = 3600.0
HORIZONS_S = (HOUR_S, 6 * HOUR_S, 12 * HOUR_S, 24 * HOUR_S, 48 * HOUR_S, 72 * HOUR_S)
SPACING_S = HOUR_S
LATE_S = 1800.0
FORGET_S = 20 * 86_400.0


@attrs.frozen
class Rehearsal:
    """How predictions over a horizon went: `rms_ratio` is error over what was predicted.

    `predicted_bound_s` is the bound that would be published at this horizon from now.
    """

    horizon_s: float
    count: int
    rms_ratio: float
    predicted_bound_s: float


@attrs.frozen
class Missed:
    """By how much a prediction over a horizon missed, and the sigma it had been given."""

    horizon_s: float
    error_s: float
    sigma_s: float

    @property
    def ratio(self) -> float:
        """Error over sigma."""
        return self.error_s / self.sigma_s


@attrs.frozen
class Pending:
    """A prediction whose hour has not come: made at `heat_ks` of the temperature's integral."""

    due_s: float
    heat_ks: float
    moments: Moments


@attrs.define
class Score:
    """What has been seen at one horizon; `squares` and `weight` fade."""

    count: int = 0
    weight: float = 0.0
    squares: float = 0.0

    @property
    def rms_ratio(self) -> float:
        """Root mean square of error over prediction; 1 while there is none."""
        return math.sqrt(self.squares / self.weight) if self.weight else 1.0


class Rehearsals:
    """The predictions under way at each horizon, and how the earlier ones went."""

    def __init__(self) -> None:
        self.pending: list[collections.deque[Pending]] = [collections.deque() for _ in HORIZONS_S]
        self.scores = [Score() for _ in HORIZONS_S]
        self.last_s: float | None = None

    @classmethod
    def restore(
        cls,
        last_s: float | None,
        pending: tuple[tuple[Pending, ...], ...],
        scores: tuple[Score, ...],
    ) -> Self:
        """Go on from what was remembered.  Raises Malformed for other horizons than these."""
        if len(pending) != len(HORIZONS_S) or len(scores) != len(HORIZONS_S):
            raise Malformed("rehearsals of other horizons")
        restored = cls()
        restored.last_s = last_s
        restored.pending = [collections.deque(queue) for queue in pending]
        restored.scores = list(scores)
        return restored

    def is_due(self, t_s: float) -> bool:
        """Tell whether it is time to predict again."""
        return self.last_s is None or t_s - self.last_s >= SPACING_S

    def predict(self, t_s: float, heat_ks: float, moments: list[Moments]) -> None:
        """Keep what is predicted at `t_s` for each horizon."""
        self.last_s = t_s
        for queue, horizon_s, moment in zip(self.pending, HORIZONS_S, moments, strict=True):
            queue.append(Pending(t_s + horizon_s, heat_ks, moment))

    def abandon(self) -> None:
        """Drop the predictions under way: what they foretold has been overruled."""
        for queue in self.pending:
            queue.clear()

    def judge(
        self, t_s: float, heat_ks: float, phase_now: Moments, freq: float
    ) -> tuple[Missed, ...]:
        """Compare what has fallen due with the phase known now, and count it."""
        seen = []
        for queue, horizon_s, score in zip(self.pending, HORIZONS_S, self.scores, strict=True):
            while queue and queue[0].due_s <= t_s:
                pending = queue.popleft()
                late_s = t_s - pending.due_s
                heat_over_ks = heat_ks - pending.heat_ks
                variance = pending.moments.variance(heat_over_ks) + phase_now.phase_var
                if late_s > LATE_S or variance <= 0.0:
                    continue
                known_s = phase_now.phase_s - freq * late_s
                error_s = known_s - pending.moments.mean_s(heat_over_ks)
                missed = Missed(horizon_s, error_s, math.sqrt(variance))
                _add(score, missed.ratio**2, horizon_s)
                seen.append(missed)
        return tuple(seen)


def _add(score: Score, square: float, horizon_s: float) -> None:
    """Count one; those made an hour apart over a longer horizon are no independent witnesses."""
    keep = math.exp(-SPACING_S / FORGET_S)
    worth = min(1.0, SPACING_S / horizon_s)
    score.count += 1
    score.weight = keep * score.weight + worth
    score.squares = keep * score.squares + worth * square
