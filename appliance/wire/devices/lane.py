"""Questions to one other role: numbered, bounded, answered by number, none waiting for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred

from appliance.errors import Refused, Unavailable
from appliance.services.clients import source_of
from appliance.services.messages import Frame
from appliance.services.reactor import Clock


class Numbered(Protocol):
    """A frame that answers the question of its number."""

    @property
    def number(self) -> int:
        """The number that the asker gave."""


AnswerT = TypeVar("AnswerT", bound=Numbered)


@attrs.frozen
class LaneLimits:
    """What may be under way at once: questions in all and of one source, and their octets."""

    questions: int = 4096
    per_source: int = 1024
    octets: int = 32 << 20


DEFAULT_LIMITS = LaneLimits()


@attrs.frozen(eq=False)
class _Waiting(Generic[AnswerT]):
    """Who waits for an answer, and what is counted for it."""

    answer: Deferred[AnswerT]
    source: bytes
    octets: int


class Lane(Generic[AnswerT]):
    """Sends questions while the other side is there, and hands each its answer."""

    def __init__(self, clock: Clock, limits: LaneLimits = DEFAULT_LIMITS) -> None:
        self._clock = clock
        self._limits = limits
        self._send: Callable[[Frame], bool] | None = None
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting[AnswerT]] = {}
        self._of_source: Counter[bytes] = Counter()
        self._octets = 0

    @property
    def is_open(self) -> bool:
        """Tell whether there is somebody to ask."""
        return self._send is not None

    @property
    def is_busy(self) -> bool:
        """Tell whether answers are owed."""
        return bool(self._waiting)

    def arrived(self, send: Callable[[Frame], bool]) -> None:
        """The other side greeted: questions can go out."""
        self._send = send

    def left(self) -> None:
        """The other side is gone: nobody waits for it."""
        self._send = None
        for number in list(self._waiting):
            self._fail(number, "it went away; ask the same again")

    def heard(self, frame: AnswerT) -> None:
        """Hand an answer to who asked; one that came too late is nobody's."""
        waiting = self._take(frame.number)
        if waiting is not None:
            waiting.answer.callback(frame)

    async def ask(
        self, make: Callable[[int], Frame], client: bytes, *, octets: int, patience_s: float
    ) -> AnswerT:
        """Ask one question, of some `octets`, for a client.

        Raises Refused when too much is under way, and Unavailable when nobody can be asked or does
        not answer in time.
        """
        source = source_of(client)
        self._admit(source, octets)
        number, answer = next(self._numbers), Deferred[AnswerT]()
        self._waiting[number] = _Waiting(answer, source, octets)
        self._of_source[source] += 1
        self._octets += octets
        if self._send is None or not self._send(make(number)):
            self._take(number)
            raise Unavailable("it cannot be asked now")
        late: Any = self._clock.callLater(
            patience_s, self._fail, number, "it does not answer in time"
        )
        try:
            return await answer
        finally:
            if late.active():
                late.cancel()

    def _admit(self, source: bytes, octets: int) -> None:
        limits = self._limits
        if (
            len(self._waiting) >= limits.questions
            or self._of_source[source] >= limits.per_source
            or self._octets + octets > limits.octets
        ):
            raise Refused("too many questions at once")

    def _fail(self, number: int, why: str) -> None:
        waiting = self._take(number)
        if waiting is not None:
            waiting.answer.errback(Unavailable(why))

    def _take(self, number: int) -> _Waiting[AnswerT] | None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._octets -= waiting.octets
            self._of_source[waiting.source] -= 1
            if not self._of_source[waiting.source]:
                del self._of_source[waiting.source]
        return waiting
