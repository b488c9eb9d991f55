"""Errors on the REST interface: problem+json (RFC 9457) with a code that programs may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from appliance.errors import (
    ApplianceError,
    Conflict,
    Malformed,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from appliance.wire.http.values import CODES, PROBLEM, Response

_STATUSES: tuple[tuple[type[ApplianceError], int], ...] = (
    (Malformed, 400),
    (Unauthenticated, 401),
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 422),
    (Unavailable, 503),
    (ApplianceError, 500),
)
"""403 is for who may not ask at all, so a policy that forbids what was asked is 422."""

_AT_FAULT = "the box is at fault; the log has more"
_DETAIL_CHARACTERS = 500


class Problem(msgspec.Struct, frozen=True):
    """An error: `code` is stable, `detail` a sentence, `request_id` finds it in the log.

    What the HTTP layer refuses before there is a request has no `request_id`.
    """

    status: int
    title: str
    code: str
    detail: str
    request_id: str | msgspec.UnsetType = msgspec.UNSET


def problem(
    status: int,
    detail: str,
    request_id: str,
    fields: Mapping[str, str] | None = None,
    *,
    code: str = "",
) -> Response:
    """Make an error answer; its code is that of the status unless it is told."""
    title = HTTPStatus(status).phrase
    said = detail[:_DETAIL_CHARACTERS].encode("utf-8", "replace").decode()
    body = Problem(status, title, code or CODES[status], said, request_id)
    lines = {"X-Request-Id": request_id, "Cache-Control": "no-store", **(fields or {})}
    return Response(
        status,
        PROBLEM,
        msgspec.json.encode(body) + b"\n",
        fields=tuple(f"{name}: {value}" for name, value in lines.items()),
    )


def fault(request_id: str) -> Response:
    """Say that we are at fault, and nothing of how."""
    return problem(500, _AT_FAULT, request_id)


def problem_of(error: ApplianceError, request_id: str) -> Response:
    """Translate an error of ours; one at which the box is at fault keeps its words inside."""
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return fault(request_id)
    fields = {}
    if isinstance(error, Unavailable):
        fields["Retry-After"] = str(max(1, error.retry_after_s))
    if isinstance(error, Unauthenticated):
        fields["WWW-Authenticate"] = "Bearer"
    return problem(status, str(error), request_id, fields)
