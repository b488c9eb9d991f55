"""Asking the signer: questions on their way, answered by number, none waiting for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred

from appliance import errors
from appliance.errors import ApplianceError, Fault, Unavailable
from appliance.services.certifying.messages import (
    AdminQuestion,
    AdminRefusal,
    AuthoritiesAsk,
    Done,
    IssueAsk,
    IssueBatch,
    Issued,
    IssueRefusal,
    PublishLists,
    RevokeAsk,
    SignManifest,
    TemplateAdd,
    TemplatesAsk,
)
from appliance.services.messages import Frame
from appliance.services.reactor import Clock

PATIENCE_S = 30.0
_KINDS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ApplianceError)
}


class SignerDesk:
    """Sends questions to the signer while it is there, and hands each its answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._send: Callable[[Frame], bool] | None = None
        self._numbers = count(1)
        self._waiting: dict[int, Deferred[Any]] = {}

    def signer_arrived(self, send: Callable[[Frame], bool]) -> None:
        """The signer greeted: questions can go out."""
        self._send = send

    def signer_left(self) -> None:
        """The signer is gone: nobody waits for it."""
        self._send = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.errback(Unavailable("the signer went away"))

    def answer_arrived(self, frame: Issued | Done | AdminRefusal) -> None:
        """Hand an answer to who asked; one that came too late is nobody's."""
        answer = self._waiting.pop(frame.batch, None)
        if answer is None:
            return
        if isinstance(frame, AdminRefusal):
            answer.errback(_KINDS.get(frame.kind, Fault)(frame.detail))
        else:
            answer.callback(frame)

    async def issue(self, asks: Sequence[IssueAsk]) -> list[bytes | IssueRefusal]:
        """Ask for certificates: DER or a refusal each, in the order asked."""
        frame = await self._ask(lambda number: IssueBatch(number, list(asks)))
        if not isinstance(frame, Issued) or len(frame.results) != len(asks):
            raise Fault("the signer answers something that was not asked")
        return frame.results

    async def revoke(
        self,
        authority: str,
        serial_number: bytes,
        reason: int,
        invalid_since_us: int | None = None,
    ) -> dict[str, object]:
        """Revoke, hold or release."""
        return await self._facts(
            lambda number: RevokeAsk(number, authority, serial_number, reason, invalid_since_us)
        )

    async def authorities(self) -> dict[str, object]:
        """Ask for the authorities."""
        return await self._facts(AuthoritiesAsk)

    async def templates(self) -> dict[str, object]:
        """Ask for the certificate templates."""
        return await self._facts(TemplatesAsk)

    async def add_template(self, template: bytes) -> dict[str, object]:
        """Add a certificate template in JSON."""
        return await self._facts(lambda number: TemplateAdd(number, template))

    async def publish_list(self, authority: str, *, is_delta: bool) -> dict[str, object]:
        """Have a revocation list signed now."""
        return await self._facts(lambda number: PublishLists(number, authority, is_delta))

    async def sign_manifest(self, manifest: bytes) -> tuple[bytes, bytes]:
        """Sign the manifest of a batch: detached SignedData in DER, and its chain in PEM."""
        facts = await self._facts(lambda number: SignManifest(number, manifest))
        signature, chain = facts.get("cms"), facts.get("chain")
        if not isinstance(signature, bytes) or not isinstance(chain, bytes):
            raise Fault("the signer answers something that was not asked")
        return signature, chain

    async def _facts(self, make: Callable[[int], AdminQuestion]) -> dict[str, object]:
        frame = await self._ask(make)
        if not isinstance(frame, Done):
            raise Fault("the signer answers something that was not asked")
        return frame.facts

    async def _ask(self, make: Callable[[int], AdminQuestion]) -> Issued | Done:
        """Ask one question.  Raises what the signer refuses with, Unavailable without a signer."""
        number = next(self._numbers)
        if self._send is None or not self._send(make(number)):
            raise Unavailable("the signer cannot be asked now")
        answer: Deferred[Issued | Done] = Deferred()
        self._waiting[number] = answer
        late = self._clock.callLater(PATIENCE_S, self._expire, number)
        try:
            return await answer
        finally:
            if late.active():
                late.cancel()

    def _expire(self, number: int) -> None:
        answer = self._waiting.pop(number, None)
        if answer is not None:
            answer.errback(Unavailable("the signer does not answer in time"))
