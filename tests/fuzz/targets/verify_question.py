"""`POST /tsa/verify`: any body is an answer or a problem, read whole as read in pieces."""

import functools
import json
from typing import Any

import msgspec
from kit.fuzzing import FUZZ, halves
from kit.http import WALL_S, Answer, read_answers
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.crypto.native_engine import NativeEngine
from appliance.errors import Malformed
from appliance.quantities import Utc
from appliance.services.verifying import Question, TrustedRoots, Verifier
from appliance.wire.http.site import Site
from appliance.wire.tsp.verification import verify_routes

STATUSES = {200, 400}
NOW = Utc(1_800_000_000_000_000)


def one_input(data: bytes) -> None:
    answer = ask([data])
    facts = json.loads(answer.body)
    assert answer.status in STATUSES
    assert len(answer.body) < 4096 + 64 * len(data)
    again = ask(list(halves(data)))
    assert again.status == answer.status
    expected = direct(data)
    if answer.status == 200:
        assert again == answer
        assert facts == expected
    elif expected is not None:
        assert "twice" in facts["detail"]


def ask(pieces: list[bytes]) -> Answer:
    """Post a body in pieces."""
    site = Site(verify_routes(verifier(), deadline_s=10.0), clock=Clock(), wall_s=lambda: WALL_S)
    connection: Any = site.buildProtocol(None)
    transport = StringTransport()
    connection.makeConnection(transport)
    size = sum(map(len, pieces))
    connection.dataReceived(
        b"POST /tsa/verify HTTP/1.1\r\nHost: box\r\nContent-Length: %d\r\n\r\n" % size
    )
    for piece in pieces:
        connection.dataReceived(piece)
    (answer,) = read_answers(transport.value())
    connection.connectionLost()
    return answer


def direct(data: bytes) -> object:
    """Answer without the wire: JSON parsed whole, the document in one piece."""
    try:
        question = msgspec.json.decode(data, type=Question)
        return json.loads(msgspec.json.encode(verifier().answer(question)))
    except (msgspec.DecodeError, UnicodeDecodeError, Malformed):
        return None


@functools.cache
def verifier() -> Verifier:
    clock = Clock()
    roots = TrustedRoots(NativeEngine(), [FUZZ / "roots.pem"], clock)
    return Verifier(roots, lambda: NOW)
