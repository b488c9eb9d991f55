"""Large bodies, kept only for who may send them: the account is looked up while they arrive."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Upload(Generic[T]):
    """The sink of a body; `admission` tells in the end whether it was wanted.

    Where that fails or gives a refusal, octets are dropped as they come.
    """

    def __init__(self, admission: Coroutine[Any, Any, T], refusal: type) -> None:
        self._pieces: list[bytes] = []
        self._refusal = refusal
        self._is_refused = False
        self.admission: Deferred[T] = Deferred.fromCoroutine(admission).addBoth(self._judged)

    def write(self, octets: bytes) -> None:
        """Take the next octets."""
        if not self._is_refused:
            self._pieces.append(octets)

    def abandon(self) -> None:
        """The rest will not come."""
        self._is_refused = True
        self._pieces.clear()
        self.admission.addErrback(lambda _failure: None)

    def finish(self) -> bytes:
        """Give the body."""
        return b"".join(self._pieces)

    def _judged(self, verdict: T | Failure) -> T | Failure:
        if isinstance(verdict, (Failure, self._refusal)):
            self._is_refused = True
            self._pieces.clear()
        return verdict
