"""The front: every listener of clients, and no key, device or clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from appliance.crypto.engine import choose_engine
from appliance.daemon.descriptors import raise_descriptor_limit
from appliance.daemon.devices import DevicePart
from appliance.daemon.line import keep_line
from appliance.daemon.places import read_boot_id
from appliance.daemon.roles.setting import Setting, close_ports
from appliance.daemon.time.errands import Errands
from appliance.services.certifying.ocsp_counter import OcspCounter
from appliance.services.certifying.status_messages import OcspAnswer, OcspReply
from appliance.services.clocks import TimeReader, host_utc, wall_s
from appliance.services.messages import (
    PROTOCOL_VERSION,
    Hello,
    PollReply,
    StampAnswer,
    StampReplies,
)
from appliance.services.publishing import ROOTS
from appliance.services.reactor import ListeningPort
from appliance.services.timestamping import StampDesk
from appliance.services.verifying import TrustedRoots, Verifier
from appliance.settings import Settings
from appliance.wire.devices.tcp import CosignLimits
from appliance.wire.http.site import Limits, Route, Site
from appliance.wire.ipc import FrameProtocol
from appliance.wire.ntp_udp import NtpResponder
from appliance.wire.ocsp_http import ocsp_routes
from appliance.wire.published import published_routes
from appliance.wire.rates import RateTable
from appliance.wire.time_http import time_routes
from appliance.wire.tsp.http import timestamp_routes
from appliance.wire.tsp.stf import stf_routes
from appliance.wire.tsp.tcp import TcpLimits, TspTcpFactory
from appliance.wire.tsp.verification import verify_routes

DRAIN_S = 5.0
NTP_BURST_S = 4


def http_limits(settings: Settings) -> Limits:
    """Give what one front grants on the HTTP port."""
    return Limits(head_deadline_s=settings.limits.head_deadline_s, **_connection_limits(settings))


def tcp_limits(settings: Settings) -> TcpLimits:
    """Give what one front grants on the port of the socket protocol."""
    return TcpLimits(
        message_deadline_s=settings.limits.head_deadline_s, **_connection_limits(settings)
    )


def cosign_limits(settings: Settings) -> CosignLimits:
    """Give what one front grants on the TCP port of phones."""
    return CosignLimits(
        first_deadline_s=settings.limits.head_deadline_s,
        frame_deadline_s=settings.limits.body_deadline_s,
        **_connection_limits(settings),
    )


def _connection_limits(settings: Settings) -> dict[str, Any]:
    limits, fronts = settings.limits, settings.front_count
    return {
        "idle_s": limits.idle_s,
        "write_deadline_s": limits.write_deadline_s,
        # The fronts accept from one listener, so none knows how many the others have.
        "connections": -(-limits.connections // fronts),
        "connections_per_source": -(-limits.connections_per_source // fronts),
    }


def ntp_rates(settings: Settings) -> RateTable:
    """Give what one front grants on the NTP port: any request may come to any front."""
    per_s = settings.limits.ntp_per_source_s / settings.front_count
    return RateTable(per_s, max(1, round(NTP_BURST_S * per_s)))


class FrontRole:
    """Serves clients, keeps a connection to the signer, and runs errands for `timed`."""

    _log = Logger()

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._desk = StampDesk(setting.reactor)
        self._clock = TimeReader(setting.places.time_page, boot_id=read_boot_id())
        self._ocsp = OcspCounter(setting.reactor)
        settings = setting.settings
        default = settings.profiles()[0].name
        stamping = timestamp_routes(self._desk, default, deadline_s=settings.limits.body_deadline_s)
        self._site = Site(
            {
                **stamping,
                **time_routes(self._clock.read),
                **_verification(setting, self._desk),
                **ocsp_routes(self._ocsp.submit, wall_s=wall_s),
                **published_routes(setting.places.public / "crl"),
            },
            clock=setting.reactor,
            wall_s=wall_s,
            limits=http_limits(settings),
        )
        self._tcp = TspTcpFactory(
            self._desk,
            settings.tsp.tcp_profile or default,
            clock=setting.reactor,
            limits=tcp_limits(settings),
        )
        self._devices = DevicePart(setting, http_limits(settings), cosign_limits(settings))
        self._ntp_rates = ntp_rates(settings)
        self._errands = Errands(settings.time, setting.places, setting.reactor)
        self._ports: list[ListeningPort] = []
        self._lines = (
            keep_line(
                setting, "stamp", StampAnswer, heard=self._heard, left=self._desk.signer_left
            ),
            keep_line(
                setting,
                "status",
                OcspAnswer,
                heard=self._status_heard,
                left=self._ocsp.signer_left,
            ),
        )

    async def start(self) -> None:
        """Open the ports and begin to look for the signer."""
        raise_descriptor_limit()
        for line in self._lines:
            line.startService()
        self._errands.start()
        self._devices.start()
        for name, factory in (("tsp_http", self._site), ("tsp_tcp", self._tcp)):
            for listener in self._setting.sockets(name):
                self._ports.append(
                    self._setting.reactor.adoptStreamPort(
                        listener.socket.fileno(), listener.socket.family, factory
                    )
                )
        for listener in self._setting.sockets("ntp"):
            responder = NtpResponder(self._clock.read, self._ntp_rates, self._setting.reactor)
            self._ports.append(
                self._setting.reactor.adoptDatagramPort(
                    listener.socket.fileno(), listener.socket.family, responder
                )
            )

    async def stop(self) -> None:
        """Close the ports, wait for the answers under way, hang up."""
        await close_ports(self._ports)
        await self._devices.close()
        deadline = self._setting.reactor.seconds() + DRAIN_S
        while self._is_busy and self._setting.reactor.seconds() < deadline:
            await deferLater(self._setting.reactor, 0.02)
        await self._errands.stop()
        await self._devices.stop()
        for line in self._lines:
            await line.stopService()

    @property
    def _is_busy(self) -> bool:
        return self._desk.is_busy or self._devices.is_busy

    def _status_heard(self, line: FrameProtocol[Any], frame: Hello | OcspReply) -> None:
        if isinstance(frame, OcspReply):
            self._ocsp.reply_arrived(frame)
        else:
            self._ocsp.signer_arrived(line.send)

    def _heard(self, line: FrameProtocol[Any], frame: Hello | StampReplies | PollReply) -> None:
        if isinstance(frame, StampReplies):
            self._desk.replies_arrived(frame)
        elif isinstance(frame, PollReply):
            self._desk.poll_answered(frame)
        elif frame.version == PROTOCOL_VERSION:
            self._desk.signer_arrived(frame, line.send)
        else:
            self._log.error("the signer speaks another version", version=frame.version)
            line.abort()


def _verification(setting: Setting, desk: StampDesk) -> Mapping[str, Mapping[str, Route]]:
    """Make the routes of verification, under the roots of the box and of its settings."""
    settings = setting.settings
    further = settings.verify.roots
    files = [setting.places.public / ROOTS, *([Path(further)] if further else [])]
    roots = TrustedRoots(choose_engine(will_sign=False).engine, files, setting.reactor)
    # The first profile of a kind of key comes last, and so stands.
    profiles = {profile.algorithm: profile.name for profile in reversed(settings.profiles())}
    return {
        **verify_routes(Verifier(roots, host_utc), deadline_s=settings.verify.body_deadline_s),
        **stf_routes(desk, roots, profiles, deadline_s=settings.verify.body_deadline_s),
    }
