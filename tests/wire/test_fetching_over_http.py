import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from appliance.errors import Refused, Unavailable
from appliance.wire.fetching import DEADLINE_S, HttpFetcher


class Other:
    """The other side of one question."""

    def __init__(self):
        self.reactor = MemoryReactorClock()
        self.fetcher = HttpFetcher(self.reactor)
        self.results = []

    def sent(self, work):
        Deferred.fromCoroutine(work).addBoth(self.results.append)
        (*_, (host, port, factory, *_)) = self.reactor.tcpClients
        self.place = host, port
        self.protocol = factory.buildProtocol(None)
        transport = StringTransport()
        self.protocol.makeConnection(transport)
        return transport.value()

    def answer(self, head, body=b""):
        length = f"Content-Length: {len(body)}\r\n"
        self.protocol.dataReceived(f"HTTP/1.1 {head}\r\n{length}\r\n".encode() + body)

    def result(self):
        (result,) = self.results
        if isinstance(result, Failure):
            result.raiseException()
        return result


def test_a_list_is_fetched_from_the_address_it_stands_at():
    other = Other()
    sent = other.sent(other.fetcher.get("http://127.0.0.1:8080/crl/a.crl?x=1", limit=10))
    assert other.place == ("127.0.0.1", 8080)
    assert sent.startswith(b"GET /crl/a.crl?x=1 HTTP/1.1\r\n")
    other.answer("200 OK", b"list")
    assert other.result() == b"list"


def test_a_question_is_posted():
    other = Other()
    sent = other.sent(
        other.fetcher.post(
            "http://127.0.0.1", b"asked", content_type="application/ocsp-request", limit=10
        )
    )
    assert other.place == ("127.0.0.1", 80)
    assert sent.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Content-Type: application/ocsp-request\r\n" in sent
    assert sent.endswith(b"asked")
    other.answer("200 OK", b"told")
    assert other.result() == b"told"


@pytest.mark.parametrize(
    ("head", "body", "error"),
    [
        ("200 OK", bytes(11), Unavailable),
        ("302 Found\r\nLocation: http://evil/", b"", Refused),
        ("503 Later", b"", Unavailable),
    ],
)
def test_nothing_else_than_a_short_200_is_taken(head, body, error):
    other = Other()
    other.sent(other.fetcher.get("http://127.0.0.1/crl", limit=10))
    other.answer(head, body)
    with pytest.raises(error):
        other.result()
    assert len(other.reactor.tcpClients) == 1


def test_whoever_does_not_answer_is_given_up():
    other = Other()
    other.sent(other.fetcher.get("http://127.0.0.1/crl", limit=10))
    other.reactor.advance(DEADLINE_S)
    with pytest.raises(Unavailable):
        other.result()
