"""OCB/1, the protocol of the oscillator board, both ways (docs/ocb-1.md); pure.

A line is printable ASCII, its start sign first, then comma-separated fields, `*` and the
CRC-16/CCITT-FALSE of all before the `*` as four hexadecimal digits.  Each value has one spelling,
so what is decoded is encoded again as it came.  Units stand in the names.
`answers` reads what an Answer carries.
"""

from __future__ import annotations

import binascii
import enum
import re
from collections.abc import Callable

import attrs

from drivers.api import Garbled, Oven

MAX_LINE_OCTETS = 640
"""A line without its line end."""

MAX_TAG = 0xFFFF
MAX_INTERVAL_PS = 500_000_000_000
"""Half a second: a pulse further away belongs to another second."""

U32 = 0xFFFF_FFFF
U64 = 0xFFFF_FFFF_FFFF_FFFF
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,19}")


class TicFlag(enum.IntFlag):
    """Bits of an OCTIC line's flags."""

    LABELLED = 0x01
    STEPPED = 0x02
    SLEWING = 0x04
    FROZEN = 0x08
    STEP_ENABLED = 0x10


class Alarm(enum.IntFlag):
    """Bits of an OCSTA line's alarms."""

    OVEN = 0x01
    CURRENT = 0x02
    TEMPERATURE = 0x04
    DAC_RAIL = 0x08
    HOST_SILENT = 0x10
    NO_REFERENCE = 0x20
    SUPPLY = 0x40
    SELF_TEST = 0x80


@attrs.frozen(kw_only=True)
class Tic:
    """`$OCTIC`: the pulse `sequence`, labelled `tai_s`, and reference minus oscillator in ps."""

    sequence: int
    tai_s: int
    gps_ps: int | None = None
    beidou_ps: int | None = None
    external_ps: int | None = None
    flags: int = 0


@attrs.frozen(kw_only=True)
class Status:
    """`$OCSTA`: the oven, temperatures in mK, the EFC as code and voltage, alarms."""

    sequence: int
    oven: Oven
    current_ma: int
    case_mk: int
    board_mk: int
    dac: int
    efc_uv: int
    uptime_s: int
    alarms: int = 0


@attrs.frozen
class Answer:
    """`+tag`: the request was done; what it asked for."""

    tag: int
    fields: tuple[str, ...] = ()


@attrs.frozen
class Refusal:
    """`-tag`: the request was not done, and why."""

    tag: int
    code: RefusalCode


class RefusalCode(enum.Enum):
    """Why a board does not do what it is asked."""

    SYNTAX = "SYNTAX"
    VERB = "VERB"
    RANGE = "RANGE"
    RATE = "RATE"
    LOCKED = "LOCKED"
    NONCE = "NONCE"
    STATE = "STATE"
    BUSY = "BUSY"


BoardLine = Tic | Status | Answer | Refusal


class Verb(enum.Enum):
    """What a host can ask."""

    ID = "ID"
    CAL = "CAL"
    DAC = "DAC"
    SLEW = "SLEW"
    ARM = "ARM"
    STEP = "STEP"
    SET = "SET"
    OUT = "OUT"
    WDT = "WDT"
    LOG = "LOG?"


Argument = int | str


@attrs.frozen
class Request:
    """`!verb,arguments,#tag`: what a host asks; the arguments are as `_ARGUMENTS` says."""

    tag: int
    verb: Verb
    arguments: tuple[Argument, ...] = ()


# --- frames ---------------------------------------------------------------------------------------


_PRINTABLE = bytes(range(0x20, 0x7F))


def crc16(octets: bytes) -> int:
    """Compute CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF, nothing reflected."""
    return binascii.crc_hqx(octets, 0xFFFF)


def _seal(start: str, fields: list[str]) -> bytes:
    line = (start + ",".join(fields)).encode("ascii")
    return b"%b*%04X\r\n" % (line, crc16(line))


def _unseal(line: bytes) -> str:
    """Check length, alphabet and CRC; gives what stands before the `*`.  Raises Garbled."""
    if not 6 <= len(line) <= MAX_LINE_OCTETS or line[-5:-4] != b"*":
        raise Garbled("not a line of OCB/1")
    body = line[:-5]
    if line[-4:] != b"%04X" % crc16(body):
        raise Garbled("an OCB/1 line with a wrong CRC")
    if body.translate(None, _PRINTABLE):
        raise Garbled("an OCB/1 line beyond printable ASCII")
    return body.decode("ascii")


# --- what a board says ----------------------------------------------------------------------------


def decode_line(line: bytes) -> BoardLine:
    """Read a line of a board, without its line end.  Raises Garbled."""
    body = _unseal(line)
    head, *fields = body.split(",")
    if head == "$OCTIC":
        return _read_tic(fields)
    if head == "$OCSTA":
        return _read_status(fields)
    if head[:1] == "+":
        return Answer(_read_tag(head[1:]), tuple(fields))
    if head[:1] == "-" and len(fields) == 1:
        return Refusal(_read_tag(head[1:]), _read_code(fields[0]))
    raise Garbled("no line that an OCB/1 board sends")


def encode_line(line: BoardLine) -> bytes:
    """Write a line of a board, with its line end."""
    match line:
        case Tic():
            return _seal("$", ["OCTIC", *_write_tic(line)])
        case Status():
            return _seal("$", ["OCSTA", *_write_status(line)])
        case Answer():
            return _seal("+", [str(line.tag), *line.fields])
        case Refusal():
            return _seal("-", [str(line.tag), line.code.value])


def _read_tic(fields: list[str]) -> Tic:
    expect_count(fields, 6)
    return Tic(
        sequence=number(fields[0], 0, U32),
        tai_s=number(fields[1], 0, U64),
        gps_ps=interval(fields[2]),
        beidou_ps=interval(fields[3]),
        external_ps=interval(fields[4]),
        flags=number(fields[5], 0, 0xFFFF),
    )


def _write_tic(tic: Tic) -> list[str]:
    intervals = map(optional, (tic.gps_ps, tic.beidou_ps, tic.external_ps))
    return [str(tic.sequence), str(tic.tai_s), *intervals, str(tic.flags)]


def _read_status(fields: list[str]) -> Status:
    expect_count(fields, 9)
    if fields[1] not in _OVENS:
        raise Garbled(f"no state of an oven: {fields[1]!r}")
    return Status(
        sequence=number(fields[0], 0, U32),
        oven=_OVENS[fields[1]],
        current_ma=number(fields[2], 0, 0xFFFF),
        case_mk=number(fields[3], 0, 999_999),
        board_mk=number(fields[4], 0, 999_999),
        dac=number(fields[5], 0, 0xF_FFFF),
        efc_uv=number(fields[6], -99_999_999, 99_999_999),
        uptime_s=number(fields[7], 0, U32),
        alarms=number(fields[8], 0, 0xFFFF),
    )


def _write_status(status: Status) -> list[str]:
    numbers = (
        status.current_ma,
        status.case_mk,
        status.board_mk,
        status.dac,
        status.efc_uv,
        status.uptime_s,
        status.alarms,
    )
    return [str(status.sequence), status.oven.value, *map(str, numbers)]


_OVENS = {oven.value: oven for oven in Oven}
_CODES = {code.value: code for code in RefusalCode}
_VERBS = {verb.value: verb for verb in Verb}


def _read_code(text: str) -> RefusalCode:
    if text not in _CODES:
        raise Garbled(f"no code of a refusal: {text!r}")
    return _CODES[text]


# --- what a host asks -----------------------------------------------------------------------------


def _number_in(least: int, most: int) -> Callable[[str], Argument]:
    return lambda text: number(text, least, most)


def _one_of(*words: str) -> Callable[[str], Argument]:
    def read(text: str) -> Argument:
        if text not in words:
            raise Garbled(f"not one of {', '.join(words)}: {text!r}")
        return text

    return read


_ARGUMENTS: dict[Verb, tuple[Callable[[str], Argument], ...]] = {
    Verb.ID: (),
    Verb.CAL: (),
    Verb.DAC: (_number_in(0, 0xF_FFFF),),
    Verb.SLEW: (_number_in(1, 100_000), _number_in(-MAX_INTERVAL_PS, MAX_INTERVAL_PS)),
    Verb.ARM: (_number_in(-500_000_000, 500_000_000), _number_in(0, U32)),
    Verb.STEP: (_number_in(0, U32),),
    Verb.SET: (_number_in(0, U64),),
    Verb.OUT: (_one_of("pps", "irigb", "tod"), _one_of("on", "off")),
    Verb.WDT: (_number_in(0, 3600),),
    Verb.LOG: (_number_in(0, U32),),
}
"""SLEW: ps/s, ps.  ARM: step in ns, nonce.  SET: TAI s of the next pulse.  WDT: s, 0 is never."""


def decode_request(line: bytes) -> Request:
    """Read a line of a host, without its line end.  Raises Garbled."""
    fields = _unseal(line).split(",")
    head, tag = fields[0], fields[-1]
    if head[:1] != "!" or head[1:] not in _VERBS or len(fields) < 2 or tag[:1] != "#":
        raise Garbled("no request of OCB/1")
    verb = _VERBS[head[1:]]
    arguments = _read_arguments(verb, fields[1:-1])
    return Request(_read_tag(tag[1:]), verb, arguments)


def encode_request(request: Request) -> bytes:
    """Write a line of a host, with its line end.  Raises Garbled for what a board would refuse."""
    texts = [str(each) for each in request.arguments]
    _read_arguments(request.verb, texts)
    return _seal("!", [request.verb.value, *texts, f"#{request.tag}"])


def _read_arguments(verb: Verb, texts: list[str]) -> tuple[Argument, ...]:
    readers = _ARGUMENTS[verb]
    expect_count(texts, len(readers))
    return tuple([reader(text) for reader, text in zip(readers, texts, strict=True)])


# --- fields ---------------------------------------------------------------------------------------


def expect_count(fields: list[str] | tuple[str, ...], expected: int) -> None:
    """Hold that so many fields came.  Raises Garbled."""
    if len(fields) != expected:
        raise Garbled(f"{len(fields)} fields in place of {expected}")


def number(text: str, least: int, most: int) -> int:
    """Read a decimal number without plus sign or leading zeros.  Raises Garbled."""
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise Garbled(f"no number from {least} to {most}: {text!r}")
    return int(text)


def _read_tag(text: str) -> int:
    return number(text, 0, MAX_TAG)


def interval(text: str) -> int | None:
    """Read an interval in ps; nothing stands for no pulse.  Raises Garbled."""
    return number(text, -MAX_INTERVAL_PS, MAX_INTERVAL_PS) if text else None


def optional(value: int | None) -> str:
    """Write a number, or nothing for None."""
    return "" if value is None else str(value)
