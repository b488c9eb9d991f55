"""What a front fetches from the network for `timed`, which has no IP socket: NTP's and gpsd's word.

Any front could; the one that holds the lock does, and when it ends another takes over.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any, Protocol, cast

import msgspec
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from appliance.daemon.places import Places
from appliance.daemon.supervision.claim import Claim
from appliance.errors import Conflict
from appliance.services.clock.ntp_clients import Address, NtpClient, Surroundings, split_server
from appliance.services.messages import PROTOCOL_VERSION, Hello, OutsideReadings
from appliance.services.reactor import DelayedCall
from appliance.settings import Time
from appliance.wire.ipc import FrameProtocol
from drivers.api import DeviceChange, GnssEpoch, NtpSample, Reading
from drivers.gnss.gpsd import GpsdEpochs, as_sample
from drivers.gnss.gpsd_client import GpsdClient

GPSD = "gpsd"
"""The name of gpsd's receiver among the sources."""

GPSD_PORT = 2947
LOOK_AGAIN_S = 2.0
_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 1.0


def outside_sources(choice: Time) -> frozenset[str]:
    """Name the sources whose readings a front may send."""
    return frozenset((*choice.ntp, *([GPSD] if choice.gpsd else [])))


class SamplesLine:
    """The connection to `timed`; while there is none, readings are lost, as they would grow old."""

    _log = Logger()

    def __init__(self, reactor: Any, socket_name: str) -> None:  # noqa: ANN401  Twisted's reactor
        self._decoder = msgspec.msgpack.Decoder(Hello)
        self._line: FrameProtocol[Hello] | None = None
        self._service = ClientService(
            cast("Any", UNIXClientEndpoint(reactor, socket_name)),
            cast("Any", Factory.forProtocol(self._protocol)),
            retryPolicy=backoffPolicy(_FIRST_RETRY_S, _LAST_RETRY_S),
            clock=reactor,
        )

    def start(self) -> None:
        """Look for `timed`."""
        self._service.startService()

    async def stop(self) -> None:
        """Hang up."""
        await self._service.stopService()

    def take(self, reading: Reading) -> None:
        """Send a reading, or log what became of its source."""
        sample = as_sample(reading) if isinstance(reading, GnssEpoch) else reading
        if isinstance(sample, NtpSample):
            self._send(OutsideReadings(ntp=[sample]))
        elif isinstance(reading, DeviceChange):
            self._log.info(
                "the source {source} is {state}",
                source=reading.source,
                state=reading.state.value,
                detail=reading.detail,
            )

    def _send(self, frame: OutsideReadings) -> None:
        if self._line is not None:
            self._line.send(frame)

    def _protocol(self) -> FrameProtocol[Hello]:
        return FrameProtocol(self._decoder, self._heard, closed=self._closed)

    def _heard(self, line: FrameProtocol[Hello], hello: Hello) -> None:
        if hello.version == PROTOCOL_VERSION:
            self._line = line
        else:
            self._log.error("timed speaks another version", version=hello.version)
            line.abort()

    def _closed(self, line: FrameProtocol[Hello]) -> None:
        if self._line is line:
            self._line = None


class Client(Protocol):
    """Something that asks the network from when it is started until it is stopped."""

    def start(self) -> None:
        """Ask from now on."""

    def stop(self) -> None:
        """Ask no more."""


class Errands:
    """The clients that the settings ask for, run by one front at a time."""

    _log = Logger()

    def __init__(
        self,
        choice: Time,
        places: Places,
        reactor: Any,  # noqa: ANN401  Twisted's reactor
    ) -> None:
        self._choice = choice
        self._lock = places.errands
        self._reactor = reactor
        self._line = SamplesLine(reactor, places.socket("samples").name)
        self._clients: list[Client] = []
        self._claim: Claim | None = None
        self._call: DelayedCall | None = None

    def start(self) -> None:
        """Go, or wait until whoever goes now has ended."""
        is_heard = self._choice.source in ("simulated", "hardware")
        if is_heard and outside_sources(self._choice):
            self._try()

    async def stop(self) -> None:
        """Come home, and let another go."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        for client in self._clients:
            client.stop()
        if self._claim is not None:
            await self._line.stop()
            self._claim.release()
            self._claim = None

    def _try(self) -> None:
        try:
            self._claim = Claim.take(self._lock)
        except Conflict:
            self._call = self._reactor.callLater(LOOK_AGAIN_S, self._try)
            return
        self._clients = self._make_clients()
        self._line.start()
        for client in self._clients:
            client.start()

    def _make_clients(self) -> list[Client]:
        around = Surroundings(self._reactor, self._resolve, _raw_ns, os.urandom)
        clients: list[Client] = [
            NtpClient(server, around, self._line.take) for server in self._choice.ntp
        ]
        if self._choice.gpsd:
            host, port = split_server(self._choice.gpsd, GPSD_PORT)
            endpoint = HostnameEndpoint(self._reactor, host, port)
            clients.append(
                GpsdClient(
                    GpsdEpochs(GPSD),
                    cast("Any", endpoint),
                    sink=self._line.take,
                    reactor=self._reactor,
                    raw_ns=_raw_ns,
                )
            )
        return clients

    async def _resolve(self, host: str, port: int) -> Address:
        """Ask the host's resolver, which blocks, in a thread."""
        pool = self._reactor.getThreadPool()
        found: Any = await deferToThreadPool(self._reactor, pool, _look_up, host, port)
        return cast("Address", found)


def _look_up(host: str, port: int) -> Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no name of a host") from error
    address = found[0][4]
    return str(address[0]), int(address[1])


def _raw_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
