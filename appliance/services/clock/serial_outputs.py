"""The time on serial ports each second: 1PPS+TOD frames, and ZDA sentences of NMEA 0183.

Simulated time goes out marked: TOD says "test" and "do not use", and ZDA, which cannot say so, only
goes where a pseudo-terminal listens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from twisted.logger import Logger

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clock.following import LatestStatement
from appliance.services.clock.ntp_serving import STEERED, leap_notice
from appliance.services.reactor import Clock
from appliance.timing.civil import civil_time
from appliance.timing.trusted import MAY_ISSUE, NoTime, TrustedTime
from drivers.api import DeviceChange, LeapNotice, Reading
from drivers.outputs import tod, zda
from drivers.outputs.serial_output import Second, SerialOutput, output_line
from drivers.outputs.tod import ClockSource, PulseStatus, TimeInformation, TimeStatus, TodAlarm
from drivers.serial_line import LinePlace, SerialLine

USUAL_BAUD = 9600
FIXED = 3

OutputKind = Literal["tod", "zda"]
_log = Logger()


def render_tod(time: TrustedTime) -> bytes:
    """Give the time and status frames of a second.

    The accuracy field is left unknown: it speaks of the pulse, our bound of the reading.
    """
    information = TimeInformation(
        tai_s=time.tai_ns // NS_PER_S,
        tai_utc_s=time.utc_offset_s,
        pulse=pulse_status(time),
    )
    is_steered = time.state in STEERED
    # Which constellations steer is not on the page.
    status = TimeStatus(
        source=ClockSource.OTHER, fix=FIXED if is_steered else 0, alarms=tod_alarms(time)
    )
    return tod.encode_time(information) + tod.encode_status(status)


def pulse_status(time: TrustedTime) -> PulseStatus:
    """Tell what the pulse is worth."""
    if time.state not in MAY_ISSUE or time.provenance is not Provenance.HARDWARE:
        return PulseStatus.DO_NOT_USE
    return PulseStatus.NORMAL if time.state in STEERED else PulseStatus.CRYSTAL_HOLDOVER


def tod_alarms(time: TrustedTime) -> TodAlarm:
    """Give the alarms of the status frame."""
    alarms = TodAlarm(0)
    if time.state not in STEERED:
        alarms |= TodAlarm.NO_SATELLITES
    if leap_notice(time) in (LeapNotice.INSERT, LeapNotice.DELETE):
        alarms |= TodAlarm.LEAP_PENDING
    if time.provenance is Provenance.SIMULATED:
        alarms |= TodAlarm.TEST
    return alarms


def render_zda(time: TrustedTime) -> bytes:
    """Give the sentence of a second."""
    civil = civil_time(time)
    return zda.encode(
        zda.CivilSecond(civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second)
    )


def may_say(kind: OutputKind, time: TrustedTime, *, is_to_simulation: bool) -> bool:
    """Tell whether a time goes out: ZDA cannot say that it is not to be used."""
    if kind == "tod":
        return True
    is_simulated = time.provenance is Provenance.SIMULATED
    return time.state in MAY_ISSUE and (is_to_simulation or not is_simulated)


_RENDER: dict[OutputKind, Callable[[TrustedTime], bytes]] = {"tod": render_tod, "zda": render_zda}


def serial_output(
    kind: OutputKind,
    place: LinePlace,
    latest: LatestStatement,
    *,
    reactor: Clock,
    raw_ns: Callable[[], int],
) -> SerialLine[bytes]:
    """Make the line of an output, ready to be started; `latest` must be fed each second."""

    def tell() -> Second | None:
        time = latest.tell(raw_ns())
        if isinstance(time, NoTime):
            return None
        if not may_say(kind, time, is_to_simulation=line.is_simulated):
            return None
        return Second(_RENDER[kind](time), time.tai_ns % NS_PER_S / NS_PER_S)

    output = SerialOutput(tell, reactor=reactor)
    line = output_line(place, output, sink=_say, reactor=reactor, raw_ns=raw_ns)
    return line


def _say(reading: Reading) -> None:
    """Log what becomes of an output's device."""
    if isinstance(reading, DeviceChange):
        _log.info(
            "the output {output} is {state}",
            output=reading.source,
            state=reading.state.value,
            detail=reading.detail,
        )
