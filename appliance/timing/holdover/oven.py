"""What an oscillator feels of its case's temperature: lagged by its oven, and integrated."""

from __future__ import annotations

import math

import attrs

LAG_S = 1200.0


@attrs.define
class Oven:
    """The temperature felt, as a deviation from the first one told, and its integral over time."""

    t_s: float = 0.0
    is_started: bool = False
    reference_k: float | None = None
    felt_k: float = 0.0
    heat_ks: float = 0.0
    last_k: float = 0.0

    def advance(self, t_s: float, temp_k: float | None) -> None:
        """Go on to `t_s`; without a temperature the last one stands."""
        self.is_started = True
        if temp_k is not None and not math.isfinite(temp_k):
            temp_k = None
        if self.reference_k is None:
            self.t_s = t_s
            self.reference_k = temp_k
            return
        if temp_k is not None:
            self.last_k = temp_k - self.reference_k
        self.felt_k, self.heat_ks = self._after(t_s, self.last_k)
        self.t_s = t_s

    def heat_at(self, t_s: float, temp_k: float | None = None) -> float:
        """Give the integral at `t_s`, soon after the last step or just before it."""
        if temp_k is None or self.reference_k is None or not math.isfinite(temp_k):
            return self._after(t_s, self.last_k)[1]
        return self._after(t_s, temp_k - self.reference_k)[1]

    def _after(self, t_s: float, outside_k: float) -> tuple[float, float]:
        """Give the temperature felt and its integral at `t_s`."""
        step_s = t_s - self.t_s
        gone = -math.expm1(-max(step_s, 0.0) / LAG_S)
        excess_k = self.felt_k - outside_k
        heat_ks = self.heat_ks + outside_k * step_s + excess_k * LAG_S * gone
        return outside_k + excess_k * (1.0 - gone), heat_ks
