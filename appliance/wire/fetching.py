"""The `Fetcher` of verification over the asker of HTTP: one request to the address it is given."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from appliance.errors import Unavailable
from appliance.wire.outgoing import HttpAsker

DEADLINE_S = 5.0


class HttpFetcher:
    """Fetches lists and OCSP answers; whoever calls has held the address against its allow list."""

    def __init__(
        self,
        reactor: Any,  # noqa: ANN401  Agent wants interfaces of TCP, time and threads together
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._reactor = reactor
        self._deadline_s = deadline_s

    async def get(self, url: str, *, limit: int) -> bytes:
        """Give the body of a 2xx.  Raises Refused, Unavailable."""
        asker, target = self._asker(url)
        return _bounded(await asker.get(target), limit)

    async def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        """Give the body of a 2xx to a POST.  Raises Refused, Unavailable."""
        asker, target = self._asker(url)
        return _bounded(await asker.post(target, content_type, body), limit)

    def _asker(self, url: str) -> tuple[HttpAsker, str]:
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target = f"{target}?{parts.query}"
        base = f"{parts.scheme}://{parts.netloc}"
        return HttpAsker(self._reactor, base, deadline_s=self._deadline_s), target


def _bounded(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise Unavailable(f"an answer has more than {limit} octets")
    return body
