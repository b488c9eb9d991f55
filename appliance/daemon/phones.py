"""Co-signing as the manager has it, wired up: a line to the signer, the portal, the rooms."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from msgspec.msgpack import Decoder
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.crypto.api import Sm2Engine
from appliance.daemon.line import keep_line
from appliance.daemon.roles.setting import Setting
from appliance.errors import ApplianceError, Unavailable
from appliance.services.cosigning.messages import (
    CosignAnswer,
    Happened,
    PortalQuestion,
    RequestAsk,
    TlsAnswer,
    TlsAsk,
)
from appliance.services.messages import PROTOCOL_VERSION, Frame, Hello
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.office import Office
from appliance.services.registration.phones.activations import ActivationDesk, chain_of
from appliance.services.registration.phones.bells import Bells
from appliance.services.registration.phones.cosigner import CosignerDesk
from appliance.services.registration.phones.events import EventDesk
from appliance.services.registration.phones.fronts import FrontCertifier
from appliance.services.registration.phones.orders import OrderDesk
from appliance.services.registration.phones.people import PeopleDesk
from appliance.services.registration.phones.portal import Portal
from appliance.services.registration.phones.tasks import TaskDesk
from appliance.services.registration.phones.waiting import WaitingDesk
from appliance.services.registration.requests import RequestDesk
from appliance.services.registration.signer_desk import SignerDesk
from appliance.services.registration.tls_identity import AUTHORITY
from appliance.wire.ipc import FrameProtocol, FrameServer
from appliance.wire.rest.table import Operation
from appliance.wire.rooms.phones.activations import ActivationRoom
from appliance.wire.rooms.phones.devices import DeviceRoom
from appliance.wire.rooms.phones.tasks import TaskRoom
from appliance.wire.rooms.phones.users import UserRoom

_LOOK_S = 5.0
"""So often the signer is asked what happened, though it tells so itself."""


class PhonePart:
    """What a manager is for users and their phones; it holds no share and no code."""

    _log = Logger()

    def __init__(
        self,
        setting: Setting,
        office: Office,
        signer: SignerDesk,
        *,
        requests: RequestDesk,
        certificates: CertificateDesk,
        engine: Sm2Engine,
    ) -> None:
        reactor = setting.reactor
        self._setting = setting
        self._signer = signer
        self._fronts = FrontCertifier(requests, setting.settings.api.hosts)
        self._cosigner = CosignerDesk(reactor)
        bells = Bells(reactor)
        self._tasks = TaskDesk(office, bells)
        self._activations = ActivationDesk(office, self._cosigner, signer, self._device_url)
        self._events = EventDesk(
            office,
            self._cosigner,
            requests=requests,
            certificates=certificates,
            bells=bells,
        )
        self._portal = Portal(
            office,
            engine,
            events=self._events,
            waiting=WaitingDesk(office, self._cosigner, bells),
            bells=bells,
            issuers_of=self._issuers_of,
        )
        self._rooms = (
            UserRoom(office, PeopleDesk(office)),
            ActivationRoom(office, self._activations),
            DeviceRoom(office, OrderDesk(office, self._cosigner, self._events)),
            TaskRoom(office, self._tasks),
        )
        self._line = keep_line(
            setting, "cosign", CosignAnswer, heard=self._heard, left=self._cosigner.signer_left
        )
        self._look = LoopingCall(self._follow)
        self._look.clock = reactor

    def operations(self) -> list[Operation]:
        """List the operations of the rooms."""
        return [each for room in self._rooms for each in room.operations()]

    def server(self) -> FrameServer[PortalQuestion]:
        """Give what listens on the socket `portal`."""
        return FrameServer(
            Decoder(PortalQuestion),
            self._asked,
            hello=lambda: Hello(PROTOCOL_VERSION, ()),
            allowed_uids=frozenset({0, os.getuid()}),
            clock=self._setting.reactor,
        )

    def start(self) -> None:
        """Begin to look for the signer."""
        self._line.startService()
        self._look.start(_LOOK_S, now=False)

    async def stop(self) -> None:
        """Hang up."""
        if self._look.running:
            self._look.stop()
        await self._line.stopService()

    async def settle(self) -> None:
        """Let lapse what is over, and go on with certificates of phones."""
        await self._activations.sweep()
        await self._events.settle()

    # --- the signer -------------------------------------------------------------------------------

    def _heard(self, line: FrameProtocol[Any], frame: Any) -> None:  # noqa: ANN401  a CosignAnswer
        if isinstance(frame, Hello):
            self._cosigner.signer_arrived(line.send)
            self._follow()
        elif isinstance(frame, Happened):
            self._follow()
        else:
            self._cosigner.answer_arrived(frame)

    def _follow(self) -> None:
        Deferred.fromCoroutine(self._do_follow()).addErrback(self._failed)

    async def _do_follow(self) -> None:
        await self._tasks.sweep()
        if await self._events.follow():
            await self._events.settle()

    def _failed(self, failure: Failure) -> None:
        if failure.check(Unavailable):
            self._log.debug("the signer's news wait", why=failure.getErrorMessage())
        elif failure.check(ApplianceError):
            self._log.warn("the signer's news wait", why=failure.getErrorMessage())
        else:
            self._log.failure("following the signer failed", failure)

    # --- fronts -----------------------------------------------------------------------------------

    def _asked(self, line: FrameProtocol[PortalQuestion], question: PortalQuestion) -> None:
        work = Deferred.fromCoroutine(self._answer(question))
        work.addCallback(line.send).addErrback(self._failed)

    async def _answer(self, question: RequestAsk | TlsAsk) -> Frame:
        if isinstance(question, TlsAsk):
            return TlsAnswer(question.number, await self._certify_front(question.csr))
        return await self._portal.answer(question)

    async def _certify_front(self, csr: bytes) -> list[bytes]:
        """Certify a front for the names of this box; empty while nobody can."""
        try:
            issuers = await self._issuers_of(AUTHORITY)
            leaf = await self._fronts.certify(csr) if issuers else None
        except ApplianceError as error:
            self._log.warn("a front waits for its certificate", why=str(error))
            return []
        return [] if leaf is None else [leaf, *issuers]

    async def _issuers_of(self, authority: str) -> Sequence[bytes]:
        return await chain_of(self._signer, authority)

    def _device_url(self) -> str:
        """Tell where phones reach this box; a port that was drawn is read where programs do."""
        settings, ready = self._setting.settings, self._setting.places.ready
        if settings.listen.device_port == 0 and ready.exists():
            return str(json.loads(ready.read_text("utf-8"))["device"])
        host = settings.api.hosts[0]
        return f"https://{f'[{host}]' if ':' in host else host}:{settings.listen.device_port}"
