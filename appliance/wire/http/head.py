"""The head of an HTTP/1.1 request: read whole by httptools (llhttp), and judged.

Bodies need a Content-Length: Transfer-Encoding is refused (411), which also closes the door on
request smuggling.
"""

from __future__ import annotations

from collections.abc import Mapping

import httptools
import msgspec

from appliance.wire.http.values import Response, path_of, problem, query_of

END = b"\r\n\r\n"
EMPTY_LINES = b"\r\n"
"""What may stand before a head.  RFC 9112 2.2."""

NOT_WELL_FORMED = problem(400, "not a well-formed HTTP/1.1 request", close=True)
_MAX_DIGITS = 20
_ONCE = frozenset({b"content-length", b"host", b"transfer-encoding", b"content-type"})


class Head(msgspec.Struct, frozen=True):
    """A head that may be answered; names of headers are in lower case.

    A header that came several times has its values joined by commas.  `query` is as it came,
    percent-encoded.
    """

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    keep_alive: bool
    body_octets: int


class Refusal(msgspec.Struct, frozen=True):
    """The answer that ends the connection; without its body when it is to a HEAD."""

    response: Response
    head_only: bool = False


def read_head(octets: bytes) -> Head | Refusal:
    """Read a head from its first octet to the empty line that ends it."""
    reader = _Reader()
    # What the parser expects of the body, or of an upgrade (RFC 9110 7.8), is not its matter here.
    feed(reader.parser, octets)
    if not reader.method:
        return Refusal(NOT_WELL_FORMED)
    fault = reader.fault()
    if fault is not None:
        return Refusal(fault, reader.method == b"HEAD")
    headers = reader.headers
    return Head(
        reader.method.decode("ascii"),
        path_of(reader.url),
        query_of(reader.url),
        headers,
        reader.keep_alive,
        int(headers.get(b"content-length", b"0")),
    )


def feed(parser: httptools.HttpRequestParser, octets: bytes) -> bool:
    """Tell whether the parser would have more of a head, after these octets of it."""
    try:
        parser.feed_data(octets)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return False
    return True


class _Reader:
    """What the parser tells of one head; `method` is empty until the head is complete."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.method = b""
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.keep_alive = False
        self._version = ""
        self._is_repeating = False

    # --- httptools calls

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; a name that comes twice must be one that may."""
        name = name.lower()
        if name in self.headers:
            self._is_repeating = self._is_repeating or name in _ONCE
            value = self.headers[name] + b", " + value
        self.headers[name] = value

    def on_headers_complete(self) -> None:
        """Ask what the parser forgets when the message is over."""
        self.method = self.parser.get_method()
        self._version = self.parser.get_http_version()
        self.keep_alive = self.parser.should_keep_alive()

    # --- our own

    def fault(self) -> Response | None:
        """Judge what is well-formed and yet not taken."""
        headers = self.headers
        if self._version == "1.0":
            headers.pop(b"expect", None)  # RFC 9110 10.1.1
        elif self._version != "1.1":
            return problem(505, "HTTP/1.1 is spoken here", close=True)
        elif b"host" not in headers:
            return problem(400, "a request has a Host (RFC 9112 3.2)", close=True)
        if self._is_repeating:
            return problem(400, "a header that may come once came twice", close=True)
        if b"transfer-encoding" in headers:
            return problem(411, "send a Content-Length", close=True)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > _MAX_DIGITS:
            return problem(400, "Content-Length is not a number", close=True)
        if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
            return problem(417, "only 100-continue can be expected", close=True)
        return None
