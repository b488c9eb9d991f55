"""One request as its handler sees it, and the route by which it was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol as Interface

import attrs
import msgspec

from appliance.wire.http.values import Response

NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class Answering(Interface):
    """The connection that a request came by."""

    client: bytes

    def render(self, response: Response, *, keep_alive: bool) -> bytes:
        """Make the octets of an answer."""

    def flush(self) -> None:
        """Send the answers that are next in order."""


class BodySink(Interface):
    """What takes a body as it arrives, so that a large one is never held whole."""

    def write(self, octets: bytes) -> None:
        """Take the next octets; what is wrong with them is said at the end, by the handler."""

    def abandon(self) -> None:
        """The rest will not come."""


class Request:
    """One request with its whole body, or the sink that took it; `reply` answers it once."""

    __slots__ = (
        "_connection",
        "_head_only",
        "answer",
        "body",
        "headers",
        "keep_alive",
        "parameter",
        "parameters",
        "query",
        "sink",
    )

    def __init__(
        self,
        connection: Answering,
        headers: Mapping[bytes, bytes],
        parameter: str = "",
        *,
        head_only: bool,
        keep_alive: bool = False,
    ) -> None:
        self._connection = connection
        self._head_only = head_only
        self.headers = headers
        self.parameter = parameter
        self.parameters: Mapping[str, str] = NO_PARAMETERS
        self.query = ""
        self.keep_alive = keep_alive
        self.body = b""
        self.sink: BodySink | None = None
        self.answer: bytes | None = None

    @property
    def client(self) -> bytes:
        """The packed address and port of who asks."""
        return self._connection.client

    def reply(self, response: Response) -> None:
        """Answer; the octets leave when every earlier request of the connection is answered."""
        if self.answer is not None:
            return
        self.keep_alive = self.keep_alive and not response.close
        answer = self._connection.render(response, keep_alive=self.keep_alive)
        # The answer to HEAD is that to GET without its body, and 304 is such a one (RFC 9110 9.3.2,
        # 15.4.5).
        is_bare = self._head_only or response.status == HTTPStatus.NOT_MODIFIED
        self.answer = answer[: len(answer) - len(response.body)] if is_bare else answer
        self._connection.flush()


Handler = Callable[[Request], None]


@attrs.frozen
class Route:
    """What one method of one path takes: its handler, largest body, seconds allowed to send it.

    With `open_sink`, which is called when the head has come, the body goes to a sink as it arrives;
    the handler finds it as `request.sink`.
    """

    handler: Handler
    body_limit: int = 64 * 1024
    deadline_s: float = 10.0
    open_sink: Callable[[Request], BodySink] | None = None


Routed = tuple[Route, Mapping[str, str]]
Router = Callable[[str, str], Routed | Response | None]
"""Finds (method, path): the route and its parameters, why it has none, or None for no such path."""


class Call(msgspec.Struct, frozen=True):
    """What a head asks for; `query` and `parameters` are for routes that a router found."""

    route: Route
    parameter: str
    headers: Mapping[bytes, bytes]
    head_only: bool
    keep_alive: bool
    body_octets: int
    query: str = ""
    parameters: Mapping[str, str] = NO_PARAMETERS
