"""What the HTTP layer is told and tells: limits, targets, and answers before they are octets."""

from __future__ import annotations

import json
from http import HTTPStatus

import attrs
import msgspec

from appliance.wire.connections import ConnectionLimits


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
    text = f'{{"status": {status}, "title": "{title}", "detail": {json.dumps(detail)}}}\n'
    return Response(status, "application/problem+json", text.encode(), close, fields)


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
