"""The AT dialogue: real modems' answers, and garbage that raises nothing but Garbled."""

import json
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Garbled
from drivers.modem import at
from drivers.modem.at import Clock, Command, Dialogue, Kind, Operator, Signal

CAPTURES = Path(__file__).parents[1] / "captures" / "modem"
GOLDEN = json.loads((CAPTURES / "readings.json").read_text("utf-8"))
LINE_READERS = (
    at.read_is_ready,
    at.read_is_registered,
    at.read_operator,
    at.read_csq_dbm,
    at.read_qcsq,
    at.read_cclk,
    at.read_qlts_utc,
    at.read_ctze,
    at.read_ctzeu,
    at.read_qntp,
)


def captured(name):
    return (CAPTURES / name).read_bytes().split(b"\r\n")


@pytest.mark.parametrize(
    ("name", "reader", "line", "expected"),
    [(name, *reading) for name, readings in GOLDEN.items() for reading in readings],
)
def test_a_captured_line_reads_as_its_golden_value(name, reader, line, expected):
    assert line.encode() in captured(name)
    value = getattr(at, reader)(line)
    if isinstance(value, Operator | Signal):
        value = attrs.asdict(value)
    assert value == expected


@pytest.mark.parametrize(
    ("name", "place", "signal"),
    [
        ("ec25.at", slice(0, None), Signal("LTE", -83)),
        ("rm520.at", slice(0, 1), Signal("", None)),
        ("rm520.at", slice(1, 2), Signal("LTE", -75)),
        ("rm520.at", slice(2, 3), Signal("NR5G-NSA", -82)),
        ("rm520.at", slice(3, 4), Signal("NR5G-SA", -91)),
        ("rm520.at", slice(4, 5), Signal("", None)),
    ],
)
def test_the_serving_cell_is_read_in_every_form(name, place, signal):
    lines = [line.decode() for line in captured(name) if line.startswith(b"+QENG")]
    assert at.read_qeng(lines[place]) == signal


@given(
    st.integers(1_710_000_000, 3_150_000_000),
    st.none() | st.integers(-48, 56),
    st.sampled_from([2, 4]),
)
def test_a_clock_comes_back_as_it_was(digits_s, zone, year_digits):
    clock = Clock(digits_s, zone)
    text = at.write_clock(clock, year_digits=year_digits)
    assert at.read_clock(text) == clock


@given(st.integers(1_710_000_000, 3_150_000_000), st.integers(-48, 56))
def test_local_time_and_its_zone_give_utc(utc_s, zone):
    text = at.write_clock(Clock(utc_s + 900 * zone, zone))
    assert at.read_cclk(f'+CCLK: "{text}"') == utc_s


def test_a_leap_second_is_the_second_after_it():
    assert at.read_clock("28/12/31,23:59:60+00") == at.read_clock("29/01/01,00:00:00+00")


@pytest.mark.parametrize(
    "text", ["", "70/01/01,00:00:05+00", "2004/01/01,00:00:00", "2080/01/01,00:00:00+32"]
)
def test_a_clock_that_was_never_set_tells_no_time(text):
    assert at.read_clock(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "26/13/01,00:00:00",
        "26/02/30,00:00:00",
        "26/02/03,24:00:00",
        "26/02/03,10:00:61",
        "26/02/03,10:00:00+57",
        "26/02/03,10:00:00-49",
        "26-02-03,10:00:00",
        "126/02/03,10:00:00",
        "26/02/03 10:00:00",
        "２６/02/03,10:00:00",
    ],
)
def test_a_clock_that_is_none_is_garbled(text):
    with pytest.raises(Garbled):
        at.read_clock(text)


def test_the_zones_of_the_world_are_quarters_of_an_hour():
    nepal, marquesas = "26/11/23,07:00:04+23", "26/11/22,15:45:04-38"
    assert at.read_cclk(f'+CCLK: "{nepal}"') == 1_795_396_504
    assert at.read_cclk(f'+CCLK: "{marquesas}"') == 1_795_396_504


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 0,0", -113), ("+CSQ: 31,7", -51), ("+CSQ: 199,99", None), ("+CSQ: 141,99", -75)],
)
def test_signal_strength_is_read_on_both_scales(line, dbm):
    assert at.read_csq_dbm(line) == dbm


@pytest.mark.parametrize("line", ["+CSQ: 32,0", "+CSQ: -1,0", "+CSQ: strong", "+CSQ"])
def test_signal_strength_of_no_scale_is_garbled(line):
    with pytest.raises(Garbled):
        at.read_csq_dbm(line)


TEXT = st.text(alphabet='+CQLTSREG: "0123456789,/:-', max_size=60) | st.text(max_size=40)


@given(TEXT)
def test_garbage_raises_nothing_but_garbled(text):
    for reader in (*LINE_READERS, at.read_clock, at.fields):
        try:
            reader(text)
        except Garbled:
            continue
    at.read_qeng([text])


# --- the dialogue ---------------------------------------------------------------------------------


def test_an_answer_is_gathered_around_codes_that_come_unasked():
    dialogue = Dialogue()
    dialogue.begin(Command("+QLTS=1", "+QLTS:"))
    kinds = [
        dialogue.take(line)[0]
        for line in (
            b"AT+QLTS=1\r",
            b"+CREG: 1",
            b'+QLTS: "2026/09/11,14:22:25+32,0"',
            b"RING",
            b"OK",
            b"OK",
        )
    ]
    assert kinds == [
        Kind.ECHO,
        Kind.UNSOLICITED,
        Kind.PART,
        Kind.UNSOLICITED,
        Kind.DONE,
        Kind.UNSOLICITED,
    ]
    assert dialogue.lines == ['+QLTS: "2026/09/11,14:22:25+32,0"']


@pytest.mark.parametrize(
    "line", [b"ERROR", b"+CME ERROR: 10", b"+CME ERROR: SIM not inserted", b"+CMS ERROR: 500"]
)
def test_an_error_ends_a_command(line):
    dialogue = Dialogue()
    dialogue.begin(Command("+CPIN?", "+CPIN:"))
    assert dialogue.take(line)[0] is Kind.ERROR
    assert dialogue.command is None


@pytest.mark.parametrize(
    "line",
    [b"RDY", b"APP RDY", b"^SYSSTART", b"NORMAL POWER DOWN", b"POWERED DOWN", b"*ATREADY: 1"],
)
def test_a_restart_ends_a_command(line):
    dialogue = Dialogue()
    dialogue.begin(Command("+CSQ", "+CSQ:"))
    assert dialogue.take(line)[0] is Kind.RESTART
    assert dialogue.command is None


def test_the_identity_takes_lines_of_any_beginning():
    dialogue = Dialogue()
    dialogue.begin(Command("I", ""))
    for line in (b"Quectel", b"EC25", b"+CREG: 1", b"Revision: X"):
        dialogue.take(line)
    assert dialogue.lines == ["Quectel", "EC25", "Revision: X"]


def test_an_answer_without_end_is_garbled():
    dialogue = Dialogue()
    dialogue.begin(Command("+COPS?", "+COPS:"))
    for _ in range(at.MAX_ANSWER_LINES):
        dialogue.take(b"+COPS: 0")
    with pytest.raises(Garbled):
        dialogue.take(b"+COPS: 0")


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"OK", b"ERROR", b"RDY"]), max_size=12))
def test_any_lines_are_sorted_or_garbled(lines):
    dialogue = Dialogue()
    dialogue.begin(Command("I", ""))
    for line in lines:
        try:
            kind, _ = dialogue.take(line)
        except Garbled:
            continue
        assert (dialogue.command is None) or kind in {Kind.ECHO, Kind.PART, Kind.UNSOLICITED}
