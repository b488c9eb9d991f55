"""A manager in the hands of an attacker, on a running box: the signer goes on, within templates."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from kit.bounds_judge import judge
from kit.box import SETTINGS, Box, running_box
from kit.certifying import FIELDS, ask, csr_of, person_key
from kit.frames import framed, framed_octets
from kit.good_client import GoodClient
from kit.polling import wait_until

from appliance.services.certifying.messages import (
    AdminAnswer,
    AdminRefusal,
    AuthoritiesAsk,
    CeremonyOpen,
    Done,
    IssueBatch,
    Issued,
    IssueRefusal,
    RevokeAsk,
    TemplateAdd,
)
from appliance.services.messages import BATCH_LIMIT, FRAME_LIMIT, Frame, Hello, StampAsk, StampBatch
from appliance.wire.ipc import socket_address

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
LAST = framed(AuthoritiesAsk((1 << 62) - 1))


class Line:
    """One connection to the socket `admin`, greeted."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with socket_address(path) as address:
            self.socket.connect(address)
        self.socket.settimeout(GUARD_S)
        self.stream = self.socket.makefile("rb")
        assert isinstance(self.read(), Hello)

    def read(self) -> Frame | None:
        """Read one frame; None when the signer has hung up."""
        try:
            head = self.stream.read(4)
            if len(head) < 4:
                return None
            octets = self.stream.read(int.from_bytes(head, "big"))
        except ConnectionError:
            return None
        answer: Frame = msgspec.msgpack.decode(octets, type=AdminAnswer)
        return answer

    def ask(self, octets: bytes) -> Frame | None:
        """Send octets and read one answer."""
        try:
            self.socket.sendall(octets)
        except ConnectionError:
            return None
        return self.read()

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(tmp_path_factory.mktemp("hostile") / "state", SETTINGS) as running:
        path = running.state / "public" / "crl" / "issuing-sm2.crl"
        wait_until(path.exists, guard_s=GUARD_S, what="the first list")
        yield running


@pytest.fixture(autouse=True)
def served(attacked: Box) -> Iterator[None]:
    """See that the signer lives, stamps meanwhile, and logs no traceback."""
    pid = attacked.pid("signer")
    with GoodClient(attacked) as client:
        yield
        answered = client.answered
        wait_until(
            lambda: client.fault or client.answered > answered + 5,
            guard_s=GUARD_S,
            what="answers to the good client",
        )
    assert client.fault is None
    assert attacked.pid("signer") == pid
    assert "Traceback" not in (attacked.state / "log" / "signer.log").read_text("utf-8")


@pytest.fixture
def connect(attacked: Box) -> Iterator[Callable[[], Line]]:
    lines: list[Line] = []

    def knock() -> Line:
        lines.append(Line(attacked.state / "run" / "admin.sock"))
        return lines[-1]

    yield knock
    for line in lines:
        line.close()


def results_of(answer: Frame | None) -> list[bytes | IssueRefusal]:
    assert isinstance(answer, Issued), answer
    return answer.results


def test_a_manager_gets_what_a_template_grants_and_no_more(connect: Callable[[], Line]) -> None:
    wishes = [
        ask(
            number,
            authority=authority,
            template=template,
            fields={**FIELDS, "dns": "ward7.example"},
            csr=csr_of(person_key(number)),
        )
        for number, (authority, template) in enumerate(
            (authority, template)
            for authority in ("issuing-sm2", "issuing-p256", "issuing-rsa", "root-sm2", "tsa-sm2")
            for template in ("person", "device", "server", "grant", "root", "tsa", "@ocsp")
        )
    ]
    results = results_of(connect().ask(framed(IssueBatch(1, wishes))))
    issued = [judge(each) for each in results if isinstance(each, bytes)]
    assert len(issued) == 12
    assert {each.kind for each in results if isinstance(each, IssueRefusal)} == {"NotFound"}


@pytest.mark.parametrize(
    ("line", "replacement"),
    [
        ('key_usage = ["digitalSignature"]', 'key_usage = ["keyCertSign"]'),
        ("validity_days = 3", "validity_days = 7305"),
        ("[meta]", 'extended_key_usage = ["timeStamping"]'),
        ("[meta]", 'extended_key_usage = ["anyExtendedKeyUsage"]'),
        ("[meta]", 'extended_key_usage = ["1.3.6.1.5.5.7.3.9"]'),
        ("[meta]", 'extensions = [{oid = "2.5.29.19", kind = "der", value = "30030101ff"}]'),
        ("[meta]", 'extensions = [{oid = "2.5.29.37", kind = "null"}]'),
        ('name = "own"', 'name = "person"'),
        ('name = "own"', 'name = "@ocsp"'),
    ],
)
def test_no_template_beyond_its_bounds_is_taken(
    connect: Callable[[], Line], line: str, replacement: str
) -> None:
    template = TEMPLATE.replace(line, replacement).replace("[meta]", "")
    answer = connect().ask(framed(TemplateAdd(1, template.encode())))
    assert isinstance(answer, AdminRefusal)
    assert answer.kind in {"Refused", "Malformed"}


TEMPLATE = """
name = "own"
kind = "person"
algorithms = ["sm2"]
subject = [{attribute = "CN", value = "{name}"}]
key_usage = ["digitalSignature"]
validity_days = 3
[meta]
"""


def test_a_number_of_another_wish_is_a_conflict(connect: Callable[[], Line]) -> None:
    line = connect()
    key = csr_of(person_key(100))
    (first,) = results_of(line.ask(framed(IssueBatch(1, [ask(1000, csr=key)]))))
    thief = ask(1000, csr=csr_of(person_key(101)), fields={**FIELDS, "name": "Mallory"})
    (second,) = results_of(line.ask(framed(IssueBatch(2, [thief]))))
    assert isinstance(first, bytes)
    assert isinstance(second, IssueRefusal)
    assert second.kind == "Conflict"


def test_what_is_revoked_is_not_renewed(connect: Callable[[], Line]) -> None:
    line = connect()
    (der,) = results_of(line.ask(framed(IssueBatch(1, [ask(2000, csr=csr_of(person_key(102)))]))))
    assert isinstance(der, bytes)
    serial = judge(der).serial_number.to_bytes(14, "big")
    assert isinstance(line.ask(framed(RevokeAsk(2, "issuing-sm2", serial, 1))), Done)
    wish = ask(2001, fields={}, renews=serial)
    (refused,) = results_of(line.ask(framed(IssueBatch(3, [wish]))))
    assert isinstance(refused, IssueRefusal)
    assert refused.kind == "Refused"


def test_it_holds_no_ceremony_alone(connect: Callable[[], Line]) -> None:
    answer = connect().ask(framed(CeremonyOpen(1, "make-authority", {"algorithm": "sm2"})))
    assert isinstance(answer, AdminRefusal)
    assert answer.kind == "Conflict"


@pytest.mark.parametrize(
    "octets",
    [
        framed_octets(b"\x91" * 10_000),
        (FRAME_LIMIT + 1).to_bytes(4, "big") + bytes(100),
        framed(StampBatch(1, [StampAsk("sm2", b"", b"")])),
        framed(IssueBatch(1, [ask()] * (BATCH_LIMIT + 1))),
        framed(IssueBatch(1, [ask(csr=bytes(8193))])),
        framed(IssueBatch(1, [ask(fields={"UID": "x"})])),
        framed(IssueBatch(1, [ask(days=7306)])),
        framed(RevokeAsk(1, "issuing-sm2", bytes(21), 1)),
        framed(RevokeAsk(1, "issuing-sm2", bytes(14), 11)),
    ],
    ids=[
        *("nested", "over the limit", "of another verb set", "too many", "a long request"),
        *("a field of no name", "too many days", "a long number", "no reason"),
    ],
)
def test_frames_that_are_none_are_cut_off(connect: Callable[[], Line], octets: bytes) -> None:
    assert connect().ask(octets) is None


def test_bent_frames_are_cut_off_or_answered_within_bounds(connect: Callable[[], Line]) -> None:
    good = msgspec.msgpack.encode(IssueBatch(1, [ask(3000, csr=csr_of(person_key(103)))]))
    for number in range(200):
        octets = bytearray(good)
        noise = hashlib.shake_128(number.to_bytes(4, "big")).digest(6)
        for place, value in zip(noise[:3], noise[3:], strict=True):
            octets[place % len(octets)] = value
        line = connect()
        answer = line.ask(framed_octets(bytes(octets)))
        line.close()
        for result in answer.results if isinstance(answer, Issued) else ():
            if isinstance(result, bytes):
                judge(result)


def test_a_flood_is_answered_or_turned_away(connect: Callable[[], Line]) -> None:
    line = connect()
    wishes = [ask(number, csr=b"\x30" * 8000) for number in range(100)]
    batch = framed(IssueBatch(1, wishes))
    flood = Thread(target=line.socket.sendall, args=(40 * batch,))  # who does not read is not read
    flood.start()
    answers = [line.read() for _ in range(40)]
    flood.join()
    line.socket.sendall(LAST)
    assert isinstance(line.read(), Done)
    assert all(isinstance(each, Issued | AdminRefusal) for each in answers)
