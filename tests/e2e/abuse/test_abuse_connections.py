"""What hostile clients do by connecting alone, to every port."""

import hashlib
import socket

import pytest
from kit.abuse import CONNECTIONS, PER_SOURCE, Attacker, all_over, keep_up
from kit.box import Box
from kit.good_client import GoodClient
from kit.polling import wait_until

pytestmark = pytest.mark.e2e

GUARD_S = 20.0
IDLE = 500
TOUCHES = 2000
GOOD_ONES = 2
"""The good client's connections: one on each port."""


@pytest.fixture(params=["http", "tcp", "device", "cosign_tcp"])
def port(request: pytest.FixtureRequest, besieged: Box, attacker: Attacker) -> int:
    own = {"http": attacker.http_port, "tcp": attacker.tcp_port}
    name = request.param
    return own[name] if name in own else int(besieged.facts[name].rpartition(":")[2])


def serve_another(box: Box) -> None:
    """See a new client of another source served."""
    with GoodClient(box) as newcomer:
        wait_until(
            lambda: newcomer.fault or newcomer.answered, guard_s=GUARD_S, what="a newcomer's answer"
        )
    assert newcomer.fault is None


def test_500_idle_connections_of_one_source_keep_nobody_out(
    besieged: Box, attacker: Attacker, port: int
) -> None:
    lines = attacker.connect(port, IDLE)
    keep_up(lines, lambda: sum(line.is_over for line in lines) >= IDLE - PER_SOURCE)
    serve_another(besieged)
    keep_up(lines, all_over(lines))


def test_a_full_port_keeps_its_connections_and_takes_new_ones_when_others_go(
    besieged: Box, attacker: Attacker, port: int
) -> None:
    lines = [
        line
        for source in ("127.0.0.2", "127.0.0.3")
        for line in attacker.connect(port, CONNECTIONS // 2 + 50, source=source)
    ]
    refused = len(lines) - CONNECTIONS
    keep_up(lines, lambda: sum(line.is_over for line in lines) >= refused)
    keep_up(lines, all_over(lines))
    serve_another(besieged)


def test_connections_that_come_and_go_leave_nothing(attacker: Attacker, port: int) -> None:
    for _ in range(TOUCHES // 100):
        attacker.connect(port, 100)
        attacker.hang_up()


def test_connections_that_are_reset_leave_nothing(attacker: Attacker, port: int) -> None:
    at_once = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # struct linger: on, 0 s (socket(7))
    for line in attacker.connect(port, 200):
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        line.send(b"\x00\x00\x00\x10POST /tsa")
    attacker.hang_up()


def test_garbage_ends_connections_and_nothing_else(attacker: Attacker, port: int) -> None:
    lines = attacker.connect(port, 200)
    noise = [hashlib.shake_128(b"%d" % number).digest(3000) for number in range(len(lines))]
    for line, octets in zip(lines, noise, strict=True):
        line.send(octets)
    keep_up(lines, all_over(lines))
    assert not any(b" 50" in line.heard[:16] for line in lines)
