"""NTP servers asked in virtual time through the product's exchange, as the front would."""

from __future__ import annotations

import random  # noqa: TID251  (cookies of a test; nobody is there to guess them)
from collections import Counter
from collections.abc import Callable

from drivers.api import NtpSample, Sink
from drivers.ntp.exchange import COOKIE_OCTETS, Exchange, Reason
from drivers.simulated.stage import NTP_SERVERS

NTP_A, NTP_B, NTP_4G = NTP_SERVERS
EVERY_S = 16


class VirtualNetwork:
    """The exchanges with the stage's servers; `refused` counts why replies gave no sample."""

    def __init__(
        self,
        *,
        sink: Sink,
        raw_ns: Callable[[], int],
        write: Callable[[str, bytes], None],
        seed: int,
    ) -> None:
        self.refused = {name: Counter[Reason]() for name in NTP_SERVERS}
        self._random = random.Random(seed)
        self._sink = sink
        self._raw_ns = raw_ns
        self._write = write
        self._exchanges = {name: Exchange(name, interval_s=EVERY_S) for name in NTP_SERVERS}
        self._next_s = dict.fromkeys(NTP_SERVERS, 0)

    def second(self, elapsed_s: int) -> None:
        """Ask those whose time it is."""
        for name, exchange in self._exchanges.items():
            if elapsed_s >= self._next_s[name] and not exchange.is_denied:
                self._next_s[name] = elapsed_s + exchange.interval_s
                cookie = self._random.randbytes(COOKIE_OCTETS)
                self._write(name, exchange.ask(cookie, self._raw_ns()))

    def deliver(self, name: str, octets: bytes) -> None:
        """Take what came back."""
        answer = self._exchanges[name].take(octets, self._raw_ns())
        if isinstance(answer, NtpSample):
            self._sink(answer)
        else:
            self.refused[name][answer] += 1
