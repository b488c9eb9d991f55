"""A serial device: opened, watched, lost and found again; what it sends comes out as frames.

A driver gives a `Framer` (pure: octets in, frames out) and a `LineUser` (takes the frames, and may
write).  `SerialLine` opens the device by its path, exclusively, at every attempt anew, so that a
udev link may lead elsewhere after a replug; it tells the sink when the device comes, goes, falls
silent or speaks nonsense.  A device that no hardware carries, as behind a pseudo-terminal, is
simulated, whatever it says.

    line = SerialLine(LinePlace("gnss0", "/dev/gnss0", 9600), Lines, user,
                      sink=sink, reactor=reactor, raw_ns=raw_ns)
    line.start()
"""

from __future__ import annotations

import os
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import attrs
from serial import Serial
from twisted.internet import protocol
from twisted.internet.error import ConnectionAborted
from twisted.internet.protocol import connectionDone
from twisted.internet.serialport import SerialPort
from twisted.python.failure import Failure

from drivers.api import Absent, DeviceChange, DeviceState, Garbled, Silent, Sink

F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)

RETRY_FIRST_S = 0.5
RETRY_MAX_S = 10.0
GARBLED_FOR_S = 10.0
WATCH_S = 1.0
MAX_UNSENT_OCTETS = 16_384
SYSFS = Path("/sys")


class DelayedCall(Protocol):
    """A call that waits for its time."""

    def active(self) -> bool:
        """Tell whether it is still to come."""

    def cancel(self) -> None:
        """Take it back."""


class Clock(Protocol):
    """A monotonic clock that can call later; the port's reactor is one."""

    def seconds(self) -> float:
        """Tell seconds since an arbitrary start."""

    def callLater(
        self, delay: float, function: Callable[..., object], /, *args: object
    ) -> DelayedCall:
        """Call `function` after `delay` seconds."""


class Framer(Protocol[F]):
    """Cuts a stream into frames; pure, bounded, never raises."""

    garbled: int
    """How many pieces were dropped so far: too long, no frame, a wrong checksum."""

    @property
    def is_pending(self) -> bool:
        """Tell whether a frame has begun that is not whole yet."""

    def feed(self, octets: bytes, /) -> list[F]:
        """Take octets as they came and give the frames that are whole now."""


class Port(Protocol):
    """An open device; `is_pty` is True of anything that has no hardware behind it."""

    is_pty: bool

    def write(self, octets: bytes) -> None:
        """Send after what was written before."""

    def unsent(self) -> int:
        """Count the octets that the device has not taken yet."""

    def is_stale(self) -> bool:
        """Tell whether the path leads to another device by now, or to none."""

    def close(self) -> None:
        """Close now; what was not sent is lost."""


class LineUser(Protocol[F_contra]):
    """What a driver does with its line; all calls come in the reactor's thread."""

    def opened(self, line: LineWriter) -> None:
        """Take the open line; what configures the device is written here."""

    def received(self, frame: F_contra, raw_ns: int) -> None:
        """Take a frame; `raw_ns` is when its first octet was read.  May raise Garbled."""

    def lost(self) -> None:
        """Forget what was half said; the line opens again by itself."""


class LineWriter(Protocol):
    """The side of a line that a driver writes to."""

    @property
    def is_simulated(self) -> bool:
        """Tell whether no hardware carries the device; True while it is closed."""

    def write(self, octets: bytes) -> None:
        """Send octets; raises Absent when closed, Silent when the device takes none."""


@attrs.frozen
class LinePlace:
    """Where a device is: its name in the settings, its path, its speed, and how long it may rest.

    A `path` without a slash is a name that udev gives below /dev.
    """

    source: str
    path: str
    baud: int
    silence_s: float = 5.0

    @property
    def device(self) -> str:
        """Give the path in full."""
        return self.path if "/" in self.path else f"/dev/{self.path}"


class Lines:
    """Frames that end in a line feed, without it and a carriage return; empty ones are skipped."""

    def __init__(self, max_octets: int = 1024) -> None:
        self.garbled = 0
        self._max_octets = max_octets
        self._rest = b""
        self._is_skipping = False

    @property
    def is_pending(self) -> bool:
        """Tell whether a line has begun."""
        return bool(self._rest)

    def feed(self, octets: bytes) -> list[bytes]:
        """Give the whole lines; one longer than `max_octets` is dropped and counted once."""
        *ended, self._rest = (self._rest + octets).split(b"\n")
        lines = []
        for line in ended:
            bare = line.rstrip(b"\r")
            if self._is_skipping:
                self._is_skipping = False
            elif len(bare) > self._max_octets:
                self.garbled += 1
            elif bare:
                lines.append(bare)
        if len(self._rest) > self._max_octets + 1:
            self.garbled += not self._is_skipping
            self._is_skipping = True
            self._rest = b""
        return lines


def has_hardware(device: int, sysfs: Path = SYSFS) -> bool:
    """Tell whether a character device (st_rdev) has a piece of hardware behind it.

    Pseudo-terminals, /dev/tty and the null modems that kernel modules make have none, whatever name
    leads to them; a UART, on its bus or on USB, has (Linux Documentation/ABI/stable/sysfs-devices).
    """
    return (sysfs / f"dev/char/{os.major(device)}:{os.minor(device)}/device").exists()


class TtyPort(SerialPort):
    """A serial port of Twisted's that no one else may open, and that knows what it is."""

    def __init__(
        self, receiver: protocol.Protocol, path: str, reactor: object, baudrate: int
    ) -> None:
        self._path = path
        super().__init__(receiver, path, reactor, baudrate=baudrate)
        self.is_pty = not has_hardware(os.fstat(self.fileno()).st_rdev)

    @staticmethod
    def _serialFactory(*args: object, **named: object) -> Serial:  # noqa: N802  Twisted's name
        return Serial(*args, exclusive=True, **named)

    def unsent(self) -> int:
        """Count the octets that the device has not taken yet."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    def is_stale(self) -> bool:
        """Tell whether the path leads to another device by now, or to none."""
        try:
            there = Path(self._path).stat()
        except OSError:
            return True
        return there.st_rdev != os.fstat(self.fileno()).st_rdev

    def close(self) -> None:
        """Close now; what was not sent is lost."""
        if self.connected:
            self.stopReading()
            self.stopWriting()
            self.connectionLost(Failure(ConnectionAborted()))


class _Octets(protocol.Protocol, Generic[F]):
    """What a port tells its line: octets as frames, and its end."""

    def __init__(self, line: SerialLine[F]) -> None:
        self._line = line
        self._framer = line.framer()
        self._begun_ns = 0

    def dataReceived(self, data: bytes) -> None:
        """Cut what was read into frames, each with the time of the read that its start came in."""
        now_ns = self._line.raw_ns()
        garbled = self._framer.garbled
        first_ns = self._begun_ns if self._framer.is_pending else now_ns
        frames = self._framer.feed(data)
        self._begun_ns = now_ns if frames else first_ns
        for frame in frames:
            self._line.heard(frame, first_ns)
            first_ns = now_ns
        if self._framer.garbled > garbled:
            self._line.garbled("not a frame of its protocol")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002  gone is gone
        """Tell that the device went away."""
        self._line.closed()


OpenPort = Callable[[protocol.Protocol, str, Any, int], Port]


class SerialLine(Generic[F]):
    """One device by its path: once started it opens, reads and reopens until it is stopped."""

    def __init__(
        self,
        place: LinePlace,
        framer: Callable[[], Framer[F]],
        user: LineUser[F],
        *,
        sink: Sink,
        reactor: Clock,
        raw_ns: Callable[[], int],
        open_port: OpenPort = TtyPort,
    ) -> None:
        self.place = place
        self.framer = framer
        self.user = user
        self.raw_ns = raw_ns
        self._sink = sink
        self._reactor = reactor
        self._open_port = open_port
        self._port: Port | None = None
        self._state: DeviceState | None = None
        self._call: DelayedCall | None = None
        self._retry_s = RETRY_FIRST_S
        self._heard_at_s = 0.0
        self._garbled_at_s = 0.0
        self._is_stopped = True

    @property
    def is_simulated(self) -> bool:
        """Tell whether no hardware carries the device; True while it is closed."""
        return self._port is None or self._port.is_pty

    def start(self) -> None:
        """Open the device now, or as soon as it is there."""
        self._is_stopped = False
        self._open()

    def stop(self) -> None:
        """Close the device and try no more; nothing is told."""
        self._is_stopped = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._port is not None:
            self._port.close()

    def write(self, octets: bytes) -> None:
        """Send octets; raises Absent when closed, Silent when the device takes none."""
        if self._port is None:
            raise Absent(self.place.source)
        if self._port.unsent() + len(octets) > MAX_UNSENT_OCTETS:
            raise Silent(f"{self.place.source} takes no octets")
        self._port.write(octets)

    # --- what the port tells ----------------------------------------------------------------------

    def heard(self, frame: F, raw_ns: int) -> None:
        """Hand a frame on; `raw_ns` is when its first octet was read."""
        self._heard_at_s = self._reactor.seconds()
        try:
            self.user.received(frame, raw_ns)
        except Garbled as error:
            self.garbled(str(error))
            return
        if not self._is_garbled_still():
            self._tell(DeviceState.PRESENT)

    def garbled(self, detail: str) -> None:
        """Take note of nonsense; the device is GARBLED until 10 s after the last of it."""
        self._heard_at_s = self._garbled_at_s = self._reactor.seconds()
        self._tell(DeviceState.GARBLED, detail)

    def _is_garbled_still(self) -> bool:
        if self._state is not DeviceState.GARBLED:
            return False
        return self._heard_at_s - self._garbled_at_s < GARBLED_FOR_S

    def closed(self) -> None:
        """Take leave of the port, and try again soon."""
        self._port = None
        self.user.lost()
        if not self._is_stopped:
            self._tell(DeviceState.ABSENT, "the device went away")
            self._later(RETRY_FIRST_S, self._open)

    # --- open, watch, tell ------------------------------------------------------------------------

    def _open(self) -> None:
        place = self.place
        try:
            self._port = self._open_port(_Octets(self), place.device, self._reactor, place.baud)
        except (OSError, ValueError, termios.error) as error:
            self._tell(DeviceState.ABSENT, str(error))
            self._later(self._retry_s, self._open)
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
            return
        self._retry_s = RETRY_FIRST_S
        self._heard_at_s = self._reactor.seconds()
        self._tell(DeviceState.PRESENT)
        self.user.opened(self)
        self._later(WATCH_S, self._watch)

    def _watch(self) -> None:
        if self._port is None:
            return
        if self._port.is_stale():
            self._port.close()
            return
        if self._reactor.seconds() - self._heard_at_s >= self.place.silence_s:
            self._tell(DeviceState.SILENT, f"nothing for {self.place.silence_s:g} s")
        self._later(WATCH_S, self._watch)

    def _later(self, delay_s: float, function: Callable[[], None]) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = self._reactor.callLater(delay_s, function)

    def _tell(self, state: DeviceState, detail: str = "") -> None:
        if state is self._state:
            return
        self._state = state
        source, raw_ns = self.place.source, self.raw_ns()
        self._sink(DeviceChange(source=source, raw_ns=raw_ns, state=state, detail=detail))
