"""A blocking RFC 3161 client over HTTP, for programs without a reactor."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from appliance.errors import Malformed, Unavailable

_RESPONSE_LIMIT = 64 * 1024


def post_query(url: str, request: bytes, *, timeout_s: float = 10.0) -> bytes:
    """Send a TimeStampReq and give the octets of the TimeStampResp.

    Raises Unavailable when the server cannot be reached or is no TSA, Malformed for a bad URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Malformed(f"not a URL of a time-stamping authority: {url}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout_s)
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        connection.request("POST", parts.path or "/", request, headers)
        response = connection.getresponse()
        body = response.read(_RESPONSE_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{url} cannot be reached: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Unavailable(f"{url} answers HTTP {response.status} {response.reason}")
    return body
