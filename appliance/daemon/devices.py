"""What a front is to phones, wired up: two ports, a line to the signer and one to the manager."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

from appliance.daemon.device_identity import DeviceIdentity
from appliance.daemon.line import keep_line
from appliance.daemon.roles.setting import Setting, close_ports
from appliance.services.clocks import host_utc, wall_s
from appliance.services.cosigning.messages import DeviceAnswer, PortalAnswer
from appliance.services.messages import PROTOCOL_VERSION, Hello
from appliance.services.reactor import ListeningPort
from appliance.settings import Settings
from appliance.wire.connections import Door
from appliance.wire.devices.json_form import DeviceRoom
from appliance.wire.devices.lane import Lane
from appliance.wire.devices.relay import DeviceRates, DeviceRelay, ManagerAnswer, SignerAnswer
from appliance.wire.devices.tcp import CosignLimits, CosignTcpFactory
from appliance.wire.http.site import Limits, Site
from appliance.wire.ipc import FrameProtocol
from appliance.wire.rates import RateTable
from appliance.wire.tls import TlsDoor

BURST_S = 30


def device_rates(settings: Settings) -> DeviceRates:
    """Give what one front grants a source: any call may come to any front."""
    limits = settings.limits
    return DeviceRates(
        _table(limits.enrol_per_source_s / settings.front_count),
        _table(limits.rejected_per_source_s / settings.front_count),
    )


def _table(per_s: float) -> RateTable:
    return RateTable(per_s, max(1, round(BURST_S * per_s)))


class DevicePart:
    """Serves phones in JSON and in DER; where a box has no such ports, nothing is begun."""

    def __init__(self, setting: Setting, http: Limits, tcp: CosignLimits) -> None:
        settings, reactor = setting.settings, setting.reactor
        self._setting = setting
        self._signer: Lane[SignerAnswer] = Lane(reactor)
        self._manager: Lane[ManagerAnswer] = Lane(reactor)
        self._relay = DeviceRelay(self._signer, self._manager, device_rates(settings), reactor)
        self._identity = DeviceIdentity(
            setting.places.front,
            settings.api.hosts,
            self._relay.certify,
            clock=reactor,
            now=host_utc,
        )
        room = DeviceRoom(self._relay, deadline_s=settings.limits.body_deadline_s)
        self._site = Site(
            {}, clock=reactor, wall_s=wall_s, limits=http, router=room.dispatcher(os.urandom).route
        )
        self._tcp = CosignTcpFactory(self._relay, clock=reactor, limits=tcp)
        self._ports: list[ListeningPort] = []
        self._lines = (
            keep_line(
                setting, "devices", DeviceAnswer, heard=self._signer_heard, left=self._signer.left
            ),
            keep_line(
                setting, "portal", PortalAnswer, heard=self._manager_heard, left=self._manager.left
            ),
        )

    @property
    def is_busy(self) -> bool:
        """Tell whether a phone waits for the signer."""
        return self._relay.is_busy

    def start(self) -> None:
        """Open the ports, if there are any, and look for those who answer."""
        doors: tuple[tuple[str, Door], ...] = (("device", self._site), ("cosign_tcp", self._tcp))
        if not any(self._setting.sockets(name) for name, _ in doors):
            return
        self._identity.start()
        for line in self._lines:
            line.startService()
        for name, door in doors:
            for listener in self._setting.sockets(name):
                self._ports.append(self._listen(name, door, listener.socket))

    async def close(self) -> None:
        """Take no more connections."""
        await close_ports(self._ports)

    async def stop(self) -> None:
        """Hang up."""
        self._identity.stop()
        for line in self._lines:
            await line.stopService()

    def _listen(self, name: str, door: Door, bound: socket.socket) -> ListeningPort:
        reactor = self._setting.reactor
        is_plain = (
            name == "cosign_tcp"
            and self._setting.settings.cosign.plain_on_loopback
            and ipaddress.ip_address(bound.getsockname()[0]).is_loopback
        )
        factory = door if is_plain else TlsDoor(self._identity.shown, door, reactor)
        port: ListeningPort = reactor.adoptStreamPort(bound.fileno(), bound.family, factory)
        return port

    def _signer_heard(self, line: FrameProtocol[Any], frame: Hello | SignerAnswer) -> None:
        if not isinstance(frame, Hello):
            self._signer.heard(frame)
        elif _speaks_ours(line, frame):
            self._signer.arrived(line.send)

    def _manager_heard(self, line: FrameProtocol[Any], frame: Hello | ManagerAnswer) -> None:
        if not isinstance(frame, Hello):
            self._manager.heard(frame)
        elif _speaks_ours(line, frame):
            self._manager.arrived(line.send)
            self._identity.look()


def _speaks_ours(line: FrameProtocol[Any], hello: Hello) -> bool:
    if hello.version != PROTOCOL_VERSION:
        line.abort()
    return hello.version == PROTOCOL_VERSION
