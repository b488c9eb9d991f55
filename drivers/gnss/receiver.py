"""A satellite receiver on a serial line: mixed NMEA, UBX and CASIC in, GnssEpoch out.

An epoch leaves when the receiver has been quiet for 0.3 s, or begins the next second.  Its
`raw_ns` is when the first octet of the second was read: some 10 to 300 ms after the pulse.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

from drivers.api import Constellation, GnssEpoch, Sink
from drivers.gnss import casic, ubx_setup
from drivers.gnss.epoch import EpochAssembler
from drivers.gnss.splitter import Frame, Splitter
from drivers.serial_line import Clock, LinePlace, LineWriter, SerialLine

QUIET_S = 0.3


class Family(enum.Enum):
    """What a receiver is configured with when its line opens; NMEA is only listened to."""

    NMEA = "nmea"
    UBX = "ubx"
    CASIC = "casic"


@attrs.frozen(kw_only=True)
class GnssReceiverSettings:
    """A receiver: where it is, what it is, and what its clock runs on.

    `place` is where its antenna is, for the timing mode; without one a UBX or CASIC receiver
    surveys for `survey_s` first.  `cable_delay_ns` is taken off the pulse by UBX.
    """

    line: LinePlace
    constellation: Constellation = Constellation.MIXED
    family: Family = Family.NMEA
    place: ubx_setup.Place | None = None
    survey_s: int = 86_400
    survey_accuracy_mm: int = 2_000
    cable_delay_ns: int = 0

    def setup(self) -> tuple[bytes, ...]:
        """Give what is written when the line opens."""
        if self.family is Family.UBX:
            return self._ubx_setup()
        if self.family is Family.CASIC:
            return (casic.configure_timing(), casic.encode(self._casic_mode()))
        return ()

    def _casic_mode(self) -> casic.CfgTmode:
        if self.place is None:
            return casic.CfgTmode(
                casic.TimingMode.SURVEY_IN,
                survey_s=self.survey_s,
                survey_variance_m2=(self.survey_accuracy_mm / 1000) ** 2,
            )
        x_m, y_m, z_m = self.place.from_centre_m()
        variance_m2 = (self.place.accuracy_01mm / 10_000) ** 2
        return casic.CfgTmode(casic.TimingMode.FIXED, x_m, y_m, z_m, variance_m2)

    def _ubx_setup(self) -> tuple[bytes, ...]:
        if self.place is not None:
            mode = ubx_setup.fixed_position(self.place)
        else:
            mode = ubx_setup.survey_in(self.survey_s, self.survey_accuracy_mm * 10)
        delay = ubx_setup.cable_delay(self.cable_delay_ns)
        return (ubx_setup.timing_messages(), mode, delay)


class GnssReceiver:
    """What a receiver's line is used for: configures it, and tells the sink its epochs."""

    def __init__(self, settings: GnssReceiverSettings, *, sink: Sink, reactor: Clock) -> None:
        self._settings = settings
        self._sink = sink
        self._reactor = reactor
        self._assembler = self._fresh(is_simulated=True)
        self._heard_at_s = 0.0
        self._is_waiting = False

    def _fresh(self, *, is_simulated: bool) -> EpochAssembler:
        settings = self._settings
        source = settings.line.source
        return EpochAssembler(source, settings.constellation, is_simulated=is_simulated)

    def opened(self, line: LineWriter) -> None:
        """Configure the receiver, and begin anew."""
        self._assembler = self._fresh(is_simulated=line.is_simulated)
        for octets in self._settings.setup():
            line.write(octets)

    def received(self, frame: Frame, raw_ns: int) -> None:
        """Take a frame.  Raises Garbled."""
        self._heard_at_s = self._reactor.seconds()
        if not self._is_waiting:
            self._is_waiting = True
            self._reactor.callLater(QUIET_S, self._quiet)
        self._tell(self._assembler.take(frame, raw_ns))

    def lost(self) -> None:
        """Forget the second that was half told."""
        self._assembler = self._fresh(is_simulated=True)

    def _quiet(self) -> None:
        """Give the second when nothing came for a while."""
        rest_s = self._heard_at_s + QUIET_S - self._reactor.seconds()
        if rest_s > 0.001:
            self._reactor.callLater(rest_s, self._quiet)
            return
        self._is_waiting = False
        self._tell(self._assembler.flush())

    def _tell(self, epoch: GnssEpoch | None) -> None:
        if epoch is not None:
            self._sink(epoch)


def receiver_line(
    settings: GnssReceiverSettings,
    *,
    sink: Sink,
    reactor: Clock,
    raw_ns: Callable[[], int],
) -> SerialLine[Frame]:
    """Make the line of a receiver, ready to be started."""
    user = GnssReceiver(settings, sink=sink, reactor=reactor)
    return SerialLine(settings.line, Splitter, user, sink=sink, reactor=reactor, raw_ns=raw_ns)
