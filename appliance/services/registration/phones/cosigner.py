"""Asking the signer's half of co-signing, by the verb set of its socket `cosign`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from appliance.errors import Fault
from appliance.services.cosigning.messages import (
    ActivateAsk,
    ActivationCode,
    CancelActivation,
    Declined,
    DeviceOrder,
    Done,
    Events,
    EventsAsk,
    OpenAsk,
    Opened,
    OpenItem,
    OrderAsk,
    Usage,
)
from appliance.services.messages import Frame
from appliance.services.reactor import Clock
from appliance.services.registration.questions import Questions, refusal

Answer = ActivationCode | Opened | Events | Done
_T = TypeVar("_T", bound=Answer)


class CosignerDesk:
    """Sends questions while the signer is there, and hands each its answer.

    Every question may end in `errors.*`, Unavailable without a signer among them.
    """

    def __init__(self, clock: Clock) -> None:
        self._questions: Questions[Answer] = Questions(clock)

    def signer_arrived(self, send: Callable[[Frame], bool]) -> None:
        """The signer greeted: questions can go out."""
        self._questions.arrived(send)

    def signer_left(self) -> None:
        """The signer is gone: nobody waits for it."""
        self._questions.left()

    def answer_arrived(self, frame: Answer | Declined) -> None:
        """Hand an answer to who asked."""
        if isinstance(frame, Declined):
            self._questions.settle(frame.number, refusal(frame.kind, frame.detail))
        else:
            self._questions.settle(frame.number, frame)

    async def activate(
        self, activation: str, uid: str, subject: bytes, usage: Usage, expires_us: int
    ) -> str:
        """Have a code drawn, which is told this once."""
        answer = await self._ask(
            lambda number: ActivateAsk(number, activation, uid, subject, usage, expires_us),
            ActivationCode,
        )
        return answer.code

    async def cancel(self, activation: str) -> None:
        """Have a code be worth nothing."""
        await self._ask(lambda number: CancelActivation(number, activation), Done)

    async def open(self, device: str, items: Sequence[OpenItem]) -> Opened:
        """Have a session opened for each item."""
        opened = await self._ask(lambda number: OpenAsk(number, device, list(items)), Opened)
        if len(opened.sessions) != len(items):
            raise Fault("the signer answers something that was not asked")
        return opened

    async def order(self, device: str, order: DeviceOrder) -> None:
        """Have something done to a device."""
        await self._ask(lambda number: OrderAsk(number, device, order), Done)

    async def events(self, after: int) -> Events:
        """Ask what has happened after a row of the signer's ledger."""
        return await self._ask(lambda number: EventsAsk(number, after), Events)

    async def _ask(self, make: Callable[[int], Frame], kind: type[_T]) -> _T:
        answer = await self._questions.ask(make)
        if not isinstance(answer, kind):
            raise Fault("the signer answers something that was not asked")
        return answer
