"""The real device classes on ports in memory, in virtual time: octets in, readings out.

Only the port is made up: framers, codecs, greetings, time limits and reopening are the product's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from drivers.api import Constellation, Sink
from drivers.gnss.receiver import Family, GnssReceiver, GnssReceiverSettings
from drivers.gnss.splitter import Splitter
from drivers.modem.modem import Modem, ModemSettings
from drivers.oscillator import ocb
from drivers.oscillator.board import Board
from drivers.serial_line import LinePlace, Lines, SerialLine
from drivers.simulated.stage import GNSS_A, GNSS_B, MODEM, OCXO

Write = Callable[[str, bytes], None]
"""Takes what a driver writes to a device, by the device's name."""


class MemoryPort:
    """An open device of the stage; `is_pty` is said to be false where a test plays hardware."""

    def __init__(
        self, receiver: protocol.Protocol, source: str, write: Write, *, is_pty: bool
    ) -> None:
        self.is_pty = is_pty
        self.is_gone = False
        self._receiver = receiver
        self._source = source
        self._write = write

    def write(self, octets: bytes) -> None:
        """Send to the device."""
        self._write(self._source, octets)

    def unsent(self) -> int:
        """Count nothing: a line in memory takes all."""
        return 0

    def is_stale(self) -> bool:
        """Tell whether the device went away."""
        return self.is_gone

    def close(self) -> None:
        """Close it."""
        self._receiver.connectionLost(Failure(ConnectionError("closed")))

    def deliver(self, octets: bytes) -> None:
        """Hand over what the device said."""
        self._receiver.dataReceived(octets)


class VirtualLines:
    """The four serial lines of the stage as one host has them open, from `start` on."""

    def __init__(
        self,
        *,
        sink: Sink,
        reactor: Clock,
        raw_ns: Callable[[], int],
        write: Write,
        is_pty: bool = True,
    ) -> None:
        self.ports: dict[str, MemoryPort] = {}
        self.away: set[str] = set()
        self._write = write
        self._is_pty = is_pty
        common: dict[str, Any] = {"sink": sink, "reactor": reactor}
        line: dict[str, Any] = {**common, "raw_ns": raw_ns, "open_port": self._open}
        board = Board(OCXO, **common)
        gnss = [
            GnssReceiverSettings(
                line=LinePlace(name, f"/dev/{name}", 9600),
                family=Family.UBX,
                constellation=constellation,
            )
            for name, constellation in (
                (GNSS_A, Constellation.GPS),
                (GNSS_B, Constellation.BEIDOU),
            )
        ]
        self.board = board
        modem = ModemSettings(line=LinePlace(MODEM, f"/dev/{MODEM}", 115_200, silence_s=150.0))
        self.lines: tuple[SerialLine[Any], ...] = (
            *(
                SerialLine(each.line, Splitter, GnssReceiver(each, **common), **line)
                for each in gnss
            ),
            SerialLine(
                LinePlace(OCXO, f"/dev/{OCXO}", 115_200),
                lambda: Lines(ocb.MAX_LINE_OCTETS),
                board,
                **line,
            ),
            SerialLine(modem.line, Lines, Modem(modem, **common), **line),
        )

    def start(self) -> None:
        """Open what is there."""
        for line in self.lines:
            line.start()

    def stop(self) -> None:
        """Close all, as when the host goes down."""
        for line in self.lines:
            line.stop()

    def deliver(self, source: str, octets: bytes) -> None:
        """Hand over what a device said, if its line is open."""
        if port := self.ports.get(source):
            port.deliver(octets)

    def unplug(self, source: str) -> None:
        """Take a device away; its line notices by itself."""
        self.away.add(source)
        if port := self.ports.pop(source, None):
            port.is_gone = True

    def replug(self, source: str) -> None:
        """Bring it back; udev lets the same path lead to it, under whatever name it has now."""
        self.away.discard(source)

    def _open(self, receiver: protocol.Protocol, path: str, reactor: Any, baud: int) -> MemoryPort:
        source = path.removeprefix("/dev/")
        if source in self.away:
            raise FileNotFoundError(path)
        port = MemoryPort(receiver, source, self._write, is_pty=self._is_pty)
        self.ports[source] = port
        return port
