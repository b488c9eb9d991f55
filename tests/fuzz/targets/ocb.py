"""OCB/1: a line is taken only as it would be written; the driver lets nothing but Garbled out."""

import contextlib

from kit.lines import MemoryLine

from drivers.api import Garbled
from drivers.oscillator import answers, ocb
from drivers.oscillator.board import Board


def one_input(data: bytes) -> None:
    memory = MemoryLine()
    board = Board("board", sink=memory.readings.append, reactor=memory.reactor)
    board.opened(memory)
    for bare in data.split(b"\n"):
        for line in (bare, bare[:-5] + b"*%04X" % ocb.crc16(bare[:-5])):
            check_line(line)
            check_request(line)
            with contextlib.suppress(Garbled):
                board.received(line, 0)
    board.lost()


def check_line(line: bytes) -> None:
    try:
        value = ocb.decode_line(line)
    except Garbled:
        return
    assert ocb.encode_line(value) == line + b"\r\n"
    if isinstance(value, ocb.Answer):
        check_answer(value.fields)


def check_answer(fields: tuple[str, ...]) -> None:
    with contextlib.suppress(Garbled):
        assert answers.write_identity(answers.read_identity(fields)) == fields
    with contextlib.suppress(Garbled):
        assert answers.write_calibration(answers.read_calibration(fields)) == fields
    with contextlib.suppress(Garbled):
        assert answers.write_log(answers.read_log(fields)) == fields


def check_request(line: bytes) -> None:
    try:
        request = ocb.decode_request(line)
    except Garbled:
        return
    assert ocb.encode_request(request) == line + b"\r\n"
