"""The NTP service of a front: requests by UDP, answered from the trusted page.  RFC 5905 9.2.

A reply is never longer than its request, and only requests are answered, so the port neither
amplifies nor talks to another server without end.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.protocol import DatagramProtocol

from appliance.quantities import Provenance
from appliance.services.clients import source_of
from appliance.services.clock.ntp_serving import is_leaping, serve
from appliance.services.reactor import Clock
from appliance.timing.trusted import NoTime, TrustedTime
from appliance.wire.addresses import pack_client
from appliance.wire.rates import RateTable, Verdict
from drivers.ntp import packet
from drivers.ntp.responder import SIMULATED_ID, respond, respond_rate

ReadTime = Callable[[], TrustedTime | NoTime]


class DatagramTransport(Protocol):
    """A UDP port as its protocol sees it."""

    def write(self, packet: bytes, addr: tuple[str, int]) -> object:
        """Send to an address; raises OSError."""


class NtpResponder(DatagramProtocol):
    """Answers on one port; the ports of a front share `rates`.

    The clock is read before anything else is done with a request and after all else is.
    """

    transport: DatagramTransport | None  # type: ignore[assignment]

    def __init__(self, read: ReadTime, rates: RateTable, clock: Clock) -> None:
        self.unsent = 0
        self._read = read
        self._rates = rates
        self._clock = clock

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a request, or tell its source to ask less often, or say nothing."""
        received = self._read()
        client = _client_of(addr[0])
        verdict = self._rates.judge(client.source, self._clock.seconds())
        if verdict is Verdict.SILENCE:
            return
        if verdict is Verdict.COMPLAIN:
            reply = respond_rate(datagram)
        else:
            reply = self._answer(datagram, received, is_local=client.is_local)
        if reply is not None and self.transport is not None:
            try:
                self.transport.write(reply, addr)
            except OSError:  # the way back is closed, or the socket's buffer full
                self.unsent += 1

    def _answer(
        self, datagram: bytes, received: TrustedTime | NoTime, *, is_local: bool
    ) -> bytes | None:
        sent = self._read()
        if isinstance(received, NoTime) or isinstance(sent, NoTime):
            return respond(datagram, None)
        if is_leaping(sent):
            return None
        reply = respond(datagram, serve(received, sent, is_local=is_local))
        if reply is not None and not is_local and sent.provenance is Provenance.SIMULATED:
            return packet.encode(attrs.evolve(packet.decode(reply), reference_id=SIMULATED_ID))
        return reply


@attrs.frozen
class _Client:
    """Whom limits count, and whether it is on this host."""

    source: bytes
    is_local: bool


@functools.lru_cache(4096)
def _client_of(host: str) -> _Client:
    packed = pack_client(host, 0)
    address = packed[:-2]
    is_local = bool(address) and ipaddress.ip_address(address).is_loopback
    return _Client(source_of(packed), is_local)
