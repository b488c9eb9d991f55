"""What the box asks of others over HTTP: authorities outside, lists, OCSP.

To configured hosts only: no redirects, no proxy, bounded answers, one deadline for the whole.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer  # type: ignore[import-untyped]

from appliance.errors import Refused, Unavailable

MAX_OCTETS = 8 << 20
DEADLINE_S = 20.0
_SAID = 200


class HttpAsker:
    """Asks one base address; `credentials` is the value of an Authorization field, or empty."""

    def __init__(
        self,
        reactor: Any,  # noqa: ANN401  Agent wants interfaces of TCP, time and threads together
        base: str,
        *,
        tls: Any = None,  # noqa: ANN401  an IPolicyForHTTPS
        credentials: str = "",
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._reactor = reactor
        self._base = base.rstrip("/")
        self._credentials = credentials
        self._deadline_s = deadline_s
        options = {"pool": HTTPConnectionPool(reactor, persistent=False)}
        if tls is not None:
            options["contextFactory"] = tls
        self._agent = Agent(reactor, connectTimeout=deadline_s, **options)

    async def post(self, path: str, media_type: str, body: bytes) -> bytes:
        """Send a body; gives the body of a 2xx answer.

        Raises Refused for a 4xx or a redirect, Unavailable for anything else.
        """
        return await self._ask(b"POST", path, media_type, body)

    async def get(self, path: str) -> bytes:
        """Fetch a body, as `post` does."""
        return await self._ask(b"GET", path, "", b"")

    async def _ask(self, method: bytes, path: str, media_type: str, body: bytes) -> bytes:
        fields = {"User-Agent": ["shiyin"]}
        if media_type:
            fields["Content-Type"] = [media_type]
        if self._credentials:
            fields["Authorization"] = [self._credentials]
        asked: Deferred[Any] = self._agent.request(
            method,
            (self._base + path).encode("ascii"),
            Headers(fields),
            cast("Any", _Body(body) if body else None),
        )
        asked.addTimeout(self._deadline_s, self._reactor)
        try:
            response = await asked
            collected = Deferred[bytes]()
            response.deliverBody(_Collector(collected))
            collected.addTimeout(self._deadline_s, self._reactor)
            octets = await collected
        except Exception as error:
            raise Unavailable(f"{self._base} does not answer: {_reason(error)}") from error
        if response.code // 100 == 2:
            return octets
        said = octets[:_SAID].decode("utf-8", "replace")
        if response.code // 100 in (3, 4):
            raise Refused(f"{self._base} answers {response.code}: {said}")
        raise Unavailable(f"{self._base} answers {response.code}: {said}")


@implementer(IBodyProducer)
class _Body:
    """A body that is sent at once."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: Any) -> Deferred[None]:  # noqa: ANN401  an IConsumer, which mypy cannot read
        """Send it."""
        consumer.write(self._octets)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is no more."""

    def resumeProducing(self) -> None:
        """There is no more."""

    def stopProducing(self) -> None:
        """There is no more."""


class _Collector(Protocol):
    """Collects a body, up to `MAX_OCTETS`."""

    def __init__(self, collected: Deferred[bytes]) -> None:
        self._collected = collected
        self._pieces: list[bytes] = []
        self._octets = 0

    def dataReceived(self, data: bytes) -> None:
        """Keep a piece."""
        self._octets += len(data)
        if self._octets > MAX_OCTETS:
            self._end(Failure(OverflowError(f"more than {MAX_OCTETS} octets")))
            cast("Any", self.transport).loseConnection()
        else:
            self._pieces.append(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008  Twisted's own default
        """Give what came, if it is whole."""
        self._end(b"".join(self._pieces) if reason.check(ResponseDone) else reason)

    def _end(self, result: bytes | Failure) -> None:
        if self._collected.called:
            return
        if isinstance(result, Failure):
            self._collected.errback(result)
        else:
            self._collected.callback(result)


def _reason(error: Exception) -> str:
    reasons = getattr(error, "reasons", None)  # of ResponseFailed and its kin
    return str(reasons[0].value) if reasons else str(error) or type(error).__name__
