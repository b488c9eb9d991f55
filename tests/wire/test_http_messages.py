"""The HTTP layer: what a request may be, and what is answered to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.http import DATE, PLAIN, Answer, Desk, World, post, read_answers
from kit.logs import logged
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from appliance.wire.http.site import Request, Response, problem

OPEN = {"date": DATE, "content-type": PLAIN}


def send(octets: bytes) -> tuple[list[int], bool]:
    """Give the statuses of the answers to `octets`, and whether the connection ends."""
    client = World().connect()
    client.send(octets)
    return client.statuses, client.is_ended


# --- what is served -------------------------------------------------------------------------------


def test_a_request_is_answered_with_date_type_and_length() -> None:
    client = World().connect()
    client.send(post(b"abc"))
    assert client.answers == [Answer(200, {**OPEN, "content-length": "3"}, b"abc")]
    assert not client.is_ended


def test_a_request_may_be_split_at_every_octet() -> None:
    upgrade = post(b"hi", "Connection: Upgrade", "Upgrade: h2c")
    octets = post(b"abc", "Expect: 100-continue") + upgrade + post(b"defg")
    whole = World().connect()
    whole.send(octets)
    for cut in range(1, len(octets)):
        client = World().connect()
        client.send(octets[:cut])
        client.send(octets[cut:])
        assert client.transport.value() == whole.transport.value()


def test_a_request_may_come_octet_by_octet() -> None:
    client = World().connect()
    for octet in post(b"abc") + post(b"defg"):
        client.send(bytes((octet,)))
    assert [answer.body for answer in client.answers] == [b"abc", b"defg"]


def test_a_handler_gets_headers_parameter_client_and_body() -> None:
    desk = Desk()
    client = World(desk).connect("192.0.2.7", 1025)
    client.send(post(b"abc", "X-Two: 1", "x-two: 2", path="/echo/p256?ignored=1"))
    (request,) = desk.requests
    assert request.headers[b"x-two"] == b"1, 2"
    assert request.parameter == "p256"
    assert request.client == bytes((192, 0, 2, 7)) + (1025).to_bytes(2, "big")
    assert request.body == b"abc"


@given(st.permutations(range(6)))
def test_pipelined_requests_are_answered_in_order_however_answers_come(order: list[int]) -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(b"".join(post(b"%d" % number) for number in range(6)))
    for number in order:
        desk.answer(number, b"%d" % number)
    assert [answer.body for answer in client.answers] == [b"%d" % number for number in range(6)]
    assert not client.is_ended


def test_answers_wait_for_the_first() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post() + post())
    desk.answer(1, b"second")
    assert client.answers == []


def test_a_second_reply_to_one_request_is_dropped() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post())
    desk.answer(0, b"first")
    desk.answer(0, b"second")
    assert [answer.body for answer in client.answers] == [b"first"]


def test_empty_lines_before_a_request_are_passed_over() -> None:
    assert send(b"\r\n" + post() + b"\r\n" + post()) == ([200, 200], False)


def test_a_target_in_absolute_form_is_served() -> None:
    assert send(post(path="http://box:3180/echo")) == ([200], False)


def test_an_upgrade_is_not_made_and_the_request_is_served() -> None:
    h2c = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    client = World().connect()
    client.send(post(b"abc", *h2c) + post(b"def") + post(b"", *h2c))
    client.send(post(b"ghi"))
    assert [answer.body for answer in client.answers] == [b"abc", b"def", b"", b"ghi"]


# --- how a connection ends ------------------------------------------------------------------------


def test_http_1_0_is_answered_and_the_connection_ends() -> None:
    client = World().connect()
    client.send(post(b"abc", version="HTTP/1.0"))
    (answer,) = client.answers
    assert (answer.body, answer.fields["connection"]) == (b"abc", "close")
    assert client.is_ended


def test_http_1_0_needs_no_host() -> None:
    assert send(b"POST /echo HTTP/1.0\r\nContent-Length: 0\r\n\r\n") == ([200], True)


def test_connection_close_ends_it_after_the_answer() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post(b"", "Connection: close"))
    assert not client.is_ended
    desk.answer(0, b"last")
    assert client.answers[0].fields["connection"] == "close"
    assert client.is_ended


def test_what_follows_connection_close_is_not_read() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post(b"", "Connection: close") + post())
    client.send(post())
    desk.answer(0, b"last")
    assert client.statuses == [200]
    assert len(desk.requests) == 1


def test_an_answer_may_end_the_connection_and_later_ones_are_dropped() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post() + post() + post())
    desk.answer(2, b"third")
    desk.answer(1, b"second", close=True)
    desk.answer(0, b"first")
    assert [answer.body for answer in client.answers] == [b"first", b"second"]
    assert client.is_ended


def test_an_answer_after_the_client_is_gone_is_dropped() -> None:
    desk = Desk()
    world = World(desk)
    client = world.connect()
    client.send(post() + post())
    client.hang_up()
    desk.answer(1, b"too late")
    desk.answer(0, b"too late")
    assert client.answers == []
    assert not world.site.connections


def test_a_handler_that_fails_is_a_500_and_is_logged() -> None:
    def fail(_request: Request) -> None:
        raise ZeroDivisionError

    with logged() as events:
        client = World(fail).connect()
        client.send(post(b"", "Connection: close"))
    assert (client.statuses, client.is_ended) == ([500], True)
    assert [event["log_failure"].type for event in events] == [ZeroDivisionError]


# --- 100-continue ---------------------------------------------------------------------------------


def test_100_continue_is_sent_before_the_body() -> None:
    client = World().connect()
    head, _, body = post(b"abc", "Expect: 100-Continue").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.statuses == [100]
    client.send(body)
    assert client.statuses == [100, 200]


def test_100_continue_is_not_sent_when_the_body_will_be_refused() -> None:
    assert send(post(bytes(1001), "Expect: 100-continue")) == ([413], True)


def test_100_continue_never_comes_between_answers_of_others() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post() + post(b"abc", "Expect: 100-continue"))
    desk.answer(1, b"second")
    desk.answer(0, b"first")
    assert client.statuses == [200, 200]


def test_an_expectation_of_http_1_0_is_ignored() -> None:
    assert send(post(b"", "Expect: 100-continue", version="HTTP/1.0")) == ([200], True)


# --- what is refused ------------------------------------------------------------------------------

HEAD = b"POST /echo HTTP/1.1\r\nHost: box\r\n"


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (HEAD + b"Host: box\r\nContent-Length: 0\r\n\r\n", 400),
        (HEAD + b"Content-Type: a/b\r\ncontent-type: a/b\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 411),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nContent-Length: 0\r\n\r\n", 411),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: +1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 0x1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1, 1\r\n\r\n", 400),
        (HEAD + b"Content-Length:\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1001\r\n\r\n", 413),
        (HEAD + b"Content-Length: 9999999999999999999\r\n\r\n", 413),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
        (HEAD + b"Content-Length : 0\r\n\r\n", 400),
        (HEAD + b"Folded: a\r\n b\r\n\r\n", 400),
        (HEAD + b"Nul: a\0b\r\n\r\n", 400),
        (HEAD + b"No colon\r\n\r\n", 400),
        (HEAD + b"Expect: miracles\r\nContent-Length: 0\r\n\r\n", 417),
        (HEAD.replace(b"\r\n", b"\n") + b"\n", 400),
        (HEAD + b"Bare: a\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.2\r\nHost: box\r\n\r\n", 400),
        (b"POST /echo HTTP/2.0\r\nHost: box\r\n\r\n", 505),
        (b"POST /echo HTTP/3.0\r\nHost: box\r\n\r\n", 400),
        (b"POST /echo HTTP/0.9\r\nHost: box\r\n\r\n", 505),
        (b"POST /echo\r\nHost: box\r\n\r\n", 505),
        (b"POST /\xff HTTP/1.1\r\nHost: box\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"CONNECT box:1 HTTP/1.1\r\nHost: box\r\n\r\nanything", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: box\r\n\r\n", 404),
        (post(path="/echo/"), 404),
        (post(path="/echo/a/b"), 404),
        (post(path="/"), 404),
        (post(path="/nowhere"), 404),
        (post(b"", "Connection: Upgrade", "Upgrade: h2c", path="/nowhere"), 404),
        (b"GET /echo HTTP/1.1\r\nHost: box\r\n\r\n", 405),
    ],
)
def test_what_is_not_allowed_ends_the_connection(octets: bytes, status: int) -> None:
    client = World().connect()
    client.send(octets)
    (answer,) = client.answers
    assert answer.status == status
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.fields["connection"] == "close"
    assert client.is_ended
    client.send(post())
    assert len(client.answers) == 1


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(HEAD + b"Content-Length: 1001\r\n\r\n")
    assert (client.statuses, client.is_ended) == ([413], True)
    client.send(bytes(1001))
    assert desk.requests == []


def test_a_body_of_just_the_limit_is_taken() -> None:
    assert send(post(bytes(1000))) == ([200], False)


def test_405_names_the_methods_that_are_allowed() -> None:
    client = World().connect()
    client.send(b"GET /echo HTTP/1.1\r\nHost: box\r\n\r\n")
    assert client.answers[0].fields["allow"] == "POST, PUT"


def test_the_answer_to_head_has_no_body() -> None:
    client = World().connect()
    client.send(b"HEAD /nowhere HTTP/1.1\r\nHost: box\r\n\r\n")
    head, end, body = client.transport.value().partition(b"\r\n\r\n")
    length = len(problem(404, "no such path here").body)
    assert f"Content-Length: {length}".encode() in head
    assert (end, body) == (b"\r\n\r\n", b"")


def test_a_refusal_comes_after_the_answers_before_it() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post() + post(path="/nowhere") + post())
    assert client.answers == []
    desk.answer(0, b"first")
    assert client.statuses == [200, 404]
    assert client.is_ended


def test_a_refusal_waits_for_answers_that_are_still_to_come() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post() + b"\0")
    assert not client.is_ended
    desk.answer(0, b"first")
    assert client.statuses == [200, 400]
    assert client.is_ended


def test_a_problem_is_json_of_rfc_9457() -> None:
    assert problem(404, "no such path here") == Response(
        404,
        "application/problem+json",
        b'{"status": 404, "title": "Not Found", "code": "not-found", '
        b'"detail": "no such path here"}\n',
    )


# --- the size of a head ---------------------------------------------------------------------------

HEAD_LIMIT = 8 * 1024


@pytest.mark.parametrize(
    "field",
    [b"A: " + b"x" * HEAD_LIMIT, b"x" * HEAD_LIMIT + b": a", b"A: b\r\n" * (HEAD_LIMIT // 3)],
    ids=["long value", "long name", "many fields"],
)
@pytest.mark.parametrize("step", [1, 1000, 100_000])
def test_a_head_over_the_limit_is_431_however_it_comes(field: bytes, step: int) -> None:
    client = World().connect()
    octets = HEAD + field + b"\r\n\r\n"
    for start in range(0, len(octets), step):
        client.send(octets[start : start + step])
    assert (client.statuses, client.is_ended) == ([431], True)


def test_a_target_over_the_limit_is_431() -> None:
    assert send(b"POST /" + b"a" * HEAD_LIMIT) == ([431], True)


def test_a_head_that_never_ends_is_431() -> None:
    client = World().connect()
    client.send(HEAD + b"A: ")
    for _ in range(HEAD_LIMIT // 64):
        client.send(b"x" * 64)
    assert client.statuses == [431]


@pytest.mark.parametrize("cut", [1, 20, 50])
def test_bodies_and_whole_requests_do_not_count_as_head(cut: int) -> None:
    octets = b"".join(post(bytes(900)) for _ in range(40))
    client = World().connect()
    client.send(octets[: -900 - cut])
    client.send(octets[-900 - cut :])
    assert client.statuses == [200] * 40


# --- garbage --------------------------------------------------------------------------------------


def assert_sane(octets: list[bytes]) -> None:
    """Whatever comes, nothing is raised and at most one error is answered, as the last."""
    client = World().connect()
    with logged() as events:
        for each in octets:
            client.send(each)
    statuses = [answer.status for answer in read_answers(client.transport.value())]
    finals = [status for status in statuses if status != 100]
    assert all(status == 200 for status in finals[:-1])
    assert client.is_ended or all(status == 200 for status in finals)
    assert events == []


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_random_octets_never_raise(octets: list[bytes]) -> None:
    assert_sane(octets)


@given(st.data())
def test_mutated_requests_never_raise(data: st.DataObject) -> None:
    base = bytearray(
        post(b"abc", "Expect: 100-continue") + post(b"", "Connection: Upgrade", "Upgrade: h2c")
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(base) - 1))
        base[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"\r", b"\n", b"\r\n\r\n", b"\0", b" ", b":", b"\xff", b"1"])
        )
    cut = data.draw(st.integers(0, len(base)))
    assert_sane([bytes(base[:cut]), bytes(base[cut:])])


@given(st.lists(st.sampled_from([post(b"a"), b"\r\n", b"GET", HEAD, b"\r\n\r\n", b" /echo"])))
def test_pieces_in_any_order_never_raise(pieces: list[bytes]) -> None:
    assert_sane(pieces)


# --- who asks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "packed"),
    [
        (IPv4Address("TCP", "192.0.2.1", 80), b"\xc0\x00\x02\x01\x00P"),
        (IPv6Address("TCP", "::ffff:192.0.2.1", 80), b"\xc0\x00\x02\x01\x00P"),
        (IPv6Address("TCP", "fe80::1%eth0", 80), b"\xfe\x80" + bytes(13) + b"\x01\x00P"),
        (UNIXAddress(b"x.sock"), b""),
    ],
)
def test_a_client_is_its_packed_address(address: IPv4Address, packed: bytes) -> None:
    desk = Desk()
    client = World(desk).try_to_connect(address)
    assert client is not None
    client.send(post())
    assert desk.requests[0].client == packed
