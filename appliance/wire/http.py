"""One HTTP/1.1 server layer for every port: httptools (llhttp), with limits and deadlines of ours.

A handler is called with a complete `Request` and answers by `request.reply(Response)`, now or
later; the connection keeps pipelined replies in order.  A callback and no coroutine, since one
request's share of a busy front is 20 us.  Bodies need a Content-Length: Transfer-Encoding is
refused (411), which also closes the door on request smuggling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol as Interface
from wsgiref.handlers import format_date_time

import attrs
import httptools
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.services.reactor import Clock, StreamTransport
from appliance.wire.connections import DirectSender, Door, is_plain_tcp
from appliance.wire.http_values import DEFAULT_LIMITS, Limits, Response, path_of, problem

__all__ = ["BodySink", "Handler", "Limits", "Request", "Response", "Route", "Site", "problem"]

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER_S = 2.0


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
        "client",
        "headers",
        "keep_alive",
        "parameter",
        "sink",
    )

    def __init__(
        self,
        connection: HttpConnection,
        headers: dict[bytes, bytes],
        parameter: str,
        *,
        head_only: bool,
    ) -> None:
        self._connection = connection
        self._head_only = head_only
        self.headers = headers
        self.parameter = parameter
        self.client = connection.client
        self.body = b""
        self.sink: BodySink | None = None
        self.keep_alive = True
        self.answer: bytes | None = None

    def reply(self, response: Response) -> None:
        """Answer; the octets leave when every earlier request of the connection is answered."""
        if self.answer is not None:
            return
        self.keep_alive = self.keep_alive and not response.close
        answer = self._connection.site.render(response, keep_alive=self.keep_alive)
        # The answer to HEAD is that to GET without its body (RFC 9110 9.3.2).
        self.answer = answer[: len(answer) - len(response.body)] if self._head_only else answer
        self._connection.flush()


Handler = Callable[[Request], None]


@attrs.frozen
class Route:
    """What one method of one path takes: its handler, largest body, seconds allowed to send it.

    With `open_sink` the body goes to a sink as it arrives; the handler finds it as `request.sink`.
    """

    handler: Handler
    body_limit: int = 64 * 1024
    deadline_s: float = 10.0
    open_sink: Callable[[], BodySink] | None = None


class Site(Door):
    """The routes of one port and the connections open on it.

    `routes` maps a path to methods; a path ending in `/` takes one more segment, which the handler
    finds as `request.parameter`.  `wall_s` tells Unix seconds for the Date header (RFC 9110 6.6.1).
    """

    def __init__(
        self,
        routes: Mapping[str, Mapping[str, Route]],
        *,
        clock: Clock,
        wall_s: Callable[[], float],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(clock, limits)
        self.routes = routes
        self.limits = limits
        self._wall_s = wall_s
        self._heads: dict[tuple[int, str, tuple[str, ...], bool], bytes] = {}

    def connect(self, client: bytes) -> Protocol:
        """Make the protocol of an accepted connection."""
        return HttpConnection(self, client)

    def tick(self) -> None:
        """Renew the Date header, and expire what is late."""
        self._heads.clear()
        super().tick()

    def route(self, path: str, method: str) -> tuple[Route, str] | Response:
        """Find the route and its parameter, or the answer that says there is none."""
        methods, parameter = self.routes.get(path), ""
        if methods is None:
            folder, _, parameter = path.rpartition("/")
            methods = self.routes.get(folder + "/")
        if methods is None or (not parameter and path.endswith("/") and path != "/"):
            return problem(404, "no such path here")
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            return problem(405, f"this path takes {allowed}", fields=(f"Allow: {allowed}",))
        return route, parameter

    def render(self, response: Response, *, keep_alive: bool) -> bytes:
        """Render the answer; heads are kept until the Date changes."""
        key = (response.status, response.media_type, response.fields, keep_alive)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._head(response, keep_alive=keep_alive)
        return b"%s%d\r\n\r\n%s" % (head, len(response.body), response.body)

    def _head(self, response: Response, *, keep_alive: bool) -> bytes:
        lines = [
            f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
            f"Date: {format_date_time(self._wall_s())}",
            f"Content-Type: {response.media_type}",
            *response.fields,
            *([] if keep_alive else ["Connection: close"]),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("latin-1")


class HttpConnection(Protocol):
    """One connection: parses requests, keeps replies in order, has a deadline in every state."""

    transport: StreamTransport  # type: ignore[assignment]
    _log = Logger()

    def __init__(self, site: Site, client: bytes) -> None:
        self.site = site
        self.client = client
        self.deadline = site.clock.seconds() + site.limits.head_deadline_s
        self._parser = httptools.HttpRequestParser(self)
        self._pending: deque[Request] = deque()
        self._current: Request | None = None
        self._route: Route | None = None
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._sink: BodySink | None = None
        self._body_owed = 0
        self._head_octets = 0
        self._unfinished_octets = 0
        self._in_head = False
        self._head_only = False
        self._refused = False
        self._is_unread = False
        self._reading = True
        self._writable = True
        self._send: Callable[[bytes], None]

    # --- Twisted calls -------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Count in, and hear from the transport when its buffer is full."""
        self.site.opened(self)
        self.transport.registerProducer(self, True)
        self._send = DirectSender(self.transport).send

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002  the reason of a lost connection changes nothing
        """Count out; replies still to come are dropped."""
        self._refused = True
        self._pending.clear()
        if self._sink is not None:
            self._sink.abandon()
        self.site.closed(self)

    def dataReceived(self, data: bytes) -> None:
        """Feed the parser; whatever it cannot read is a 400 and the end."""
        self._unfinished_octets += len(data)
        while data and not self._refused:
            data = self._take_body(data) if self._body_owed else self._parse(data)
        if self._in_head:
            self._judge_head_size()

    def pauseProducing(self) -> None:
        """The peer does not read its replies: stop reading its requests."""
        self._writable = False
        self.deadline = self.site.clock.seconds() + self.site.limits.write_deadline_s
        self._steer()

    def resumeProducing(self) -> None:
        """The peer reads again."""
        self._writable = True
        self._set_idle()
        self._steer()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost follows."""

    # --- httptools calls -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a new head."""
        self._in_head = True
        self._head_octets = self._unfinished_octets = 0
        self._url = b""
        self._headers = {}
        self.deadline = self.site.clock.seconds() + self.site.limits.head_deadline_s

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._url += url
        self._head_octets += len(url)
        self._unfinished_octets = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; a name that comes twice must be one that may."""
        self._head_octets += len(name) + len(value) + 3
        self._unfinished_octets = 0
        name = name.lower()
        if name in self._headers:
            self._judge_head_size()
            if self._refused:
                return
            if name in (b"content-length", b"host", b"transfer-encoding", b"content-type"):
                self._refuse(problem(400, "a header that may come once came twice", close=True))
            value = self._headers[name] + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Find the route and refuse what it would not take before a body is read."""
        self._in_head = False
        self._judge_head_size()
        if self._refused:
            return
        method = self._parser.get_method().decode("ascii")
        self._head_only = method == "HEAD"
        if (refusal := self._judge_head()) is not None:
            self._refuse(refusal)
            return
        found = self.site.route(path_of(self._url), method)
        if isinstance(found, Response):
            # The request's body, if any, is not read: without it the next head cannot be found.
            self._refuse(attrs.evolve(found, close=True))
            return
        self._route, parameter = found
        if (refusal := self._judge_body(self._route)) is not None:
            self._refuse(refusal)
            return
        self._current = Request(self, self._headers, parameter, head_only=self._head_only)
        self._body = []
        if self._route.open_sink is not None:
            self._sink = self._current.sink = self._route.open_sink()
        self.deadline = self.site.clock.seconds() + self._route.deadline_s
        if b"expect" in self._headers and not self._pending:
            self._send(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Collect the body, within what was declared."""
        if self._refused:
            return
        if self._sink is not None:
            self._sink.write(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the request to its handler, unless `_parse` still has to find its body."""
        if not self._parser.should_upgrade():
            self._complete()

    # --- our own -------------------------------------------------------------------------

    def flush(self) -> None:
        """Send the answers that are next in order."""
        ready: list[bytes] = []
        last: Request | None = None
        while self._pending and (answer := self._pending[0].answer) is not None:
            last = self._pending.popleft()
            ready.append(answer)
            if not last.keep_alive:
                self._pending.clear()
        if last is None:
            return
        self._send(b"".join(ready) if len(ready) > 1 else ready[0])
        if not last.keep_alive:
            self._refused = True
            self.deadline = self.site.clock.seconds() + self.site.limits.write_deadline_s
            # A transport does not close while it has a producer that it told to pause.
            self.transport.unregisterProducer()
            self._hang_up()
        else:
            self._steer()

    def _hang_up(self) -> None:
        """Close when all is sent.

        What a client still sends to a request that was refused is read and dropped for a while:
        closing at once would reset the connection before it reads why (RFC 9112 9.6).
        """
        if not self._is_unread or not is_plain_tcp(self.transport):
            self.transport.loseConnection()
            return
        self.deadline = self.site.clock.seconds() + _LINGER_S
        self.transport.loseWriteConnection()
        self.transport.resumeProducing()

    def expire(self) -> None:
        """End a late connection: a client amid a request is told, an idle one is just closed."""
        if self._pending:
            self._set_idle()  # we are the slow one; services have deadlines of their own
        elif (self._in_head or self._current is not None) and not self._refused:
            self._refuse(problem(408, "the request took too long", close=True))
            self.deadline = self.site.clock.seconds() + 1.0
        else:
            self.transport.abortConnection()

    def _parse(self, data: bytes) -> bytes:
        """Feed the parser; gives what it left."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            # The offer is let pass (RFC 9110 7.8); httptools does not read the body after one.
            self._body_owed = int(self._headers.get(b"content-length", b"0"))
            if not self._body_owed:
                self._complete()
            return data[offer.args[0] :]
        except httptools.HttpParserError:
            self._refuse(problem(400, "not a well-formed HTTP/1.1 request", close=True))
        return b""

    def _take_body(self, data: bytes) -> bytes:
        """Read of a body what the parser would not; gives what follows it."""
        body = data[: self._body_owed]
        self.on_body(body)
        self._body_owed -= len(body)
        if not self._body_owed:
            self._complete()
        return data[len(body) :]

    def _complete(self) -> None:
        request, route = self._current, self._route
        if self._refused or request is None or route is None:
            return
        self._current = self._sink = None
        self._head_only = False
        request.body = b"".join(self._body)
        request.keep_alive = self._parser.should_keep_alive()
        self._pending.append(request)
        self._set_idle()
        self._steer()
        if not request.keep_alive:
            self._refused = True
        try:
            route.handler(request)
        except Exception:
            self._log.failure("a handler failed")
            request.reply(problem(500, "the answer could not be made", close=True))

    def _judge_head_size(self) -> None:
        """Refuse a head too large, by its finished pieces and the reads since the last of them."""
        if self._head_octets + self._unfinished_octets > self.site.limits.head_octets:
            self._refuse(problem(431, "request head too large", close=True))

    def _judge_head(self) -> Response | None:
        version = self._parser.get_http_version()
        if version == "1.0":
            self._headers.pop(b"expect", None)  # RFC 9110 10.1.1
        elif version != "1.1":
            return problem(505, "HTTP/1.1 is spoken here", close=True)
        elif b"host" not in self._headers:
            return problem(400, "a request has a Host (RFC 9112 3.2)", close=True)
        return None

    def _judge_body(self, route: Route) -> Response | None:
        if b"transfer-encoding" in self._headers:
            return problem(411, "send a Content-Length", close=True)
        length = self._headers.get(b"content-length", b"0")
        if not length.isdigit():
            return problem(400, "Content-Length is not a number", close=True)
        if int(length[:20]) > route.body_limit:
            return problem(413, f"the body may have {route.body_limit} octets here", close=True)
        if self._headers.get(b"expect", b"100-continue").lower() != b"100-continue":
            return problem(417, "only 100-continue can be expected", close=True)
        return None

    def _refuse(self, response: Response) -> None:
        """Answer in order and end the connection; nothing more is read from it."""
        if self._refused:
            return
        self._refused = self._is_unread = True
        request = Request(self, {}, "", head_only=self._head_only)
        self._pending.append(request)
        request.reply(response)

    def _set_idle(self) -> None:
        self.deadline = self.site.clock.seconds() + self.site.limits.idle_s

    def _steer(self) -> None:
        """Read only while the peer reads and its pipeline has room."""
        wanted = self._writable and len(self._pending) < self.site.limits.pipeline
        if wanted != self._reading and not self._refused:
            self._reading = wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
