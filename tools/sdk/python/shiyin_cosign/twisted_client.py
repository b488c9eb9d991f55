"""The way to the box for programs on Twisted, which is imported here alone.

    channel = AgentChannel(agent_for(reactor, ca), url)
    tasks = await run(phone.tasks(wait_s=30), channel)

scrypt and the arithmetic of a batch run in a thread, so that a PIN does not hold the reactor; one
phone carries one dialogue at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any, TypeVar, cast

from twisted.internet import error as network
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.threads import deferToThread
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    FileBodyProducer,
    HTTPConnectionPool,
    ResponseFailed,
    readBody,
)
from twisted.web.http_headers import Headers

from shiyin_cosign import json_form
from shiyin_cosign.driving import ATTEMPTS
from shiyin_cosign.enrolment import Message
from shiyin_cosign.errors import CosignError, Unreachable
from shiyin_cosign.https import TIMEOUT_S
from shiyin_cosign.phone import Dialogue, Result
from shiyin_cosign.requests import Request

_T = TypeVar("_T")
_OK = 200
_HEADERS = Headers({b"Content-Type": [b"application/json"], b"Accept": [b"application/json"]})
_END = "-----END CERTIFICATE-----"


def agent_for(reactor: Any, ca: str = "") -> Agent:  # noqa: ANN401  (Twisted's own type of it)
    """Make an agent that keeps connections, and trusts the authorities of a PEM text alone."""
    parts = [part + _END for part in ca.split(_END) if part.strip()]
    roots = [Certificate.loadPEM(part.strip().encode()) for part in parts]
    trust = trustRootFromCertificates(roots) if roots else None
    policy = BrowserLikePolicyForHTTPS(trust)
    return Agent(reactor, policy, connectTimeout=TIMEOUT_S, pool=HTTPConnectionPool(reactor))


class AgentChannel:
    """Requests as JSON over an agent of Twisted."""

    def __init__(self, agent: Agent, url: str) -> None:
        self._agent = agent
        self._url = url.rstrip("/")

    async def ask(self, request: Request) -> Sequence[Result]:
        """Send a request and give its results; raises as `driving.Channel` does."""
        path, body = json_form.request_path(request), json_form.encode_request(request)
        return json_form.decode_results(await self._post(path, body))

    async def enrol(self, message: Message) -> Message:
        """Send a message of an enrolment and give the next one."""
        path, body = json_form.enrol_path(message), json_form.encode_message(message)
        return json_form.decode_message(message.step + 1, await self._post(path, body))

    async def _post(self, path: str, body: bytes) -> bytes:
        producer = cast("Any", FileBodyProducer(BytesIO(body)))
        try:
            response = await self._agent.request(
                b"POST", (self._url + path).encode(), _HEADERS, producer
            )
            answer: bytes = await readBody(response)
        except (
            network.ConnectError,
            network.ConnectionClosed,
            network.DNSLookupError,
            network.TimeoutError,
            ResponseFailed,
        ) as error:
            raise Unreachable(f"the box does not answer: {error}") from error
        if response.code != _OK:
            raise json_form.rejection(response.code, answer)
        return answer


async def run(dialogue: Dialogue[_T], channel: AgentChannel) -> _T:
    """Carry a dialogue to its end and give what it returns; as `driving.run`."""
    turn = _Turn(partial(next, dialogue))
    while isinstance(said := await deferToThread(turn.take), Request):
        turn = await _answered(dialogue, channel, said)
    value: _T = said.value
    return value


class _Turn:
    """The dialogue's next move, made in a thread; its end is given, not raised."""

    def __init__(self, move: Callable[[], Request]) -> None:
        self._move = move

    def take(self) -> Request | StopIteration:
        """Make it."""
        try:
            return self._move()
        except StopIteration as stop:
            return stop


async def _answered(dialogue: Dialogue[_T], channel: AgentChannel, request: Request) -> _Turn:
    try:
        return _Turn(partial(dialogue.send, await _persist(channel, request)))
    except CosignError as error:
        return _Turn(partial(dialogue.throw, error))


async def _persist(channel: AgentChannel, request: Request) -> Sequence[Result]:
    for _ in range(ATTEMPTS - 1):
        try:
            return await channel.ask(request)
        except Unreachable:
            continue
    return await channel.ask(request)
