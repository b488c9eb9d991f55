"""Fetching of what is public, from addresses that are allowed and no others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from appliance.errors import Malformed, Refused

MAX_URL = 1024
_PORTS = {"http": 80, "https": 443}


class Fetcher(Protocol):
    """Asks a server once: no redirects, at most `limit` octets, within the fetcher's own time."""

    async def get(self, url: str, *, limit: int) -> bytes:
        """Give the body of a 200.  Raises Unavailable for anything else."""

    async def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        """Give the body of a 200 to a POST.  Raises Unavailable for anything else."""


class AllowList:
    """Where fetching may go: URLs that begin as one of those configured do.

    Scheme, host and port are compared whole, the path by its leading segments: `http://ca/crl`
    allows `http://ca/crl/a.crl`, never `http://ca/crlx` or `http://ca.example/crl`.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(_Place(_split(url)) for url in allowed)

    def check(self, url: str) -> None:
        """Raise Refused for an address that is not allowed, or is none."""
        try:
            place = _Place(_split(url))
        except Malformed as error:
            raise Refused(str(error)) from error
        if not any(allowed.covers(place) for allowed in self._allowed):
            raise Refused(f"{url!r} is not an address that may be asked")


class _Place:
    def __init__(self, parts: SplitResult) -> None:
        self.server = (parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])
        self.segments = tuple(each for each in parts.path.split("/") if each)

    def covers(self, other: _Place) -> bool:
        leading = other.segments[: len(self.segments)]
        return self.server == other.server and self.segments == leading


def _split(url: str) -> SplitResult:
    """Take a URL apart.  Raises Malformed for one that could mean different things to two."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>'):
        raise Malformed("not a URL that may be asked")
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound or "@" in parts.netloc or parts.fragment or "%" in parts.netloc:
        raise Malformed("not a URL that may be asked")
    if any(segment in (".", "..") for segment in parts.path.lower().replace("%2e", ".").split("/")):
        raise Malformed("a URL climbs out of its path")
    return parts
