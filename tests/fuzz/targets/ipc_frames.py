"""Frames between processes: those of the verb set are heard, anything else ends the connection."""

from collections.abc import Sequence

import msgspec
from kit.fuzzing import halves
from twisted.internet.testing import StringTransport

from appliance.services.messages import (
    BATCH_LIMIT,
    ControlAnswer,
    ControlQuestion,
    Frame,
    StampAnswer,
    StampBatch,
    StampQuestion,
)
from appliance.wire.ipc import FrameProtocol

DECODERS: tuple[msgspec.msgpack.Decoder[Frame], ...] = (
    msgspec.msgpack.Decoder(StampQuestion),
    msgspec.msgpack.Decoder(StampAnswer),
    msgspec.msgpack.Decoder(ControlQuestion),
    msgspec.msgpack.Decoder(ControlAnswer),
)


def one_input(data: bytes) -> None:
    for decoder in DECODERS:
        heard = listen(decoder, [data])
        assert listen(decoder, halves(data)) == heard
        for encoded in heard:
            assert msgspec.msgpack.encode(decoder.decode(encoded)) == encoded


def listen(decoder: msgspec.msgpack.Decoder[Frame], pieces: Sequence[bytes]) -> list[bytes]:
    """Give the frames that are heard of a stream, encoded anew."""
    heard: list[bytes] = []
    transport = StringTransport()

    def received(_: FrameProtocol[Frame], frame: Frame) -> None:
        assert not transport.disconnected
        assert not isinstance(frame, StampBatch) or 1 <= len(frame.asks) <= BATCH_LIMIT
        heard.append(msgspec.msgpack.encode(frame))

    protocol = FrameProtocol(decoder, received)
    protocol.makeConnection(transport)
    for piece in pieces:
        protocol.dataReceived(piece)
    assert protocol.is_open != bool(transport.disconnected)
    assert transport.value() == b""
    return heard
