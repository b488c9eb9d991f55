"""How often a source may ask, where there are no connections to count: a bounded table of accounts.

A leaky bucket each: a request answered raises its level by one, and it sinks at the steady rate.
"""

from __future__ import annotations

import enum

import attrs

MAX_SOURCES = 16_384
"""Accounts kept; the one that was quiet longest is forgotten, which forgives it a burst at most."""


class Verdict(enum.Enum):
    """What becomes of a request."""

    ANSWER = enum.auto()
    COMPLAIN = enum.auto()
    SILENCE = enum.auto()


@attrs.define
class _Account:
    at_s: float
    level: float = 0.0
    is_told: bool = False


class RateTable:
    """Judges requests by source; one that asks too much is told once, and again after it rested."""

    def __init__(self, per_s: float, burst: int, *, most: int = MAX_SOURCES) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most
        self._accounts: dict[bytes, _Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def judge(self, source: bytes, now_s: float) -> Verdict:
        """Judge a request of `source` at `now_s` of a monotonic clock."""
        account = self._account(source, now_s)
        if account.level + 1 <= self._burst:
            account.level += 1
            return Verdict.ANSWER
        if account.is_told:
            return Verdict.SILENCE
        account.is_told = True
        return Verdict.COMPLAIN

    def is_full(self, source: bytes, now_s: float) -> bool:
        """Tell whether `judge` would refuse a request now, without counting one."""
        return source in self._accounts and self._account(source, now_s).level + 1 > self._burst

    def _account(self, source: bytes, now_s: float) -> _Account:
        """Give the account of a source as it is now, a fresh one when it has rested."""
        account = self._accounts.pop(source, None)
        if account is not None:
            account.level -= (now_s - account.at_s) * self._per_s
            account.at_s = now_s
        if account is None or account.level <= 0:
            account = _Account(now_s)
        self._accounts[source] = account  # the last to be forgotten
        if len(self._accounts) > self._most:
            del self._accounts[next(iter(self._accounts))]
        return account
