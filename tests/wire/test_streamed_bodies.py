"""Bodies that go to a sink as they arrive."""

from kit.http import PLAIN, WALL_S, Client, post
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.wire.http.site import HttpConnection, Limits, Request, Response, Route, Site

LIMIT = 1 << 20


class Sink:
    """Counts what comes, in pieces."""

    def __init__(self):
        self.pieces = []
        self.is_abandoned = False

    def write(self, octets):
        self.pieces.append(octets)

    def abandon(self):
        self.is_abandoned = True


class Stream:
    """A site whose route opens sinks, and a connection to it."""

    def __init__(self):
        self.sinks = []
        self.clock = Clock()
        route = Route(self.answer, body_limit=LIMIT, open_sink=self.open)
        site = Site({"/s": {"POST": route}}, clock=self.clock, wall_s=lambda: WALL_S)
        connection = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
        assert isinstance(connection, HttpConnection)
        self.site, self.client = site, Client(connection)

    def open(self, request):
        self.sinks.append(Sink())
        return self.sinks[-1]

    def answer(self, request: Request) -> None:
        size = sum(map(len, request.sink.pieces))
        request.reply(Response(200, PLAIN, b"%d in body, %d in sink" % (len(request.body), size)))


def test_a_body_goes_to_the_sink_piece_by_piece():
    stream = Stream()
    sent = post(bytes(100_000), path="/s")
    for start in range(0, len(sent), 30_000):
        stream.client.send(sent[start : start + 30_000])
    assert [answer.body for answer in stream.client.answers] == [b"0 in body, 100000 in sink"]
    assert len(stream.sinks[0].pieces) >= 4
    assert max(map(len, stream.sinks[0].pieces)) <= 30_000


def test_each_request_of_a_pipeline_has_its_own_sink():
    stream = Stream()
    stream.client.send(post(b"abc", path="/s") + post(b"", path="/s"))
    bodies = [answer.body for answer in stream.client.answers]
    assert bodies == [b"0 in body, 3 in sink", b"0 in body, 0 in sink"]
    assert len(stream.sinks) == 2


def test_a_sink_is_abandoned_when_the_client_leaves_amid_the_body():
    stream = Stream()
    stream.client.send(post(bytes(100), path="/s")[:-1])
    assert not stream.sinks[0].is_abandoned
    stream.client.hang_up()
    assert stream.sinks[0].is_abandoned


def test_a_sink_that_was_answered_is_not_abandoned():
    stream = Stream()
    stream.client.send(post(bytes(100), path="/s"))
    stream.client.hang_up()
    assert not stream.sinks[0].is_abandoned


def test_a_body_past_its_deadline_is_refused_and_not_taken_any_further():
    stream = Stream()
    stream.client.send(post(bytes(100), path="/s")[:-50])
    stream.clock.advance(Limits().idle_s)
    stream.site.tick()
    stream.client.send(bytes(50))
    assert stream.client.statuses == [408]
    assert sum(map(len, stream.sinks[0].pieces)) == 50
    stream.client.hang_up()
    assert stream.sinks[0].is_abandoned


def test_a_declared_body_beyond_the_limit_opens_no_sink():
    stream = Stream()
    stream.client.send(b"POST /s HTTP/1.1\r\nHost: box\r\nContent-Length: 1048577\r\n\r\n")
    assert stream.client.statuses == [413]
    assert not stream.sinks
