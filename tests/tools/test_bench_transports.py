import pytest
from benches.transports import HTTP, TCP, http_body, split_http, split_tcp, tcp_body
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed


def http_reply(body, length_header="Content-Length"):
    head = f"HTTP/1.1 200 OK\r\nDate: x\r\n{length_header}: {len(body)}\r\nX-After: 99\r\n\r\n"
    return head.encode() + body


def tcp_reply(value, flag=5):
    return (len(value) + 1).to_bytes(4, "big") + bytes([flag]) + value


BODIES = st.lists(st.binary(max_size=40), max_size=5)
BOTH = pytest.mark.parametrize(
    ("transport", "reply"), [(HTTP, http_reply), (TCP, tcp_reply)], ids=["http", "tcp"]
)


@BOTH
@given(bodies=BODIES, data=st.data())
def test_replies_are_cut_apart_wherever_the_octets_were_split(transport, reply, bodies, data):
    stream = b"".join(map(reply, bodies))
    at = data.draw(st.integers(0, len(stream)))
    first, rest = transport.split(stream[:at])
    second, nothing = transport.split(rest + stream[at:])
    assert [transport.body(each) for each in first + second] == bodies
    assert nothing == b""


@BOTH
@given(garbage=st.binary(max_size=60))
def test_garbage_is_malformed_or_waits_for_more(transport, reply, garbage):
    try:
        replies, rest = transport.split(garbage)
    except Malformed:
        return
    assert b"".join(replies) + rest == garbage


def test_a_header_may_be_spelt_in_any_case():
    reply = http_reply(b"abc", "content-length")
    assert split_http(reply) == ([reply], b"")


def test_an_http_reply_without_a_length_is_malformed():
    with pytest.raises(Malformed):
        split_http(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("length", [0, 1 << 30])
def test_a_tcp_message_of_an_absurd_length_is_malformed(length):
    with pytest.raises(Malformed):
        split_tcp(length.to_bytes(4, "big") + bytes(8))


def test_only_a_200_has_a_body():
    with pytest.raises(Malformed):
        http_body(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def test_only_a_final_message_has_a_response():
    with pytest.raises(Malformed):
        tcp_body(tcp_reply(b"soon", flag=1))


def test_a_query_is_posted_to_its_profile_with_its_length():
    octets = HTTP.wrap(b"12345", url="http://h:1/tsa", profile="sm2")
    head, _, body = octets.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /tsa/sm2 HTTP/1.1",
        b"Host: h:1",
        b"Content-Type: application/timestamp-query",
        b"Content-Length: 5",
    ]
    assert body == b"12345"


def test_a_query_over_tcp_is_a_tsa_msg():
    octets = TCP.wrap(b"12345", url="tcp://h:1", profile="sm2")
    assert octets == b"\x00\x00\x00\x06\x0012345"
