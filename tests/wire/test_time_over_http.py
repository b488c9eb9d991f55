"""`GET /time`."""

import json

from kit.http import WALL_S, Client
from kit.pages import TAI_NS
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.quantities import Provenance
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime
from appliance.wire.http.site import HttpConnection, Site
from appliance.wire.time_http import time_routes

TIME = TrustedTime(
    tai_ns=TAI_NS + 250_000_000,
    bound_ns=30_001,
    utc_offset_s=37,
    leap=Leap.NONE,
    leap_at_tai_ns=0,
    state=ClockState.HOLDOVER,
    provenance=Provenance.SIMULATED,
)


def ask(reading: TrustedTime | NoTime) -> Client:
    """Ask a port whose clock reads `reading`."""
    site = Site(time_routes(lambda: reading), clock=Clock(), wall_s=lambda: WALL_S)
    connection = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))
    assert isinstance(connection, HttpConnection)
    client = Client(connection)
    client.send(b"GET /time HTTP/1.1\r\nHost: box\r\n\r\n")
    return client


def test_the_time_is_told_in_utc_and_beijing_time_with_its_bound() -> None:
    (answer,) = ask(TIME).answers
    facts = json.loads(answer.body)
    assert answer.status == 200
    assert facts["utc"] == "2027-01-15T08:00:00.250000Z"
    assert facts["beijing"] == "2027-01-15T16:00:00.250000+08:00"
    assert facts["calendar"]["beijing"] == {
        "year": 2027,
        "month": 1,
        "day": 15,
        "hour": 16,
        "minute": 0,
        "second": 0,
    }
    assert (facts["bound_us"], facts["accuracy_us"]) == (31, 50)
    assert (facts["state"], facts["is_trusted"]) == ("HOLDOVER", True)
    assert facts["provenance"] == "SIMULATED"


def test_a_clock_without_time_is_a_503_that_says_why() -> None:
    (answer,) = ask(NoTime("the time page is stale")).answers
    assert answer.status == 503
    assert "stale" in json.loads(answer.body)["detail"]
