"""One reference out of two pulse inputs: GPS and BeiDou compared, their difference evened out."""

from __future__ import annotations

from appliance.timing.sources.receivers import Input

FAST = 1 / 16
SLOW = 1 / 256
SINGLE_FACTOR = 4
"""One second may differ by so many times what the mean of many may."""

PS_PER_NS = 1000


class Reference:
    """Combines the phases of one second, in ps, cable delays already taken off.

    Neither constellation comes first, unless BeiDou is mandatory.  While both pulse, their mean
    difference is learned, so that the loss of one is not a step.
    """

    def __init__(self, apart_ns: int, *, beidou_mandatory: bool) -> None:
        self._limit_ps = apart_ns * PS_PER_NS
        self._beidou_mandatory = beidou_mandatory
        self._apart_ps = 0.0
        self._even_ps = 0.0
        self.differ = False
        self.is_cross_checked = False

    def combine(self, phases_ps: list[int | None], expected_ps: float | None) -> int | None:
        """Give the phase to use; None where there is none, or two that nothing decides between.

        `expected_ps` is what a learned oscillator expects: of two that differ, the nearer one wins.
        """
        gps_ps, beidou_ps = phases_ps[Input.GPS], phases_ps[Input.BEIDOU]
        self.is_cross_checked = False
        if beidou_ps is None:
            if gps_ps is None or self._beidou_mandatory:
                return None
            return gps_ps - round(self._even_ps / 2)
        if gps_ps is None:
            return beidou_ps + round(self._even_ps / 2)
        apart_ps = gps_ps - beidou_ps
        far_ps = SINGLE_FACTOR * self._limit_ps
        self._apart_ps += FAST * (max(-far_ps, min(far_ps, apart_ps)) - self._apart_ps)
        self.differ = abs(self._apart_ps) > self._limit_ps or abs(apart_ps) > far_ps
        if not self.differ:
            self.is_cross_checked = True
            self._even_ps += SLOW * (apart_ps - self._even_ps)
            return (gps_ps + beidou_ps) // 2
        if expected_ps is None:
            return None
        if abs(gps_ps - expected_ps) >= abs(beidou_ps - expected_ps):
            return beidou_ps + round(self._even_ps / 2)
        return None if self._beidou_mandatory else gps_ps - round(self._even_ps / 2)
