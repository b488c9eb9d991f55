"""The tie between the oscillator's pulses and the host's CLOCK_MONOTONIC_RAW, and what is stated.

`PulseTie` learns when pulses fall on the raw clock.  `TrustedClock` turns estimates of TAI into
statements that never run backwards.
"""

from __future__ import annotations

import math

import attrs

from appliance.quantities import NS_PER_S

LINE_DELAY_NS = 20_000_000
"""An OCTIC line comes this long after its pulse (OCB/1)."""

LINE_UNCERTAINTY_NS = 5_000_000
"""A serial line's delay beyond that: UART FIFO, USB polling, scheduling."""

STAMP_LIFE_PULSES = 5
"""Lines do not move the tie while pulses were stamped so recently."""

MUCH_FINER = 10
UNKNOWN_NS = NS_PER_S
DEFAULT_WANDER_PPM = 1.0
LEAST_WANDER_PPM = 0.05
WANDER_FACTOR = 5.0
CHECK_PULSES = 60
CHECKS_TO_TRUST = 10
RATE_DOUBT_PPM = 200.0
MOST_RATE_NS = RATE_DOUBT_PPM * NS_PER_S / 1e6
"""No host's crystal is so far off: two lines of a loaded host would say any rate."""

LEAST_POSITION_GAIN = 0.2
LEAST_RATE_GAIN = 0.01
SUSPECTS_TO_BELIEVE = 3
SUSPECTS_TO_FORGET = 12
"""So many in a row that do not agree with one another: the map itself is wrong."""

_E12 = 10**12


class PulseTie:
    """The affine map from raw ns to the oscillator's pulses, by an alpha-beta filter.

    An outlier is dropped; three in a row that agree are a raw clock that stood still or jumped, and
    the map starts anew from them.  `torn_ns` is what may be wrong meanwhile.
    """

    def __init__(self) -> None:
        self.sequence = -1
        self.raw_ns = 0
        self.torn_ns = 0
        self.tears = 0
        self.period_ns = float(NS_PER_S)
        self._uncertainty_ns = 0
        self._spread_ns = 0.0
        self._left_ns = 0.0
        self._pulses = 0
        self._suspect_ns: list[float] = []
        self._strange_run = 0
        self._rate_from_ns = UNKNOWN_NS
        self._stamped = -STAMP_LIFE_PULSES - 1
        self._checked: tuple[int, float] = (0, 0.0)
        self._wander_ppm = 0.0
        self._checks = 0

    @property
    def is_set(self) -> bool:
        """Whether two pulses at least have been seen."""
        return self._pulses >= 2

    @property
    def is_stamped(self) -> bool:
        """Whether pulses themselves, not lines alone, have tied it lately."""
        return self.is_set and self.sequence - self._stamped <= STAMP_LIFE_PULSES

    @property
    def wander_ppm(self) -> float:
        """How fast the raw clock may leave the oscillator between pulses, in ppm."""
        if self._checks < CHECKS_TO_TRUST:
            return DEFAULT_WANDER_PPM
        return max(LEAST_WANDER_PPM, WANDER_FACTOR * self._wander_ppm)

    def take_stamp(self, sequence: int, raw_ns: int, uncertainty_ns: int) -> None:
        """Take a pulse's own instant on the raw clock."""
        self._stamped = sequence
        self._take(sequence, raw_ns, uncertainty_ns, may_be_late=False)

    def take_line(self, sequence: int, raw_ns: int) -> None:
        """Take a line's arrival, unless pulses are stamped."""
        if sequence - self._stamped > STAMP_LIFE_PULSES:
            self._take(sequence, raw_ns - LINE_DELAY_NS, LINE_UNCERTAINTY_NS, may_be_late=True)

    def at(self, raw_ns: int) -> tuple[int, float]:
        """Tell the last pulse that the map stands on, and the oscillator's ns since then."""
        return self.sequence, (raw_ns - self.raw_ns) * NS_PER_S / self.period_ns

    def nearest(self, raw_ns: int) -> int:
        """Tell which pulse falls nearest to a raw instant."""
        return self.sequence + round((raw_ns - self.raw_ns) / self.period_ns)

    def uncertainty_ns(self, raw_ns: int) -> int:
        """Bound the error of `at`: stamps, their spread, the raw clock's wander since, tears."""
        elapsed_ns = max(0, raw_ns - self.raw_ns)
        grown_ns = elapsed_ns * self.wander_ppm / 1e6
        return (
            self._uncertainty_ns
            + math.ceil(3 * self._spread_ns + self._left_ns + grown_ns)
            + self.torn_ns
        )

    def restart(self) -> None:
        """Forget the pulses' count, as after the board restarted; the rate stays."""
        self.sequence, self._pulses, self._stamped = -1, 0, -STAMP_LIFE_PULSES - 1
        self._suspect_ns.clear()
        self.torn_ns = 0

    def _take(self, sequence: int, raw_ns: int, uncertainty_ns: int, *, may_be_late: bool) -> None:
        skipped = sequence - self.sequence
        if self._pulses == 0:
            self._anchor(sequence, raw_ns, uncertainty_ns)
            return
        if skipped <= 0:
            return
        off_ns = raw_ns - self.raw_ns - skipped * self.period_ns
        rate_doubt = DEFAULT_WANDER_PPM if self._pulses > CHECK_PULSES else RATE_DOUBT_PPM
        gate_ns = 2 * (uncertainty_ns + self._uncertainty_ns) + 6 * self._spread_ns
        gate_ns += skipped * rate_doubt * NS_PER_S / 1e6
        if abs(off_ns) > gate_ns:
            self._suspect(sequence, raw_ns, off_ns, uncertainty_ns, may_be_late=may_be_late)
            return
        if uncertainty_ns * MUCH_FINER < self._uncertainty_ns:
            # Stamps after lines: a fit through both would be as coarse as the lines for long.
            self._anchor(sequence, raw_ns, uncertainty_ns)
            if uncertainty_ns * MUCH_FINER < self._rate_from_ns:
                self._forget_rate()
            return
        self._suspect_ns.clear()
        self._strange_run = 0
        self.torn_ns = 0
        self._follow(sequence, skipped, off_ns, uncertainty_ns)

    def _follow(self, sequence: int, skipped: int, off_ns: float, uncertainty_ns: int) -> None:
        # The gains of an expanding fit of a line, down to those of a filter of some 20 pulses.
        count = self._pulses + 1
        position_gain = max(LEAST_POSITION_GAIN, 2 * (2 * count - 1) / (count * (count + 1)))
        rate_gain = max(LEAST_RATE_GAIN, 6 / (count * (count + 1)))
        if skipped > STAMP_LIFE_PULSES:
            # Across a gap the pulse knows better than the map that was carried there.
            position_gain, rate_gain = 1.0, 0.5
        self.raw_ns += round(skipped * self.period_ns + position_gain * off_ns)
        if uncertainty_ns <= MUCH_FINER * self._rate_from_ns:
            period_ns = self.period_ns + rate_gain * off_ns / skipped
            self.period_ns = max(NS_PER_S - MOST_RATE_NS, min(NS_PER_S + MOST_RATE_NS, period_ns))
            self._rate_from_ns = min(self._rate_from_ns, uncertainty_ns)
        self.sequence = sequence
        self._spread_ns += 0.1 * (abs(off_ns) - self._spread_ns)
        self._left_ns = abs(off_ns) * (1 - position_gain)
        self._uncertainty_ns = uncertainty_ns
        self._pulses = count
        if count > CHECK_PULSES and sequence - self._checked[0] >= CHECK_PULSES:
            self._measure_wander(sequence)

    def _measure_wander(self, sequence: int) -> None:
        if self._checked[0]:
            moved_ppm = abs(self.period_ns - self._checked[1]) / 1000
            self._checks += 1
            self._wander_ppm += (moved_ppm - self._wander_ppm) / min(self._checks, 30)
        self._checked = (sequence, self.period_ns)

    def _suspect(
        self, sequence: int, raw_ns: int, off_ns: float, uncertainty_ns: int, *, may_be_late: bool
    ) -> None:
        """Keep an outlier in mind; a pulse before its time can only be a raw clock that stood."""
        if not may_be_late or off_ns < 0:
            self.torn_ns = math.ceil(abs(off_ns))
        self._strange_run += 1
        spread_ns = 4 * uncertainty_ns + 1000 * len(self._suspect_ns)
        if any(abs(off_ns - each) > spread_ns for each in self._suspect_ns):
            self._suspect_ns.clear()
        self._suspect_ns.append(off_ns)
        if len(self._suspect_ns) >= SUSPECTS_TO_BELIEVE:
            self.tears += 1
            self._anchor(sequence, raw_ns, uncertainty_ns)
        elif self._strange_run >= SUSPECTS_TO_FORGET:
            self.tears += 1
            self._anchor(sequence, raw_ns, uncertainty_ns)
            self._forget_rate()

    def _forget_rate(self) -> None:
        """Learn the rate anew; until a second pulse nothing can be told."""
        self.period_ns = float(NS_PER_S)
        self._rate_from_ns, self._pulses, self._checks = UNKNOWN_NS, 1, 0

    def _anchor(self, sequence: int, raw_ns: int, uncertainty_ns: int) -> None:
        self.sequence, self.raw_ns = sequence, raw_ns
        self._uncertainty_ns, self._pulses = uncertainty_ns, max(1, min(self._pulses, 2))
        self._spread_ns = self._left_ns = 0.0
        self._suspect_ns.clear()
        self.torn_ns = 0
        self._checked = (0, 0.0)


@attrs.frozen
class Instant:
    """An estimate: at some raw instant it is `tai_ns`, and TAI runs `rate_e12` faster than RAW.

    True within `bound_ns`, which grows by `growth_e12` parts in 1e12 of what elapses.
    """

    tai_ns: int
    rate_e12: int
    bound_ns: int
    growth_e12: int


class TrustedClock:
    """States TAI without ever taking a statement back: differences are slewed, and bounded.

    What readers extrapolated from the last statement is where the next begins, unless the estimate
    is more than `step_ns` ahead: then, and when nothing has been stated yet, it steps forward.
    """

    SLEW_SHARE = 0.5

    def __init__(self, slew_ppm: int = 10, step_ns: int = 1_000_000) -> None:
        self._most_slew_e12 = slew_ppm * 1_000_000
        self._step_ns = step_ns
        self._raw_ns = 0
        self._tai_ns: int | None = None
        self._rate_e12 = 0
        self._growth_e12 = 0

    @property
    def has_stated(self) -> bool:
        """Whether there is a statement to go on from."""
        return self._tai_ns is not None

    def stated_ns(self, raw_ns: int) -> int | None:
        """Tell the TAI that readers of the last statement reckon at `raw_ns`."""
        if self._tai_ns is None:
            return None
        elapsed_ns = raw_ns - self._raw_ns
        return self._tai_ns + elapsed_ns + elapsed_ns * self._rate_e12 // _E12

    def state(self, raw_ns: int, found: Instant) -> Instant:
        """Turn an estimate for `raw_ns` into what may be stated.

        At most half of the difference is slewed a second, so a late statement does not overshoot.
        """
        stated_ns = self.stated_ns(raw_ns)
        if stated_ns is None or found.tai_ns - stated_ns > self._step_ns:
            stated_ns = found.tai_ns
        behind_ns = found.tai_ns - stated_ns
        slew_e12 = int(behind_ns * self.SLEW_SHARE * (_E12 // NS_PER_S))
        slew_e12 = max(-self._most_slew_e12, min(self._most_slew_e12, slew_e12))
        self._raw_ns, self._tai_ns = raw_ns, stated_ns
        self._rate_e12 = found.rate_e12 + slew_e12
        return Instant(stated_ns, self._rate_e12, found.bound_ns + abs(behind_ns), found.growth_e12)

    def forget(self) -> None:
        """Let the next statement begin anywhere; for a time that nobody was to believe."""
        self._tai_ns = None
