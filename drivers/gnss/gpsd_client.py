"""A client of gpsd's port: asks for reports, and connects again when the daemon goes.

It has an IP socket, so it runs in the front; its epochs are passed on as samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from drivers.api import DeviceChange, DeviceState, Garbled, Sink
from drivers.gnss import gpsd
from drivers.serial_line import RETRY_FIRST_S, RETRY_MAX_S, Clock, DelayedCall

SILENCE_S = 10.0


class Endpoint(Protocol):
    """Where the daemon listens (IStreamClientEndpoint)."""

    def connect(self, factory: Any) -> Any:  # noqa: ANN401  a Factory; a Deferred of a protocol
        """Connect once."""


class GpsdClient:
    """One daemon: started once it connects, watches and connects again until it is stopped."""

    def __init__(
        self,
        epochs: gpsd.GpsdEpochs,
        endpoint: Endpoint,
        *,
        sink: Sink,
        reactor: Clock,
        raw_ns: Callable[[], int],
    ) -> None:
        self._epochs = epochs
        self._endpoint = endpoint
        self._sink = sink
        self._reactor = reactor
        self._raw_ns = raw_ns
        self._factory = Factory.forProtocol(lambda: _Reports(self))
        self._connection: _Reports | None = None
        self._state: DeviceState | None = None
        self._call: DelayedCall | None = None
        self._retry_s = RETRY_FIRST_S
        self._is_stopped = True

    def start(self) -> None:
        """Connect now, or as soon as the daemon is there."""
        self._is_stopped = False
        self._connect()

    def stop(self) -> None:
        """Disconnect and try no more; nothing is told."""
        self._is_stopped = True
        self._cancel()
        if self._connection is not None:
            self._connection.transport.loseConnection()

    def _connect(self) -> None:
        self._endpoint.connect(self._factory).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._tell(DeviceState.ABSENT, failure.getErrorMessage())
        self._again()

    def _again(self) -> None:
        if not self._is_stopped:
            self._later(self._retry_s, self._connect)
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)

    # --- what the connection tells ----------------------------------------------------------------

    def connected(self, connection: _Reports) -> None:
        """Ask the daemon for its reports."""
        if self._is_stopped:
            connection.transport.loseConnection()
            return
        self._connection = connection
        connection.transport.write(gpsd.WATCH)
        self._later(SILENCE_S, self._silent)

    def heard(self, line: bytes) -> None:
        """Take a line of the daemon's."""
        raw_ns = self._raw_ns()
        self._later(SILENCE_S, self._silent)
        try:
            report = gpsd.decode(line)
            epoch = None if report is None else self._epochs.take(report, raw_ns)
        except Garbled as error:
            self._tell(DeviceState.GARBLED, str(error))
            return
        self._retry_s = RETRY_FIRST_S
        self._tell(DeviceState.PRESENT)
        if epoch is not None:
            self._sink(epoch)

    def closed(self) -> None:
        """Take leave of the connection, and try again soon."""
        self._connection = None
        self._cancel()
        if not self._is_stopped:
            self._tell(DeviceState.ABSENT, "the daemon closed the connection")
        self._again()

    def _silent(self) -> None:
        """Close a connection that says nothing: the daemon may have lost its device or hang."""
        self._tell(DeviceState.SILENT, f"nothing for {SILENCE_S:g} s")
        if self._connection is not None:
            self._connection.transport.abortConnection()

    def _later(self, delay_s: float, function: Callable[[], None]) -> None:
        self._cancel()
        self._call = self._reactor.callLater(delay_s, function)

    def _cancel(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _tell(self, state: DeviceState, detail: str = "") -> None:
        if state is not self._state:
            self._state = state
            source, raw_ns = self._epochs.source, self._raw_ns()
            self._sink(DeviceChange(source=source, raw_ns=raw_ns, state=state, detail=detail))


class _Reports(LineOnlyReceiver):
    """One connection: lines of bounded length."""

    delimiter = b"\n"
    MAX_LENGTH = gpsd.MAX_LINE
    transport: Any

    def __init__(self, client: GpsdClient) -> None:
        self._client = client

    def connectionMade(self) -> None:
        """Tell that the daemon is there."""
        self._client.connected(self)

    def lineReceived(self, line: bytes) -> None:
        """Hand on a line; empty ones say nothing."""
        if bare := line.strip():
            self._client.heard(bare)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002  gone is gone
        """Tell that the daemon is gone."""
        self._client.closed()
