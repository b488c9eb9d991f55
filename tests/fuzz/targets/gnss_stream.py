"""A receiver's stream: any octets make epochs of it, or Garbled, and never more than seconds."""

from drivers.api import Constellation, Garbled
from drivers.gnss.epoch import EpochAssembler
from drivers.gnss.splitter import MAX_PAYLOAD, Splitter


def one_input(data: bytes) -> None:
    splitter = Splitter()
    assembler = EpochAssembler("gnss0", Constellation.BEIDOU)
    given = 0
    for place in range(0, len(data), 64):
        for frame in splitter.feed(data[place : place + 64]):
            try:
                given += assembler.take(frame, place * 1_000_000) is not None
            except Garbled:
                continue
        assert len(splitter._rest) <= MAX_PAYLOAD + 16
    given += assembler.flush() is not None
    assert given <= len(data) // 8
