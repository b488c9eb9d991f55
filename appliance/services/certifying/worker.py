"""A thread with a room of its own: questions are answered there one after another.

What blocks - the disk, an RSA key, a long list - blocks neither the reactor nor the lanes that
stamp.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, Protocol, TypeVar

from twisted.logger import Logger

from appliance.errors import ApplianceError, Fault, Unavailable
from appliance.services.reactor import ThreadedReactor

QUEUE_LIMIT = 2048
"""Of what may wait, by weight: a certificate to be issued, or any other question, weighs 1."""

REST_S = 1.0
RETRY_S = 5.0


class Room(Protocol):
    """What a worker opens and keeps."""

    def rest(self) -> None:
        """Do what is due while nobody asks; called each second at least when nobody does."""

    def close(self) -> None:
        """Close for good."""


R = TypeVar("R", bound=Room)
T = TypeVar("T")
Done = Callable[[T | ApplianceError], None]


class Worker(Generic[R]):
    """Opens its room, again and again if need be, and answers from it in its own thread.

    `submit` belongs to the reactor's thread and calls back there once; `tell` to any thread.
    """

    _log = Logger()

    def __init__(self, reactor: ThreadedReactor, open_room: Callable[[], R], *, name: str) -> None:
        self._reactor = reactor
        self._open_room = open_room
        self._name = name
        self._jobs: SimpleQueue[Callable[[R | None], object] | None] = SimpleQueue()
        self._waiting = 0
        self._is_closed = False
        self._why_closed = "it is starting"
        self._thread = Thread(target=self._run, name=name)

    def start(self) -> None:
        """Begin; the room opens meanwhile."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what waits, close the room and end; blocks until then.  Call off the reactor."""
        self._is_closed = True
        if self._thread.ident is not None:
            self._jobs.put(None)
            self._thread.join()

    def submit(self, ask: Callable[[R], T], done: Done[T], *, weight: int = 1) -> None:
        """Have a question answered in the room; an error of `errors` is an answer too."""
        if self._is_closed or self._waiting + weight > QUEUE_LIMIT:
            done(Unavailable(f"{self._name}: too much is asked, or it is stopping"))
            return
        self._waiting += weight

        def deliver(outcome: T | ApplianceError) -> None:
            self._waiting -= weight
            done(outcome)

        def job(room: R | None) -> None:
            self._reactor.callFromThread(deliver, self._answer(room, ask))

        self._jobs.put(job)

    def tell(self, news: Callable[[R], object]) -> None:
        """Let the room know something, after what was asked before; lost while it is closed."""

        def job(room: R | None) -> None:
            self._answer(room, news)

        self._jobs.put(job)

    def _answer(self, room: R | None, ask: Callable[[R], T]) -> T | ApplianceError:
        if room is None:
            return Unavailable(f"{self._name}: {self._why_closed}", retry_after_s=int(RETRY_S))
        try:
            return ask(room)
        except ApplianceError as error:
            return error
        except Exception:
            self._log.failure("{name}: a question could not be answered", name=self._name)
            return Fault("the signer failed; its log has more")

    def _run(self) -> None:
        """Open, answer, rest; the life of the thread."""
        room: R | None = None
        retry_at = 0.0
        while True:
            if room is None and time.monotonic() >= retry_at:
                room = self._open()
                retry_at = time.monotonic() + RETRY_S
            try:
                job = self._jobs.get(timeout=REST_S)
            except Empty:
                self._rest(room)
                continue
            if job is None:
                break
            job(room)
            if self._jobs.empty():
                self._rest(room)
        if room is not None:
            self._guard(room.close)

    def _open(self) -> R | None:
        try:
            return self._open_room()
        except Exception as error:
            self._why_closed = str(error)
            self._log.failure("{name} cannot be opened", name=self._name)
            return None

    def _rest(self, room: R | None) -> None:
        if room is not None:
            self._guard(room.rest)

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            self._log.failure("{name}: what was due could not be done", name=self._name)
