"""What hostile clients do to the HTTP port."""

import re
import socket
from collections.abc import Callable

import pytest
from kit.abuse import Attacker, Line, all_over, keep_up, pour
from kit.der_bombs import BOMBS
from kit.good_client import http_request
from kit.tsp_client import QUERY_TYPE, make_query, read_reply

pytestmark = pytest.mark.e2e

HEAD = f"POST /tsa HTTP/1.1\r\nHost: box\r\nContent-Type: {QUERY_TYPE}\r\n".encode()
ATTACKERS = 40
MILLION = 1_000_000
BUFFERS_OCTETS = 16 * 1024 * 1024
"""What two kernels and the box may hold of a stream that nobody goes on with."""


def statuses(line: Line) -> list[int]:
    """Give the status of every answer a line heard."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", line.heard)]


def has_answered(lines: list[Line], count: int) -> Callable[[], bool]:
    return lambda: all(len(statuses(line)) >= count for line in lines)


def test_der_bombs_are_refused_in_tsp_terms(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, len(BOMBS))
    for line, bomb in zip(lines, BOMBS.values(), strict=True):
        line.send(http_request(bomb) * 8)
    keep_up(lines, has_answered(lines, 8))
    for line in lines:
        assert statuses(line) == [200] * 8
        reply = read_reply(line.heard.rpartition(b"\r\n\r\n")[2])
        assert reply.status == 2
        assert reply.failures in ((2,), (5,))


def test_heads_that_drip_are_ended_at_their_deadline(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, ATTACKERS)
    keep_up(lines, all_over(lines), drip=lambda _line, turn: HEAD if not turn else b"A: b\r\n")
    assert {tuple(statuses(line)) for line in lines} == {(408,)}


def test_a_head_that_never_ends_is_too_large(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, ATTACKERS)
    keep_up(
        lines,
        all_over(lines),
        drip=lambda _line, turn: b"x" * 1024 if turn else HEAD + b"Padding: ",
    )
    assert {tuple(statuses(line)) for line in lines} == {(431,)}


def test_bodies_that_drip_are_ended_at_their_deadline(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, ATTACKERS)
    head = HEAD + b"Content-Length: 65536\r\n\r\n"
    keep_up(lines, all_over(lines), drip=lambda _line, turn: b"x" if turn else head)
    assert {tuple(statuses(line)) for line in lines} == {(408,)}


@pytest.mark.parametrize(
    ("announcement", "status"),
    [(b"Content-Length: 100000000000", 413), (b"Transfer-Encoding: chunked", 411)],
    ids=["100 GB declared", "chunked for ever"],
)
def test_a_body_without_end_is_refused_before_it_is_read(
    attacker: Attacker, announcement: bytes, status: int
) -> None:
    lines = attacker.connect(attacker.http_port, ATTACKERS)
    chunk = b"ffff\r\n" + bytes(0xFFFF) + b"\r\n"
    keep_up(
        lines,
        all_over(lines),
        drip=lambda _line, turn: chunk if turn else HEAD + announcement + b"\r\n\r\n",
    )
    assert {tuple(statuses(line)) for line in lines} == {(status,)}


def test_a_million_pipelined_requests_never_read_stop_at_the_buffers(attacker: Attacker) -> None:
    (line,) = attacker.connect(attacker.http_port)
    supply = http_request(make_query()) * 1000
    taken = pour(line, supply, most=MILLION * len(supply) // 1000)
    assert taken < BUFFERS_OCTETS
    keep_up([line], all_over([line]), drip=lambda _line, _turn: b"x", deaf=True)


def test_half_closed_connections_get_their_answers_and_are_let_go(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, ATTACKERS)
    whole = http_request(make_query())
    sent, heard = (b"", HEAD[:50], whole, whole * 3), ([], [], [200], [200] * 3)
    for number, line in enumerate(lines):
        line.send(sent[number % len(sent)])
        line.socket.shutdown(socket.SHUT_WR)
    keep_up(lines, all_over(lines))
    assert [statuses(line) for line in lines] == [
        heard[number % len(heard)] for number in range(len(lines))
    ]


def test_a_flood_for_a_slow_key_leaves_the_others_alone(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, 4 * ATTACKERS)
    for line in lines:
        line.send(http_request(make_query(), "/tsa/rsa") * 100)
    keep_up(lines, has_answered(lines, 10))


def test_questions_too_large_for_all_of_them_share_one_budget(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.http_port, ATTACKERS)
    head = b"POST /tsa/verify HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 16000000\r\n\r\n"
    starts = [b'{"token": "', b'{"document": "', b'{"document": "\\u0041', b" ", b"[", b'{"a":']
    filling = [b"QUFB" * 16384, b"QUFB" * 16384, b"\\u0041" * 8192, b" " * 65536, b"[" * 65536]

    def drip(line: Line, turn: int) -> bytes:
        kind = lines.index(line) % len(starts)
        return head + starts[kind] if not turn else filling[kind % len(filling)]

    keep_up(lines, all_over(lines), drip=drip, pause_s=0.01)
    assert {status for line in lines for status in statuses(line)} <= {400, 408, 413, 503}


def test_json_that_nests_without_end_is_a_bad_request(attacker: Attacker) -> None:
    head = b"POST /tsa/%s HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
    texts = [opening * 50_000 for opening in (b"[", b'{"token":', b'{"a":', b'{"certificates":[')]
    for path in (b"verify", b"stf/CreateTSRequest", b"stf/VerifyTSValidity"):
        for text in texts:
            (line,) = attacker.connect(attacker.http_port)
            octets = head % path + b"Content-Length: %d\r\n\r\n" % len(text) + text
            while octets and not line.is_over:
                octets = octets[line.send(octets) :]
                line.listen()
            keep_up([line], lambda line=line: line.is_over or statuses(line))
            assert set(statuses(line)) <= {400, 404, 413}
