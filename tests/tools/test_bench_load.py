import pytest
from benches.load import split_http
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed


def reply(body, length_header="Content-Length"):
    head = f"HTTP/1.1 200 OK\r\nDate: x\r\n{length_header}: {len(body)}\r\nX-After: 99\r\n\r\n"
    return head.encode() + body


REPLIES = st.lists(st.binary(max_size=40).map(reply), max_size=5)


@given(REPLIES, st.data())
def test_replies_are_cut_apart_wherever_the_octets_were_split(replies, data):
    stream = b"".join(replies)
    at = data.draw(st.integers(0, len(stream)))
    first, rest = split_http(stream[:at])
    second, nothing = split_http(rest + stream[at:])
    assert first + second == replies
    assert nothing == b""


@given(st.binary(max_size=60))
def test_garbage_is_malformed_or_waits_for_more(garbage):
    try:
        replies, rest = split_http(garbage)
    except Malformed:
        return
    assert b"".join(replies) + rest == garbage


def test_a_header_may_be_spelt_in_any_case():
    assert split_http(reply(b"abc", "content-length")) == ([reply(b"abc", "content-length")], b"")


def test_a_reply_without_a_length_is_malformed():
    with pytest.raises(Malformed):
        split_http(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
