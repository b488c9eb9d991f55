"""The log of offsets: a line a minute of what the clock said of itself, one CSV file a UTC day.

It is what `shiyin time plot` draws and what a national time laboratory asks for.  The last
KEPT_DAYS files are kept.  A line that is torn or foreign is passed over by the reader; what a
crash or a full disk tore is cut off before the next line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
from twisted.logger import Logger

from appliance.errors import Malformed
from appliance.quantities import NS_PER_S, Provenance, Utc, render_second
from appliance.timing.keeping.config import EnsembleStatus, Statement
from appliance.timing.trusted import ClockState

SPACING_S = 60
KEPT_DAYS = 400
_LONGEST_LINE = 8192  # 16 servers of long names may agree
COLUMNS = (
    "utc",
    "tai_s",
    "state",
    "cause",
    "provenance",
    "offset_ns",
    "fresh_offset_ns",
    "bound_ns",
    "rate_e12",
    "temperature_mk",
    "agreeing",
    "alarms",
)


@attrs.frozen
class HistoryRow:
    """A minute of the clock.

    `offset_ns` is the oscillator's reading less TAI, `fresh_offset_ns` what the reference says less
    what is told, `temperature_mk` the oscillator case's; None where there is none.  `agreeing`
    are the failure domains that voted for the time.
    """

    utc_s: int
    tai_s: int
    state: ClockState
    cause: str
    provenance: Provenance
    offset_ns: int | None
    fresh_offset_ns: int | None
    bound_ns: int
    rate_e12: int
    temperature_mk: int | None
    agreeing: tuple[str, ...]
    alarms: tuple[str, ...]


class HistoryWriter:
    """An output of the clock: called each second, it writes once a minute of TAI."""

    _log = Logger()

    def __init__(self, folder: Path, status: Callable[[], EnsembleStatus]) -> None:
        self._folder = folder
        self._status = status
        self._minute = 0

    def __call__(self, statement: Statement) -> None:
        """Write a line when a minute is over; a disk that fails is logged and tried again."""
        tai_s = statement.tai_ns // NS_PER_S
        minute = tai_s // SPACING_S
        if minute == self._minute or not tai_s:
            return
        self._minute = minute
        try:
            self._write(statement, tai_s)
        except OSError as error:
            self._log.error("the history of the clock cannot be written: {why}", why=str(error))

    def _write(self, statement: Statement, tai_s: int) -> None:
        status, utc_s = self._status(), tai_s - statement.utc_offset_s
        day = render_second(utc_s).decode()
        path = self._folder / f"{day[:4]}-{day[4:6]}-{day[6:8]}.csv"
        if not path.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
        values = (
            Utc(utc_s * 1_000_000).isoformat(),
            tai_s,
            statement.state.name,
            status.cause.name if status.cause else "",
            statement.provenance.name,
            _text(status.offset_ns),
            _text(status.fresh_offset_ns),
            statement.bound_ns,
            statement.rate_e12,
            _text(status.temperature_mk),
            " ".join(sorted(status.agreeing)),
            " ".join(sorted(alarm.name for alarm in status.alarms)),
        )
        _append(path, ",".join(map(str, values)).encode("ascii", "replace") + b"\n")

    def _make_room(self) -> None:
        """Remove the oldest files but KEPT_DAYS - 1.

        They are counted, not aged: a false date far ahead costs one day and not the whole log.
        """
        for path in sorted(self._folder.glob("????-??-??.csv"))[: 1 - KEPT_DAYS]:
            path.unlink(missing_ok=True)


def _append(path: Path, line: bytes) -> None:
    """Add a line to a file that begins with the names of the columns; a torn end is cut off."""
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_LINE))
        tail = file.read()
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:
            file.truncate(size - torn)
        if size == torn:
            file.write(",".join(COLUMNS).encode() + b"\n")
        file.write(line)


def read_history(folder: Path, since_utc_s: int) -> list[HistoryRow]:
    """Read the rows from `since_utc_s` (POSIX seconds) on, oldest first; none is no error."""
    first = Utc(max(0, since_utc_s) * 1_000_000).isoformat()[:10]
    found: list[HistoryRow] = []
    for path in sorted(folder.glob("????-??-??.csv")):
        if path.stem >= first:
            found += [row for row in _rows(path) if row.utc_s >= since_utc_s]
    return found


def _rows(path: Path) -> Iterator[HistoryRow]:
    with path.open("r", encoding="ascii", errors="replace", newline="") as file:
        for line in file:
            values = line.removesuffix("\n").split(",")
            if line.endswith("\n") and len(line) <= _LONGEST_LINE and len(values) == len(COLUMNS):
                row = _row(dict(zip(COLUMNS, values, strict=True)))
                if row is not None:
                    yield row


def _row(fields: Mapping[str, str]) -> HistoryRow | None:
    try:
        tai_s = int(fields["tai_s"])
        stamp = fields["utc"].encode()
        utc = Utc.parse_generalized_time(stamp[:19].translate(None, b"-:T") + b"Z")
        return HistoryRow(
            utc_s=utc.posix_us // 1_000_000,
            tai_s=tai_s,
            state=ClockState[fields["state"]],
            cause=fields["cause"],
            provenance=Provenance[fields["provenance"]],
            offset_ns=_number(fields["offset_ns"]),
            fresh_offset_ns=_number(fields["fresh_offset_ns"]),
            bound_ns=int(fields["bound_ns"]),
            rate_e12=int(fields["rate_e12"]),
            temperature_mk=_number(fields["temperature_mk"]),
            agreeing=tuple(fields["agreeing"].split()),
            alarms=tuple(fields["alarms"].split()),
        )
    except (KeyError, ValueError, Malformed):
        return None


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _number(text: str) -> int | None:
    return int(text) if text else None
