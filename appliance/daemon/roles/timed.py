"""`timed`: the clock of the box: its devices and what they say, or the host's own clock."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

from msgspec.msgpack import Decoder
from twisted.logger import Logger

from appliance.daemon.places import read_boot_id
from appliance.daemon.roles.setting import Setting, close_ports
from appliance.daemon.time.clock_choices import ensemble_config
from appliance.daemon.time.errands import outside_sources
from appliance.daemon.time.outlets import Outlets, open_outlets
from appliance.daemon.time.rack import Rack, open_rack, simulated_devices
from appliance.errors import Conflict, Malformed
from appliance.quantities import NS_PER_US
from appliance.services.clock.device_log import DeviceLog
from appliance.services.clock.disciplining import DisciplinedClock
from appliance.services.clock.outside import outside_readings
from appliance.services.clock.time_facts import status_facts
from appliance.services.clock.timekeeping import TimePublisher, judge_demo, judge_system
from appliance.services.messages import (
    PROTOCOL_VERSION,
    ConfirmTime,
    Facts,
    Hello,
    TimeQuestion,
    TimeReport,
)
from appliance.services.reactor import ListeningPort
from appliance.settings import Time
from appliance.store.files import write_durably
from appliance.store.history import HistoryWriter
from appliance.store.time_page import TimePageFile
from appliance.timing.ensemble import Ensemble
from appliance.timing.sources.leap import LeapTable, parse_leap_table
from appliance.wire.ipc import FrameProtocol, FrameServer

LEAP_FILE = Path("/usr/share/zoneinfo/leap-seconds.list")


def raw_ns() -> int:
    """Read CLOCK_MONOTONIC_RAW."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


class _Clock(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


class TimeRole:
    """Publishes the TrustedTime page, and answers for it on its own socket."""

    _log = Logger()

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._clock: _Clock | None = None
        self._keeper: DisciplinedClock | None = None
        self._rack: Rack | None = None
        self._outlets: Outlets | None = None
        self._ports: list[ListeningPort] = []

    async def start(self) -> None:
        """Write the first page and go on every second."""
        page = TimePageFile.create(self._setting.places.time_page)
        choice = self._setting.settings.time
        if choice.source in ("demo", "system"):
            self._clock = self._follow_host(page, choice)
        else:
            self._clock = self._keeper = self._discipline(page, choice)
        self._clock.start()
        self._listen()

    async def stop(self) -> None:
        """Close the devices, keep what was learnt, stop publishing."""
        await close_ports(self._ports)
        if self._rack is not None:
            self._rack.stop()
        if self._clock is not None:
            self._clock.stop()
        if self._outlets is not None:
            self._outlets.stop()

    def _follow_host(self, page: TimePageFile, choice: Time) -> TimePublisher:
        is_demo = choice.source == "demo"
        return TimePublisher(
            page,
            judge_demo(choice.demo_bound_us * NS_PER_US) if is_demo else judge_system(),
            clock=self._setting.reactor,
            boot_id=read_boot_id(),
            utc_offset_s=choice.utc_offset_s,
        )

    def _discipline(self, page: TimePageFile, choice: Time) -> DisciplinedClock:
        places, reactor = self._setting.places, self._setting.reactor
        places.timed.mkdir(mode=0o700, exist_ok=True)
        tables = choice.device
        if choice.source == "simulated":
            tables = simulated_devices(places.devices)
        ensemble = Ensemble(ensemble_config(choice, tables, _leap_table()), self._kept())
        history = HistoryWriter(places.history, lambda: ensemble.status(raw_ns()))
        self._outlets = open_outlets(choice, reactor=reactor, raw_ns=raw_ns)
        keeper = DisciplinedClock(
            page,
            ensemble,
            clock=reactor,
            boot_id=read_boot_id(),
            raw_ns=raw_ns,
            keep=lambda snapshot: write_durably(places.clock_state, snapshot),
            outputs=(history, *self._outlets.outputs),
        )
        sink = DeviceLog(keeper.take)
        self._rack = open_rack(tables, sink=sink, reactor=reactor, raw_ns=raw_ns)
        keeper.board = self._rack
        self._rack.start()
        self._outlets.start()
        return keeper

    def _kept(self) -> bytes | None:
        """Read what was learnt before the last stop, if anything."""
        try:
            return self._setting.places.clock_state.read_bytes()
        except FileNotFoundError:
            return None

    # --- whoever asks -----------------------------------------------------------------------------

    def _listen(self) -> None:
        uids, clock = frozenset({0, os.getuid()}), self._setting.reactor
        time_server = FrameServer(
            Decoder(TimeQuestion), self._answer, hello=_hello, allowed_uids=uids, clock=clock
        )
        samples_server = FrameServer(
            Decoder(TimeReport), self._sampled, hello=_hello, allowed_uids=uids, clock=clock
        )
        for name, factory in (("time", time_server), ("samples", samples_server)):
            for listener in self._setting.sockets(name):
                self._ports.append(
                    self._setting.reactor.adoptStreamPort(
                        listener.socket.fileno(), listener.socket.family, factory
                    )
                )

    def _answer(self, line: FrameProtocol[TimeQuestion], question: TimeQuestion) -> None:
        source = self._setting.settings.time.source
        if self._keeper is None:
            line.send(Facts({"source": source}))
            return
        ensemble = self._keeper.ensemble
        facts: dict[str, object] = {"source": source}
        if isinstance(question, ConfirmTime):
            try:
                cleared = sorted(alarm.name for alarm in ensemble.confirm())
                facts |= {"confirmed": True, "cleared": cleared}
                self._log.warn("an operator confirmed the clock", cleared=cleared)
            except Conflict as refusal:
                facts |= {"confirmed": False, "reason": str(refusal)}
        now_ns = raw_ns()
        line.send(Facts({**facts, **status_facts(ensemble.status(now_ns), now_ns)}))

    def _sampled(self, _line: FrameProtocol[TimeReport], report: TimeReport) -> None:
        if self._keeper is not None:
            known = outside_sources(self._setting.settings.time)
            outside_readings(report, self._keeper.take, known, raw_ns=raw_ns())


def _hello() -> Hello:
    return Hello(PROTOCOL_VERSION, ())


def _leap_table() -> LeapTable | None:
    try:
        return parse_leap_table(LEAP_FILE.read_bytes())
    except (OSError, Malformed):
        Logger().warn("there is no usable {path} to check leap seconds by", path=str(LEAP_FILE))
        return None
