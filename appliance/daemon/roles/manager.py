"""The manager: the registry, and the application and admin interface; no signing key."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec
from msgspec.msgpack import Decoder
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.daemon.line import keep_line
from appliance.daemon.outside import outside_roads
from appliance.daemon.phones import PhonePart
from appliance.daemon.roles.setting import Setting, close_ports
from appliance.daemon.verification import VerificationPart
from appliance.errors import ApplianceError
from appliance.services.certifying.messages import AdminAnswer
from appliance.services.clocks import host_utc, wall_s
from appliance.services.messages import PROTOCOL_VERSION, Hello
from appliance.services.reactor import DelayedCall, ListeningPort
from appliance.services.registration.accounts import AccountDesk, Role
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.messages import (
    Declined,
    FirstOpened,
    ManageQuestion,
    OpenFirst,
)
from appliance.services.registration.office import Office
from appliance.services.registration.offline import OfflineDesk
from appliance.services.registration.renewing import RenewalDesk
from appliance.services.registration.requests import RequestDesk
from appliance.services.registration.signer_desk import SignerDesk
from appliance.services.registration.tls_identity import AUTHORITY, TlsFiles, TlsKeeper
from appliance.store.files import write_durably
from appliance.store.ledger.chain import sm3_hash
from appliance.store.registry import idempotency
from appliance.store.registry.backup import back_up_sqlite
from appliance.store.registry.database import Registry, open_database, open_registry
from appliance.store.registry.migrations.upgrading import migrate
from appliance.wire.http.site import Limits, Site
from appliance.wire.ipc import FrameProtocol, FrameServer
from appliance.wire.rest.dispatch import Dispatcher
from appliance.wire.rest.table import Caller, Table
from appliance.wire.rooms.accounts import AccountRoom
from appliance.wire.rooms.authorities import AuthorityRoom
from appliance.wire.rooms.certificates import CertificateRoom
from appliance.wire.rooms.description import DescriptionRoom
from appliance.wire.rooms.jobs import JobRoom
from appliance.wire.rooms.memory import RegistryMemory
from appliance.wire.rooms.requests import RequestRoom
from appliance.wire.tls import TlsDoor, TlsIdentity

_CHORES_S = 60.0
_FIRST_RETRY_S = 1.0


class ManagerRole:
    """Opens the registry, keeps a line to the signer, and serves the interface over TLS."""

    _log = Logger()

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        reactor, settings = setting.reactor, setting.settings
        url = settings.registry.url or f"sqlite:///{setting.places.manager}/registry.sqlite3"
        self._url = url
        self._registry: Registry = open_registry(url, reactor)
        self._signer = SignerDesk(reactor)
        office = self._office = Office(
            registry=self._registry,
            signer=self._signer,
            now=host_utc,
            draw=os.urandom,
            sm3=sm3_hash(),
        )
        roads = outside_roads(settings.authority, reactor, host_utc)
        self._requests = RequestDesk(office, roads)
        self._certificates = CertificateDesk(office, roads)
        self._renewals = RenewalDesk(office, self._requests, self._pause)
        self._offline = OfflineDesk(office, self._requests)
        self._accounts = AccountDesk(office)
        self._verification = VerificationPart(setting, self._registry, host_utc)
        self._phones = PhonePart(
            setting,
            office,
            self._signer,
            requests=self._requests,
            certificates=self._certificates,
            engine=self._verification.engine,
        )
        files = TlsFiles(setting.places.manager)
        self._tls_files = files
        self._tls = TlsKeeper(files, settings.api.hosts)
        self._identity = TlsIdentity()
        self._chores = LoopingCall(self._begin_chores)
        self._chores.clock = reactor
        self._ports: list[ListeningPort] = []
        self._retry: DelayedCall | None = None
        self._retry_s = _FIRST_RETRY_S
        self._line = keep_line(
            setting, "admin", AdminAnswer, heard=self._heard, left=self._signer.signer_left
        )

    async def start(self) -> None:
        """Bring the registry up to date, recover what was under way, open the ports."""
        places = self._setting.places
        places.manager.mkdir(mode=0o700, exist_ok=True)
        reactor = self._setting.reactor
        await deferToThreadPool(reactor, reactor.getThreadPool(), self._migrate)
        self._registry.start()
        await self._registry.run(idempotency.abandon_all)
        await self._renewals.recover()
        if self._setting.settings.mode == "demo":
            await self._adopt_demo()
        self._tls.prepare(host_utc())
        self._identity.load(self._tls_files.chain, self._tls_files.key)
        self._line.startService()
        self._verification.start()
        self._phones.start()
        self._listen()
        self._chores.start(_CHORES_S, now=False)

    async def stop(self) -> None:
        """Close the ports, hang up, let transactions under way end."""
        await close_ports(self._ports)
        if self._chores.running:
            self._chores.stop()
        self._cancel_retry()
        await self._line.stopService()
        await self._phones.stop()
        await self._verification.stop()
        self._registry.close()

    def _migrate(self) -> None:
        database = open_database(self._url)
        folder = self._setting.places.manager / "backups"

        def back_up() -> None:
            if database.engine.dialect.name == "sqlite":
                folder.mkdir(mode=0o700, exist_ok=True)
                back_up_sqlite(database, folder, host_utc())

        try:
            upgrade = migrate(database, back_up)
        finally:
            database.close()
        if upgrade.old != upgrade.new:
            self._log.info("the registry has a new schema", old=upgrade.old, new=upgrade.new)

    def _listen(self) -> None:
        limits = self._setting.settings.limits
        site = Site(
            {},
            clock=self._setting.reactor,
            wall_s=wall_s,
            limits=Limits(
                idle_s=limits.idle_s,
                write_deadline_s=limits.write_deadline_s,
                connections=limits.connections,
                connections_per_source=limits.connections_per_source,
                head_deadline_s=limits.head_deadline_s,
            ),
            router=self._dispatcher().route,
        )
        reactor = self._setting.reactor
        door = TlsDoor(self._identity, site, reactor)
        manage = FrameServer(
            Decoder(ManageQuestion),
            self._asked,
            hello=lambda: Hello(PROTOCOL_VERSION, ()),
            allowed_uids=frozenset({0, os.getuid()}),
            clock=reactor,
        )
        factories = {"api": door, "manage": manage, "portal": self._phones.server()}
        for name, factory in factories.items():
            for listener in self._setting.sockets(name):
                self._ports.append(
                    reactor.adoptStreamPort(
                        listener.socket.fileno(), listener.socket.family, factory
                    )
                )

    def _dispatcher(self) -> Dispatcher:
        office = self._office
        rooms = (
            CertificateRoom(office, self._certificates),
            RequestRoom(office, self._requests),
            JobRoom(office, self._renewals, self._offline, self._begin_jobs),
            AuthorityRoom(self._signer),
            AccountRoom(office, self._accounts),
            self._verification.room,
        )
        operations = [each for room in rooms for each in room.operations()]
        operations += self._phones.operations()
        description = DescriptionRoom(operations)
        return Dispatcher(
            Table([*operations, *description.operations()]),
            authenticate=self._authenticate,
            memory=RegistryMemory(office),
            draw=os.urandom,
        )

    async def _authenticate(self, token: str) -> Caller | None:
        row = await self._accounts.authenticate(token)
        return None if row is None else Caller(row.id, row.name, Role(row.role))

    async def _adopt_demo(self) -> None:
        """Let the accounts of the demo's file act."""
        for role, token in self._demo_tokens().items():
            await self._accounts.adopt(f"demo-{role}", Role(role), token)

    def _demo_tokens(self) -> dict[str, str]:
        """Read the demo's file, which is made at the first start."""
        path = self._setting.places.demo_credentials
        if not path.exists():
            tokens = {role.value: self._accounts.new_token() for role in Role}
            content = json.dumps({"tokens": tokens}, indent=2).encode() + b"\n"
            write_durably(path, content, mode=0o600)
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, str]])["tokens"]

    # --- the box's own user -----------------------------------------------------------------------

    def _asked(self, line: FrameProtocol[ManageQuestion], question: ManageQuestion) -> None:
        self._do(self._open_first(line, question))

    async def _open_first(self, line: FrameProtocol[ManageQuestion], question: OpenFirst) -> None:
        try:
            row, token = await self._accounts.open_first(question.name)
        except ApplianceError as error:
            line.send(Declined(type(error).__name__, str(error)))
            return
        self._log.warn("the box's own user opened an administrator", account=row.id)
        line.send(FirstOpened(row.id, token))

    # --- the signer -------------------------------------------------------------------------------

    def _heard(self, line: FrameProtocol[Any], frame: Any) -> None:  # noqa: ANN401  an AdminAnswer
        if isinstance(frame, Hello):
            self._signer.signer_arrived(line.send)
            self._begin_chores()
        else:
            self._signer.answer_arrived(frame)

    # --- chores -----------------------------------------------------------------------------------

    def _begin_chores(self) -> None:
        """Go on with what waited for the signer, sweep, see to our own certificate.

        At its start a box has no time to issue by: what waits is tried again soon.
        """
        self._cancel_retry()
        chores = Deferred.fromCoroutine(self._do_chores())
        chores.addCallbacks(self._chores_done, self._chores_wait).addErrback(self._failed)

    def _chores_done(self, _result: None) -> None:
        self._retry_s = _FIRST_RETRY_S

    def _chores_wait(self, failure: Failure) -> Failure:
        self._retry = self._setting.reactor.callLater(self._retry_s, self._begin_chores)
        self._retry_s = min(2 * self._retry_s, _CHORES_S)
        return failure

    def _cancel_retry(self) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    def _begin_jobs(self) -> None:
        self._do(self._renewals.work())

    def _do(self, work: Any) -> None:  # noqa: ANN401  a coroutine
        Deferred.fromCoroutine(work).addErrback(self._failed)

    async def _do_chores(self) -> None:
        await self._requests.resume()
        await self._certificates.sweep()
        await self._phones.settle()
        if self._tls.is_due(host_utc()):
            await self._renew_tls()
        await self._renewals.work()

    async def _renew_tls(self) -> None:
        told = (await self._signer.authorities())["authorities"]
        mine = told.get(AUTHORITY) if isinstance(told, dict) else None
        if mine is None:
            self._log.warn("the interface has no certificate of ours: no authority for it")
            return
        await self._tls.renew(self._requests, mine["chain"])
        self._identity.load(self._tls_files.chain, self._tls_files.key)
        self._log.info("the interface has a new certificate")

    def _failed(self, failure: Failure) -> None:
        if failure.check(ApplianceError):
            self._log.warn("a chore waits", why=failure.getErrorMessage())
        else:
            self._log.failure("a chore failed", failure)

    async def _pause(self, seconds: float) -> None:
        await deferLater(self._setting.reactor, seconds)
