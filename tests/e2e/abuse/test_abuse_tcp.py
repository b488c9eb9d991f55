"""What hostile clients do to the port of the socket protocol."""

import socket

import pytest
from kit.abuse import Attacker, Line, all_over, keep_up, pour
from kit.der_bombs import BOMBS
from kit.good_client import tsa_msg
from kit.tsp_client import make_query, read_reply

pytestmark = pytest.mark.e2e

FINAL_MSG_REP, ERROR_MSG_REP = 5, 6
ATTACKERS = 40
MILLION = 1_000_000
FLOOD = 20_000
BUFFERS_OCTETS = 16 * 1024 * 1024


def messages(line: Line) -> list[tuple[int, bytes]]:
    """Give every whole message a line heard: flag and value."""
    found, octets = [], line.heard
    while len(octets) >= 4 and len(octets) - 4 >= (length := int.from_bytes(octets[:4], "big")):
        found.append((octets[4], octets[5 : 4 + length]))
        octets = octets[4 + length :]
    return found


def flags(line: Line) -> tuple[int, ...]:
    return tuple(flag for flag, _ in messages(line))


def test_der_bombs_are_refused_in_tsp_terms(attacker: Attacker) -> None:
    (line,) = attacker.connect(attacker.tcp_port)
    for bomb in BOMBS.values():
        line.send(tsa_msg(bomb))
    keep_up([line], lambda: len(messages(line)) == len(BOMBS))
    assert set(flags(line)) == {FINAL_MSG_REP}
    replies = [read_reply(value) for _, value in messages(line)]
    assert {reply.status for reply in replies} == {2}
    assert {reply.failures for reply in replies} <= {(2,), (5,)}


def test_messages_that_drip_are_ended_at_their_deadline(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.tcp_port, ATTACKERS)
    message = tsa_msg(bytes(4000))
    keep_up(lines, all_over(lines), drip=lambda _line, turn: message[turn : turn + 1])
    assert {flags(line) for line in lines} == {(ERROR_MSG_REP,)}


def test_a_message_of_4_gib_is_refused_by_its_length(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.tcp_port, ATTACKERS)
    keep_up(
        lines,
        all_over(lines),
        drip=lambda _line, turn: bytes(65536) if turn else b"\xff\xff\xff\xff\x00",
    )
    assert {flags(line) for line in lines} <= {(ERROR_MSG_REP,), ()}
    assert any(flags(line) for line in lines)


def test_a_million_pipelined_requests_never_read_stop_at_the_buffers(attacker: Attacker) -> None:
    (line,) = attacker.connect(attacker.tcp_port)
    supply = tsa_msg(make_query()) * 1000
    taken = pour(line, supply, most=MILLION * len(supply) // 1000)
    assert taken < BUFFERS_OCTETS
    keep_up([line], all_over([line]), drip=lambda _line, _turn: b"x", deaf=True)


@pytest.mark.parametrize(
    ("message", "flag"),
    [(tsa_msg(b""), FINAL_MSG_REP), (b"\0\0\0\5\2\0\0\0\7", ERROR_MSG_REP)],
    ids=["requests", "polls"],
)
def test_a_flood_of_the_smallest_messages_is_answered_one_by_one(
    attacker: Attacker, message: bytes, flag: int
) -> None:
    (line,) = attacker.connect(attacker.tcp_port)
    octets = message * FLOOD
    while octets:
        octets = octets[line.send(octets) :]
        line.listen()
    keep_up([line], lambda: len(messages(line)) == FLOOD)
    assert set(flags(line)) == {flag}


def test_half_closed_connections_get_their_answers_and_are_let_go(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.tcp_port, ATTACKERS)
    whole = tsa_msg(make_query())
    sent = (b"", b"\x00\x00", whole, whole * 3 + whole[:9])
    heard = ((), (ERROR_MSG_REP,), (FINAL_MSG_REP,), (FINAL_MSG_REP,) * 3 + (ERROR_MSG_REP,))
    for number, line in enumerate(lines):
        line.send(sent[number % len(sent)])
        line.socket.shutdown(socket.SHUT_WR)
    keep_up(lines, all_over(lines))
    for number, line in enumerate(lines):
        assert flags(line) == heard[number % len(heard)]
        for flag, value in messages(line):
            assert flag != FINAL_MSG_REP or read_reply(value).status == 0


def test_a_half_closed_pipeline_that_is_never_read_is_ended(attacker: Attacker) -> None:
    lines = attacker.connect(attacker.tcp_port, ATTACKERS // 4)
    for line in lines:
        line.send(tsa_msg(make_query()) * 1000)
        line.socket.shutdown(socket.SHUT_WR)
    keep_up(lines, all_over(lines))
    assert all(set(flags(line)) <= {FINAL_MSG_REP} for line in lines)
