"""The transports of RFC 3161 clause 3 as a load needs them: wrap a query, cut and open replies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

import attrs

from appliance.errors import Malformed

Split = Callable[[bytes], tuple[list[bytes], bytes]]
"""Cuts received octets into whole replies and what is left over."""

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r", re.IGNORECASE)

_TSA_MSG = 0
_FINAL_MSG_REP = 5
_LENGTH_OCTETS = 4
_MAX_MESSAGE_OCTETS = 1 << 17


class Wrap(Protocol):
    """Makes the octets to send of a query, for a URL and a TSP profile."""

    def __call__(self, query: bytes, *, url: str, profile: str) -> bytes:
        """Wrap one query."""


@attrs.frozen
class Transport:
    """A transport, and how many connections with how many queries each it is loaded with.

    `body` gives the TimeStampResp in a whole reply and raises Malformed when there is none.
    """

    name: str
    wrap: Wrap
    split: Split
    body: Callable[[bytes], bytes]
    connections: int
    depth: int


def wrap_http(query: bytes, *, url: str, profile: str) -> bytes:
    """Make a POST on a connection that stays open.  RFC 3161 3.4."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path}/{profile} HTTP/1.1\r\n"
        f"Host: {parts.netloc}\r\n"
        "Content-Type: application/timestamp-query\r\n"
        f"Content-Length: {len(query)}\r\n\r\n"
    )
    return head.encode("ascii") + query


def split_http(received: bytes) -> tuple[list[bytes], bytes]:
    """Cut HTTP/1.1 replies apart by Content-Length.  Raises Malformed for one without."""
    replies: list[bytes] = []
    start, end = 0, len(received)
    while start < end and (head_end := received.find(b"\r\n\r\n", start)) >= 0:
        length = _CONTENT_LENGTH.search(received, start, head_end + 1)
        if length is None:
            raise Malformed("an HTTP reply without Content-Length")
        stop = head_end + 4 + int(length[1])
        if stop > end:
            break
        replies.append(received[start:stop])
        start = stop
    return replies, received[start:]


def http_body(reply: bytes) -> bytes:
    """Give the body of a whole HTTP reply.  Raises Malformed unless its status is 200."""
    if not reply.startswith(b"HTTP/1.1 200 "):
        raise Malformed(reply.split(b"\r\n", 1)[0][:60].decode("ascii", "replace"))
    return reply[reply.index(b"\r\n\r\n") + 4 :]


def wrap_tcp(query: bytes, *, url: str, profile: str) -> bytes:
    """Make a tsaMsg; the transport has no word for a profile.  RFC 3161 3.3."""
    del url, profile
    return (len(query) + 1).to_bytes(_LENGTH_OCTETS, "big") + bytes((_TSA_MSG,)) + query


def split_tcp(received: bytes) -> tuple[list[bytes], bytes]:
    """Cut messages apart by their length.  Raises Malformed for one no TSA would send."""
    replies: list[bytes] = []
    start, end = 0, len(received)
    while end - start >= _LENGTH_OCTETS:
        length = int.from_bytes(received[start : start + _LENGTH_OCTETS], "big")
        if not 1 <= length <= _MAX_MESSAGE_OCTETS:
            raise Malformed(f"a TCP message of {length} octets")
        stop = start + _LENGTH_OCTETS + length
        if stop > end:
            break
        replies.append(received[start:stop])
        start = stop
    return replies, received[start:]


def tcp_body(reply: bytes) -> bytes:
    """Give the value of a whole message.  Raises Malformed unless it is finalMsgRep."""
    if reply[_LENGTH_OCTETS] != _FINAL_MSG_REP:
        raise Malformed(f"a TCP message of flag {reply[_LENGTH_OCTETS]}, not finalMsgRep")
    return reply[_LENGTH_OCTETS + 1 :]


HTTP = Transport("http", wrap_http, split_http, http_body, connections=64, depth=1)
TCP = Transport("tcp", wrap_tcp, split_tcp, tcp_body, connections=8, depth=64)
TRANSPORTS = {transport.name: transport for transport in (HTTP, TCP)}
