"""Errors on the REST interface: problem+json (RFC 9457) with a code that programs may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from appliance.errors import (
    ApplianceError,
    Conflict,
    Fault,
    Malformed,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from appliance.wire.http_values import Response

_STATUSES: tuple[tuple[type[ApplianceError], int, str], ...] = (
    (Malformed, 400, "malformed"),
    (Unauthenticated, 401, "unauthenticated"),
    (NotFound, 404, "not-found"),
    (Conflict, 409, "conflict"),
    (Refused, 422, "refused"),
    (Unavailable, 503, "unavailable"),
    (Fault, 500, "fault"),
)
"""403 is for who may not ask at all, so a policy that forbids what was asked is 422."""

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """An error: `code` is stable, `detail` a sentence, `request_id` finds it in the log."""

    status: int
    title: str
    code: str
    detail: str
    request_id: str


def problem(
    status: int, code: str, detail: str, request_id: str, fields: Mapping[str, str] | None = None
) -> Response:
    """Make an error answer."""
    body = Problem(status, HTTPStatus(status).phrase, code, detail, request_id)
    lines = {"X-Request-Id": request_id, **(fields or {})}
    return Response(
        status,
        MEDIA_TYPE,
        msgspec.json.encode(body) + b"\n",
        fields=tuple(f"{name}: {value}" for name, value in lines.items()),
    )


def problem_of(error: ApplianceError, request_id: str) -> Response:
    """Translate an error of ours."""
    _, status, code = next(row for row in _STATUSES if isinstance(error, row[0]))
    fields = {}
    if isinstance(error, Unavailable):
        fields["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        fields["WWW-Authenticate"] = "Bearer"
    detail = "the box is at fault; the log has more" if isinstance(error, Fault) else str(error)
    return problem(status, code, detail, request_id, fields)
