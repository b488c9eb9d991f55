"""`shiyind run`: the key-less fifth process that binds, spawns, watches and restarts the others.

It speaks systemd's own protocols to its children (descriptors from 3, NOTIFY_SOCKET), so that in
production systemd takes its place without a change to any role.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import DatagramProtocol, ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.daemon.listeners import FIRST_DESCRIPTOR, Listener
from appliance.services.reactor import DelayedCall, ProcessReactor, ProcessTransport

FIRST_RESTART_S = 0.1
LAST_RESTART_S = 5.0
STEADY_AFTER_S = 10.0


@attrs.frozen
class Role:
    """One child: the role it plays, its index among equals, and the listeners it serves."""

    name: str
    index: int
    listeners: tuple[Listener, ...]

    @property
    def title(self) -> str:
        """The name that logs and files know it by."""
        return f"{self.name}-{self.index}" if self.index else self.name


class Child(ProcessProtocol):
    """A role that is kept running until told to stop."""

    transport: ProcessTransport | None  # type: ignore[assignment]
    _log = Logger()

    def __init__(self, role: Role, supervisor: Supervisor) -> None:
        self.role = role
        self.pid: int | None = None
        self.is_ready = False
        self._supervisor = supervisor
        self._started_at = 0.0
        self._pause_s = FIRST_RESTART_S
        self._restart: DelayedCall | None = None

    def start(self) -> None:
        """Spawn the process; its standard input ends when we do, which tells it to go."""
        self._restart = None
        self._started_at = self._supervisor.reactor.seconds()
        try:
            self._supervisor.spawn(self)
        except OSError as error:
            self._ended(f"it could not be started: {error.strerror}")

    def stop(self, signal: str) -> None:
        """Send TERM or KILL to it; a restart that was due is called off."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if self.pid is not None and self.transport is not None:
            try:
                self.transport.signalProcess(signal)
            except ProcessExitedAlready:
                return

    def processExited(self, reason: Failure) -> None:
        """Start it again, later each time it dies young."""
        self._ended(reason.getErrorMessage())

    def _ended(self, why: str) -> None:
        self.pid = None
        self.is_ready = False
        if not self._supervisor.is_stopping:
            self._log.error("a role ended", child=self.role.title, why=why)
            lived = self._supervisor.reactor.seconds() - self._started_at
            if lived > STEADY_AFTER_S:
                self._pause_s = FIRST_RESTART_S
            self._restart = self._supervisor.reactor.callLater(self._pause_s, self.start)
            self._pause_s = min(self._pause_s * 2, LAST_RESTART_S)
        self._supervisor.changed()


class Supervisor(DatagramProtocol):
    """All children of one box, and the notification socket they report to."""

    _log = Logger()

    def __init__(
        self,
        reactor: ProcessReactor,
        roles: Sequence[Role],
        *,
        command: Sequence[str],
        run_folder: Path,
        log_folder: Path,
        changed: Callable[[], None],
    ) -> None:
        self.reactor = reactor
        self.is_stopping = False
        self.changed = changed
        self._command = command
        self._run_folder = run_folder
        self._log_folder = log_folder
        self.children = [Child(role, self) for role in roles]

    def start(self) -> None:
        """Spawn every role, in the given order."""
        for child in self.children:
            child.start()

    def spawn(self, child: Child) -> None:
        """Start the process of one child with its descriptors, environment and log file."""
        listeners = child.role.listeners
        descriptors = {
            FIRST_DESCRIPTOR + index: listener.socket.fileno()
            for index, listener in enumerate(listeners)
        }
        environment = {
            **os.environ,
            "SHIYIN_SUPERVISED": str(os.getpid()),
            "NOTIFY_SOCKET": str(self._run_folder / "notify.sock"),
            "LISTEN_FDS": str(len(listeners)),
            "LISTEN_FDNAMES": ":".join(listener.name for listener in listeners),
        }
        environment.pop("LISTEN_PID", None)
        log = os.open(
            self._log_folder / f"{child.role.title}.log",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND,
            0o640,
        )
        try:
            process = self.reactor.spawnProcess(
                child,
                sys.executable,
                args=[sys.executable, *self._command, child.role.name],
                env=environment,
                childFDs={0: "w", 1: log, 2: log, **descriptors},
            )
        finally:
            os.close(log)
        child.pid = process.pid
        self.changed()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:  # noqa: ARG002  nameless
        """Take a child's notification."""
        lines = datagram.decode("utf-8", "replace").split("\n")
        fields = dict(line.partition("=")[::2] for line in lines)
        for child in self.children:
            is_sender = child.pid is not None and fields.get("MAINPID") == str(child.pid)
            if is_sender and fields.get("READY") == "1":
                child.is_ready = True
                self.changed()

    def stop(self, signal: str) -> None:
        """Ask every child to end, fronts first; nothing is restarted from now on."""
        self.is_stopping = True
        for child in reversed(self.children):
            child.stop(signal)

    @property
    def is_complete(self) -> bool:
        """Tell whether every child has said that it serves."""
        return all(child.is_ready for child in self.children)

    @property
    def is_empty(self) -> bool:
        """Tell whether no child runs."""
        return all(child.pid is None for child in self.children)

    def pids(self) -> dict[str, list[int]]:
        """Give the process ids that run, by role."""
        found: dict[str, list[int]] = {}
        for child in self.children:
            if child.pid is not None:
                found.setdefault(child.role.name, []).append(child.pid)
        return found
