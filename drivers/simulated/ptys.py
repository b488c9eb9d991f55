"""The devices in real time, on pseudo-terminals: what a demo and its drivers run against.

A folder of mode 0700 gets a link for each serial device (`gnss-a`, `gnss-b`, `ocxo`, `modem`), the
record of the last pulse (`pps`), `ports.json` with the NTP servers on loopback, and `truth.json` of
mode 0600 that tests alone may open: TAI is the host's clock at the start, carried on RAW.
"""

from __future__ import annotations

import json
import os
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from drivers.pps.kernel import KernelPulse
from drivers.pps.recorded import encode_record
from drivers.serial_line import Clock, DelayedCall
from drivers.simulated.device import Said
from drivers.simulated.devices.gnss import Rates
from drivers.simulated.scenario import QUIET, Scenario
from drivers.simulated.stage import NTP_SERVERS, PPS, SERIAL, Stage
from drivers.simulated.world import NS_PER_S, WorldSettings

READ_OCTETS = 4096
EACH_SECOND = Rates()
LATE_NS = 3 * NS_PER_S
"""A rig that is later than this (a suspended host) skips what it missed."""


class Reactor(Clock, Protocol):
    """What the rig needs of a reactor."""

    def addReader(self, reader: object, /) -> None:  # noqa: N802  Twisted's name
        """Watch a descriptor."""

    def removeReader(self, reader: object, /) -> None:  # noqa: N802  Twisted's name
        """Watch it no more."""

    def listenUDP(  # noqa: N802  Twisted's name
        self, port: int, protocol: DatagramProtocol, interface: str
    ) -> Port:
        """Take datagrams."""


class Port(Protocol):
    """A listening port."""

    def getHost(self) -> Any:  # noqa: N802, ANN401  Twisted's name and type
        """Tell where it listens."""

    def stopListening(self) -> object:
        """Listen no more."""


@attrs.frozen(kw_only=True)
class HostTime:
    """The host's clocks, as functions that give ns."""

    realtime_ns: Callable[[], int]
    raw_ns: Callable[[], int]


Heard = Callable[[bytes], None]


@implementer(IReadDescriptor)
class PtyEnd:
    """The device's end of a pseudo-terminal; the other end is linked to by `link`."""

    def __init__(self, link: Path, heard: Heard, reactor: Reactor) -> None:
        self._link = link
        self._heard = heard
        self._reactor = reactor
        self._master = -1
        self._slave = -1

    @property
    def is_open(self) -> bool:
        """Tell whether the device is there."""
        return self._master >= 0

    def open(self) -> None:
        """Make a pseudo-terminal and link to it.  Raises OSError.

        The host's end stays open here too: the octets of a line that nobody reads are dropped.
        """
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        made = self._link.with_name(f".{self._link.name}.new")
        made.unlink(missing_ok=True)
        made.symlink_to(os.ttyname(self._slave))
        made.rename(self._link)
        self._reactor.addReader(self)

    def close(self) -> None:
        """Take the device away, and the link to it."""
        if self.is_open:
            self._reactor.removeReader(self)
            self._link.unlink(missing_ok=True)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def say(self, octets: bytes) -> None:
        """Send octets; what the terminal does not take is lost, as on a real line."""
        if self.is_open:
            try:
                os.write(self._master, octets)
            except BlockingIOError:
                return

    # --- Twisted's names --------------------------------------------------------------------------

    def fileno(self) -> int:
        """Give the descriptor to watch."""
        return self._master

    def logPrefix(self) -> str:
        """Name it in logs."""
        return self._link.name

    def doRead(self) -> None:
        """Take what the host wrote."""
        try:
            octets = os.read(self._master, READ_OCTETS)
        except BlockingIOError:
            return
        if octets:
            self._heard(octets)

    def connectionLost(self, reason: Failure) -> None:  # noqa: ARG002  gone is gone
        """Take leave when the reactor says so."""
        self.close()


class _NtpPort(DatagramProtocol):
    """A simulated NTP server's socket on loopback; answers go where the last request came from."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._client: Any = None

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take a request."""
        self._client = addr
        self._heard(datagram)

    def say(self, octets: bytes) -> None:
        """Send an answer."""
        transport: Any = self.transport
        if self._client is not None and transport is not None:
            transport.write(octets, self._client)


class PtyRig:
    """A stage in real time; `start` makes the devices, `stop` takes them away."""

    def __init__(
        self,
        folder: Path,
        settings: WorldSettings,
        scenario: Scenario = QUIET,
        *,
        reactor: Reactor,
        time: HostTime,
    ) -> None:
        self._folder = folder
        self._reactor = reactor
        self._time = time
        raw_ns, realtime_ns = time.raw_ns(), time.realtime_ns()
        self._tai_minus_raw_ns = realtime_ns + settings.tai_utc_s * NS_PER_S - raw_ns
        start_utc_s = realtime_ns // NS_PER_S
        self.stage = Stage(attrs.evolve(settings, start_utc_s=start_utc_s), scenario, EACH_SECOND)
        self._ends = {name: PtyEnd(folder / name, self._ear(name), reactor) for name in SERIAL}
        self._ntp = {name: _NtpPort(self._ear(name)) for name in NTP_SERVERS}
        self._ports: list[Port] = []
        self._calls: set[DelayedCall] = set()
        self._pulse_record = -1

    def start(self) -> None:
        """Make the folder's files and begin.  Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        for end in self._ends.values():
            end.open()
        flags = os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC
        self._pulse_record = os.open(self._folder / PPS, flags, 0o600)
        self._listen()
        truth = {
            "tai_minus_raw_ns": self._tai_minus_raw_ns,
            "seed": self.stage.world.settings.seed,
        }
        self._write("truth.json", truth)
        self._next()

    def stop(self) -> None:
        """Take the devices away."""
        for call in self._calls:
            if call.active():
                call.cancel()
        self._calls.clear()
        for end in self._ends.values():
            end.close()
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        if self._pulse_record >= 0:
            os.close(self._pulse_record)
            self._pulse_record = -1

    def truth_tai_ns(self, raw_ns: int) -> int:
        """Tell the true TAI when RAW reads `raw_ns`."""
        return raw_ns + self._tai_minus_raw_ns

    def _now_ns(self) -> int:
        return self.truth_tai_ns(self._time.raw_ns())

    def _write(self, name: str, told: Mapping[str, object]) -> None:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(told) + "\n")

    def _listen(self) -> None:
        places: dict[str, object] = {}
        for name, protocol in self._ntp.items():
            port = self._reactor.listenUDP(0, protocol, interface="127.0.0.1")
            self._ports.append(port)
            places[name] = f"127.0.0.1:{port.getHost().port}"
        self._write("ports.json", places)

    # --- time -------------------------------------------------------------------------------------

    def _at(self, tai_ns: int, function: Callable[..., None], *args: object) -> None:
        """Call at an instant, or now when it is over."""
        delay_s = max(0.0, (tai_ns - self._now_ns()) / NS_PER_S)
        self._calls = {call for call in self._calls if call.active()}
        self._calls.add(self._reactor.callLater(delay_s, function, *args))

    def _next(self) -> None:
        self._at(self.stage.now_tai_ns + NS_PER_S, self._second)

    def _second(self) -> None:
        """Make a second, and say in time what its devices say."""
        said = self.stage.tick()
        is_late = self._now_ns() - self.stage.now_tai_ns > LATE_NS
        self._follow_plugs()
        if not is_late:
            self._say_in_time(said)
        self._next()

    def _follow_plugs(self) -> None:
        for name, end in self._ends.items():
            is_plugged = self.stage.wires[name].is_plugged
            if is_plugged and not end.is_open:
                end.open()
            elif end.is_open and not is_plugged:
                end.close()

    def _say_in_time(self, said: list[Said]) -> None:
        for each in said:
            self._at(each.tai_ns, self._say, each)

    def _say(self, said: Said) -> None:
        if said.source == PPS:
            self._pulse(said)
        elif said.source in self._ends:
            self._ends[said.source].say(said.octets)
        else:
            self._ntp[said.source].say(said.octets)

    def _pulse(self, said: Said) -> None:
        """Record a pulse by CLOCK_REALTIME, as the kernel would have stamped it."""
        ago_ns = self._now_ns() - said.tai_ns
        pulse = KernelPulse(int(said.octets), self._time.realtime_ns() - ago_ns)
        os.pwrite(self._pulse_record, encode_record(pulse), 0)

    def _ear(self, name: str) -> Heard:
        return lambda octets: self._say_in_time(self.stage.hear(name, octets, self._now_ns()))
