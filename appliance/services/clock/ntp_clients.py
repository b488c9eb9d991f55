"""Asks NTP servers, each on its own schedule, and gives what their replies are worth.

Every request leaves from a socket of its own, so that its port, too, must be guessed by whoever
would forge the reply (RFC 9109 3), and no late reply is taken for another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.services.reactor import Clock, DelayedCall
from drivers.api import NtpSample, Sink
from drivers.ntp.exchange import COOKIE_OCTETS, Exchange, Reason

NTP_PORT = 123
BURST = 4
BURST_INTERVAL_S = 2.0
FIRST_INTERVAL_S = 16
LAST_INTERVAL_S = 64
STEADY_AFTER = 8
"""Replies in a row after which a server is asked half as often, down to once in 64 s."""

DEAD_AFTER = 8
"""Requests in vain after which it is asked as seldom as that, too."""

TIMEOUT_S = 2.0
JITTER = 0.1
MAX_OCTETS = 1024

_NOT_THEIRS = frozenset({Reason.GARBLED, Reason.UNASKED, Reason.ORIGIN, Reason.MODE})
"""Datagrams that anyone may have sent: the reply may still come."""

Address = tuple[str, int]
Resolve = Callable[[str, int], Awaitable[Address]]
"""Finds the numeric address of a host; raises OSError."""


class DatagramReactor(Clock, Protocol):
    """A clock that opens UDP ports (IReactorUDP)."""

    def listenUDP(  # noqa: N802  Twisted's name
        self,
        port: int,
        protocol: Any,  # noqa: ANN401  a DatagramProtocol
        interface: str = "",
        maxPacketSize: int = 8192,  # noqa: N803
    ) -> Any:  # noqa: ANN401
        """Open a port; 0 takes any free one."""


@attrs.frozen
class Surroundings:
    """What clients of NTP need of the world; `draw` gives random octets."""

    reactor: DatagramReactor
    resolve: Resolve
    raw_ns: Callable[[], int]
    draw: Callable[[int], bytes]


def split_server(server: str, usual_port: int = NTP_PORT) -> Address:
    """Take HOST, HOST:PORT, [IPV6] or [IPV6]:PORT apart."""
    if server.startswith("["):
        host, _, port = server[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = server.partition(":")
    return host, int(port or usual_port)


class NtpClient:
    """One server: a burst at the start, then every 16 to 64 s, more seldom when it asks for it."""

    _log = Logger()

    def __init__(self, server: str, around: Surroundings, sink: Sink) -> None:
        self._server = server
        self._around = around
        self._sink = sink
        self._exchange = Exchange(server, interval_s=FIRST_INTERVAL_S)
        self._pace = Pace()
        self._question: _Question | None = None
        self._call: DelayedCall | None = None
        self._is_reachable: bool | None = None
        self._is_stopped = True

    def start(self) -> None:
        """Ask now and from now on."""
        self._is_stopped = False
        self._ask()

    def stop(self) -> None:
        """Ask no more."""
        self._is_stopped = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._end_question()

    # --- one request ------------------------------------------------------------------------------

    def _ask(self) -> None:
        Deferred.fromCoroutine(self._send()).addErrback(self._broken)

    async def _send(self) -> None:
        try:
            address = await self._around.resolve(*split_server(self._server))
            if self._is_stopped:
                return
            self._open(address)
        except OSError as error:
            self._failed(error.strerror or str(error))

    def _open(self, address: Address) -> None:
        question = self._question = _Question(self)
        interface = "::" if ":" in address[0] else ""
        reactor = self._around.reactor
        question.port = reactor.listenUDP(0, question, interface, MAX_OCTETS)
        question.transport.connect(*address)
        cookie = self._around.draw(COOKIE_OCTETS)
        self._later(TIMEOUT_S, self._timed_out)
        question.transport.write(self._exchange.ask(cookie, self._around.raw_ns()))

    def heard(self, octets: bytes) -> None:
        """Take a datagram from the server's address."""
        verdict = self._exchange.take(octets, self._around.raw_ns())
        if isinstance(verdict, NtpSample):
            self._succeeded(verdict)
        elif verdict not in _NOT_THEIRS:
            self._failed(verdict.value)

    def refused(self) -> None:
        """Take note that nobody listens there."""
        self._failed("nobody listens there")

    def _timed_out(self) -> None:
        self._failed(f"no answer within {TIMEOUT_S:g} s")

    def _end_question(self) -> None:
        question, self._question = self._question, None
        if question is not None:
            question.close()

    # --- what becomes of it -----------------------------------------------------------------------

    def _succeeded(self, sample: NtpSample) -> None:
        self._end_question()
        self._pace.succeeded()
        if self._is_reachable is not True:
            self._is_reachable = True
            self._log.info("the NTP server {server} answers", server=self._server)
        self._sink(sample)
        self._again()

    def _failed(self, why: str) -> None:
        self._end_question()
        self._pace.failed()
        if self._is_reachable is not False:
            self._is_reachable = False
            self._log.warn("the NTP server {server}: {why}", server=self._server, why=why)
        self._again()

    def _again(self) -> None:
        if self._exchange.is_denied:
            self._log.warn("the NTP server {server} is asked no more", server=self._server)
        elif not self._is_stopped:
            asked_for_s = self._exchange.interval_s
            rest_s = self._pace.rest_s(asked_for_s, is_slowed=asked_for_s > FIRST_INTERVAL_S)
            share = int.from_bytes(self._around.draw(2), "big") / 0xFFFF
            self._later(rest_s * (1 + JITTER * (2 * share - 1)), self._ask)

    def _later(self, delay_s: float, function: Callable[[], None]) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = self._around.reactor.callLater(delay_s, function)

    def _broken(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("an NTP server could not be asked", failure, server=self._server)
            self._failed("it could not be asked")


class Pace:
    """How long to wait before the next request; pure."""

    def __init__(self) -> None:
        self._asked = 0
        self._good = 0
        self._vain = 0
        self._interval_s = FIRST_INTERVAL_S

    def succeeded(self) -> None:
        """Count a reply that gave a sample."""
        self._asked += 1
        self._vain = 0
        self._good += 1
        if self._good % STEADY_AFTER == 0:
            self._interval_s = min(2 * self._interval_s, LAST_INTERVAL_S)

    def failed(self) -> None:
        """Count a request that gave none."""
        self._asked += 1
        self._good = 0
        self._vain += 1
        self._interval_s = LAST_INTERVAL_S if self._vain >= DEAD_AFTER else FIRST_INTERVAL_S

    def rest_s(self, asked_for_s: int, *, is_slowed: bool) -> float:
        """Tell how long to wait; `asked_for_s` is the least that the server puts up with."""
        if self._asked < BURST and not is_slowed:
            return BURST_INTERVAL_S
        return max(self._interval_s, asked_for_s)


class _Question(DatagramProtocol):
    """The socket of one request."""

    transport: Any
    port: Any = None

    def __init__(self, client: NtpClient) -> None:
        self._client: NtpClient | None = client

    def datagramReceived(self, datagram: bytes, addr: object) -> None:  # noqa: ARG002  connected
        """Hand on what came from the server's address."""
        if self._client is not None:
            self._client.heard(datagram)

    def connectionRefused(self) -> None:  # noqa: N802  Twisted's name
        """Tell that nobody listens there."""
        if self._client is not None:
            self._client.refused()

    def close(self) -> None:
        """Close; what still comes is nobody's."""
        self._client = None
        if self.port is not None:
            self.port.stopListening()
