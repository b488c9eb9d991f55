"""A reactor whose UDP ports are in memory, and servers behind them that a test plays."""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.task import Clock

Address = tuple[str, int]
Server = Callable[[bytes], bytes | None]


@attrs.define(eq=False)
class UdpPort:
    """One open port."""

    reactor: "UdpReactor"
    protocol: Any
    interface: str
    peer: Address | None = None
    is_open: bool = True
    asked: list[bytes] = attrs.Factory(list)

    def connect(self, host: str, port: int) -> None:
        """Take datagrams of one peer only."""
        if self.reactor.failure is not None:
            raise self.reactor.failure
        self.peer = (host, port)

    def write(self, packet: bytes, addr: Address | None = None) -> None:
        """Send; the server's answer comes at once."""
        assert addr is None
        self.asked.append(packet)
        reply = self.reactor.server(packet)
        if reply is not None:
            self.reactor.callLater(self.reactor.delay_s, self._deliver, reply)

    def _deliver(self, packet: bytes) -> None:
        if self.is_open:
            self.protocol.datagramReceived(packet, self.peer)

    def stopListening(self) -> None:
        """Close."""
        self.is_open = False


class UdpReactor(Clock):
    """A clock that opens UDP ports; `server` answers whatever is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[UdpPort] = []
        self.server: Server = lambda _request: None
        self.delay_s = 0.01
        self.failure: OSError | None = None

    def listenUDP(  # noqa: N802  Twisted's name
        self,
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,  # noqa: N803
    ) -> UdpPort:
        """Open a port."""
        assert port == 0
        assert maxPacketSize >= 48
        opened = UdpPort(self, protocol, interface)
        protocol.transport = opened
        self.ports.append(opened)
        return opened

    @property
    def open_ports(self) -> int:
        """Count what was not closed."""
        return sum(port.is_open for port in self.ports)

    def raw_ns(self) -> int:
        """Give the clock's time as CLOCK_MONOTONIC_RAW would."""
        return round(self.seconds() * 1e9)

    def go(self, seconds: float) -> None:
        """Let time pass in small steps."""
        self.pump([0.01] * round(seconds * 100))
