"""OCB/1: each value has one spelling, and nothing else is taken."""

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit import boards

from drivers.api import Garbled, Oven
from drivers.oscillator import answers, ocb

CAPTURES = Path(__file__).parents[1] / "captures" / "oscillator"


def bare(octets):
    assert octets.endswith(b"\r\n")
    return octets[:-2]


def sealed(body):
    return b"%b*%04X" % (body, ocb.crc16(body))


def test_the_crc_is_the_catalogue_s_ccitt_false():
    assert ocb.crc16(b"123456789") == 0x29B1


@given(boards.board_lines)
def test_a_line_of_a_board_comes_back_as_it_was(line):
    octets = bare(ocb.encode_line(line))
    assert ocb.decode_line(octets) == line
    assert len(octets) <= ocb.MAX_LINE_OCTETS


@given(boards.requests)
def test_a_request_comes_back_as_it_was(request):
    assert ocb.decode_request(bare(ocb.encode_request(request))) == request


@given(boards.identities)
def test_an_identity_comes_back_as_it_was(identity):
    assert answers.read_identity(answers.write_identity(identity)) == identity


@given(boards.calibrations)
def test_a_calibration_comes_back_as_it_was(calibration):
    written = answers.write_calibration(calibration)
    assert answers.read_calibration(written) == calibration


@given(st.lists(boards.log_rows, max_size=answers.MAX_LOG_ROWS).map(tuple))
def test_the_minutes_of_a_log_come_back_as_they_were(rows):
    line = bare(ocb.encode_line(ocb.Answer(65535, answers.write_log(rows))))
    assert len(line) <= ocb.MAX_LINE_OCTETS
    assert answers.read_log(ocb.decode_line(line).fields) == rows


GARBAGE = st.binary(max_size=80) | st.text(alphabet="$!+-,#*0123456789OCTICSA", max_size=80).map(
    lambda text: sealed(text.encode())
)


@given(GARBAGE)
def test_what_is_taken_is_spelt_as_it_would_be_written(octets):
    for decode, encode in (
        (ocb.decode_line, ocb.encode_line),
        (ocb.decode_request, ocb.encode_request),
    ):
        try:
            value = decode(octets)
        except Garbled:
            continue
        assert bare(encode(value)) == octets


@given(boards.tics, st.integers(0, 7), st.data())
def test_a_line_with_a_changed_bit_is_garbled(tic, bit, data):
    octets = bytearray(bare(ocb.encode_line(tic)))
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << bit
    with pytest.raises(Garbled):
        ocb.decode_line(bytes(octets))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"$OCTIC,1,2,,,",
        b"$OCTIC,1,2,,,,0,0",
        b"$OCTIC,01,2,,,,0",
        b"$OCTIC,+1,2,,,,0",
        b"$OCTIC,4294967296,2,,,,0",
        b"$OCTIC,-1,2,,,,0",
        b"$OCTIC,1,2,-0,,,0",
        b"$OCTIC,1,2,500000000001,,,0",
        b"$OCTIC,1,2,1.5,,,0",
        b"$OCTIC,1,2, 1,,,0",
        b"$OCSTA,1,X,0,0,0,0,0,0,0",
        b"$OCSTA,1,RR,0,0,0,0,0,0,0",
        b"$OCSTA,1,R,0,0,0,1048576,0,0,0",
        b"$OCXYZ,1",
        b"+65536",
        b"+1,\x07",
        b"-1",
        b"-1,NO",
        b"-1,BUSY,1",
    ],
)
def test_a_line_that_breaks_the_form_is_garbled(body):
    with pytest.raises(Garbled):
        ocb.decode_line(sealed(body))


@pytest.mark.parametrize(
    "body",
    [
        b"!ID",
        b"!ID,1",
        b"!ID,5,#1",
        b"!DAC,#1",
        b"!DAC,1048576,#1",
        b"!OUT,pps,maybe,#1",
        b"!LOG,0,#1",
        b"!SLEW,0,5,#1",
        b"ID,#1",
        b"!ID,#",
    ],
)
def test_a_request_that_breaks_the_form_is_garbled(body):
    with pytest.raises(Garbled):
        ocb.decode_request(sealed(body))


def test_a_request_that_no_board_takes_is_not_written():
    with pytest.raises(Garbled):
        ocb.encode_request(ocb.Request(1, ocb.Verb.DAC, (1 << 20,)))


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (answers.read_identity, ("OCB/2", "a", "b", "c", "d")),
        (answers.read_identity, ("OCB/1", "a", "b", "c:d", "e")),
        (answers.read_identity, ("OCB/1", "a", "b", "c", "d" * 41)),
        (answers.read_calibration, ("1", "1;2;3;4;5;6;7", "")),
        (answers.read_calibration, ("1", "0", "298150")),
        (answers.read_calibration, ("1", "0", ";".join(["1:1"] * 17))),
        (answers.read_log, ()),
        (answers.read_log, ("2", "1;2;;;;3;4")),
        (answers.read_log, ("9",)),
        (answers.read_log, ("1", "1;2;;;;3")),
    ],
)
def test_an_answer_that_breaks_the_form_is_garbled(read, fields):
    with pytest.raises(Garbled):
        read(fields)


@given(st.lists(st.text(alphabet="OCB/1:;-0123456789", max_size=30), max_size=10).map(tuple))
def test_garbage_in_an_answer_raises_nothing_but_garbled(fields):
    for read in (answers.read_identity, answers.read_calibration, answers.read_log):
        try:
            read(fields)
        except Garbled:
            continue


def test_the_captured_minute_reads_as_its_golden_values():
    octets = (CAPTURES / "minute.ocb").read_bytes()
    golden = json.loads((CAPTURES / "minute.json").read_text("utf-8"))
    lines = [ocb.decode_line(line) for line in octets.split(b"\r\n")[:-1]]
    assert [plain(line) for line in lines] == golden


def plain(line):
    values = attrs.asdict(line)
    for name, value in values.items():
        if isinstance(value, Oven | ocb.RefusalCode):
            values[name] = value.value
        elif isinstance(value, tuple):
            values[name] = list(value)
    return {"line": type(line).__name__, **values}


def test_the_page_for_integrators_shows_lines_that_are_sound():
    page = (Path(__file__).parents[2] / "docs" / "ocb-1.md").read_text("utf-8")
    asked, *said = page.rpartition("## 5.")[2].split("```")[1].split()
    assert ocb.decode_request(asked.encode()) == ocb.Request(1, ocb.Verb.ID)
    captured = (CAPTURES / "minute.ocb").read_bytes().decode().split("\r\n")[:-1]
    assert said == captured
