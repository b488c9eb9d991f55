"""Sends the octets of each second on a serial line, soon after the second begins.

The device asks a `Teller` what to send for the second that began and how long ago that was: it
keeps no time of its own.  A second without trusted time is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from drivers.api import DriverError, Garbled, Sink
from drivers.serial_line import Clock, DelayedCall, LinePlace, Lines, LineWriter, SerialLine

AFTER_PULSE_S = 0.005
"""TOD frames begin at least 1 ms after the pulse; the rest is for a late timer."""

LATEST_S = 0.4
"""A frame that would begin later would end in the second half of its second: it is left out."""

WITHOUT_TIME_S = 1.0
NEVER_SILENT_S = float("inf")
"""An output's line says nothing of itself."""


@attrs.frozen
class Second:
    """The octets to be sent for a second, and how many seconds ago it began."""

    octets: bytes
    age_s: float


Teller = Callable[[], Second | None]
"""Gives the present second, None when there is no trusted time."""


class SerialOutput:
    """What an output's line is used for; `left_out` counts seconds that came too late."""

    def __init__(self, teller: Teller, *, reactor: Clock) -> None:
        self.sent = 0
        self.left_out = 0
        self._teller = teller
        self._reactor = reactor
        self._line: LineWriter | None = None
        self._call: DelayedCall | None = None

    def opened(self, line: LineWriter) -> None:
        """Begin with the next second."""
        self._line = line
        self._wait(self._teller())

    def lost(self) -> None:
        """Send nothing until the line is there again."""
        self._line = None
        if self._call is not None and self._call.active():
            self._call.cancel()

    def received(self, frame: bytes, raw_ns: int) -> None:  # noqa: ARG002  LineUser's form
        """Refuse what comes in: nothing should.  Raises Garbled."""
        raise Garbled("an output does not listen")

    def _wait(self, second: Second | None) -> None:
        """Wait for the next second to be 5 ms old."""
        rest_s = WITHOUT_TIME_S if second is None else 1.0 + AFTER_PULSE_S - second.age_s
        self._call = self._reactor.callLater(max(rest_s, AFTER_PULSE_S), self._send)

    def _send(self) -> None:
        second = self._teller()
        self._wait(second)
        if second is None or self._line is None:
            return
        if not AFTER_PULSE_S / 2 <= second.age_s <= LATEST_S:
            self.left_out += 1
            return
        try:
            self._line.write(second.octets)
            self.sent += 1
        except DriverError:
            self.left_out += 1


def output_line(
    place: LinePlace,
    output: SerialOutput,
    *,
    sink: Sink,
    reactor: Clock,
    raw_ns: Callable[[], int],
) -> SerialLine[bytes]:
    """Make the line of an output, ready to be started."""
    silent_place = attrs.evolve(place, silence_s=NEVER_SILENT_S)
    return SerialLine(silent_place, Lines, output, sink=sink, reactor=reactor, raw_ns=raw_ns)
