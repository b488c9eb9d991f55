"""Frames between processes: what is heard, what ends the connection, who may knock."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.frames import UnixTransport, control_socket, framed, framed_octets, rude_socket
from kit.logs import logged
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.services.messages import (
    FRAME_LIMIT,
    PROTOCOL_VERSION,
    ControlAnswer,
    Facts,
    Hello,
    KeysAsk,
    ProfileOffer,
    StampAsk,
    StampBatch,
    StampQuestion,
    StampReplies,
    StatusAsk,
)
from appliance.wire.ipc import CONNECTION_LIMIT, FrameProtocol, FrameServer, ask, socket_address

HELLO = Hello(PROTOCOL_VERSION, (ProfileOffer("sm2", "sm2"),))
BATCH = StampBatch(7, [StampAsk("sm2", b"request", b"client")])


class Server:
    """A server of the stamp verb set for one uid, and what its owner heard."""

    def __init__(self, *, uid: int = 1000) -> None:
        self.heard: list[StampBatch] = []
        self.factory = FrameServer(
            msgspec.msgpack.Decoder(StampQuestion),
            lambda _line, batch: self.heard.append(batch),
            hello=lambda: HELLO,
            allowed_uids=frozenset({uid}),
            clock=Clock(),
        )


class Peer:
    """One connection at a server, its own unless named."""

    def __init__(
        self,
        transport: StringTransport | None = None,
        *,
        uid: int = 1000,
        server: Server | None = None,
    ) -> None:
        server = server or Server(uid=uid)
        self.heard = server.heard
        self.transport = transport or StringTransport()
        protocol = server.factory.buildProtocol(None)
        assert isinstance(protocol, FrameProtocol)
        self.protocol: FrameProtocol[StampBatch] = protocol
        protocol.makeConnection(self.transport)

    @property
    def is_cut_off(self) -> bool:
        return bool(self.transport.disconnected)


def test_the_server_greets_first() -> None:
    assert Peer().transport.value() == framed(HELLO)


@given(st.lists(st.integers(1, 40), max_size=8))
def test_frames_may_be_split_anywhere(cuts: list[int]) -> None:
    peer = Peer()
    octets = framed(BATCH) * 2
    for size in cuts:
        peer.protocol.dataReceived(octets[:size])
        octets = octets[size:]
    peer.protocol.dataReceived(octets)
    assert peer.heard == [BATCH, BATCH]


@pytest.mark.parametrize(
    "frame",
    [
        StatusAsk(),
        HELLO,
        StampBatch(-1, BATCH.asks),
        StampBatch(1 << 62, BATCH.asks),
        StampBatch(1, []),
        StampBatch(1, BATCH.asks * 129),
        StampBatch(1, [StampAsk("x" * 65, b"", b"")]),
        StampBatch(1, [StampAsk("sm2", bytes(4097), b"")]),
        StampBatch(1, [StampAsk("sm2", b"", bytes(19))]),
    ],
)
def test_a_frame_outside_the_verb_set_ends_the_connection(frame: StampBatch) -> None:
    with logged() as events:
        peer = Peer()
        peer.protocol.dataReceived(framed(frame))
    assert peer.is_cut_off
    assert peer.heard == []
    assert len(events) == 1


def test_after_a_bad_frame_nothing_more_is_heard_or_said() -> None:
    peer = Peer()
    peer.transport.clear()
    peer.protocol.dataReceived(framed_octets(b"\xc1") + framed(BATCH))
    assert peer.is_cut_off
    assert peer.heard == []
    assert not peer.protocol.send(StampReplies(7, []))
    assert peer.transport.value() == b""


@pytest.mark.parametrize(
    "octets",
    [
        b"\x92\xa5st\xffmp\x01",
        b"\x93\xa5stamp\x01\x91\x93\xa1\xff\xc4\x00\xc4\x00",
        b"\x95\xa5stamp\x01\x91\x93\xa0\xc4\x00\xc4\x00\xc2" + b"\x91" * 100_000 + b"\x01",
    ],
    ids=["kind not UTF-8", "profile not UTF-8", "nested deep"],
)
def test_text_that_is_none_and_deep_nesting_end_the_connection(octets: bytes) -> None:
    with logged() as events:
        peer = Peer()
        peer.protocol.dataReceived(framed_octets(octets))
    assert peer.is_cut_off
    assert peer.heard == []
    assert len(events) == 1


@given(st.binary(min_size=1, max_size=100))
def test_garbage_in_a_frame_never_raises(octets: bytes) -> None:
    peer = Peer()
    peer.protocol.dataReceived(framed_octets(octets))
    assert peer.is_cut_off


@given(st.lists(st.binary(max_size=50), max_size=4))
def test_garbage_on_the_line_never_raises(pieces: list[bytes]) -> None:
    peer = Peer()
    for octets in pieces:
        peer.protocol.dataReceived(octets)
    assert peer.heard == []


@pytest.mark.parametrize("length", [FRAME_LIMIT + 1, 0xFFFF_FFFF])
def test_a_frame_over_the_limit_ends_the_connection_before_it_is_read(length: int) -> None:
    with logged() as events:
        peer = Peer()
        peer.protocol.dataReceived(length.to_bytes(4, "big"))
    assert peer.is_cut_off
    assert [event["octets"] for event in events] == [length]


def test_a_frame_over_the_limit_is_not_sent() -> None:
    peer = Peer()
    peer.transport.clear()
    assert not peer.protocol.send(StampReplies(1, [bytes(FRAME_LIMIT)]))
    assert peer.transport.value() == b""
    assert peer.protocol.send(StampReplies(1, [bytes(FRAME_LIMIT - 100)]))


def test_nothing_is_sent_to_a_peer_that_is_gone() -> None:
    peer = Peer()
    peer.protocol.connectionLost()
    assert not peer.protocol.send(StampReplies(1, []))


def test_the_owner_hears_once_that_a_peer_is_gone() -> None:
    gone: list[FrameProtocol[StampReplies]] = []
    protocol = FrameProtocol(
        msgspec.msgpack.Decoder(StampReplies), lambda _line, _frame: None, closed=gone.append
    )
    protocol.makeConnection(StringTransport())
    protocol.abort()
    protocol.connectionLost()
    assert gone == [protocol]


# --- who may knock --------------------------------------------------------------------------------


def test_a_peer_that_does_not_read_its_answers_is_not_read_from() -> None:
    peer = Peer()
    assert peer.transport.producer is peer.protocol
    assert peer.transport.streaming
    peer.protocol.pauseProducing()
    assert peer.transport.producerState == "paused"
    peer.protocol.dataReceived(framed(BATCH))
    assert peer.heard == []
    peer.protocol.resumeProducing()
    assert peer.transport.producerState == "producing"
    assert peer.heard == [BATCH]


def test_a_server_has_a_limit_of_connections() -> None:
    server = Server()
    lines = [Peer(server=server) for _ in range(CONNECTION_LIMIT)]
    assert not any(line.is_cut_off for line in lines)
    with logged() as events:
        late = Peer(server=server)
    assert late.is_cut_off
    assert late.transport.value() == b""
    assert len(events) == 1
    lines[0].protocol.connectionLost()
    assert not Peer(server=server).is_cut_off


def test_an_allowed_uid_is_greeted_and_heard() -> None:
    peer = Peer(UnixTransport(uid=1000))
    peer.protocol.dataReceived(framed(BATCH))
    assert peer.transport.value() == framed(HELLO)
    assert peer.heard == [BATCH]


def test_another_uid_is_cut_off_ungreeted_and_unheard() -> None:
    with logged() as events:
        peer = Peer(UnixTransport(uid=1001))
        peer.protocol.dataReceived(framed(BATCH))
    assert peer.is_cut_off
    assert peer.transport.value() == b""
    assert peer.heard == []
    assert [event["uid"] for event in events] == [1001]


def test_clients_gone_wrong_fill_no_log_however_often_they_come() -> None:
    server = Server()
    with logged() as events:
        for _ in range(300):
            peers = [
                Peer(server=server),
                Peer(server=server),
                Peer(UnixTransport(uid=1), server=server),
            ]
            peers[0].protocol.dataReceived(framed_octets(b"\xc1"))
            peers[1].protocol.dataReceived(b"\xff\xff\xff\xff")
            for peer in peers:
                assert peer.is_cut_off
                peer.protocol.connectionLost()
    assert len(events) == 3


def test_what_is_quoted_of_a_bad_frame_is_short() -> None:
    with logged() as events:
        Peer().protocol.dataReceived(framed_octets(msgspec.msgpack.encode(["x" * 100_000])))
    assert len(events[0]["why"]) <= 200


# --- asking without a reactor ---------------------------------------------------------------------


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    return folder / "control.sock"


def test_a_question_is_answered(tmp_path: Path) -> None:
    asked: list[object] = []

    def answer(octets: bytes) -> bytes:
        asked.append(msgspec.msgpack.decode(octets, type=KeysAsk | StatusAsk))
        return framed(Facts({"mode": "demo"}))

    path = tmp_path / "control.sock"
    with control_socket(path, answer, framed(HELLO)):
        assert ask(path, StatusAsk(), Facts) == Facts({"mode": "demo"})
    assert asked == [StatusAsk()]


def test_a_question_reaches_a_socket_however_deep_it_lies(deep: Path) -> None:
    with control_socket(deep, lambda _: framed(Facts({})), framed(HELLO)):
        assert ask(deep, StatusAsk(), Facts) == Facts({})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionError),
        (bytes(4), ConnectionError),
        (b"\0\0\0\x09half", ConnectionError),
        ((FRAME_LIMIT + 1).to_bytes(4, "big") + bytes(10), ConnectionError),
        (framed_octets(b"\xc1"), msgspec.DecodeError),
        (framed(HELLO), msgspec.DecodeError),
    ],
)
def test_an_answer_that_is_none_is_told(
    tmp_path: Path, answer: bytes, error: type[Exception]
) -> None:
    path = tmp_path / "control.sock"
    with control_socket(path, lambda _: answer, framed(HELLO)), pytest.raises(error):
        ask(path, StatusAsk(), Facts)


def test_who_hangs_up_on_a_user_is_named_by_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "time.sock"
    with (
        rude_socket(path),
        pytest.raises(PermissionError, match=r"time\.sock hung up: this user may not"),
    ):
        ask(path, StatusAsk(), Facts)


def test_nobody_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        ask(tmp_path / "control.sock", StatusAsk(), Facts)


def test_a_short_path_is_its_own_address(tmp_path: Path) -> None:
    with socket_address(Path("x.sock")) as address:
        assert address == "x.sock"


# --- the verb sets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decode", "frames"),
    [
        (msgspec.msgpack.Decoder(StampQuestion).decode, [BATCH]),
        (msgspec.msgpack.Decoder(Hello | StampReplies).decode, [HELLO, StampReplies(1, [b"x"])]),
        (msgspec.msgpack.Decoder(KeysAsk | StatusAsk).decode, [KeysAsk(), StatusAsk()]),
        (msgspec.msgpack.Decoder(ControlAnswer).decode, [HELLO, Facts({"a": [1, "b", None]})]),
    ],
)
def test_frames_survive_the_crossing(
    decode: Callable[[bytes], object], frames: list[object]
) -> None:
    assert [decode(msgspec.msgpack.encode(frame)) for frame in frames] == frames
