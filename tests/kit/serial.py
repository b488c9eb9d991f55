"""A reactor without waiting, that real pseudo-terminals can be read through."""

import os
import pty
import select
import tty
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock


class PumpedReactor(Clock):
    """A clock that also keeps readers and writers, and runs them when told to."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: set[Any] = set()
        self._writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:  # noqa: N802  Twisted's name
        """Read it from now on."""
        self._readers.add(reader)

    def removeReader(self, reader: Any) -> None:  # noqa: N802  Twisted's name
        """Read it no more."""
        self._readers.discard(reader)

    def addWriter(self, writer: Any) -> None:  # noqa: N802  Twisted's name
        """Write it from now on."""
        self._writers.add(writer)

    def removeWriter(self, writer: Any) -> None:  # noqa: N802  Twisted's name
        """Write it no more."""
        self._writers.discard(writer)

    def raw_ns(self) -> int:
        """Give the clock's time as CLOCK_MONOTONIC_RAW would."""
        return round(self.seconds() * 1e9)

    def pump_io(self) -> None:
        """Read and write once everything that wants to."""
        for writer in list(self._writers):
            writer.doWrite()
        readable, _, _ = select.select(list(self._readers), [], [], 0)
        for reader in readable:
            reason = reader.doRead()
            if reason is not None:
                self.removeReader(reader)
                reader.connectionLost(reason)


class Tty:
    """A pseudo-terminal behind a link, as udev gives a device a name."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.device, self._host = pty.openpty()
        tty.setraw(self._host)
        os.set_blocking(self.device, False)
        self.plug()

    def plug(self) -> None:
        """Let the link lead here."""
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._host))

    def say(self, octets: bytes) -> None:
        """Send from the device."""
        os.write(self.device, octets)

    def heard(self) -> bytes:
        """Read what the host sent."""
        return os.read(self.device, 65536)

    def unplug(self) -> None:
        """Take the device and its name away."""
        self.link.unlink(missing_ok=True)
        os.close(self.device)
        os.close(self._host)
