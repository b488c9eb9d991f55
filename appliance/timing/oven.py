"""What an oscillator feels of its case's temperature: lagged by its oven, and integrated."""

from __future__ import annotations

import math

import attrs

LAG_S = 1200.0


@attrs.define
class Oven:
    """The temperature felt, as a deviation from the first one told, and its integral over time."""

    t_s: float = 0.0
    reference_k: float | None = None
    felt_k: float = 0.0
    heat_ks: float = 0.0
    last_k: float = 0.0

    def advance(self, t_s: float, temp_k: float | None) -> None:
        """Go on to `t_s`; without a temperature the last one stands."""
        if self.reference_k is None:
            self.t_s = t_s
            self.reference_k = temp_k
            return
        step_s = t_s - self.t_s
        if temp_k is not None:
            self.last_k = temp_k - self.reference_k
        gain = -math.expm1(-step_s / LAG_S)
        before_k = self.felt_k
        self.felt_k += gain * (self.last_k - before_k)
        self.heat_ks += 0.5 * (before_k + self.felt_k) * step_s
        self.t_s = t_s

    def heat_at(self, t_s: float) -> float:
        """Give the integral at `t_s`, soon after the last step or just before it."""
        return self.heat_ks + self.felt_k * (t_s - self.t_s)
