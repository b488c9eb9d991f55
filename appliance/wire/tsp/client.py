"""A blocking RFC 3161 client over HTTP, for programs without a reactor."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit, urlunsplit

from appliance.errors import Malformed, Unavailable

_RESPONSE_LIMIT = 64 * 1024


def post_query(url: str, request: bytes, *, timeout_s: float = 10.0) -> bytes:
    """Send a TimeStampReq and give the octets of the TimeStampResp.

    Raises Unavailable when the server cannot be reached or is no TSA, Malformed for a bad URL.
    """
    connection, target = _open(url, timeout_s)
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        connection.request("POST", target, request, headers)
        response = connection.getresponse()
        body = response.read(_RESPONSE_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{url} cannot be reached: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Unavailable(f"{url} answers HTTP {response.status} {response.reason}")
    return body


def _open(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """Give a connection yet to be made, and the request target."""
    complaint = f"not a URL of a time-stamping authority: {url}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        url.encode("ascii")
    except ValueError as error:
        raise Malformed(complaint) from error
    if parts.scheme not in ("http", "https") or not host:
        raise Malformed(complaint)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return kind(host, port, timeout=timeout_s), target
