"""OCSP over HTTP (RFC 6960 A.1, RFC 5019): `POST /ocsp` and `GET /ocsp/{base64}`.

What cannot be answered is an OCSPResponse that says so, in a 200, as clients look there only.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Mapping
from urllib.parse import unquote_to_bytes
from wsgiref.handlers import format_date_time

import attrs

from appliance.asn1.status.ocsp import MAX_REQUEST_OCTETS, ResponseStatus, decode_response
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.errors import Malformed
from appliance.quantities import US_PER_S
from appliance.wire.http.site import Request, Response, Route, problem
from appliance.wire.published import is_known

QUERY = b"application/ocsp-request"
REPLY = "application/ocsp-response"

_NOT_KEPT = ("Cache-Control: no-store",)

AskOcsp = Callable[[bytes, Callable[[bytes], None]], None]
"""Has an OCSPRequest answered: calls back once with the OCSPResponse, now or later.

Nobody there to answer is an answer too: `tryLater`.
"""


def ocsp_routes(
    ask: AskOcsp, *, wall_s: Callable[[], float], deadline_s: float = 10.0
) -> Mapping[str, Mapping[str, Route]]:
    """Give the routes of OCSP; `wall_s` tells Unix seconds, for how long an answer may be kept."""
    counter = _Counter(ask, wall_s)
    posted = Route(counter.post, body_limit=MAX_REQUEST_OCTETS, deadline_s=deadline_s)
    got = Route(counter.get, body_limit=0)
    return {
        "/ocsp": {"POST": posted},
        "/ocsp/*": {"GET": got, "HEAD": got},
    }


def decode_path(parameter: str) -> bytes:
    """Decode what follows `/ocsp/`: base64 of an OCSPRequest, escaped for URLs or not.

    No DER begins with a slash in base64, so that one at the front belongs to the address.  Raises
    Malformed.
    """
    text = unquote_to_bytes(parameter.lstrip("/").encode("latin-1"))
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise Malformed("the path holds no base64") from None


@attrs.frozen
class _Counter:
    """Where questions are taken."""

    ask: AskOcsp
    wall_s: Callable[[], float]

    def post(self, request: Request) -> None:
        """Answer a question in a body; what is kept of it is the client's matter."""
        media_type = request.headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower()
        if media_type != QUERY:
            request.reply(problem(415, f"send Content-Type: {QUERY.decode()}"))
            return
        self.ask(request.body, lambda octets: request.reply(Response(200, REPLY, octets)))

    def get(self, request: Request) -> None:
        """Answer a question in the path, in a way that caches understand."""
        try:
            octets = decode_path(request.parameter)
        except Malformed:
            refusal = encode_error(ResponseStatus.MALFORMED_REQUEST)
            request.reply(Response(200, REPLY, refusal, fields=_NOT_KEPT))
            return
        self.ask(octets, lambda answer: request.reply(self._cacheable(request, answer)))

    def _cacheable(self, request: Request, octets: bytes) -> Response:
        fields = _cache_fields(octets, self.wall_s())
        is_kept = fields is not _NOT_KEPT
        status = 304 if is_kept and is_known(request, fields[-1].partition(" ")[2]) else 200
        return Response(status, REPLY, octets, fields=fields)


def _cache_fields(octets: bytes, now_s: float) -> tuple[str, ...]:
    """Give what RFC 5019 6.2 asks for, the ETag last; errors, answers to a nonce are not kept."""
    basic = decode_response(octets).basic
    if basic is None or basic.nonce is not None:
        return _NOT_KEPT
    ends_us = [each.next_update.posix_us for each in basic.responses if each.next_update]
    if not ends_us or min(ends_us) <= now_s * US_PER_S:
        return _NOT_KEPT
    end_s = min(ends_us) // US_PER_S
    return (
        f"Last-Modified: {format_date_time(basic.produced_at.posix_us // US_PER_S)}",
        f"Expires: {format_date_time(end_s)}",
        f"Cache-Control: max-age={int(end_s - now_s)}, public, no-transform, must-revalidate",
        f'ETag: "{hashlib.sha256(octets).hexdigest()}"',
    )
