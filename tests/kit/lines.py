"""A serial line in memory: what a driver writes is kept, what it is told comes from the test."""

import select
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from drivers.api import DriverError, Reading
from kit.serial import PumpedReactor, Tty

GUARD_S = 20.0


class MemoryLine:
    """The side of a line that a driver writes to, with its reactor and sink."""

    def __init__(self) -> None:
        self.reactor = Clock()
        self.readings: list[Reading] = []
        self.written: list[bytes] = []
        self.is_simulated = False
        self.failure: DriverError | None = None

    def write(self, octets: bytes) -> None:
        """Keep what the driver writes, or fail as the test says."""
        if self.failure is not None:
            raise self.failure
        self.written.append(octets)

    def said(self) -> list[bytes]:
        """Take what was written since the last time."""
        said, self.written = self.written, []
        return said

    def of(self, kind: type[Any]) -> list[Any]:
        """Give the readings of a kind."""
        return [each for each in self.readings if isinstance(each, kind)]


def converse(
    tty: Tty,
    reactor: PumpedReactor,
    answer: Callable[[bytes], bytes],
    is_done: Callable[[], bool],
) -> None:
    """Answer what a driver sends to a pseudo-terminal, until something has come of it.

    The kernel carries the octets in its own time.
    """
    until_s = time.monotonic() + GUARD_S
    while not is_done():
        assert time.monotonic() < until_s, "nothing came of it"
        reactor.pump_io()
        ready, _, _ = select.select([tty.device], [], [], 0)
        if ready:
            tty.say(answer(tty.heard()))
