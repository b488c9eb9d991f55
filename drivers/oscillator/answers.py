"""What the answers of an OCB/1 board carry: identity, calibration, the minutes it kept; pure.

Frequencies are fractional, in 1e-15; temperatures in mK.  Every reader raises Garbled.
"""

from __future__ import annotations

import re

import attrs

from drivers.api import Garbled
from drivers.oscillator.ocb import U32, U64, expect_count, interval, number, optional

MAX_LOG_ROWS = 8
"""Minutes in one answer, so that it never holds up the lines of the next pulse."""

_TEXT = re.compile(r"[\x21-\x7e]{0,40}")
_NOT_IN_TEXT = frozenset("*,;:#")


@attrs.frozen(kw_only=True)
class Identity:
    """The answer to ID; a `serial` that begins with SIM is a simulated board's."""

    maker: str
    model: str
    serial: str
    firmware: str

    @property
    def is_simulated(self) -> bool:
        """Tell whether the board says it is simulated."""
        return self.serial.startswith("SIM")


@attrs.frozen(kw_only=True)
class Calibration:
    """The answer to CAL: hours under power, EFC polynomial and temperature table.

    `efc_e15` are the coefficients c0.. of the fractional frequency over (code - 2^19) / 2^19,
    in 1e-15; `tempco_e15` pairs of case temperature in mK and fractional frequency in 1e-15.
    """

    power_on_h: int
    efc_e15: tuple[int, ...]
    tempco_e15: tuple[tuple[int, int], ...] = ()


@attrs.frozen(kw_only=True)
class LogRow:
    """The means of one minute as LOG? gives them; `sequence` is the minute's last pulse."""

    sequence: int
    tai_s: int
    gps_ps: int | None = None
    beidou_ps: int | None = None
    external_ps: int | None = None
    case_mk: int
    dac: int


def read_identity(fields: tuple[str, ...]) -> Identity:
    """Read the answer to ID.  Raises Garbled."""
    expect_count(fields, 5)
    if fields[0] != "OCB/1":
        raise Garbled(f"a protocol that is not OCB/1: {fields[0]!r}")
    for text in fields[1:]:
        if not _TEXT.fullmatch(text) or not _NOT_IN_TEXT.isdisjoint(text):
            raise Garbled("an ID of wrong characters")
    return Identity(maker=fields[1], model=fields[2], serial=fields[3], firmware=fields[4])


def write_identity(identity: Identity) -> tuple[str, ...]:
    """Write the answer to ID."""
    return ("OCB/1", identity.maker, identity.model, identity.serial, identity.firmware)


def read_calibration(fields: tuple[str, ...]) -> Calibration:
    """Read the answer to CAL.  Raises Garbled."""
    expect_count(fields, 3)
    coefficients = fields[1].split(";")
    points = fields[2].split(";") if fields[2] else []
    if len(coefficients) > 6 or len(points) > 16:
        raise Garbled("a CAL of too many terms")
    return Calibration(
        power_on_h=number(fields[0], 0, U32),
        efc_e15=tuple([_frequency_e15(each) for each in coefficients]),
        tempco_e15=tuple([_tempco_point(each) for each in points]),
    )


def write_calibration(calibration: Calibration) -> tuple[str, ...]:
    """Write the answer to CAL."""
    points = [f"{case_mk}:{e15}" for case_mk, e15 in calibration.tempco_e15]
    coefficients = ";".join(map(str, calibration.efc_e15))
    return (str(calibration.power_on_h), coefficients, ";".join(points))


def read_log(fields: tuple[str, ...]) -> tuple[LogRow, ...]:
    """Read the answer to LOG?, oldest minute first; none when there is no later one.

    Raises Garbled.
    """
    if not 1 <= len(fields) <= MAX_LOG_ROWS + 1:
        raise Garbled("a LOG of a wrong size")
    expect_count(fields[1:], number(fields[0], 0, MAX_LOG_ROWS))
    return tuple([_read_log_row(each.split(";")) for each in fields[1:]])


def write_log(rows: tuple[LogRow, ...]) -> tuple[str, ...]:
    """Write the answer to LOG?."""
    return (str(len(rows)), *map(_write_log_row, rows))


def _read_log_row(fields: list[str]) -> LogRow:
    expect_count(fields, 7)
    return LogRow(
        sequence=number(fields[0], 0, U32),
        tai_s=number(fields[1], 0, U64),
        gps_ps=interval(fields[2]),
        beidou_ps=interval(fields[3]),
        external_ps=interval(fields[4]),
        case_mk=number(fields[5], 0, 999_999),
        dac=number(fields[6], 0, 0xF_FFFF),
    )


def _write_log_row(row: LogRow) -> str:
    intervals = map(optional, (row.gps_ps, row.beidou_ps, row.external_ps))
    return ";".join([str(row.sequence), str(row.tai_s), *intervals, str(row.case_mk), str(row.dac)])


def _tempco_point(text: str) -> tuple[int, int]:
    case_mk, _, e15 = text.partition(":")
    return number(case_mk, 0, 999_999), _frequency_e15(e15)


def _frequency_e15(text: str) -> int:
    return number(text, -(10**12), 10**12)
