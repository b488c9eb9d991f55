"""A reactor that starts processes only in memory, and ends them when a test says so."""

from collections.abc import Mapping, Sequence

import attrs
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from appliance.daemon.supervision.supervisor import Child


@attrs.define(eq=False)
class Process:
    """One process that was asked for."""

    child: Child
    pid: int
    args: Sequence[str]
    env: Mapping[str, str]
    descriptors: Mapping[int, int | str]
    signals: list[str] = attrs.Factory(list)
    is_over: bool = False

    def signalProcess(self, signal: str) -> None:
        """Keep the signal."""
        if self.is_over:
            raise ProcessExitedAlready
        self.signals.append(signal)

    def end(self, status: int = 1) -> None:
        """Let it end by itself."""
        self.is_over = True
        self.child.processExited(Failure(ProcessTerminated(status)))


class ProcessReactor(Clock):
    """A clock that keeps what was spawned; while `is_full`, nothing can be."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.is_full = False

    def spawnProcess(
        self,
        protocol: Child,
        executable: str,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        childFDs: Mapping[int, int | str],  # noqa: N803  Twisted's name
    ) -> Process:
        """Keep it as running."""
        assert args[0] == executable
        if self.is_full:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        pid = 1000 + len(self.processes)
        process = Process(protocol, pid, args, env, dict(childFDs))
        protocol.transport = process
        self.processes.append(process)
        return process
