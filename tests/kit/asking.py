"""Clients that ask whatever happens, and keep what they were given."""

import http.client
from collections.abc import Sequence
from threading import Event, Thread
from typing import Self
from urllib.parse import urlsplit

from kit.box import Box
from kit.ledger_rows import read_token_of
from kit.polling import wait_until
from kit.tsp_client import QUERY_TYPE, make_query, read_reply

GUARD_S = 60.0
PAUSE_S = 0.02
_LEAST_TOKEN = 256


class Asker(Thread):
    """Asks again and again, on a new connection when the old one is lost.

    `tokens` are in the order of receipt; `refusals` are the failure bits met since `forget`.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._parts = urlsplit(url)
        self._stopping = Event()
        self._query = make_query(nonce=1)
        self.tokens: list[bytes] = []
        self.refusals: list[tuple[int, ...]] = []
        self.losses = 0

    def run(self) -> None:
        """Ask until told to stop."""
        while not self._stopping.is_set():
            connection = http.client.HTTPConnection(self._parts.netloc, timeout=GUARD_S)
            try:
                while not self._stopping.is_set():
                    self._ask(connection)
            except (OSError, http.client.HTTPException):
                self.losses += 1
                self._stopping.wait(PAUSE_S)
            finally:
                connection.close()

    def stop(self) -> None:
        """End, once the answer under way is there."""
        self._stopping.set()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        headers = {"Content-Type": QUERY_TYPE}
        connection.request("POST", self._parts.path, self._query, headers)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200
        if len(body) > _LEAST_TOKEN:
            self.tokens.append(read_token_of(body))
        else:
            self.refusals.append(read_reply(body).failures)
            self._stopping.wait(PAUSE_S)


class Crowd:
    """A few askers of one box."""

    def __init__(self, box: Box, profiles: Sequence[str]) -> None:
        self.askers = [Asker(box.url(profile)) for profile in profiles]

    def __enter__(self) -> Self:
        for asker in self.askers:
            asker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for asker in self.askers:
            asker.stop()
        for asker in self.askers:
            asker.join(GUARD_S)
            assert not asker.is_alive()

    @property
    def tokens(self) -> list[bytes]:
        """Everything that was granted to anyone."""
        return [token for asker in self.askers for token in asker.tokens]

    @property
    def refusals(self) -> set[tuple[int, ...]]:
        """The failure bits anyone met since `forget_refusals`."""
        return {refusal for asker in self.askers for refusal in asker.refusals}

    def forget_refusals(self) -> None:
        """Begin to count refusals anew."""
        for asker in self.askers:
            asker.refusals.clear()

    def until_served(self, least: int = 5) -> None:
        """Wait until everyone has got some tokens more."""
        held = [len(asker.tokens) for asker in self.askers]
        wait_until(
            lambda: all(
                len(asker.tokens) >= before + least
                for asker, before in zip(self.askers, held, strict=True)
            ),
            guard_s=GUARD_S,
            what="tokens for everyone",
        )

    def until_refused(self, least: int = 10) -> None:
        """Wait until everyone is refused and nobody has got a token meanwhile."""

        def is_refused() -> bool:
            if len(self.tokens) > held[0]:
                held[0] = len(self.tokens)
                self.forget_refusals()
            return all(len(asker.refusals) >= least for asker in self.askers)

        held = [len(self.tokens)]
        self.forget_refusals()
        wait_until(is_refused, guard_s=GUARD_S, what="refusals for everyone")
