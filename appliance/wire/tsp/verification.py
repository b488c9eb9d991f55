"""Verification over HTTP: `POST /tsa/verify`, JSON in and JSON out.

Any verdict is a 200; a problem (RFC 9457) says that the question was none.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from appliance.errors import ApplianceError, Malformed, Refused, Unavailable
from appliance.services.verifying import Question, Verifier
from appliance.wire.http.documents import BODY_LIMIT, Budget, DocumentSink
from appliance.wire.http.site import Request, Response, Route, problem

JSON = "application/json"
UNFINISHED_OCTETS = 32 << 20
"""What all unfinished questions of one front may hold together."""

_STATUSES = {Malformed: 400, Refused: 413, Unavailable: 503}


def verify_routes(verifier: Verifier, *, deadline_s: float) -> Mapping[str, Mapping[str, Route]]:
    """Give the route of verification; `deadline_s` is for a whole body."""
    desk = _Desk(verifier)
    route = Route(
        desk.handle, body_limit=BODY_LIMIT, deadline_s=deadline_s, open_sink=desk.open_sink
    )
    return {"/tsa/verify": {"POST": route}}


class _Desk:
    """Reads questions and has them answered."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._budget = Budget(UNFINISHED_OCTETS)
        self._decoder = msgspec.json.Decoder(Question)
        self._encoder = msgspec.json.Encoder()

    def open_sink(self, _request: Request) -> DocumentSink:
        """Begin to read a question."""
        return DocumentSink(self._budget)

    def handle(self, request: Request) -> None:
        """Answer a question that has come whole."""
        assert isinstance(request.sink, DocumentSink)
        try:
            text, document = request.sink.finish()
            if not is_json(request):
                request.reply(problem(415, f"send Content-Type: {JSON}"))
                return
            facts = self._verifier.answer(self._decoder.decode(text), document)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            request.reply(problem(400, str(error)))
        except ApplianceError as error:
            request.reply(problem(_STATUSES.get(type(error), 500), str(error)))
        else:
            request.reply(Response(200, JSON, self._encoder.encode(facts) + b"\n"))


def is_json(request: Request) -> bool:
    """Tell whether a request says that it is JSON; what curl says by default is let pass."""
    given = request.headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower()
    return given in (b"application/json", b"application/x-www-form-urlencoded", b"")
