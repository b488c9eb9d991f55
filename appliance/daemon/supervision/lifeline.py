"""The lifeline of a supervised child: its standard input, which ends when the supervisor does."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure


class Lifeline(FileDescriptor):
    """Reads standard input; nothing comes but its end."""

    def __init__(self, reactor: Any, ended: Callable[[], None]) -> None:  # noqa: ANN401  FileDescriptor takes Twisted's own interface
        super().__init__(reactor)
        self._ended = ended

    def fileno(self) -> int:
        """Standard input."""
        return 0

    def doRead(self) -> object:
        """Read and forget; at the end of file the reactor calls `connectionLost`."""
        return None if os.read(0, 4096) else CONNECTION_DONE

    def connectionLost(self, reason: Failure) -> None:
        """Tell the owner.  A pipe without writers hangs up, which the reactor reports only here."""
        super().connectionLost(reason)
        self._ended()


def hold_lifeline(reactor: Any, ended: Callable[[], None]) -> None:  # noqa: ANN401  as above
    """Call `ended` when the supervisor is gone."""
    os.set_blocking(0, False)
    Lifeline(reactor, ended).startReading()
