"""Seeds of the fuzz targets for connections of clients: HTTP, and RFC 3161 3.3 over TCP."""

from collections.abc import Mapping

from appliance.wire.tsp.frames import Flag, encode_message
from kit import stamping
from kit.http import post

Seeds = Mapping[str, bytes]


def all_seeds() -> Mapping[str, Seeds]:
    """Give the seeds by target."""
    return {"http_connection": http_seeds(), "tcp_frames": tcp_seeds()}


def http_seeds() -> Seeds:
    """Ask as clients do, and as they should not."""
    body = stamping.request()
    return {
        "post": post(body, path="/count"),
        "post-parameter": post(b"x", path="/count/sm2"),
        "pipelined": post(b"one", path="/count") + post(b"two", path="/count?a=b"),
        "close": post(b"", "Connection: close", path="/count") + b"GET / HTTP/1.1\r\n\r\n",
        "old": b"GET /count HTTP/1.0\r\n\r\n",
        "absolute": b"GET http://box/count HTTP/1.1\r\nHost: box\r\n\r\n",
        "head": b"HEAD /count HTTP/1.1\r\nHost: box\r\n\r\nHEAD /none HTTP/1.1\r\nHost: b\r\n\r\n",
        "chunked": b"POST /count HTTP/1.1\r\nHost: box\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
        "expect": post(b"body", "Expect: 100-continue", path="/count"),
        "upgrade": post(b"body", "Upgrade: h2c", "Connection: upgrade", path="/count"),
        "connect": b"CONNECT box:443 HTTP/1.1\r\nHost: box\r\nContent-Length: 2\r\n\r\nab",
        "too-large": b"POST /count HTTP/1.1\r\nHost: box\r\nContent-Length: 99999999999\r\n\r\n",
        "twice": post(b"ab", "Content-Length: 3", path="/count"),
        "smuggled": post(b"0\r\n\r\nGET /", "Transfer-Encoding: chunked", path="/count"),
        "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "folded": b"GET /count HTTP/1.1\r\nHost: box\r\nX: a\r\n b\r\n\r\n",
    }


def tcp_seeds() -> Seeds:
    """Ask by the socket protocol, whole, torn and wrong."""
    body = stamping.request()
    asked = encode_message(Flag.TSA_MSG, body)
    poll = b"".join(encode_message(Flag.POLL_REQ, bytes((0, 0, 0, each))) for each in range(3))
    return {
        "request": asked,
        "pipelined": asked * 3 + encode_message(Flag.TSA_MSG, b""),
        "late": encode_message(Flag.TSA_MSG, b"late") + poll,
        "oversize": encode_message(Flag.TSA_MSG, bytes(4097)),
        "other-flags": b"".join(encode_message(flag, b"\0") for flag in Flag),
        "poll-of-3-octets": encode_message(Flag.POLL_REQ, b"abc"),
        "no-length": asked + bytes(4),
        "long": asked + b"\x00\x01\x00\x02",
        "torn": asked[:-1],
        "http": b"GET / HTTP/1.1\r\n\r\n",
    }
