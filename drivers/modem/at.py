"""The AT dialogue of cellular modems: 3GPP TS 27.007, and what Quectel and SIMCom add.

`Dialogue` sorts lines into the answer to the one command under way, unsolicited result codes
(which come in the middle of answers too) and signs of a restart.  The readers take one line each
and raise Garbled.  Network times are POSIX seconds of UTC; time zones come in quarters of an hour.
"""

from __future__ import annotations

import datetime as dt
import enum
import re

import attrs

from drivers.api import Garbled

MAX_LINE_OCTETS = 512
MAX_ANSWER_LINES = 32
MAX_FIELDS = 64

YEARS = range(2024, 2070)
"""A modem that was never told the time says 70, 80, 2000 or 2004; such a date is none."""

QUARTER_S = 900
_ZONES = range(-48, 57)

_CLOCK = re.compile(
    r"(\d{2}|\d{4})/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d{1,2})?(?:,\d)?", re.ASCII
)
_FIELD = re.compile(r'\s*(?:"([^"]*)"|([^",]*))\s*(,|$)')
_FINAL_ERRORS = re.compile(r"ERROR|\+CM[ES] ERROR: ?.*|COMMAND NOT SUPPORT|NO CARRIER")
_RESTARTS = re.compile(
    r"RDY|APP RDY|START|\^SYSSTART|\*ATREADY: 1|(?:NORMAL )?POWER(?:ED)? DOWN", re.ASCII
)
_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


class Kind(enum.Enum):
    """What a line is to the dialogue."""

    ECHO = "echo"
    PART = "part"
    DONE = "done"
    ERROR = "error"
    UNSOLICITED = "unsolicited"
    RESTART = "restart"


@attrs.frozen
class Command:
    """What is asked: the text after AT, and what the lines of its answer begin with.

    An empty `prefix` takes any line that does not begin like a result code.
    """

    text: str
    prefix: str | None = None

    def octets(self) -> bytes:
        """Write the command line."""
        return b"AT%b\r" % self.text.encode("ascii")


class Dialogue:
    """One command after the other; lines are sorted, the answer's gathered."""

    def __init__(self) -> None:
        self.command: Command | None = None
        self.lines: list[str] = []

    def begin(self, command: Command) -> None:
        """Begin a command; the answer to the one before is over."""
        self.command = command
        self.lines = []

    def end(self) -> None:
        """End the command under way; what still comes of its answer is unsolicited."""
        self.command = None

    def take(self, line: bytes) -> tuple[Kind, str]:
        """Sort a line.  Raises Garbled for what is no text, or an answer without end."""
        text = _text(line)
        kind = self._kind(text)
        if kind is Kind.PART:
            if len(self.lines) == MAX_ANSWER_LINES:
                raise Garbled("an answer without end")
            self.lines.append(text)
        elif kind in {Kind.DONE, Kind.ERROR, Kind.RESTART}:
            self.command = None
        return kind, text

    def _kind(self, text: str) -> Kind:
        if _RESTARTS.fullmatch(text):
            return Kind.RESTART
        command = self.command
        if command is None:
            return Kind.UNSOLICITED
        if text == f"AT{command.text}":
            return Kind.ECHO
        if text == "OK":
            return Kind.DONE
        if _FINAL_ERRORS.fullmatch(text):
            return Kind.ERROR
        return Kind.PART if _belongs(text, command.prefix) else Kind.UNSOLICITED


def _belongs(text: str, prefix: str | None) -> bool:
    if prefix is None:
        return False
    return text.startswith(prefix) if prefix else text[:1] not in "+^*"


def _text(line: bytes) -> str:
    text = line.strip()
    if len(text) > MAX_LINE_OCTETS or min(text, default=0x20) < 0x20:
        raise Garbled("not a line of an AT dialogue")
    return text.decode("utf-8", "replace")


# --- fields ---------------------------------------------------------------------------------------


def fields(line: str) -> list[str]:
    """Cut what follows the colon into fields, without quotation marks.  Raises Garbled."""
    _, colon, text = line.partition(":")
    if not colon:
        raise Garbled("an answer without a colon")
    found: list[str] = []
    position = 0
    while True:
        match = _FIELD.match(text, position)
        if match is None or len(found) == MAX_FIELDS:
            raise Garbled("fields that do not part")
        found.append(match[1] if match[1] is not None else match[2].strip())
        position = match.end()
        if not match[3]:
            return found


def _field(values: list[str], place: int) -> str:
    return values[place] if place < len(values) else ""


def _number(text: str) -> int | None:
    """Read a number; None for an empty field or the dash that stands for "not known"."""
    if text in {"", "-"}:
        return None
    if not _NUMBER.fullmatch(text):
        raise Garbled(f"no number: {text!r}")
    return int(text)


# --- network --------------------------------------------------------------------------------------


def read_is_ready(line: str) -> bool:
    """Read +CPIN: whether the SIM is there and asks for nothing.  TS 27.007 8.3."""
    return fields(line)[0] == "READY"


def read_is_registered(line: str) -> bool:
    """Read +CREG, +CEREG or +C5GREG, asked for or unsolicited.  TS 27.007 7.2, 10.1.22, 10.1.47.

    Asked for, a mode stands before the state; unsolicited, an area in quotation marks behind it.
    """
    values = fields(line)
    is_asked = len(values) > 1 and '"' not in line.split(",")[1]
    state = _number(values[1] if is_asked else values[0])
    return state in {1, 5}


_ACCESS = {
    0: "GSM",
    1: "GSM",
    2: "UMTS",
    3: "GSM",
    4: "UMTS",
    5: "UMTS",
    6: "UMTS",
    7: "LTE",
    8: "LTE",
    9: "LTE",
    10: "LTE",
    11: "NR5G",
    12: "NR5G",
    13: "NR5G-NSA",
}


@attrs.frozen
class Operator:
    """Whose network, by name or number, and which technology; empty where not told."""

    name: str
    technology: str


def read_operator(line: str) -> Operator:
    """Read +COPS: mode, format, operator, access technology.  TS 27.007 7.3."""
    values = fields(line)
    access = _number(_field(values, 3))
    technology = "" if access is None else _ACCESS.get(access, "")
    return Operator(_field(values, 2), technology)


def read_csq_dbm(line: str) -> int | None:
    """Read +CSQ: signal strength in dBm; None when not known.  TS 27.007 8.5.

    From 100 on it is the scale of TD-SCDMA and some LTE modems, -116 dBm and up in steps of 1 dB.
    """
    strength = _number(fields(line)[0])
    if strength is None or strength in {99, 199}:
        return None
    if 0 <= strength <= 31:
        return 2 * strength - 113
    if 100 <= strength <= 191:
        return strength - 216
    raise Garbled(f"no signal strength: {strength}")


@attrs.frozen
class Signal:
    """The technology in use and its received power in dBm; for LTE and 5G that is the RSRP."""

    technology: str
    dbm: int | None


def read_qcsq(line: str) -> Signal:
    """Read Quectel's +QCSQ: mode, RSSI, and for LTE and WCDMA further powers."""
    values = fields(line)
    mode = values[0]
    if mode in {"", "NOSERVICE"}:
        return Signal("", None)
    is_rsrp_second = mode in {"LTE", "CAT-M1", "CAT-NB1", "CAT-NB2", "eMTC", "NBIoT", "TDSCDMA"}
    return Signal(mode, _power(_field(values, 2 if is_rsrp_second else 1)))


_RSRP_PLACE = {"LTE": 11, "NR5G-SA": 10, "NR5G-NSA": 4}
"""Fields after the technology's name up to the RSRP, in answers of EG25 and RM500Q modems."""


def read_qeng(lines: list[str]) -> Signal:
    """Read Quectel's +QENG "servingcell", of one line or several; unknown forms tell nothing."""
    found = [Signal("", None)]
    for line in lines:
        values = re.split(r"[ ,:]+", line.replace('"', ""))
        places = [place for place, value in enumerate(values) if value in _RSRP_PLACE]
        found += [_serving(values[place:]) for place in places]
    return found[-1]


def _serving(values: list[str]) -> Signal:
    text = _field(values, _RSRP_PLACE[values[0]])
    return Signal(values[0], _power(text) if _NUMBER.fullmatch(text) else None)


def _power(text: str) -> int | None:
    """Read dBm; a value that no receiver hears stands for "not known"."""
    power = _number(text)
    return power if power is not None and -160 <= power <= -20 else None


# --- time -----------------------------------------------------------------------------------------


@attrs.frozen
class Clock:
    """A modem's clock: POSIX seconds as if its digits were UTC, and its zone, None if not told."""

    digits_s: int
    zone_quarters: int | None = None

    @property
    def utc_of_local_s(self) -> int:
        """Give UTC when the digits are local time; no zone means UTC."""
        return self.digits_s - QUARTER_S * (self.zone_quarters or 0)


def read_clock(text: str) -> Clock | None:
    """Read `yy/MM/dd,hh:mm:ss±zz`, also with four digits of the year, without zone, with DST flag.

    None for an empty one and for a date out of `YEARS`.  TS 27.007 8.15.  Raises Garbled.
    """
    if not text:
        return None
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise Garbled(f"no clock: {text!r}")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    zone = int(match[7]) if match[7] else None
    if zone is not None and zone not in _ZONES:
        raise Garbled(f"no time zone: {zone} quarters of an hour")
    year += 2000 * (len(match[1]) == 2)
    if year not in YEARS:
        return None
    try:
        digits = dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=dt.UTC)
    except ValueError as error:
        raise Garbled(f"no date: {text!r}") from error
    if second > 60:
        raise Garbled(f"no second: {second}")
    return Clock(int(digits.timestamp()) + second // 60, zone)


def write_clock(clock: Clock, *, year_digits: int = 2) -> str:
    """Write a clock as `read_clock` takes it."""
    digits = dt.datetime.fromtimestamp(clock.digits_s, dt.UTC)
    year = f"{digits.year:04d}"[-year_digits:]
    zone = "" if clock.zone_quarters is None else f"{clock.zone_quarters:+03d}"
    return f"{year}/{digits:%m/%d,%H:%M:%S}{zone}"


def read_cclk(line: str) -> int | None:
    """Read +CCLK, local time, as UTC.  TS 27.007 8.15.

    An EC25 was seen to keep UTC under a zone of +32 all the same: +QLTS is to be asked first.
    """
    clock = read_clock(fields(line)[0])
    return None if clock is None else clock.utc_of_local_s


def read_qlts_utc(line: str) -> int | None:
    """Read the answer to Quectel's +QLTS=1: digits of UTC; the zone beside them is only told."""
    clock = read_clock(fields(line)[0])
    return None if clock is None else clock.digits_s


def read_ctzeu(line: str) -> int | None:
    """Read the unsolicited +CTZEU: zone, DST, universal time.  TS 27.007 8.41."""
    clock = read_clock(_field(fields(line), 2))
    return None if clock is None else clock.digits_s


def read_ctze(line: str) -> int | None:
    """Read the unsolicited +CTZE: zone in quarters, DST, local time; gives UTC."""
    values = fields(line)
    zone = _number(values[0].lstrip("+"))
    clock = read_clock(_field(values, 2))
    if clock is None or zone is None:
        return None
    if zone not in _ZONES:
        raise Garbled(f"no time zone: {zone} quarters of an hour")
    return attrs.evolve(clock, zone_quarters=zone).utc_of_local_s


def read_qntp(line: str) -> int | None:
    """Read the unsolicited +QNTP of Quectel: error, local time; gives UTC, None on an error."""
    values = fields(line)
    if _number(values[0]) != 0:
        return None
    clock = read_clock(_field(values, 1))
    return None if clock is None else clock.utc_of_local_s
