"""Questions to another process on their way: answered by number, none waiting for ever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

from appliance import errors
from appliance.errors import ApplianceError, Fault, Unavailable
from appliance.services.messages import Frame
from appliance.services.reactor import Clock

PATIENCE_S = 30.0
_KINDS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ApplianceError)
}

AnswerT = TypeVar("AnswerT")


class Questions(Generic[AnswerT]):
    """Sends questions to the signer while it is there, and hands each its answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._send: Callable[[Frame], bool] | None = None
        self._numbers = count(1)
        self._waiting: dict[int, Deferred[AnswerT]] = {}

    def arrived(self, send: Callable[[Frame], bool]) -> None:
        """The signer greeted: questions can go out."""
        self._send = send

    def left(self) -> None:
        """The signer is gone: nobody waits for it."""
        self._send = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.errback(Unavailable("the signer went away"))

    def settle(self, number: int, answer: AnswerT | ApplianceError) -> None:
        """Hand an answer to who asked; one that came too late is nobody's."""
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return
        if isinstance(answer, ApplianceError):
            waiting.errback(answer)
        else:
            waiting.callback(answer)

    async def ask(self, make: Callable[[int], Frame]) -> AnswerT:
        """Ask one question.  Raises what the signer refuses with, Unavailable without a signer."""
        number = next(self._numbers)
        if self._send is None or not self._send(make(number)):
            raise Unavailable("the signer cannot be asked now")
        answer: Deferred[AnswerT] = Deferred()
        self._waiting[number] = answer
        late = self._clock.callLater(
            PATIENCE_S, self.settle, number, Unavailable("the signer does not answer in time")
        )
        try:
            return await answer
        finally:
            if late.active():
                late.cancel()


def refusal(kind: str, detail: str) -> ApplianceError:
    """Make our error of what a refusal says: the name of a class of `errors`, a sentence."""
    return _KINDS.get(kind, Fault)(detail)
