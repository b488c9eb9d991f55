"""A Kalman filter of an oscillator: phase, frequency, ageing, tempco; and its receiver's wander.

Units are seconds and kelvin; frequencies are fractional.  A phase is the oscillator's reading minus
TAI.  Temperature enters through its integral, so that a step may be of any length.  Ageing follows
the logarithm of the time since `born_s`.  The matrices are written out by element, which is ten
times as fast as loops: five states, fifteen covariances.
"""

from __future__ import annotations

import math

import attrs

DAY_S = 86_400.0


@attrs.frozen(kw_only=True)
class Model:
    """What a filter believes of an oscillator's noise, and of its reference's.

    `walk_at_1_day` is the ADEV of random walk FM at a day, `white_1s` that of white FM at a second;
    `age_s` is how long the oscillator has aged when the filter starts.
    """

    walk_at_1_day: float
    white_1s: float
    age_s: float
    ageing_sigma_per_s: float = 7e-10 / DAY_S
    ageing_walk_per_day: float = 2e-12 / DAY_S
    tempco_sigma_per_k: float = 3e-11
    tempco_walk_per_day: float = 2e-13
    freq_sigma: float = 1e-7
    reference_sigma_s: float = 8e-9
    reference_lag_s: float = 3600.0

    @property
    def walk_density(self) -> float:
        """Variance of frequency gained a second: ADEV^2 = q tau / 3."""
        return 3.0 * self.walk_at_1_day**2 / DAY_S


@attrs.frozen
class Moments:
    """A phase after a horizon, as it depends on the integral of temperature over the horizon.

    Mean = `phase_s` + `tempco` u; variance = `phase_var` + 2 `cross` u + `tempco_var` u^2.
    """

    phase_s: float
    tempco: float
    phase_var: float
    cross: float
    tempco_var: float

    def mean_s(self, heat_ks: float) -> float:
        """Give the mean when temperature integrates to `heat_ks` kelvin seconds."""
        return self.phase_s + self.tempco * heat_ks

    def variance(self, heat_ks: float) -> float:
        """Give the variance in square seconds likewise."""
        return self.phase_var + heat_ks * (2.0 * self.cross + heat_ks * self.tempco_var)


class Kalman:
    """One filter: the means and covariances of its states, at an instant its owner keeps."""

    __slots__ = (
        "age_s",
        "ageing",
        "cov",
        "freq",
        "model",
        "phase_s",
        "tempco",
        "wander_s",
    )

    def __init__(self, model: Model, phase_s: float, phase_var: float) -> None:
        self.model = model
        self.age_s = model.age_s
        self.phase_s = phase_s
        self.freq = self.ageing = self.tempco = self.wander_s = 0.0
        wander_var = model.reference_sigma_s**2
        # Of the triangle xx xf xd xk xg, ff fd fk fg, dd dk dg, kk kg, gg.
        self.cov: tuple[float, ...] = (
            *(phase_var + wander_var, 0.0, 0.0, 0.0, -wander_var),
            *(model.freq_sigma**2, 0.0, 0.0, 0.0),
            *(model.ageing_sigma_per_s**2, 0.0, 0.0),
            *(model.tempco_sigma_per_k**2, 0.0),
            wander_var,
        )

    def advance(self, step_s: float, heat_ks: float) -> None:
        """Go on by `step_s`, over which temperature integrates to `heat_ks`."""
        model = self.model
        a, u = step_s, heat_ks
        ratio = a / self.age_s
        b = self.age_s * math.log1p(ratio)
        c = 1.0 / (1.0 + ratio)
        g = _second_integral(self.age_s, ratio)
        e = math.exp(-a / model.reference_lag_s)
        self.phase_s += a * self.freq + g * self.ageing + u * self.tempco
        self.freq += b * self.ageing
        self.ageing *= c
        self.wander_s *= e
        self.age_s += a

        xx, xf, xd, xk, xg, ff, fd, fk, fg, dd, dk, dg, kk, kg, gg = self.cov
        yf = xf + a * ff + g * fd + u * fk
        yd = xd + a * fd + g * dd + u * dk
        yk = xk + a * fk + g * dk + u * kk
        walk = model.walk_density * a
        bend = model.ageing_walk_per_day**2 / DAY_S * a
        self.cov = (
            xx + a * xf + g * xd + u * xk + a * yf + g * yd + u * yk + _phase_noise(model, a),
            yf + b * yd + walk * a / 2.0 + bend * a * a * a / 8.0,
            c * yd + bend * a * a / 6.0,
            yk,
            e * (xg + a * fg + g * dg + u * kg),
            ff + b * (2.0 * fd + b * dd) + walk + bend * a * a / 3.0,
            c * (fd + b * dd) + bend * a / 2.0,
            fk + b * dk,
            e * (fg + b * dg),
            c * c * dd + bend,
            c * dk,
            c * e * dg,
            kk + model.tempco_walk_per_day**2 / DAY_S * a,
            e * kg,
            e * e * gg + (1.0 - e * e) * model.reference_sigma_s**2,
        )

    def update(self, measured_s: float, measured_var: float) -> float:
        """Take a measured phase; gives the logarithm of its likelihood, but for a constant."""
        xx, xf, xd, xk, xg, ff, fd, fk, fg, dd, dk, dg, kk, kg, gg = self.cov
        sx, sf, sd, sk, sg = xx + xg, xf + fg, xd + dg, xk + kg, xg + gg
        spread = max(sx + sg, 0.0) + measured_var
        innovation = measured_s - self.phase_s - self.wander_s
        per = innovation / spread
        self.phase_s += sx * per
        self.freq += sf * per
        self.ageing += sd * per
        self.tempco += sk * per
        self.wander_s += sg * per
        tx, tf, td, tk, tg = sx / spread, sf / spread, sd / spread, sk / spread, sg / spread
        self.cov = (
            *(xx - sx * tx, xf - sf * tx, xd - sd * tx, xk - sk * tx, xg - sg * tx),
            *(ff - sf * tf, fd - sd * tf, fk - sk * tf, fg - sg * tf),
            *(dd - sd * td, dk - sk * td, dg - sg * td),
            *(kk - sk * tk, kg - sg * tk),
            gg - sg * tg,
        )
        return -0.5 * (innovation * per + math.log(spread))

    def widen(self, phase_var: float, freq_var: float) -> None:
        """Doubt phase and frequency by so much more."""
        cov = list(self.cov)
        cov[0] += phase_var
        cov[5] += freq_var
        self.cov = tuple(cov)

    def freq_after(self, horizon_s: float) -> float:
        """Give the frequency `horizon_s` from now, but for what temperature does."""
        return self.freq + self.ageing * self.age_s * math.log1p(horizon_s / self.age_s)

    def moments(self, horizon_s: float) -> Moments:
        """Tell the phase `horizon_s` from now, whatever the temperature does."""
        a = horizon_s
        g = _second_integral(self.age_s, a / self.age_s)
        xx, xf, xd, xk, _, ff, fd, fk, _, dd, dk, _, kk, _, _ = self.cov
        return Moments(
            self.phase_s + a * self.freq + g * self.ageing,
            self.tempco,
            xx
            + a * (2.0 * xf + a * ff)
            + g * (2.0 * (xd + a * fd) + g * dd)
            + _phase_noise(self.model, a),
            xk + a * fk + g * dk,
            kk,
        )


def _second_integral(age_s: float, ratio: float) -> float:
    """Integrate twice an ageing of 1 that falls as 1 / age, over `ratio` of the age."""
    if ratio < 1e-3:
        return age_s * age_s * ratio * ratio * (0.5 - ratio / 6.0)
    return age_s * age_s * ((1.0 + ratio) * math.log1p(ratio) - ratio)


def _phase_noise(model: Model, step_s: float) -> float:
    """Give the variance that white, random walk and ageing noise bring to the phase in a step."""
    bend = model.ageing_walk_per_day**2 / DAY_S
    return step_s * (
        model.white_1s**2
        + step_s * step_s * (model.walk_density / 3.0 + bend * step_s * step_s / 20.0)
    )
