"""The one truth that all simulated devices share: TAI, the oscillator, the host's clocks, UTC.

A World runs on a virtual TAI axis in steps of a second and follows from its seed alone.  Devices
read it and scenarios bend it; it knows of neither.  Half a second before a TAI second is over the
next one is made, so that what happens around its pulse can be told in order.
"""

from __future__ import annotations

import math
import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

import attrs

from drivers.api import Oven
from drivers.simulated.hostclocks import HostClocks
from drivers.simulated.truth import (
    EFC_SPAN,
    HVAC_LAG_S,
    WARM_UP_LAG_S,
    CaseTemperature,
    Grade,
    OscillatorTruth,
)

NS_PER_S = 1_000_000_000
DAC_CODES = 1 << 20
DAC_MIDDLE = DAC_CODES // 2
WARM_UP_S = 9.0 * WARM_UP_LAG_S
"""From power on until the oven says that it is ready; the frequency is within 4E-11 by then."""

COLD_SHARE = 0.02
FAILED_OVEN_PER_K = 3e-9
FAILED_OVEN_LAG_S = 600.0
FAILED_OVEN_K = 40.0


@attrs.frozen(kw_only=True)
class WorldSettings:
    """What a world is made of; the same settings give the same octets.

    `start_phase_s` is how far the oscillator's pulse may be off at power on; `warm_up_speed` makes
    the oven warm faster than any oven does; `first_fix_s` is how long receivers take to a fix.
    `raw_ppm` is the error of the host's crystal, drawn within 20 ppm when None.
    """

    seed: int = 1
    start_utc_s: int = 1_795_000_000
    tai_utc_s: int = 37
    grade: Grade = Grade.TYPICAL
    is_cold: bool = False
    warm_up_speed: float = 1.0
    start_phase_s: float = 1e-6
    first_fix_s: int = 5
    raw_ppm: float | None = None
    start_raw_ns: int = 100 * NS_PER_S


@attrs.frozen
class LeapSecond:
    """A leap second, +1 or -1, before the UTC midnight that `at_utc_s` names."""

    at_utc_s: int
    change: int


@attrs.frozen
class CivilSecond:
    """A second of UTC: POSIX, TAI - UTC in it, and whether it is 23:59:60 (POSIX of 00:00:00)."""

    utc_s: int
    tai_utc_s: int
    is_leap: bool = False


def civil_second(tai_s: int, tai_utc_s: int, leap: LeapSecond | None) -> CivilSecond:
    """Label a TAI second; `tai_utc_s` is what holds before the leap second."""
    utc_s = tai_s - tai_utc_s
    if leap is None or utc_s < leap.at_utc_s + min(leap.change, 0):
        return CivilSecond(utc_s, tai_utc_s)
    if leap.change > 0 and utc_s == leap.at_utc_s:
        return CivilSecond(utc_s, tai_utc_s, is_leap=True)
    return CivilSecond(utc_s - leap.change, tai_utc_s + leap.change)


class World:
    """TAI truth, the oscillator behind its DAC, its oven and case, and the host's clocks."""

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.random = random.Random(settings.seed)  # noqa: S311  (a model, no secret)
        self.start_tai_s = settings.start_utc_s + settings.tai_utc_s
        self.tai_s = self.start_tai_s
        self.leap: LeapSecond | None = None
        seed = self.random.getrandbits(32)
        self.oscillator = OscillatorTruth(
            settings.grade, seed, step_s=1.0, is_cold=settings.is_cold
        )
        self.oscillator._warm_up_decay **= settings.warm_up_speed
        self.case = CaseTemperature(self.random.getrandbits(32))
        self.case_k = self.case.at(0.0)
        self.is_powered = True
        self.dac = DAC_MIDDLE
        self._phase_offset_s = self.draw_start_phase()
        self._warm_left_s = self._warm_up_s if settings.is_cold else 0.0
        self._failed_k = 0.0
        self.is_oven_failed = False
        self._air_steps: list[tuple[float, float]] = []
        self.host = HostClocks(
            seed=self.random.getrandbits(32),
            tai_ns=self.start_tai_s * NS_PER_S,
            raw_ns=settings.start_raw_ns,
            ppm=settings.raw_ppm,
        )

    @property
    def elapsed_s(self) -> int:
        """Count the seconds since the start."""
        return self.tai_s - self.start_tai_s

    @property
    def phase_s(self) -> float:
        """Tell the oscillator's reading minus TAI at the present second."""
        return self.oscillator.phase_s + self._phase_offset_s

    @property
    def oven(self) -> Oven:
        """Tell the state of the oven."""
        if self.is_oven_failed:
            return Oven.FAULT
        if self._warm_left_s > (1.0 - COLD_SHARE) * self._warm_up_s:
            return Oven.COLD
        return Oven.WARMING if self._warm_left_s > 0.0 else Oven.READY

    @property
    def oven_cold(self) -> float:
        """Tell how cold the oven is still: 1 at power on, 0 when it is warm."""
        return math.exp((self._warm_left_s - self._warm_up_s) * 9.0 / self._warm_up_s) * (
            self._warm_left_s > 0.0
        )

    @property
    def _warm_up_s(self) -> float:
        return WARM_UP_S / self.settings.warm_up_speed

    def civil(self, tai_s: int) -> CivilSecond:
        """Label a TAI second with the true UTC."""
        return civil_second(tai_s, self.settings.tai_utc_s, self.leap)

    def utc_ns(self, tai_ns: int) -> int:
        """Tell POSIX time in ns; 23:59:60 repeats the second after it."""
        tai_s, part_ns = divmod(tai_ns, NS_PER_S)
        return self.civil(tai_s).utc_s * NS_PER_S + part_ns

    def advance(self, to_tai_ns: int) -> None:
        """Go on to the last TAI second that is not after `to_tai_ns`."""
        while (self.tai_s + 1) * NS_PER_S <= to_tai_ns:
            self._step()

    def _step(self) -> None:
        self.tai_s += 1
        elapsed_s = float(self.elapsed_s)
        self.case_k = self.case.at(elapsed_s)
        if self._air_steps:
            self.case_k += self._air_k(elapsed_s)
        self.oscillator.advance(self.case_k)
        if self._warm_left_s > 0.0:
            self._warm_left_s -= 1.0
        if self.is_oven_failed:
            self._cool()
        self.host.advance(self.tai_s * NS_PER_S - NS_PER_S // 2)

    # --- what devices and scenarios do to it ------------------------------------------------------

    def set_dac(self, code: int) -> None:
        """Move the oscillator's electronic frequency control; 20 bits."""
        self.dac = code
        self.oscillator.efc_freq = (code - DAC_MIDDLE) / DAC_MIDDLE * EFC_SPAN

    def step_phase(self, step_s: float) -> None:
        """Let the oscillator's pulse come earlier by so much."""
        self._phase_offset_s += step_s

    def draw_start_phase(self) -> float:
        """Draw where the oscillator's pulse is at power on."""
        return self.random.uniform(-1.0, 1.0) * self.settings.start_phase_s

    def power_on(self) -> None:
        """Start the oven and the oscillator: a warm-up, a retrace, and a phase like any."""
        self.is_powered = True
        self.oscillator.restart()
        self._warm_left_s = self._warm_up_s
        self._phase_offset_s = self.draw_start_phase() - self.oscillator.phase_s

    def step_air(self, step_k: float) -> None:
        """Let the air around the case change by so much, and stay."""
        self._air_steps.append((float(self.elapsed_s), step_k))

    def _air_k(self, elapsed_s: float) -> float:
        lag_s = HVAC_LAG_S
        return sum(k * -math.expm1((since_s - elapsed_s) / lag_s) for since_s, k in self._air_steps)

    def _cool(self) -> None:
        cooled_k = (FAILED_OVEN_K - self._failed_k) * -math.expm1(-1.0 / FAILED_OVEN_LAG_S)
        self._failed_k += cooled_k
        self.oscillator.jump(-FAILED_OVEN_PER_K * cooled_k)

    def mend_oven(self) -> None:
        """Let the oven heat again; it warms up anew and the frequency comes back."""
        self.is_oven_failed = False
        self.oscillator.jump(FAILED_OVEN_PER_K * self._failed_k)
        self._failed_k = 0.0
        self._warm_left_s = self._warm_up_s
