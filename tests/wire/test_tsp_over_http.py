"""RFC 3161 3.4: the routes of the TSP port, and the blocking client."""

import socket
import threading
from collections.abc import Iterator

import pytest
from kit.http import WALL_S, Client
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.errors import Malformed, Unavailable
from appliance.services.messages import PROTOCOL_VERSION, Hello, ProfileOffer, StampBatch
from appliance.services.messages import StampReplies as Replies
from appliance.services.timestamping import StampDesk
from appliance.wire.http.site import HttpConnection, Site
from appliance.wire.tsp.client import post_query
from appliance.wire.tsp.http import timestamp_routes

QUERY = "Content-Type: application/timestamp-query"
GUARD_S = 20.0


class Front:
    """The TSP port over a desk whose signer keeps what reaches it."""

    def __init__(self, *, with_signer: bool = True) -> None:
        self.clock = Clock()
        self.desk = StampDesk(self.clock)
        self.batches: list[StampBatch] = []
        if with_signer:
            offers = (ProfileOffer("sm2", "sm2"), ProfileOffer("p256", "p256"))
            self.desk.signer_arrived(Hello(PROTOCOL_VERSION, offers), self._take)
        site = Site(timestamp_routes(self.desk, "sm2"), clock=self.clock, wall_s=lambda: WALL_S)
        connection = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))
        assert isinstance(connection, HttpConnection)
        self.client = Client(connection)

    def _take(self, batch: StampBatch) -> bool:
        self.batches.append(batch)
        return True

    def post(self, path: str, *fields: str, body: bytes = b"query") -> None:
        """Send a request and let the turn of the reactor end."""
        lines = [f"POST {path} HTTP/1.1", "Host: box", f"Content-Length: {len(body)}", *fields]
        self.client.send("\r\n".join([*lines, "", ""]).encode() + body)
        self.clock.advance(0)


@pytest.mark.parametrize(
    ("path", "profile"), [("/tsa", "sm2"), ("/tsa/p256", "p256"), ("/tsa/sm2?a", "sm2")]
)
def test_a_query_crosses_with_its_profile_and_client(path: str, profile: str) -> None:
    front = Front()
    front.post(path, QUERY)
    ((ask,),) = (batch.asks for batch in front.batches)
    assert (ask.profile, ask.request, ask.client) == (profile, b"query", b"\xc0\x00\x02\x01\x00P")


def test_the_reply_is_a_timestamp_reply() -> None:
    front = Front()
    front.post("/tsa", QUERY)
    front.desk.replies_arrived(Replies(front.batches[0].batch, [b"response"]))
    (answer,) = front.client.answers
    assert (answer.status, answer.body) == (200, b"response")
    assert answer.fields["content-type"] == "application/timestamp-reply"


@pytest.mark.parametrize(
    "media_type", ["Application/Timestamp-Query", "application/timestamp-query ; charset=x"]
)
def test_a_media_type_may_have_another_case_and_parameters(media_type: str) -> None:
    front = Front()
    front.post("/tsa", f"Content-Type: {media_type}")
    assert len(front.batches) == 1


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/tsa", [], 415),
        ("/tsa", ["Content-Type: application/timestamp-reply"], 415),
        ("/tsa", ["Content-Type: text/plain; application/timestamp-query"], 415),
        ("/tsa/nobody", [QUERY], 404),
        ("/tsa/", [QUERY], 404),
        ("/tsa/sm2/x", [QUERY], 404),
    ],
)
def test_what_is_no_query_never_crosses(path: str, fields: list[str], status: int) -> None:
    front = Front()
    front.post(path, *fields)
    assert front.client.statuses == [status]
    assert front.batches == []


def test_without_a_signer_the_answer_is_a_system_failure_in_tsp_terms() -> None:
    front = Front(with_signer=False)
    front.post("/tsa/anything", QUERY)
    (answer,) = front.client.answers
    assert answer.status == 200
    assert b"the signer is not available" in answer.body


# --- the client -----------------------------------------------------------------------------------


class Server:
    """A server that takes one connection, keeps what came and says what it was told to."""

    def __init__(self, answer: bytes) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(GUARD_S)
        self.received = b""
        self.answer = answer
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def serve(self) -> None:
        line = self.listening.accept()[0]
        with line:
            line.settimeout(GUARD_S)
            while b"\r\n\r\nquery" not in self.received:
                self.received += line.recv(1000)
            line.sendall(self.answer)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    served = Server(request.param)
    yield served
    served.thread.join(GUARD_S)
    served.listening.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nresponse"


@pytest.mark.parametrize("server", [OK], indirect=True)
def test_the_client_posts_a_query_to_path_and_parameters(server: Server) -> None:
    assert post_query(f"{server.url}/tsa/p256?key=1", b"query", timeout_s=GUARD_S) == b"response"
    head, _, body = server.received.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /tsa/p256?key=1 HTTP/1.1"
    assert b"Content-Type: application/timestamp-query" in lines
    assert body == b"query"


@pytest.mark.parametrize("server", [OK], indirect=True)
def test_a_url_without_a_path_is_asked_at_the_root(server: Server) -> None:
    assert post_query(server.url, b"query", timeout_s=GUARD_S) == b"response"
    assert server.received.startswith(b"POST / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "server",
    [b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-server\r\n", b""],
    indirect=True,
)
def test_an_answer_that_is_no_200_is_unavailable(server: Server) -> None:
    with pytest.raises(Unavailable):
        post_query(f"{server.url}/tsa", b"query", timeout_s=GUARD_S)


def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable):
        post_query(f"http://127.0.0.1:{port}/tsa", b"query", timeout_s=GUARD_S)


@pytest.mark.parametrize(
    "url",
    [
        *("", "tsa", "ftp://box/tsa", "http:///tsa", "http://box:99999/tsa", "http://box:x/"),
        *("http://[::1/tsa", "http://box/tsä"),
    ],
)
def test_what_is_no_url_of_a_tsa_is_malformed(url: str) -> None:
    with pytest.raises(Malformed):
        post_query(url, b"query")
