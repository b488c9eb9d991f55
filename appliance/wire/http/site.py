"""One HTTP/1.1 server layer for every port: httptools (llhttp), with limits and deadlines of ours.

A handler is called with a complete `Request` and answers by `request.reply(Response)`, now or
later; the connection keeps pipelined replies in order.  A callback and no coroutine, since one
request's share of a busy front is 20 us; clients repeat their heads, so that one is read once a
second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from wsgiref.handlers import format_date_time

import httptools
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from appliance.services.reactor import Clock, StreamTransport
from appliance.wire.connections import LINGER_S, DirectSender, Door, close_lingering
from appliance.wire.http.call import (
    NO_PARAMETERS,
    BodySink,
    Call,
    Handler,
    Request,
    Route,
    Router,
)
from appliance.wire.http.head import EMPTY_LINES, END, NOT_WELL_FORMED, Refusal, feed, read_head
from appliance.wire.http.values import DEFAULT_LIMITS, Limits, Response, problem

__all__ = ["BodySink", "Handler", "Limits", "Request", "Response", "Route", "Site", "problem"]

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_KNOWN = 128
_KNOWN_OCTETS = 1024
"""So many heads, and none longer, are remembered: some 4 MiB if they are made to cost most."""


class Site(Door):
    """The routes of one port and the connections open on it.

    `routes` maps a path to methods; a path ending in `/` takes one more segment, which the handler
    finds as `request.parameter`; one of a single segment and `/*` takes all that follows, slashes
    included.  `wall_s` tells Unix seconds for the Date header (RFC 9110 6.6.1).
    """

    def __init__(
        self,
        routes: Mapping[str, Mapping[str, Route]],
        *,
        clock: Clock,
        wall_s: Callable[[], float],
        limits: Limits = DEFAULT_LIMITS,
        router: Router | None = None,
    ) -> None:
        super().__init__(clock, limits)
        self.routes = routes
        self._router = router
        self.limits = limits
        self._wall_s = wall_s
        self._heads: dict[tuple[int, str, tuple[str, ...], bool], bytes] = {}
        self._calls: dict[bytes, Call] = {}

    def connect(self, client: bytes) -> Protocol:
        """Make the protocol of an accepted connection."""
        return HttpConnection(self, client)

    def tick(self) -> None:
        """Renew the Date header, forget heads that were read, and expire what is late."""
        self._heads.clear()
        self._calls.clear()
        super().tick()

    def call(self, octets: bytes) -> Call | Refusal:
        """Read a head and find its route; what may be asked is remembered for a second."""
        known = self._calls.get(octets)
        if known is not None:
            return known
        found = self._find(octets)
        if isinstance(found, Call) and len(octets) <= _KNOWN_OCTETS and len(self._calls) < _KNOWN:
            self._calls[octets] = found
        return found

    def _find(self, octets: bytes) -> Call | Refusal:
        head = read_head(octets)
        if isinstance(head, Refusal):
            return head
        head_only = head.method == "HEAD"
        found = self._route(head.path, head.method)
        if isinstance(found, Response):
            return Refusal(found, head_only)
        route, parameter, parameters = found
        if head.body_octets > route.body_limit:
            detail = f"the body may have {route.body_limit} octets here"
            return Refusal(problem(413, detail, close=True), head_only)
        return Call(
            route,
            parameter,
            head.headers,
            head_only,
            head.keep_alive,
            head.body_octets,
            head.query,
            parameters,
        )

    def _route(self, path: str, method: str) -> tuple[Route, str, Mapping[str, str]] | Response:
        """Find the route and its parameter, or the answer that says there is none.

        The request's body, if any, is not read then: the connection ends.
        """
        methods, parameter = self.routes.get(path), ""
        if methods is None:
            folder, _, parameter = path.rpartition("/")
            methods = self.routes.get(folder + "/")
        if methods is None:
            top, _, parameter = path[1:].partition("/")
            methods = self.routes.get(f"/{top}/*")
        if methods is None and self._router is not None:
            routed = self._router(method, path)
            if isinstance(routed, Response):
                return routed
            if routed is not None:
                return routed[0], "", routed[1]
        if methods is None or (not parameter and path.endswith("/") and path != "/"):
            return problem(404, "no such path here", close=True)
        route = methods.get(method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            fields = (f"Allow: {allowed}",)
            return problem(405, f"this path takes {allowed}", close=True, fields=fields)
        return route, parameter, NO_PARAMETERS

    def render(self, response: Response, *, keep_alive: bool) -> bytes:
        """Render the answer; heads are kept until the Date changes."""
        key = (response.status, response.media_type, response.fields, keep_alive)
        head = self._heads.get(key)
        if head is None:
            head = self._head(response, keep_alive=keep_alive)
            if len(self._heads) < _KNOWN:
                self._heads[key] = head
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


@implementer(IHalfCloseableProtocol)
class HttpConnection(Protocol):
    """One connection: parts requests, keeps replies in order, has a deadline in every state."""

    transport: StreamTransport  # type: ignore[assignment]
    _log = Logger()

    def __init__(self, site: Site, client: bytes) -> None:
        self.site = site
        self.client = client
        self.deadline = site.clock.seconds() + site.limits.head_deadline_s
        self._pending: deque[Request] = deque()
        self._head = b""
        self._parser: httptools.HttpRequestParser | None = None
        self._current: tuple[Request, Call] | None = None
        self._body: list[bytes] = []
        self._body_owed = 0
        self._refused = False
        self._is_unread = False
        self._is_half_closed = False
        self._is_over = False
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
        if self._current is not None and (sink := self._current[0].sink) is not None:
            sink.abandon()
        self.site.closed(self)

    def dataReceived(self, data: bytes) -> None:
        """Take heads and bodies in turn; what follows a refusal is dropped."""
        while data and not self._refused:
            data = self._take_head(data) if self._current is None else self._take_body(data)

    def readConnectionLost(self) -> None:  # noqa: N802  Twisted's name
        """The client sends no more: answer what it asked, then close (RFC 9112 9.5)."""
        self._is_half_closed = True
        if self._is_over:
            self.transport.loseConnection()
        elif not self._pending:
            self._end()

    def writeConnectionLost(self) -> None:  # noqa: N802  Twisted's name
        """Our own direction is closed, which only lingering does; the client may still read."""

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

    # --- our own -------------------------------------------------------------------------

    def render(self, response: Response, *, keep_alive: bool) -> bytes:
        """Make the octets of an answer."""
        return self.site.render(response, keep_alive=keep_alive)

    def flush(self) -> None:
        """Send the answers that are next in order."""
        pending = self._pending
        ready: list[bytes] = []
        keep_alive = True
        while keep_alive and pending and (answer := pending[0].answer) is not None:
            keep_alive = pending.popleft().keep_alive
            ready.append(answer)
        if not ready:
            return
        self._send(ready[0] if len(ready) == 1 else b"".join(ready))
        if keep_alive and (pending or not self._is_half_closed):
            self._steer()
        else:
            self._end()

    def expire(self) -> None:
        """End a late connection: a client amid a request is told, an idle one is just closed."""
        if self._pending:
            self._set_idle()  # we are the slow one; services have deadlines of their own
        elif (self._head or self._current is not None) and not self._refused:
            self._refuse(problem(408, "the request took too long", close=True))
            self.deadline = self.site.clock.seconds() + 1.0
        else:
            self.transport.abortConnection()

    def _take_head(self, data: bytes) -> bytes:
        """Read a head, or a piece of one; gives what follows it."""
        octets = self._head + data if self._head else data.lstrip(EMPTY_LINES)
        end = octets.find(END, 0, self.site.limits.head_octets)
        if end >= 0:
            stop = end + len(END)
            self._head, self._parser = b"", None
            self._begin(self.site.call(octets[:stop]))
            return octets[stop:]
        if octets:
            self._await_head(octets, data)
        return b""

    def _await_head(self, octets: bytes, data: bytes) -> None:
        """Keep the head so far, unless it is already plain that it is none."""
        limit = self.site.limits.head_octets
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(None)
            self.deadline = self.site.clock.seconds() + self.site.limits.head_deadline_s
        self._head = octets
        if not feed(self._parser, data[:limit]):
            self._refuse(NOT_WELL_FORMED)
        elif len(octets) > limit:
            self._refuse(problem(431, "request head too large", close=True))

    def _begin(self, call: Call | Refusal) -> None:
        """Begin to take the body of a request, if it may have one."""
        if isinstance(call, Refusal):
            self._refuse(call.response, head_only=call.head_only)
            return
        route = call.route
        request = Request(
            self,
            call.headers,
            call.parameter,
            head_only=call.head_only,
            keep_alive=call.keep_alive,
        )
        request.query, request.parameters = call.query, call.parameters
        if route.open_sink is not None:
            request.sink = route.open_sink(request)
        if b"expect" in call.headers and not self._pending:
            self._send(_CONTINUE)
        self._current = request, call
        self._body_owed = call.body_octets
        if self._body_owed:
            self.deadline = self.site.clock.seconds() + route.deadline_s
        else:
            self._complete()

    def _take_body(self, data: bytes) -> bytes:
        """Read a piece of a body, within what was declared; gives what follows it."""
        piece = data[: self._body_owed]
        assert self._current is not None
        sink = self._current[0].sink
        if sink is None:
            self._body.append(piece)
        else:
            sink.write(piece)
        self._body_owed -= len(piece)
        if not self._body_owed:
            self._complete()
        return data[len(piece) :]

    def _complete(self) -> None:
        """Hand the request to its handler."""
        assert self._current is not None
        request, call = self._current
        self._current = None
        request.body = b"".join(self._body)
        self._body.clear()
        self._pending.append(request)
        self._set_idle()
        self._steer()
        if not request.keep_alive:
            self._refused = True
        try:
            call.route.handler(request)
        except Exception:
            self._log.failure("a handler failed")
            request.reply(problem(500, "the answer could not be made", close=True))

    def _refuse(self, response: Response, *, head_only: bool = False) -> None:
        """Answer in order and end the connection; nothing more is read from it."""
        self._refused = self._is_unread = True
        request = Request(self, {}, head_only=head_only)
        self._pending.append(request)
        request.reply(response)

    def _end(self) -> None:
        """Close when all is sent; what a client still sends to a refusal is dropped for a while."""
        self._refused = self._is_over = True
        self._pending.clear()
        # A transport does not close while it has a producer that it told to pause.
        self.transport.unregisterProducer()
        seconds = self.site.limits.write_deadline_s
        if self._is_half_closed or not self._is_unread:
            self.transport.loseConnection()
        elif close_lingering(self.transport):
            seconds = LINGER_S
        self.deadline = self.site.clock.seconds() + seconds

    def _set_idle(self) -> None:
        self.deadline = self.site.clock.seconds() + self.site.limits.idle_s

    def _steer(self) -> None:
        """Read only while the peer reads and its pipeline has room."""
        wanted = self._writable and len(self._pending) < self.site.limits.pipeline
        if wanted != self._reading and not (self._refused or self._is_half_closed):
            self._reading = wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
