"""Asking the signer's authorities, by the verb set of its socket `admin`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.errors import Fault
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
from appliance.services.registration.questions import Questions, refusal


class SignerDesk:
    """Sends questions to the signer while it is there, and hands each its answer."""

    def __init__(self, clock: Clock) -> None:
        self._questions: Questions[Issued | Done] = Questions(clock)

    def signer_arrived(self, send: Callable[[Frame], bool]) -> None:
        """The signer greeted: questions can go out."""
        self._questions.arrived(send)

    def signer_left(self) -> None:
        """The signer is gone: nobody waits for it."""
        self._questions.left()

    def answer_arrived(self, frame: Issued | Done | AdminRefusal) -> None:
        """Hand an answer to who asked; one that came too late is nobody's."""
        if isinstance(frame, AdminRefusal):
            self._questions.settle(frame.batch, refusal(frame.kind, frame.detail))
        else:
            self._questions.settle(frame.batch, frame)

    async def issue(self, asks: Sequence[IssueAsk]) -> list[bytes | IssueRefusal]:
        """Ask for certificates: DER or a refusal each, in the order asked."""
        frame = await self._questions.ask(lambda number: IssueBatch(number, list(asks)))
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
        frame = await self._questions.ask(make)
        if not isinstance(frame, Done):
            raise Fault("the signer answers something that was not asked")
        return frame.facts
