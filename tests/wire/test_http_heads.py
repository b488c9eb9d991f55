"""Heads of HTTP requests: read whole, judged, and remembered for a second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.http import Desk, World, post

from appliance.wire.http.head import Head, Refusal, read_head

_names = st.from_regex(rb"x-[a-z0-9-]{1,20}", fullmatch=True)
_values = st.from_regex(rb"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True)


def head_of(octets: bytes) -> bytes:
    return octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


# --- reading --------------------------------------------------------------------------------------


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
    st.from_regex(r"/[a-z0-9/]{0,20}", fullmatch=True),
    st.dictionaries(_names, _values, max_size=8),
    st.integers(0, 1 << 40),
)
def test_a_head_is_read_as_it_was_written(
    method: str, path: str, fields: dict[bytes, bytes], size: int
) -> None:
    written = {b"host": b"box", b"content-length": b"%d" % size, **fields}
    lines = [name.title() + b": " + value for name, value in written.items()]
    octets = b"\r\n".join([f"{method} {path}?q HTTP/1.1".encode(), *lines, b"", b""])
    assert read_head(octets) == Head(method, path, "q", written, keep_alive=True, body_octets=size)


@given(st.binary(max_size=300))
def test_random_octets_are_refused(octets: bytes) -> None:
    assert isinstance(read_head(octets + b"\r\n\r\n"), Refusal)


@given(st.data())
def test_a_mutated_head_is_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(head_of(post(b"abc", "Expect: 100-continue", "Connection: close")))
    at = data.draw(st.integers(0, len(octets) - 5))
    octets[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    assert isinstance(read_head(bytes(octets)), Head | Refusal)


@pytest.mark.parametrize(
    ("fields", "version", "keep_alive"),
    [
        ((), "HTTP/1.1", True),
        (("Connection: close",), "HTTP/1.1", False),
        (("Connection: close, Upgrade", "Upgrade: h2c"), "HTTP/1.1", False),
        ((), "HTTP/1.0", False),
        (("Connection: keep-alive",), "HTTP/1.0", True),
    ],
)
@pytest.mark.parametrize("body", [b"", b"abc"])
def test_whether_a_connection_stays_open_is_read_from_the_head(
    fields: tuple[str, ...], version: str, body: bytes, *, keep_alive: bool
) -> None:
    head = read_head(head_of(post(body, *fields, version=version)))
    assert isinstance(head, Head)
    assert head.keep_alive is keep_alive


def test_a_number_of_octets_longer_than_any_is_refused() -> None:
    head = b"POST / HTTP/1.1\r\nHost: box\r\nContent-Length: %s\r\n\r\n"
    taken, refused = read_head(head % b"5".zfill(20)), read_head(head % b"5".zfill(9000))
    assert isinstance(taken, Head)
    assert taken.body_octets == 5
    assert isinstance(refused, Refusal)
    assert refused.response.status == 400


# --- remembering ----------------------------------------------------------------------------------


def test_the_same_head_is_read_once_a_second() -> None:
    desk = Desk()
    world = World(desk)
    for body in (b"abc", b"def"):
        world.connect().send(post(body))
    first, second = desk.requests
    assert first.headers is second.headers
    assert (first.body, second.body) == (b"abc", b"def")
    world.clock.advance(1.0)
    world.connect().send(post(b"ghi"))
    assert desk.requests[2].headers is not first.headers


def test_a_head_that_differs_in_one_octet_is_another() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post(b"abc", "A: 1") + post(b"abc", "A: 2") + post(b"ab", "A: 2"))
    assert [request.headers[b"a"] for request in desk.requests] == [b"1", b"2", b"2"]
    assert [request.body for request in desk.requests] == [b"abc", b"abc", b"ab"]


def test_heads_that_are_many_or_long_are_not_remembered() -> None:
    world = World()
    client = world.connect()
    for number in range(300):
        client.send(post(b"", f"A: {number}"))
    client.send(post(b"", "A: " + "x" * 2000))
    assert client.statuses == [200] * 301
    assert len(world.site._calls) == 128
    assert max(map(len, world.site._calls)) <= 1024


def test_a_refusal_is_not_remembered() -> None:
    world = World()
    for _ in range(2):
        client = world.connect()
        client.send(post(path="/nowhere"))
        assert client.statuses == [404]
    assert not world.site._calls
