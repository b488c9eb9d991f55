"""Twisted's Clock for long stretches of time: due calls wait in a heap, and nothing is sorted anew.

`twisted.internet.task.Clock` sorts what waits at each call and each step, which is a twelfth of
what a virtual day of the whole tree costs.
"""

import heapq
import itertools
from collections.abc import Callable
from typing import cast

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock


class HeapClock(Clock):
    """The same clock; calls of one instant are made in the order in which they were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[float, int, DelayedCall]] = []
        self._order = itertools.count()

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002  Twisted's name
        *args: object,
        **kw: object,
    ) -> IDelayedCall:
        """Have a function called in `delay` seconds."""
        call = DelayedCall(
            self.seconds() + delay, callable, args, kw, lambda _: None, self._push, self.seconds
        )
        self._push(call)
        return cast("IDelayedCall", call)

    def advance(self, amount: float) -> None:
        """Let time pass, then make the calls that are due, as Clock does."""
        self.rightNow += amount
        waiting = self._waiting
        while waiting and waiting[0][0] <= self.rightNow:
            at_s, _, call = heapq.heappop(waiting)
            if not call.active():
                continue
            if call.getTime() > at_s:  # it was put off meanwhile
                self._push(call)
                continue
            call.called = 1
            call.func(*call.args, **call.kw)

    def _push(self, call: DelayedCall) -> None:
        heapq.heappush(self._waiting, (call.getTime(), next(self._order), call))
