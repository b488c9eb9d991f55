"""HTTP/1.1 as any client may speak it to the port, well or badly."""

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from kit.box import Box, loopback_addresses
from kit.tsp_client import QUERY_TYPE, REPLY_TYPE, Answer, make_query, post, read_reply, tst_info

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
TYPE = f"Content-Type: {QUERY_TYPE}"


class Wire:
    """One TCP connection on which the octets are the test's own."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=GUARD_S)
        self.stream = self.socket.makefile("rb")

    def send(self, head: list[str], body: bytes = b"") -> None:
        self.socket.sendall("\r\n".join([*head, "", ""]).encode() + body)

    def receive(self) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Read one answer: status, headers, and the body by its Content-Length."""
        status = int(self.stream.readline().split()[1])
        headers = http.client.parse_headers(self.stream)
        return status, headers, self.stream.read(int(headers["Content-Length"] or 0))

    def is_closed(self) -> bool:
        return self.stream.read(1) == b""

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture
def address(box: Box) -> tuple[str, int]:
    parts = urlsplit(box.url())
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@pytest.fixture
def wire(address: tuple[str, int]) -> Iterator[Wire]:
    opened = Wire(*address)
    yield opened
    opened.close()


def ask(query: bytes, *more: str, version: str = "HTTP/1.1") -> list[str]:
    return [f"POST /tsa {version}", "Host: box", TYPE, f"Content-Length: {len(query)}", *more]


def nonces(replies: list[bytes]) -> list[int]:
    return [int(tst_info(reply)["nonce"]) for reply in replies]


def post_as(box: Box, media_type: str, body: bytes, profile: str = "") -> Answer:
    return post(box.url(profile), body, {"Content-Type": media_type})


# --- what is served -------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    asked = list(range(1, 41))
    wire.socket.sendall(
        b"".join(
            "\r\n".join([*ask(query), "", ""]).encode() + query
            for query in (make_query(nonce=nonce) for nonce in asked)
        )
    )
    replies = [wire.receive() for _ in asked]
    assert [status for status, _, _ in replies] == [200] * len(asked)
    assert nonces([body for _, _, body in replies]) == asked


def test_a_connection_serves_one_request_after_another(wire: Wire) -> None:
    for nonce in (5, 6, 7):
        query = make_query(nonce=nonce)
        wire.send(ask(query), query)
        _, headers, body = wire.receive()
        assert headers["Content-Type"] == REPLY_TYPE
        assert nonces([body]) == [nonce]


def test_a_request_may_come_octet_by_octet(wire: Wire) -> None:
    query = make_query(nonce=8)
    for octet in "\r\n".join([*ask(query), "", ""]).encode() + query:
        wire.socket.sendall(bytes((octet,)))
    assert nonces([wire.receive()[2]]) == [8]


@pytest.mark.parametrize(
    "media_type",
    [
        "application/timestamp-query; charset=binary",
        "Application/Timestamp-Query",
        f"{QUERY_TYPE} ;a=b",
    ],
)
def test_a_media_type_may_have_parameters_and_any_case(box: Box, media_type: str) -> None:
    answer = post_as(box, media_type, make_query())
    assert (answer.status, answer.media_type) == (200, REPLY_TYPE)


def test_http_1_0_is_answered_and_the_connection_closed(wire: Wire) -> None:
    query = make_query(nonce=9)
    wire.send(ask(query, version="HTTP/1.0"), query)
    status, _, body = wire.receive()
    assert (status, nonces([body])) == (200, [9])
    assert wire.is_closed()


def test_connection_close_is_obeyed(wire: Wire) -> None:
    query = make_query()
    wire.send(ask(query, "Connection: close"), query)
    status, headers, _ = wire.receive()
    assert (status, headers["Connection"]) == (200, "close")
    assert wire.is_closed()


def test_expect_100_continue_is_answered_before_the_body(wire: Wire) -> None:
    query = make_query(nonce=10)
    wire.send(ask(query, "Expect: 100-continue"))
    assert wire.stream.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert wire.stream.readline() == b"\r\n"
    wire.socket.sendall(query)
    assert nonces([wire.receive()[2]]) == [10]


def test_both_address_families_are_served_on_one_port_number(address: tuple[str, int]) -> None:
    query = make_query(nonce=11)
    for host in loopback_addresses():
        wire = Wire(host, address[1])
        wire.send(ask(query), query)
        assert nonces([wire.receive()[2]]) == [11]
        wire.close()


# --- what is refused in TSP's terms ---------------------------------------------------------------


def test_a_body_over_4_kib_is_bad_data_format(box: Box) -> None:
    answer = post_as(box, QUERY_TYPE, make_query() + bytes(4096))
    assert (answer.status, answer.media_type) == (200, REPLY_TYPE)
    assert read_reply(answer.body).failures == (5,)


def test_an_empty_body_is_bad_data_format(box: Box) -> None:
    answer = post_as(box, QUERY_TYPE, b"")
    assert (answer.status, answer.media_type) == (200, REPLY_TYPE)
    assert read_reply(answer.body).failures == (5,)


# --- what is refused in HTTP's terms --------------------------------------------------------------


def test_another_media_type_is_415(box: Box) -> None:
    assert post_as(box, "application/octet-stream", make_query()).status == 415


def test_an_unknown_profile_is_404(box: Box) -> None:
    assert post_as(box, QUERY_TYPE, make_query(), "no-such-profile").status == 404


def test_a_body_over_64_kib_is_413_before_it_is_sent(wire: Wire) -> None:
    wire.send(["POST /tsa HTTP/1.1", "Host: box", TYPE, "Content-Length: 65537"])
    assert wire.receive()[0] == 413
    assert wire.is_closed()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (["POST /tsa HTTP/1.1", "Host: box", TYPE, "Transfer-Encoding: chunked"], 411),
        (
            ["POST /tsa HTTP/1.1", "Host: box", TYPE, "Content-Length: 0", "Content-Length: 0"],
            400,
        ),
        (["POST /tsa HTTP/1.1", "Host: box", TYPE, "Content-Length: -1"], 400),
        (["GET /tsa HTTP/1.1", "Host: box"], 405),
        (["PUT /tsa/p256 HTTP/1.1", "Host: box", "Content-Length: 0"], 405),
        (["POST /nowhere HTTP/1.1", "Host: box", TYPE, "Content-Length: 0"], 404),
        (["POST /tsa HTTP/1.1", "Host: box", "Padding: " + "x" * 9000], 431),
        (["neither HTTP nor anything"], 400),
        (["POST /tsa HTTP/1.1", "Host: box", TYPE, "Content-Length: 2", "Expect: miracles"], 417),
    ],
    ids=[
        *("chunked", "two lengths", "negative length", "GET", "PUT", "no such path"),
        *("long head", "no HTTP", "another expectation"),
    ],
)
def test_what_http_does_not_allow_ends_the_connection(
    wire: Wire, head: list[str], status: int
) -> None:
    wire.send(head)
    found, headers, body = wire.receive()
    assert (found, headers["Content-Type"]) == (status, "application/problem+json")
    assert f'"status": {status}'.encode() in body
    assert wire.is_closed()


def test_head_is_405_without_a_body(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=GUARD_S)
    connection.request("HEAD", "/tsa")
    response = connection.getresponse()
    assert (response.status, response.read()) == (405, b"")
    connection.close()


def test_no_body_follows_the_answer_to_head(wire: Wire) -> None:
    wire.send(["HEAD /tsa HTTP/1.1", "Host: box", "Connection: close"])
    assert wire.stream.read().endswith(b"\r\n\r\n")


def test_405_names_what_is_allowed(wire: Wire) -> None:
    wire.send(["GET /tsa HTTP/1.1", "Host: box"])
    assert wire.receive()[1]["Allow"] == "POST"


def test_a_refusal_comes_after_the_answers_before_it(wire: Wire) -> None:
    query = make_query(nonce=12)
    good = "\r\n".join([*ask(query), "", ""]).encode() + query
    wire.socket.sendall(good + b"GET /tsa HTTP/1.1\r\nHost: box\r\n\r\n" + good)
    assert nonces([wire.receive()[2]]) == [12]
    assert wire.receive()[0] == 405
    assert wire.is_closed()
