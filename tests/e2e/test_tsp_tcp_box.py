"""The socket protocol over a whole box: long pipelines, and polls that reach another front."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import openssl
from kit.box import SETTINGS, Box, running_box
from kit.good_client import addresses, read_message, tsa_msg
from kit.procfs import accepted_inode, socket_inodes

from appliance.asn1 import der, oids
from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import decode_response, decode_tst_info, encode_request

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
PIPELINE = 2000
POLL_REP, POLL_REQ, NEG_POLL_REP, PARTIAL_MSG_REP, FINAL_MSG_REP, ERROR_MSG_REP = range(1, 7)
SETTINGS_OF_TWO = f"""\
fronts = 2
{SETTINGS}
[tsp]
tcp_profile = "rsa"
poll_after_ms = 1
"""


class Line:
    """One connection to the port of the socket protocol, from an address of choice."""

    def __init__(self, box: Box, *, source: str = "127.0.0.1") -> None:
        host, _, port = addresses(box)
        self.socket = socket.create_connection((host, port), GUARD_S, (source, 0))
        self.stream = self.socket.makefile("rb")
        self.server_inode = accepted_inode(port, self.socket.getsockname()[1])

    def ask(self, octets: bytes) -> tuple[int, bytes]:
        self.socket.sendall(octets)
        return read_message(self.stream)

    def late(self, query: bytes) -> bytes:
        """Ask for more than is signed in time; gives the reference of a late answer."""
        self.socket.sendall(tsa_msg(query) * 40)
        replies = [read_message(self.stream) for _ in range(40)]
        return next(value[:4] for flag, value in reversed(replies) if flag == POLL_REP)

    def poll(self, reference: bytes) -> tuple[int, bytes]:
        return self.ask(b"\0\0\0\5" + bytes((POLL_REQ,)) + reference)

    def fetch(self, reference: bytes) -> bytes:
        """Poll until the answer is there; the guard against hanging is the socket's."""
        while True:
            flag, value = self.poll(reference)
            if flag == FINAL_MSG_REP:
                return value
            assert flag == PARTIAL_MSG_REP
            assert value[:4] == reference

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


def query_of(nonce: int) -> bytes:
    return encode_request(hash_algorithm=oids.SHA256, imprint=bytes(32), nonce=nonce)


def nonce_tlv_of(response: bytes) -> bytes:
    return decode_tst_info(decode_token(decode_response(response).token).econtent).nonce_tlv


def test_2000_pipelined_requests_are_answered_in_their_order(box: Box) -> None:
    asked = list(range(1, PIPELINE + 1))
    line = Line(box)
    line.socket.sendall(b"".join(tsa_msg(query_of(nonce)) for nonce in asked))
    replies = [read_message(line.stream) for _ in asked]
    assert {flag for flag, _ in replies} == {FINAL_MSG_REP}
    assert [nonce_tlv_of(value) for _, value in replies] == [der.integer(n) for n in asked]
    line.close()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Two fronts, and a signer that lets nobody wait longer than RSA takes."""
    with running_box(tmp_path_factory.mktemp("impatient") / "state", SETTINGS_OF_TWO) as running:
        yield running


def lines_to_both(box: Box) -> tuple[Line, Line]:
    """Connect until each front has a connection; which front has one, the kernel tells."""
    lines: dict[int, Line] = {}
    for _ in range(1000):
        line = Line(box)
        fronts = [
            pid for pid in box.facts["pids"]["front"] if line.server_inode in socket_inodes(pid)
        ]
        kept = lines.setdefault(fronts[0], line) if fronts else None
        if kept is not line:
            line.close()
        if len(lines) == 2:
            first, second = lines.values()
            return first, second
    raise AssertionError("one front takes all connections")


def test_a_late_answer_is_fetched_from_another_front_and_verifies(
    impatient: Box, tmp_path: Path
) -> None:
    document = tmp_path / "document"
    document.write_bytes(b"a discharge letter")
    query = openssl.make_query(document, digest="sha256")
    asking, fetching = lines_to_both(impatient)
    reference = asking.late(query.read_bytes())
    reply = tmp_path / "reply"
    reply.write_bytes(fetching.fetch(reference))
    verdict = openssl.verify(query, reply, root=impatient.roots, tsa=impatient.tsa("rsa"))
    assert verdict.accepted, verdict.text
    for line in (asking, fetching):
        assert line.poll(reference)[0] == NEG_POLL_REP
        line.close()


def test_a_late_answer_is_not_given_to_another_address(impatient: Box) -> None:
    owner, stranger = Line(impatient), Line(impatient, source="127.0.0.2")
    reference = owner.late(query_of(7))
    assert stranger.poll(reference)[0] == ERROR_MSG_REP
    assert nonce_tlv_of(owner.fetch(reference)) == der.integer(7)
    owner.close()
    stranger.close()
