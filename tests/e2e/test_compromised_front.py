"""A front in the hands of an attacker: whatever it sends as the front's user, it gets no key, no
past time and no certificate, and the signer goes on serving the others.
"""

import contextlib
import hashlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec
import pytest
from kit.box import Box, running_box
from kit.frames import framed, framed_octets
from kit.good_client import GoodClient
from kit.polling import wait_until
from kit.procfs import pss_kib
from kit.tsp_client import make_query, read_reply, tst_info

from appliance.services.messages import (
    BATCH_LIMIT,
    FRAME_LIMIT,
    PROTOCOL_VERSION,
    Facts,
    Hello,
    KeysAsk,
    PollAsk,
    PollReply,
    PollState,
    ProfileOffer,
    StampAnswer,
    StampAsk,
    StampBatch,
    StampReplies,
    StatusAsk,
)
from appliance.wire.ipc import CONNECTION_LIMIT, socket_address

pytestmark = pytest.mark.e2e

GUARD_S = 20.0
QUERY = make_query(nonce=7)
CLIENT = b"\x7f\0\0\1\0\1"
BATCH = StampBatch(1, [StampAsk("sm2", QUERY, CLIENT)])
LAST = StampBatch(1 << 40, BATCH.asks)
VALID = msgspec.msgpack.encode(BATCH)
A_SECOND_US = 1_000_000
MEMORY_KIB = 48 * 1024
"""Requests waiting in the signer (8,192 of 4 KiB) and what one line may hold unread."""


class Line:
    """One connection to a socket of the signer."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with socket_address(path) as address:
            self.socket.connect(address)  # waits while the backlog is full (unix(7))
        self.socket.settimeout(GUARD_S)
        self.stream = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(octets)

    def receive(self) -> bytes:
        """Read one frame, empty when the signer has hung up."""
        try:
            head = self.stream.read(4)
            return self.stream.read(int.from_bytes(head, "big")) if len(head) == 4 else b""
        except ConnectionError:
            return b""

    def answer(self) -> Hello | StampReplies | PollReply:
        """Read one frame, which must be one of the stamp verb set."""
        return msgspec.msgpack.decode(self.receive(), type=StampAnswer)

    def is_cut_off(self) -> bool:
        """Tell whether the signer hangs up without another word."""
        return self.receive() == b""

    def rest(self) -> list[StampReplies | PollReply]:
        """Give what is answered to all that was sent, or until the signer hangs up."""
        self.send(framed(LAST))
        answers = []
        while frame := self.receive():
            answer = msgspec.msgpack.decode(frame, type=StampReplies | PollReply)
            if answer.batch == LAST.batch:
                break
            answers.append(answer)
        return answers


Knock = Callable[[], Line]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(tmp_path_factory.mktemp("hostile") / "state") as running:
        yield running


@pytest.fixture(autouse=True)
def served(attacked: Box) -> Iterator[GoodClient]:
    """See that the signer lives, serves its real front and logs no traceback."""
    pid = attacked.pid("signer")
    with GoodClient(attacked) as client:
        yield client
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
def knock(attacked: Box) -> Knock:
    """Connect as a front does; the Hello is read."""

    def connect() -> Line:
        line = Line(attacked.state / "run" / "stamp.sock")
        assert isinstance(line.answer(), Hello)
        return line

    return connect


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


def gen_time_us(response: bytes) -> int:
    moment = tst_info(response)["genTime"].asDateTime
    return round(moment.timestamp() * 1_000_000)


# --- what it is not told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        StatusAsk(),
        KeysAsk(),
        Hello(PROTOCOL_VERSION, (ProfileOffer("sm2", "sm2"),)),
        Hello(PROTOCOL_VERSION + 1, ()),
        StampReplies(1, [b"response"]),
        PollReply(1, b"response"),
        Facts({"keys": "all"}),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_frames_of_other_verb_sets_and_forged_answers_are_cut_off_unanswered(
    knock: Knock, frame: msgspec.Struct
) -> None:
    with knock() as line:
        line.send(framed_octets(msgspec.msgpack.encode(frame)) + framed(BATCH))
        assert line.is_cut_off()


def test_the_operators_socket_tells_the_public_side_of_keys_and_nothing_of_stamps(
    attacked: Box,
) -> None:
    with Line(attacked.state / "run" / "control.sock") as line:
        line.receive()
        line.send(framed(KeysAsk()))
        keys = msgspec.msgpack.decode(line.receive(), type=Facts).facts
        line.send(framed(BATCH))
        assert line.is_cut_off()
    names = {"subject", "issuer", "serial_number"}
    public = {"algorithm", "engine", "not_before", "not_after"} | names
    assert all(isinstance(facts, dict) and set(facts) <= public for facts in keys.values())


def test_no_name_of_a_profile_reaches_another_key(knock: Knock) -> None:
    names = ["", "ledger", "root-sm2", "tsa-sm2", "../tsa-sm2", "sm2\0", "SM2", "*", "x" * 64]
    with knock() as line:
        line.send(framed(StampBatch(1, [StampAsk(name, QUERY, CLIENT) for name in names])))
        replies = line.answer()
    assert isinstance(replies, StampReplies)
    for response in replies.responses:
        assert isinstance(response, bytes)
        assert read_reply(response).status == 2


# --- what it cannot choose ------------------------------------------------------------------------


def test_no_field_of_a_frame_sets_the_time(knock: Knock) -> None:
    past = 1_000_000_000_000_000
    ask = ["sm2", QUERY, CLIENT, past, b"20010101000000Z"]
    crafted = [
        ["stamp", 1, [ask[:3]]],
        ["stamp", 2, [ask]],
        ["stamp", 3, [ask], False, past],
        ["stamp", 4, [ask], False, {"genTime": "20010101000000Z", "bound_ns": 0}],
    ]
    granted = 0
    for fields in crafted:
        with knock() as line:
            before = now_us()
            line.send(framed_octets(msgspec.msgpack.encode(fields)))
            for replies in line.rest():
                assert isinstance(replies, StampReplies)
                (response,) = replies.responses
                assert isinstance(response, bytes)
                moment = gen_time_us(response)
                assert before - A_SECOND_US < moment < now_us() + A_SECOND_US
                granted += 1
    assert granted


def test_what_it_says_of_the_client_is_the_only_thing_of_its_own_in_a_token(knock: Knock) -> None:
    with knock() as line:
        line.send(
            framed(StampBatch(1, [StampAsk("sm2", QUERY, client) for client in (b"", CLIENT)]))
        )
        replies = line.answer()
    assert isinstance(replies, StampReplies)
    for response in replies.responses:
        assert isinstance(response, bytes)
        assert int(tst_info(response)["nonce"]) == 7


def test_references_that_are_guessed_fetch_nothing(knock: Knock) -> None:
    with knock() as line:
        for number in range(500):
            line.send(framed(PollAsk(number, number * 8_589_934 % (1 << 32), CLIENT)))
            answer = line.answer()
            assert isinstance(answer, PollReply)
            assert answer.answer is PollState.UNKNOWN


# --- what it cannot break -------------------------------------------------------------------------


def noise(number: int, octets: int) -> bytes:
    return hashlib.shake_128(number.to_bytes(4, "big")).digest(octets)


def mutated(number: int) -> bytes:
    """Change a valid frame in three places."""
    octets = bytearray(VALID)
    places = noise(number, 6)
    for place, value in zip(places[:3], places[3:], strict=True):
        octets[place % len(octets)] = value
    return bytes(octets)


@pytest.mark.parametrize("make", [mutated, lambda number: noise(number, 40)], ids=["bent", "noise"])
def test_fuzzed_frames_are_refused_or_answered_with_what_anyone_may_have(
    knock: Knock, make: Callable[[int], bytes]
) -> None:
    for number in range(300):
        with knock() as line:
            line.send(framed_octets(make(number)))
            assert len(line.rest()) <= 1


@pytest.mark.parametrize(
    "octets",
    [
        b"\xff\xff\xff\xff",
        (FRAME_LIMIT + 1).to_bytes(4, "big"),
        bytes(4),
        framed_octets(b"\x91" * 10_000),
        framed_octets(b"\xdd\xff\xff\xff\xff"),
        framed_octets(b"\xc6\xff\xff\xff\xff"),
        framed(StampBatch(1, list(BATCH.asks) * (BATCH_LIMIT + 1))),
        framed(StampBatch(1, [])),
        framed(StampBatch(-1, BATCH.asks)),
        framed(StampBatch(1 << 63, BATCH.asks)),
        framed(StampBatch(1, [StampAsk("sm2", bytes(4097), CLIENT)])),
        framed(StampBatch(1, [StampAsk("sm2", QUERY, bytes(19))])),
        framed(StampBatch(1, [StampAsk("x" * 65, QUERY, CLIENT)])),
    ],
    ids=[
        *("4 GiB", "over the limit", "no octets", "nested arrays", "2^32 elements", "2^32 octets"),
        *("too many asks", "no asks", "a negative number", "a number over 62 bits"),
        *("a long request", "a long client", "a long profile"),
    ],
)
def test_frames_beyond_their_limits_are_cut_off(knock: Knock, octets: bytes) -> None:
    with knock() as line:
        line.send(octets)
        assert line.is_cut_off()


def test_it_cannot_take_every_connection_for_good(knock: Knock, attacked: Box) -> None:
    path = attacked.state / "run" / "stamp.sock"
    with contextlib.ExitStack() as stack:
        lines: Sequence[Line] = [
            stack.enter_context(Line(path)) for _ in range(CONNECTION_LIMIT + 20)
        ]
        greeted = sum(bool(line.receive()) for line in lines)
    assert greeted == CONNECTION_LIMIT - 1  # the real front has one
    wait_until(lambda: _is_greeted(path), guard_s=GUARD_S, what="room for another")


def _is_greeted(path: Path) -> bool:
    with Line(path) as line:
        return bool(line.receive())


def test_answers_it_does_not_read_are_not_kept_for_it(knock: Knock, attacked: Box) -> None:
    pid = attacked.pid("signer")
    before = pss_kib(pid)
    batch = framed(StampBatch(1, [StampAsk("nobody", bytes(4096), CLIENT)] * BATCH_LIMIT))
    with knock() as line:
        line.socket.settimeout(1.0)
        taken = 0
        with contextlib.suppress(TimeoutError):
            while taken < 1 << 30:
                line.socket.sendall(batch)
                taken += len(batch)
        assert taken < 1 << 30
        assert pss_kib(pid) - before < MEMORY_KIB
