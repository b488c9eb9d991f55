"""The parts of Twisted's reactor and transports that we use, as typing Protocols.

Twisted declares them as zope interfaces, which a type checker cannot read without a plugin; tests
give `twisted.internet.task.Clock` and fakes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class DelayedCall(Protocol):
    """A call that waits for its time."""

    def active(self) -> bool:
        """Tell whether it is still to come."""

    def cancel(self) -> None:
        """Take it back."""


class Clock(Protocol):
    """A monotonic clock that can call later."""

    def seconds(self) -> float:
        """Tell seconds since an arbitrary start."""

    def callLater(
        self, delay: float, function: Callable[..., object], /, *args: object
    ) -> DelayedCall:
        """Call `function` after `delay` seconds."""


class ThreadedReactor(Clock, Protocol):
    """A clock that other threads can hand calls to."""

    def callFromThread(self, function: Callable[..., object], /, *args: object) -> None:
        """Call `function` in the reactor's thread; safe from any thread."""


class ProcessTransport(Protocol):
    """A running child."""

    pid: int

    def signalProcess(self, signal: str) -> None:
        """Send a signal by its short name."""


class ProcessReactor(Clock, Protocol):
    """A clock that starts processes (IReactorProcess)."""

    def spawnProcess(
        self,
        protocol: Any,  # noqa: ANN401  a ProcessProtocol
        executable: str,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        childFDs: Mapping[int, int | str],  # noqa: N803  Twisted's name
    ) -> ProcessTransport:
        """Start a process with these descriptors and no others."""


class ListeningPort(Protocol):
    """A port that accepts connections."""

    def stopListening(self) -> object:
        """Close; gives a Deferred or None."""


class StreamTransport(Protocol):
    """A connected TCP or Unix stream, as a protocol sees it."""

    def write(self, data: bytes) -> None:
        """Send after what was written before."""

    def loseConnection(self) -> None:
        """Close when all is sent."""

    def loseWriteConnection(self) -> None:  # noqa: N802  Twisted's name
        """Send no more than what was written, and go on reading; plain TCP only."""

    def abortConnection(self) -> None:
        """Close now."""

    def pauseProducing(self) -> None:
        """Stop reading."""

    def resumeProducing(self) -> None:
        """Read again."""

    def getHandle(self) -> socket.socket | None:
        """Give the socket below, if there is one."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: ANN401, FBT001
        """Tell `producer` when the write buffer fills and empties."""

    def unregisterProducer(self) -> None:
        """Tell it nothing more."""
