"""RFC 3161 3.4 over HTTP: `POST /tsa` and `POST /tsa/{profile}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from appliance.services.messages import ProfileOffer
from appliance.services.timestamping import StampDesk
from appliance.wire.http.site import Handler, Request, Response, Route, problem

QUERY = b"application/timestamp-query"
REPLY = "application/timestamp-reply"
BODY_LIMIT = 64 * 1024
"""Above the 4 KiB of a TimeStampReq, so that a moderately large one is told so in TSP's own
terms.
"""


def timestamp_routes(
    desk: StampDesk, default_profile: str, *, deadline_s: float = 10.0
) -> Mapping[str, Mapping[str, Route]]:
    """Give the routes of the TSP port; a body has `deadline_s` seconds to come."""
    route = Route(_handler(desk, default_profile), body_limit=BODY_LIMIT, deadline_s=deadline_s)
    return {"/tsa": {"POST": route}, "/tsa/": {"POST": route}}


def _handler(desk: StampDesk, default_profile: str) -> Handler:
    def handle(request: Request) -> None:
        media_type = request.headers.get(b"content-type", b"")
        if media_type != QUERY and media_type.split(b";", 1)[0].strip().lower() != QUERY:
            request.reply(problem(415, "send Content-Type: application/timestamp-query"))
            return
        profile = request.parameter or default_profile
        if not _is_offered(desk.profiles, profile):
            request.reply(problem(404, "no such TSP profile here"))
            return
        desk.submit(
            profile,
            request.body,
            request.client,
            lambda response: request.reply(Response(200, REPLY, response)),
        )

    return handle


def _is_offered(profiles: Sequence[ProfileOffer], name: str) -> bool:
    """Tell whether the signer knows a profile; before it is there any may be."""
    for offer in profiles:
        if offer.name == name:
            return True
    return not profiles
