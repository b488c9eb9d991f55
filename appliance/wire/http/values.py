"""What the HTTP layer is told and tells: limits, targets, and answers before they are octets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

import attrs
import msgspec

from appliance.wire.connections import ConnectionLimits

PROBLEM = "application/problem+json"
CODES: Mapping[int, str] = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method",
    408: "too-slow",
    409: "conflict",
    411: "length-required",
    413: "too-large",
    415: "media-type",
    417: "expectation",
    422: "refused",
    429: "too-many",
    431: "head-too-large",
    500: "fault",
    503: "unavailable",
    505: "version",
}
"""What programs tell problems by; these words are kept, the sentences beside them are not."""


class Response(msgspec.Struct, frozen=True, gc=False):
    """An answer: status, media type, body, whether the connection ends with it.

    `fields` are further header lines, as `Allow: POST`.
    """

    status: int
    media_type: str
    body: bytes
    close: bool = False
    fields: tuple[str, ...] = ()


def problem(
    status: int, detail: str, *, close: bool = False, fields: tuple[str, ...] = ()
) -> Response:
    """Make an error answer as problem+json (RFC 9457) from a sentence."""
    title = HTTPStatus(status).phrase
    text = (
        f'{{"status": {status}, "title": "{title}", "code": "{CODES[status]}", '
        f'"detail": {json.dumps(detail)}}}\n'
    )
    return Response(status, PROBLEM, text.encode(), close, fields)


@attrs.frozen
class Limits(ConnectionLimits):
    """What one HTTP listener grants beside."""

    head_octets: int = 8 * 1024
    head_deadline_s: float = 10.0
    pipeline: int = 64


DEFAULT_LIMITS = Limits()


def query_of(target: bytes) -> str:
    """Take what stands after the first question mark of a request target, as it is."""
    return target.partition(b"?")[2].decode("latin-1")


def path_of(target: bytes) -> str:
    """Take the path from a request target in origin-form or absolute-form (RFC 9112 3.2)."""
    path = target.split(b"?", 1)[0].decode("latin-1")
    if path.startswith("/") or "://" not in path:
        return path
    return "/" + path.partition("://")[2].partition("/")[2]
