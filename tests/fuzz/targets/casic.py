"""CASIC: a frame or a payload gives a value that is written back to the same, or is Garbled."""

from drivers.api import Garbled
from drivers.gnss import casic
from drivers.gnss.splitter import Protocol, Splitter


def one_input(data: bytes) -> None:
    for frame in Splitter().feed(data):
        if frame.protocol is Protocol.CASIC:
            check(frame.message, frame.body)
    check(int.from_bytes(data[:2], "big"), data[2:])


def check(message: int, payload: bytes) -> None:
    try:
        value = casic.decode(message, payload)
    except Garbled:
        return
    if value is not None:
        (again,) = Splitter().feed(casic.encode(value))
        assert again.message == message
        assert casic.decode(message, again.body) == value
