"""The oscillator's board as seen from here: pulses, phases in quarantine, the oven, restarts."""

from __future__ import annotations

from collections.abc import Collection

from appliance.quantities import NS_PER_S
from appliance.timing.keeping.tie import PulseTie
from appliance.timing.sources.quarantine import DelayLine, Sample
from appliance.timing.sources.receivers import Input
from drivers.api import BoardStatus, Oven, PhaseReading, PulseStamp

LIFE_NS = 3 * NS_PER_S
LINE_FOLLOWS_NS = NS_PER_S // 2
"""A line comes within this of its pulse."""

MOVED_CODES = 64
"""A DAC that nobody here steers and that moves by more has moved the frequency: some 5E-11."""

STRAY_LINES = 3
"""A line so little behind the last one is a repetition; further back the count began anew."""


class Board:
    """Follows one board.

    A restart loses its phase, a moved DAC its frequency: `breaks` counts both and is to be watched.
    """

    def __init__(self) -> None:
        self.tie = PulseTie()
        self.line = DelayLine(len(Input))
        self.status: BoardStatus | None = None
        self.phase: PhaseReading | None = None
        self.restarts = 0
        self.breaks = 0
        self._stamp: PulseStamp | None = None

    @property
    def is_oven_ready(self) -> bool:
        """Whether the oscillator is at its temperature, by the board's last word."""
        return self.status is not None and self.status.oven is Oven.READY

    @property
    def temp_k(self) -> float | None:
        """The case's temperature."""
        return None if self.status is None else self.status.case_mk / 1000

    def is_heard(self, raw_ns: int) -> bool:
        """Tell whether it speaks and its pulses are tied to the raw clock."""
        return self.status is not None and self.tie.is_set and not self.is_silent(raw_ns)

    def is_silent(self, raw_ns: int) -> bool:
        """Tell whether no line came for three seconds."""
        return self.phase is None or raw_ns - self.phase.raw_ns > LIFE_NS

    def take_phase(self, reading: PhaseReading, usable: Collection[int]) -> None:
        """Take a line; only the inputs in `usable` have a receiver that vouches for them."""
        last = self.phase
        if last is not None and reading.sequence <= last.sequence:
            if last.sequence - reading.sequence <= STRAY_LINES:
                return
            self._restart()
        self.phase = reading
        self.tie.take_line(reading.sequence, reading.raw_ns)
        gps_ps = reading.gps_ps if Input.GPS in usable else None
        beidou_ps = reading.beidou_ps if Input.BEIDOU in usable else None
        self.line.push(reading.raw_ns, reading.sequence, [gps_ps, beidou_ps])

    def take_stamp(self, stamp: PulseStamp) -> None:
        """Take a pulse's instant on the raw clock; its number is that of the line it belongs to.

        The host counts pulses in its own way, so `stamp.sequence` says nothing here.  While the
        board is silent the tie's own count goes on.
        """
        self._number_stamp()
        if self.is_silent(stamp.raw_ns) and self.tie.is_set:
            number = self.tie.nearest(stamp.raw_ns)
            self.tie.take_stamp(number, stamp.raw_ns, stamp.uncertainty_ns)
        else:
            self._stamp = stamp

    def take_status(self, status: BoardStatus) -> None:
        """Take the oven's state and the counters."""
        if self.status is not None and status.uptime_s < self.status.uptime_s - 1:
            self._restart()
        elif self.status is not None and abs(status.dac - self.status.dac) > MOVED_CODES:
            self.breaks += 1
        self.status = status

    def pop(self, raw_ns: int) -> Sample | None:
        """Give the next sample that has served its quarantine."""
        self._number_stamp()
        return self.line.pop(raw_ns)

    def _number_stamp(self) -> None:
        """Give the last stamp the number of the last line after it.

        Not at the line itself: of two lines that a port delivers at once the later one is meant.
        """
        stamp, phase = self._stamp, self.phase
        if stamp and phase and 0 <= phase.raw_ns - stamp.raw_ns < LINE_FOLLOWS_NS:
            self._stamp = None
            self.tie.take_stamp(phase.sequence, stamp.raw_ns, stamp.uncertainty_ns)

    def _restart(self) -> None:
        if self.phase is not None:
            self.restarts += 1
            self.breaks += 1
        self.phase = None
        self.tie.restart()
        self.line.clear()
