"""Bells that are rung when something has changed, for those who wait for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable

from twisted.internet.defer import Deferred

from appliance.services.reactor import Clock


class Ear:
    """Somebody who listens for one bell; what rang since the listening began was heard."""

    def __init__(self, bells: Bells, key: Hashable) -> None:
        self._bells = bells
        self._key = key
        self._rung: Deferred[None] = Deferred()

    async def wait(self, seconds: float) -> None:
        """Wait until the bell is rung, at most so long."""
        late = self._bells.clock.callLater(seconds, self.ring)
        try:
            await self._rung
        finally:
            if late.active():
                late.cancel()

    def ring(self) -> None:
        """Hear it; more than once is once."""
        if not self._rung.called:
            self._rung.callback(None)

    def close(self) -> None:
        """Listen no longer, and let who waits go on."""
        self._bells.forget(self._key, self)
        self.ring()


class Bells:
    """All bells, each by what it is for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._ears: defaultdict[Hashable, set[Ear]] = defaultdict(set)

    def listen(self, key: Hashable) -> Ear:
        """Begin to listen, before looking at what might change; close it afterwards."""
        ear = Ear(self, key)
        self._ears[key].add(ear)
        return ear

    def forget(self, key: Hashable, ear: Ear) -> None:
        """Let somebody listen no longer."""
        self._ears[key].discard(ear)
        if not self._ears[key]:
            del self._ears[key]

    def ring(self, keys: Iterable[Hashable]) -> None:
        """Tell all who listen for any of these."""
        for key in keys:
            for ear in tuple(self._ears.get(key, ())):
                ear.ring()


def of_user(uid: str) -> tuple[str, str]:
    """Name the bell of what waits for a user."""
    return ("user", uid)


def of_task(task_id: str) -> tuple[str, str]:
    """Name the bell of what becomes of a task."""
    return ("task", task_id)
