"""Opens the devices of time as the settings name them: the one place that knows them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.errors import Malformed
from appliance.settings import Position, TimeDevice
from appliance.timing.keeping.config import Command
from drivers.api import Constellation, DriverError, Sink
from drivers.gnss.receiver import Family, GnssReceiverSettings, receiver_line
from drivers.gnss.ubx_setup import Place
from drivers.modem.modem import ModemSettings, modem_line
from drivers.oscillator.board import Board, board_line
from drivers.oscillator.ocb import Verb
from drivers.pps.kernel import KernelPulses, PulseSettings
from drivers.pps.recorded import RecordedPulses
from drivers.serial_line import LinePlace
from drivers.simulated.ptys import HostTime, PtyRig
from drivers.simulated.scenario import QUIET, BadScenario, read_scenario
from drivers.simulated.stage import GNSS_A, GNSS_B, MODEM, OCXO, PPS, REAL_TIME_CAST
from drivers.simulated.world import WorldSettings

RawClock = Callable[[], int]

_USUAL_BAUD = {"board": 115_200, "gnss": 9600, "modem": 115_200}
_SILENCE_S = {"board": 5.0, "gnss": 5.0, "modem": 150.0}
"""A modem is asked once a minute and tells little between."""

_WARM_UP_SPEED = 600.0
"""The demo's oven warms in 3 s in place of half an hour, and its receivers are warm already."""


class Device(Protocol):
    """Something that gives readings from when it is started until it is stopped."""

    def start(self) -> None:
        """Open it, now or as soon as it is there."""

    def stop(self) -> None:
        """Close it and try no more."""


@attrs.frozen
class Rack:
    """The devices of one box, and the boards among them, which take commands."""

    devices: Sequence[Device]
    boards: Sequence[Board]
    _log = Logger()

    def start(self) -> None:
        """Open every device."""
        for device in self.devices:
            device.start()

    def stop(self) -> None:
        """Close every device."""
        for device in self.devices:
            device.stop()

    def obey(self, command: Command) -> None:
        """Send a command to the board; what a board declines is logged."""
        for board in self.boards:
            asked: Deferred[tuple[str, ...]] = board.ask(Verb.SET, command.tai_s)
            asked.addErrback(self._declined)

    def _declined(self, failure: Failure) -> None:
        failure.trap(DriverError)
        self._log.warn("the board did not take its label: {why}", why=failure.getErrorMessage())


def open_rack(
    tables: Sequence[TimeDevice],
    *,
    sink: Sink,
    reactor: Any,  # noqa: ANN401  Twisted's reactor
    raw_ns: RawClock,
) -> Rack:
    """Make the devices of `tables`, ready to be started."""
    boards: list[Board] = []
    devices: list[Device] = []
    for table in tables:
        if table.kind == "board":
            place = _place(table)
            boards.append(Board(table.name, sink=sink, reactor=reactor))
            devices.append(board_line(place, boards[-1], sink=sink, reactor=reactor, raw_ns=raw_ns))
        elif table.kind == "modem":
            devices.append(
                modem_line(modem_settings(table), sink=sink, reactor=reactor, raw_ns=raw_ns)
            )
        elif table.kind == "pps":
            devices.append(_pulses(table, sink, reactor))
        else:
            receiver = receiver_settings(table)
            devices.append(receiver_line(receiver, sink=sink, reactor=reactor, raw_ns=raw_ns))
    return Rack(devices, boards)


def _place(table: TimeDevice) -> LinePlace:
    baud = table.baud or _USUAL_BAUD[table.kind]
    return LinePlace(table.name, table.path, baud, _SILENCE_S[table.kind])


def modem_settings(table: TimeDevice) -> ModemSettings:
    """Tell a modem's driver what its table says."""
    return ModemSettings(line=_place(table), ntp_server=table.ntp_server)


def pulse_settings(table: TimeDevice) -> PulseSettings:
    """Tell the kernel's pulses what their table says."""
    return PulseSettings(
        source=table.name, path=table.path, irq_allowance_ns=table.irq_allowance_ns
    )


def receiver_settings(table: TimeDevice) -> GnssReceiverSettings:
    """Tell a receiver's driver what its table says; its cable is taken off by the clock."""
    position = table.position
    return GnssReceiverSettings(
        line=_place(table),
        constellation=Constellation(table.constellation),
        family=Family(table.family),
        place=None if position is None else _antenna(position),
        survey_s=table.survey_s,
        survey_accuracy_mm=table.survey_accuracy_mm,
    )


def _antenna(position: Position) -> Place:
    return Place(
        round(position.latitude_deg * 1e7),
        round(position.longitude_deg * 1e7),
        round(position.height_m * 100),
        position.accuracy_mm * 10,
    )


def _pulses(table: TimeDevice, sink: Sink, reactor: Any) -> Device:  # noqa: ANN401
    """Take the kernel's pulses from below /dev, a simulated board's from any other file."""
    settings = pulse_settings(table)
    if settings.device.startswith("/dev/"):
        return KernelPulses(settings, sink=sink, reactor=reactor)
    return RecordedPulses(settings, sink=sink, reactor=reactor)


def simulated_devices(folder: Path) -> tuple[TimeDevice, ...]:
    """Name the devices that `open_rig` makes in `folder`."""

    def device(name: str, kind: Any, **fields: Any) -> TimeDevice:  # noqa: ANN401
        return TimeDevice(name=name, kind=kind, path=str(folder / name), **fields)

    return (
        device(OCXO, "board"),
        device(PPS, "pps"),
        device(GNSS_A, "gnss", constellation="gps", family="ubx"),
        device(GNSS_B, "gnss", constellation="beidou", family="ubx"),
        device(MODEM, "modem"),
    )


def open_rig(
    folder: Path,
    *,
    seed: int,
    scenario: Path | None,
    reactor: Any,  # noqa: ANN401  Twisted's reactor
) -> PtyRig:
    """Make the simulated devices, ready to be started.  Raises Malformed for a bad scenario."""
    try:
        script = read_scenario(scenario.read_text("utf-8"), REAL_TIME_CAST) if scenario else QUIET
    except (OSError, BadScenario, UnicodeDecodeError) as error:
        raise Malformed(f"{scenario}: {error}") from error
    clocks = HostTime(
        realtime_ns=lambda: time.clock_gettime_ns(time.CLOCK_REALTIME),
        raw_ns=lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
    )
    settings = WorldSettings(seed=seed, is_cold=True, warm_up_speed=_WARM_UP_SPEED, first_fix_s=0)
    return PtyRig(folder, settings, script, reactor=reactor, time=clocks)
