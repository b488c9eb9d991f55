"""`GET /time`: the calendar time of the box in UTC and Beijing time, with its bound, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from appliance.quantities import NS_PER_US, Accuracy
from appliance.timing.civil import BEIJING_S, CivilTime, civil_time
from appliance.timing.trusted import MAY_ISSUE, NoTime, TrustedTime
from appliance.wire.http.site import Handler, Request, Response, Route, problem

ReadTime = Callable[[], TrustedTime | NoTime]

_encode = msgspec.json.Encoder().encode


def time_routes(read: ReadTime) -> Mapping[str, Mapping[str, Route]]:
    """Give the route of the time; it is told while the clock has any, trusted or not."""
    return {"/time": {"GET": Route(_handler(read), body_limit=0)}}


def _handler(read: ReadTime) -> Handler:
    def handle(request: Request) -> None:
        time = read()
        if isinstance(time, NoTime):
            request.reply(problem(503, f"no time can be told: {time.reason}"))
        else:
            request.reply(Response(200, "application/json", _encode(time_facts(time))))

    return handle


def time_facts(time: TrustedTime) -> dict[str, object]:
    """Tell a reading in plain values: calendar, bound, state and where it comes from."""
    utc, beijing = civil_time(time), civil_time(time, BEIJING_S)
    bound_us = -(-time.bound_ns // NS_PER_US)
    return {
        "utc": utc.isoformat(),
        "beijing": beijing.isoformat(),
        "calendar": {"utc": _calendar(utc), "beijing": _calendar(beijing)},
        "tai_ns": time.tai_ns,
        "tai_minus_utc_s": time.utc_offset_s,
        "leap": time.leap.name,
        "bound_us": bound_us,
        "accuracy_us": Accuracy.covering(time.bound_ns).micros_total,
        "state": time.state.name,
        "is_trusted": time.state in MAY_ISSUE,
        "provenance": time.provenance.name,
    }


def _calendar(time: CivilTime) -> dict[str, int]:
    return {
        "year": time.year,
        "month": time.month,
        "day": time.day,
        "hour": time.hour,
        "minute": time.minute,
        "second": time.second,
    }
