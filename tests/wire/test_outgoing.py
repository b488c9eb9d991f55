"""What the box asks of others over HTTP: bounded, once, and never elsewhere."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from appliance.errors import Refused, Unavailable
from appliance.wire import outgoing
from appliance.wire.outgoing import DEADLINE_S, HttpAsker


class Other:
    """The other side of one question."""

    def __init__(self, **options):
        self.reactor = MemoryReactorClock()
        self.asker = HttpAsker(self.reactor, "http://127.0.0.1:8080/pki", **options)
        self.results = []

    def ask(self, body=b"question"):
        asked = Deferred.fromCoroutine(self.asker.post("/cmp", "application/pkixcmp", body))
        asked.addBoth(self.results.append)
        host, port, factory, *_ = self.reactor.tcpClients[-1]
        assert (host, port) == ("127.0.0.1", 8080)
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        return self.transport.value()

    def answer(self, head, body=b""):
        length = f"Content-Length: {len(body)}\r\n"
        self.protocol.dataReceived(f"HTTP/1.1 {head}\r\n{length}\r\n".encode() + body)

    def result(self):
        (result,) = self.results
        if isinstance(result, Failure):
            result.raiseException()
        return result


def test_a_question_is_carried_with_its_credentials_and_the_answer_brought_back():
    other = Other(credentials="Basic Zm9vOmJhcg==")
    sent = other.ask()
    assert sent.startswith(b"POST /pki/cmp HTTP/1.1\r\n")
    for line in (b"Content-Type: application/pkixcmp", b"Authorization: Basic Zm9vOmJhcg=="):
        assert line in sent
    assert sent.endswith(b"\r\n\r\nquestion")
    other.answer("200 OK", b"answer")
    assert other.result() == b"answer"


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("302 Found\r\nLocation: http://elsewhere/", Refused),
        ("403 Forbidden", Refused),
        ("500 Oops", Unavailable),
        ("503 Later", Unavailable),
    ],
)
def test_what_is_no_success_is_an_error_that_tells_what_was_said(head, error):
    other = Other()
    other.ask()
    other.answer(head, b"because")
    with pytest.raises(error, match="because"):
        other.result()
    assert len(other.reactor.tcpClients) == 1


def test_silence_ends_at_the_deadline():
    other = Other()
    other.ask()
    other.reactor.advance(DEADLINE_S)
    with pytest.raises(Unavailable):
        other.result()


def test_an_answer_that_stops_in_the_middle_ends_at_the_deadline():
    other = Other()
    other.ask()
    other.protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    other.reactor.advance(DEADLINE_S)
    with pytest.raises(Unavailable):
        other.result()


def test_an_answer_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(outgoing, "MAX_OCTETS", 100)
    other = Other()
    other.ask()
    other.answer("200 OK", bytes(101))
    with pytest.raises(Unavailable, match="more than 100"):
        other.result()


def test_noise_is_no_answer():
    other = Other()
    other.ask()
    other.protocol.dataReceived(b"\x16\x03\x01 not HTTP at all\r\n\r\n")
    with pytest.raises(Unavailable):
        other.result()
