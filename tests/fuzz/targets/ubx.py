"""UBX: a frame or a payload gives a value that is written back to the same, or is Garbled."""

from drivers.api import Garbled
from drivers.gnss import ubx, ubx_setup
from drivers.gnss.splitter import MAX_PAYLOAD, Protocol, Splitter


def one_input(data: bytes) -> None:
    for frame in Splitter().feed(data):
        if frame.protocol is Protocol.UBX:
            check(frame.message, frame.body)
    check(int.from_bytes(data[:2], "big"), data[2:MAX_PAYLOAD])


def check(message: int, payload: bytes) -> None:
    if message == ubx.CFG_VALSET:
        check_setup(payload)
    try:
        value = ubx.decode(message, payload)
    except Garbled:
        return
    if value is None or (isinstance(value, ubx.MonVer) and "\ufffd" in repr(value)):
        return
    (again,) = Splitter().feed(ubx.encode(value))
    assert again.message == message
    assert ubx.decode(message, again.body) == value


def check_setup(payload: bytes) -> None:
    try:
        layers, items = ubx_setup.decode_value_set(payload)
    except Garbled:
        return
    (again,) = Splitter().feed(ubx_setup.value_set(items, layers))
    assert ubx_setup.decode_value_set(again.body) == (layers, items)
