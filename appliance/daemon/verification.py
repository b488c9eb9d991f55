"""Verification as the manager offers it, wired up: files, a line for OCSP, a thread, a network."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from appliance.crypto.engine import choose_engine
from appliance.crypto.verifier import verify_signature
from appliance.daemon.line import keep_line
from appliance.daemon.roles.setting import Setting
from appliance.errors import NotFound
from appliance.quantities import Utc
from appliance.services.certifying.ocsp_counter import OcspCounter
from appliance.services.certifying.status_messages import OcspAnswer, OcspReply
from appliance.services.messages import Hello
from appliance.services.publishing import ROOTS
from appliance.services.verification.fetching import AllowList
from appliance.services.verification.operations import Operations
from appliance.services.verification.own import OwnRevocations, PublicShelf
from appliance.services.verification.verifying import SignatureVerifier
from appliance.store.registry import certificates
from appliance.store.registry.database import Registry
from appliance.wire.fetching import HttpFetcher
from appliance.wire.ipc import FrameProtocol
from appliance.wire.rooms.verification import VerificationRoom

_T = TypeVar("_T")


class VerificationPart:
    """What a manager is for whoever has something verified; it holds no key."""

    def __init__(self, setting: Setting, registry: Registry, now: Callable[[], Utc]) -> None:
        settings, places = setting.settings, setting.places
        self._reactor = setting.reactor
        self._registry = registry
        self._authorities = tuple(table.name for table in settings.authority)
        # One thread: two would only take the interpreter from each other, and from the reactor.
        self._thread = ThreadPool(0, 1, "verification")
        self._ocsp = OcspCounter(setting.reactor)
        self._line = keep_line(
            setting, "status", OcspAnswer, heard=self._heard, left=self._ocsp.signer_left
        )
        further = settings.verify.roots
        bundles = [places.public / ROOTS, *([Path(further)] if further else [])]
        self._shelf = PublicShelf(bundles, places.published)
        engine = self.engine = choose_engine(will_sign=False).engine
        verifier = SignatureVerifier(
            engine,
            functools.partial(verify_signature, engine),
            self._shelf.anchors,
            now,
            revocations=OwnRevocations(
                self._shelf,
                self._ocsp.submit,
                self._run,
                fetcher=HttpFetcher(setting.reactor, deadline_s=settings.verify.fetch_deadline_s),
                allowed=AllowList(settings.verify.fetch),
                now=now,
            ),
            run=self._run,
        )
        self.room = VerificationRoom(
            Operations(verifier, self._find), deadline_s=settings.verify.body_deadline_s
        )

    def start(self) -> None:
        """Begin to look for the signer."""
        self._thread.start()
        self._line.startService()

    async def stop(self) -> None:
        """Hang up, and finish what is being computed."""
        await self._line.stopService()
        await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._thread.stop)

    def _run(self, work: Callable[[], _T]) -> Deferred[_T]:
        return deferToThreadPool(self._reactor, self._thread, work)

    def _heard(self, line: FrameProtocol[Any], frame: Hello | OcspReply) -> None:
        if isinstance(frame, OcspReply):
            self._ocsp.reply_arrived(frame)
        else:
            self._ocsp.signer_arrived(line.send)

    async def _find(self, identifier: str) -> bytes:
        """Find a certificate by its serial number in hex, which is unique here.  Raises NotFound.

        Authorities elsewhere may number as they like: of two that did alike, the first is meant.
        """
        serial_number = identifier.lower()
        if not serial_number.isascii() or not serial_number.isalnum():
            raise NotFound("a certificate is asked for by its serial number in hex")
        own = await self._run(self._shelf.authorities)
        for authority in (*own, *self._authorities):
            get = functools.partial(
                certificates.get_by_serial, authority=authority, serial_number=serial_number
            )
            try:
                return (await self._registry.read(get)).der
            except NotFound:
                continue
        raise NotFound("no certificate has this serial number")
