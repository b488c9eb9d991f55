"""The socket-based protocol of RFC 3161 3.3, spoken to the port octet by octet."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import openssl
from kit.bouncycastle import BouncyCastle
from kit.box import SETTINGS, Box, loopback_addresses, running_box
from kit.tsp_client import make_query, read_reply, tst_info

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
TSA_MSG, POLL_REP, POLL_REQ, NEG_POLL_REP, PARTIAL_MSG_REP, FINAL_MSG_REP, ERROR_MSG_REP = range(7)
SHA1 = "1.3.14.3.2.26"


class Wire:
    """One connection: messages of a length that counts flag and value, a flag, and a value."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=GUARD_S)
        self.stream = self.socket.makefile("rb")

    def send(self, *messages: tuple[int, bytes]) -> None:
        self.socket.sendall(b"".join(message(*each) for each in messages))

    def receive(self) -> tuple[int, bytes]:
        (length,) = struct.unpack(">I", self.stream.read(4))
        octets = self.stream.read(length)
        return octets[0], octets[1:]

    def is_closed(self) -> bool:
        return self.stream.read(1) == b""

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


def message(flag: int, value: bytes) -> bytes:
    return struct.pack(">IB", 1 + len(value), flag) + value


@pytest.fixture
def wire(box: Box) -> Iterator[Wire]:
    opened = Wire(box.facts["tsp_tcp"])
    yield opened
    opened.close()


def test_a_token_over_the_socket_is_as_good_as_over_http(
    box: Box, wire: Wire, java_judge: BouncyCastle, tmp_path: Path
) -> None:
    document = tmp_path / "document"
    document.write_bytes(b"a consent form")
    query = openssl.make_query(document, digest="sm3")
    wire.send((TSA_MSG, query.read_bytes()))
    flag, response = wire.receive()
    reply = tmp_path / "reply"
    reply.write_bytes(response)
    assert flag == FINAL_MSG_REP
    assert java_judge.judge(query, reply, tsa=box.tsa("sm2"), roots=box.roots) == "OK"


def test_pipelined_messages_are_answered_in_their_order(wire: Wire) -> None:
    asked = list(range(1, 101))
    wire.send(*((TSA_MSG, make_query(nonce=nonce)) for nonce in asked))
    replies = [wire.receive() for _ in asked]
    assert {flag for flag, _ in replies} == {FINAL_MSG_REP}
    assert [int(tst_info(value)["nonce"]) for _, value in replies] == asked


def test_a_message_may_come_octet_by_octet(wire: Wire) -> None:
    for octet in message(TSA_MSG, make_query(nonce=7)):
        wire.socket.sendall(bytes((octet,)))
    _, response = wire.receive()
    assert int(tst_info(response)["nonce"]) == 7


@pytest.mark.parametrize(
    ("query", "failure"),
    [
        (make_query(digest=SHA1, imprint=bytes(20)), 0),
        (make_query(version=2), 2),
        (b"no DER at all", 5),
        (make_query(policy="1.2.3.4"), 15),
        (make_query(extension="1.2.3.4"), 16),
    ],
)
def test_a_request_is_refused_with_its_own_bit(wire: Wire, query: bytes, failure: int) -> None:
    wire.send((TSA_MSG, query))
    flag, response = wire.receive()
    reply = read_reply(response)
    assert (flag, reply.failures, reply.token) == (FINAL_MSG_REP, (failure,), b"")


def test_a_poll_for_nothing_is_an_error(wire: Wire) -> None:
    wire.send((POLL_REQ, bytes(4)))
    flag, text = wire.receive()
    assert flag == ERROR_MSG_REP
    assert text.decode()


@pytest.mark.parametrize(
    "octets",
    [struct.pack(">IB", 1 << 20, TSA_MSG), struct.pack(">I", 0)],
    ids=["oversize", "empty"],
)
def test_what_is_no_message_is_an_error_and_the_end(wire: Wire, octets: bytes) -> None:
    wire.socket.sendall(octets)
    assert wire.receive()[0] == ERROR_MSG_REP
    assert wire.is_closed()


def test_a_message_of_another_kind_is_an_error_and_the_next_is_served(wire: Wire) -> None:
    wire.send((FINAL_MSG_REP, b""), (TSA_MSG, make_query()))
    assert [wire.receive()[0] for _ in range(2)] == [ERROR_MSG_REP, FINAL_MSG_REP]


def test_late_answers_are_fetched_by_polling(impatient_box: Box) -> None:
    asked = list(range(1, 21))
    wire = Wire(impatient_box.facts["tsp_tcp"])
    wire.send(*((TSA_MSG, make_query(nonce=nonce)) for nonce in asked))
    promises = [wire.receive() for _ in asked]
    assert {flag for flag, _ in promises} == {POLL_REP}
    references = [value[:4] for _, value in promises]
    responses = [fetched(wire, reference) for reference in references]
    assert [int(tst_info(response)["nonce"]) for response in responses] == asked
    wire.send((POLL_REQ, references[0]))
    assert wire.receive()[0] == NEG_POLL_REP
    wire.close()


@pytest.fixture
def impatient_box(tmp_path: Path) -> Iterator[Box]:
    """Give a box that signs by RSA, which takes longer than it lets its clients wait."""
    settings = SETTINGS + '[tsp]\ntcp_profile = "rsa"\npoll_after_ms = 1\n'
    with running_box(tmp_path / "state", settings) as running:
        yield running


def fetched(wire: Wire, reference: bytes) -> bytes:
    """Poll until the final message is there; the guard against hanging is the socket's."""
    while True:
        wire.send((POLL_REQ, reference))
        flag, value = wire.receive()
        if flag == FINAL_MSG_REP:
            return value
        assert flag == PARTIAL_MSG_REP


def test_both_address_families_are_served_on_one_port_number(box: Box) -> None:
    port = box.facts["tsp_tcp"].rpartition(":")[2]
    for host in loopback_addresses():
        wire = Wire(f"{host}:{port}")
        wire.send((TSA_MSG, make_query(nonce=9)))
        assert wire.receive()[0] == FINAL_MSG_REP
        wire.close()
