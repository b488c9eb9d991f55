"""The application and admin interface as the command asks it: TLS, a token, our own errors.

The box is where ready.json says, or `--api` and `--ca`; the token is that of `--token-file`, of the
environment variable SHIYIN_TOKEN, or in a demo the one that the box made for the role.
"""

from __future__ import annotations

import argparse
import http.client
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import attrs
import msgspec

from appliance.cli.context import Context, common_options, read_file
from appliance.errors import (
    Conflict,
    Fault,
    Malformed,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)

TIMEOUT_S = 120.0
PAGE = 500
_TOKEN_FILE_OCTETS = 4096
_JSON = "application/json"

Facts = dict[str, Any]

_ERRORS: dict[int, type[Exception]] = {
    401: Unauthenticated,
    403: PermissionError,
    404: NotFound,
    409: Conflict,
    422: Refused,
    429: Unavailable,
    503: Unavailable,
}
"""What a status means to the command; other 4xx are Malformed, other 5xx a Fault."""


@attrs.frozen
class Reply:
    """An answer over HTTP."""

    status: int
    octets: bytes


class Exchange(Protocol):
    """Sends one request and waits for its answer."""

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Raise Unavailable where nobody answers, Refused where it is not the box."""


class Api:
    """The interface under one token; `pause` waits for seconds between two looks at a job."""

    def __init__(
        self, exchange: Exchange, token: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._exchange = exchange
        self._token = token
        self.pause = pause

    def get(self, path: str) -> Facts:
        """Ask for an object."""
        return _facts(self.download(path))

    def download(self, path: str) -> bytes:
        """Ask for a file."""
        return self._ask("GET", path, {}, None)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Facts:
        """Send an object, or nothing."""
        if body is None:
            return _facts(self._ask("POST", path, {}, None))
        return _facts(self._ask("POST", path, {"Content-Type": _JSON}, msgspec.json.encode(body)))

    def upload(self, path: str, octets: bytes) -> Facts:
        """Send a file."""
        return _facts(self._ask("POST", path, {"Content-Type": "application/octet-stream"}, octets))

    def rows(self, path: str, query: Mapping[str, object], most: int) -> list[Facts]:
        """List at most `most` rows, newest first, page after page."""
        wanted = {name: value for name, value in query.items() if value is not None}
        found: list[Facts] = []
        cursor: str | None = ""
        while cursor is not None and len(found) < most:
            page = {**wanted, "limit": min(PAGE, most - len(found)), "cursor": cursor}
            answer = self.get(f"{path}?{urlencode(page)}")
            found += answer["items"]
            cursor = answer["next"]
        return found

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        reply = self._exchange(
            method, target, {**headers, "Authorization": f"Bearer {self._token}"}, body
        )
        if reply.status >= 400:
            raise _error(reply)
        return reply.octets


def _facts(octets: bytes) -> Facts:
    try:
        return msgspec.json.decode(octets, type=Facts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Fault(f"the box gave an answer that is none: {error}") from error


def _error(reply: Reply) -> Exception:
    """Make our error of a problem+json (RFC 9457), or of whatever else was answered."""
    try:
        detail = str(msgspec.json.decode(reply.octets, type=Facts)["detail"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        detail = f"the box answered with HTTP {reply.status}"
    return _ERRORS.get(reply.status, Malformed if reply.status < 500 else Fault)(detail)


# --- the road to the box --------------------------------------------------------------------------


class TlsExchange:
    """One connection to the interface; whoever answers must prove to be the box."""

    def __init__(self, url: str, roots: Path) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise Malformed(f"{url}: the interface is at https://HOST:PORT")
        self._url = url
        self._connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=TIMEOUT_S, context=_trust(roots)
        )

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send one request and wait for its answer."""
        try:
            self._connection.request(method, target, body, dict(headers))
            response = self._connection.getresponse()
            return Reply(response.status, response.read())
        except ssl.SSLCertVerificationError as error:
            raise Refused(
                f"who answers at {self._url} does not prove to be the box: "
                f"{error.verify_message}; a box that has just started gets its certificate soon"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the interface does not answer at {self._url}: {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _trust(roots: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(roots)
    except FileNotFoundError:
        raise NotFound(f"there is no file {roots}") from None
    except ssl.SSLError as error:
        raise Malformed(f"{roots} holds no PEM certificate: {error}") from error
    return context


def api_options() -> argparse.ArgumentParser:
    """Describe what every part that asks the interface takes."""
    options = argparse.ArgumentParser(add_help=False, parents=[common_options()])
    options.add_argument("--token-file", type=Path, metavar="FILE", help="the account's token")
    options.add_argument("--api", metavar="URL", help="the interface, if not this machine's box")
    options.add_argument("--ca", type=Path, metavar="FILE", help="roots of its TLS certificate")
    return options


def positive(text: str) -> int:
    """Read a count from the command line.  Raises ValueError, as argparse wants it."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def segment(text: str) -> str:
    """Write what a person typed so that it is one segment of a path."""
    return quote(text, safe="")


@contextmanager
def opened_api(context: Context, chosen: argparse.Namespace, role: str) -> Iterator[Api]:
    """Connect as the arguments say; in a demo without a token, as the demo's `role`."""
    url, roots, token = chosen.api, chosen.ca, _named_token(chosen)
    if url is None or roots is None or token is None:
        ready = context.ready()
        url, roots = url or ready.api, roots or Path(ready.ca_cert)
        if token is None and chosen.api is None:
            token = _demo_token(ready.demo_credentials, role)
    if token is None:
        raise Unauthenticated("whose token? name it by --token-file or SHIYIN_TOKEN")
    exchange = TlsExchange(url, roots)
    try:
        yield Api(exchange, token)
    finally:
        exchange.close()


def _named_token(chosen: argparse.Namespace) -> str | None:
    text = os.environ.get("SHIYIN_TOKEN")
    if chosen.token_file is not None:
        text = read_file(chosen.token_file, _TOKEN_FILE_OCTETS).decode("utf-8", "replace")
    if not text:
        return None
    token = text.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Malformed("the token is not one of a Shiyin box")
    return token


def _demo_token(path: str | None, role: str) -> str | None:
    if path is None:
        return None
    content = read_file(Path(path), _TOKEN_FILE_OCTETS)
    return msgspec.json.decode(content, type=dict[str, dict[str, str]])["tokens"].get(role)
