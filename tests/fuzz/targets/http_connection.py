"""HTTP: what a stream gets does not hang on how it was cut; an error ends it; so does time."""

import re
from collections.abc import Sequence
from typing import Any

from kit.fuzzing import halves
from kit.http import WALL_S
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.wire.http.site import Request, Response, Route, Site

BODY_LIMIT = 100
MAX_OCTETS = 3000
LEAST_REQUEST_OCTETS = 16
GOOD_STATUSES = {100, 200}
EXPECTED_STATUSES = GOOD_STATUSES | {400, 404, 405, 411, 413, 417, 431, 505}
LIFETIME_S = 100.0

Answer = tuple[int, bytes]

_HEAD = re.compile(
    rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+\r\n((?:[A-Za-z-]+: [^\r\n]+\r\n)*)\r\n", re.ASCII
)


def one_input(data: bytes) -> None:
    data = data[:MAX_OCTETS]
    answers = exchange([data])
    statuses = [status for status, _ in answers]
    assert set(statuses) <= EXPECTED_STATUSES
    assert all(status in GOOD_STATUSES for status in statuses[:-1])
    assert len(statuses) <= 2 + 2 * len(data) // LEAST_REQUEST_OCTETS
    # A head that comes in pieces is refused by its first fault, a whole one by its worst.
    assert list(map(merged, exchange(halves(data)))) == list(map(merged, answers))


def merged(answer: Answer) -> Answer:
    """Take all refusals for one."""
    return answer if answer[0] in GOOD_STATUSES else (400, b"")


def exchange(pieces: Sequence[bytes]) -> list[Answer]:
    """Send a stream in pieces, wait until the connection is over, and read the answers."""
    clock = Clock()
    site = Site(routes(), clock=clock, wall_s=lambda: WALL_S)
    site.doStart()
    connection: Any = site.buildProtocol(None)
    transport = StringTransport()
    connection.makeConnection(transport)
    for piece in pieces:
        connection.dataReceived(piece)
    answered = transport.value()
    clock.pump([LIFETIME_S] * 3)
    assert transport.disconnecting or transport.disconnected
    connection.connectionLost()
    assert not site.connections
    late = read_answers(transport.value()[len(answered) :])
    assert [status for status, _ in late] in ([], [408])
    return read_answers(answered)


def routes() -> dict[str, dict[str, Route]]:
    route = Route(count_octets, body_limit=BODY_LIMIT)
    return {"/count": {"GET": route, "POST": route, "HEAD": route}, "/count/": {"POST": route}}


def count_octets(request: Request) -> None:
    assert len(request.body) <= BODY_LIMIT
    request.reply(Response(200, "text/plain", b"%d octets" % len(request.body)))


def read_answers(octets: bytes) -> list[Answer]:
    """Read status and body of each answer; the answer to HEAD has none."""
    answers = []
    position = 0
    while position < len(octets):
        head = _HEAD.match(octets, position)
        assert head, octets[position : position + 80]
        position = head.end()
        length = int(dict(re.findall(rb"([^:]+): (.*)\r\n", head[2])).get(b"Content-Length", 0))
        is_bare = position == len(octets) or octets.startswith(b"HTTP/1.1 ", position)
        body = b"" if is_bare else octets[position : position + length]
        assert is_bare or len(body) == length
        position += len(body)
        answers.append((int(head[1]), body))
    return answers
