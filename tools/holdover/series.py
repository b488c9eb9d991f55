"""Oscillators brought from elsewhere: a truth series (npz or csv), or a comparator board's log.

A truth series has evenly spaced rows of `t_s`, `x_s` (true phase of the oscillator), `ref_s` (its
measured phase, NaN without satellites) and `temp_k`.  Rows closer than a minute are averaged to
minutes; the true phase may be missing in a log, where what was measured stands for it.
"""

from __future__ import annotations

import array
import csv
import itertools
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from appliance.errors import Malformed
from drivers.api import Garbled
from drivers.oscillator.ocb import Status, Tic, decode_line
from holdover.replay import DAY_S, HOUR_S, Minute

MINUTE_S = 60.0
LEAST_ROWS = 100
UNEVEN_SHARE = 0.01
MOST = 0.9
S_PER_PS = 1e-12
NEEDED = ("t_s", "x_s", "ref_s")
WANTED = (*NEEDED, "temp_k")

Columns = Mapping[str, Sequence[float]]


def read_truth(path: Path) -> list[Minute]:
    """Read a truth series by its suffix, .npz or .csv.  Raises Malformed, OSError."""
    columns = _read_npz(path) if path.suffix == ".npz" else _read_csv(path)
    return minutes_of(columns)


def read_log(path: Path) -> list[Minute]:
    """Read the OCTIC and OCSTA lines of a log; others are passed over.  Raises Malformed."""
    with path.open("rb") as lines:
        return minutes_of(columns_of_log(lines))


def minutes_of(columns: Columns) -> list[Minute]:
    """Make minutes, or longer steps, of evenly spaced rows.  Raises Malformed."""
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise Malformed(f"no column {', '.join(missing)}")
    times_s = columns["t_s"]
    spacing_s = _spacing(times_s)
    temps_k = columns.get("temp_k") or [math.nan] * len(times_s)
    if any(len(column) != len(times_s) for column in (*columns.values(), temps_k)):
        raise Malformed("columns of unlike lengths")
    group = max(1, round(MINUTE_S / spacing_s))
    return [
        _mean_minute(
            times_s[start : start + group],
            columns["x_s"][start : start + group],
            columns["ref_s"][start : start + group],
            temps_k[start : start + group],
        )
        for start in range(0, len(times_s) - group + 1, group)
    ]


def take_satellites(minutes: list[Minute], lock_days: float) -> list[Minute]:
    """Blind the series after days of lock, unless it has an hour without satellites itself."""
    if longest_gap_s(minutes) >= HOUR_S:
        return minutes
    gone_s = minutes[0].t_s + lock_days * DAY_S
    return [
        Minute(one.t_s, one.truth_s, None if one.t_s > gone_s else one.measured_s, one.temp_k)
        for one in minutes
        if one.t_s <= gone_s + 3 * DAY_S
    ]


def longest_gap_s(minutes: Iterable[Minute]) -> float:
    """Give the longest time without a measurement."""
    longest_s = 0.0
    seen_s: float | None = None
    for one in minutes:
        if seen_s is None or one.measured_s is not None:
            seen_s = one.t_s
        longest_s = max(longest_s, one.t_s - seen_s)
    return longest_s


def columns_of_log(lines: Iterable[bytes]) -> Columns:
    """Make columns of a board's lines: seconds without a line or a pulse are NaN.

    The axis is the board's own count of pulses.  Raises Malformed when no line has a phase.
    """
    phases: dict[int, float] = {}
    temps: dict[int, float] = {}
    for line in lines:
        said = _decode(line)
        if isinstance(said, Tic):
            interval_ps = _first(said.gps_ps, said.beidou_ps, said.external_ps)
            if interval_ps is not None:
                phases[said.sequence] = interval_ps * S_PER_PS
        elif isinstance(said, Status):
            temps[said.sequence] = said.case_mk / 1000.0
    if not phases:
        raise Malformed("no OCTIC line with a phase")
    seconds = range(min(phases), max(phases) + 1)
    measured = [phases.get(second, math.nan) for second in seconds]
    return {
        "t_s": [float(second) for second in seconds],
        "x_s": measured,
        "ref_s": measured,
        "temp_k": [temps.get(second, math.nan) for second in seconds],
    }


def _decode(line: bytes) -> object:
    start = line.find(b"$OC")
    if start < 0:
        return None
    try:
        return decode_line(line[start:].strip())
    except Garbled:
        return None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _read_npz(path: Path) -> Columns:
    try:
        import numpy as np  # noqa: PLC0415  (only the tests' environment has it)
    except ImportError:
        raise Malformed("reading npz needs numpy, which is not installed; csv works") from None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {
                name: array.array("d", np.asarray(stored[name], dtype=float).ravel())
                for name in WANTED
                if name in stored
            }
    except (ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise Malformed(f"not an npz of numbers: {error}") from None


def _read_csv(path: Path) -> Columns:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        return columns_of_csv(file)


def columns_of_csv(lines: Iterable[str]) -> Columns:
    """Read named columns; an empty field is NaN.  Raises Malformed."""
    try:
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]
        places = {name: header.index(name) for name in WANTED if name in header}
        columns = {name: array.array("d") for name in places}
        for row in reader:
            if row:
                for name, place in places.items():
                    columns[name].append(float(row[place].strip() or "nan"))
    except (csv.Error, ValueError, IndexError) as error:
        raise Malformed(f"not a csv of numbers: {error}") from None
    return columns


def _spacing(times_s: Sequence[float]) -> float:
    if len(times_s) < LEAST_ROWS:
        raise Malformed(f"fewer than {LEAST_ROWS} rows")
    spacing_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
    if not 0.0 < spacing_s <= HOUR_S:
        raise Malformed("t_s must ascend, by an hour a row at most")
    steps_s = (later - sooner for sooner, later in itertools.pairwise(times_s))
    if any(abs(step_s - spacing_s) > UNEVEN_SHARE * spacing_s for step_s in steps_s):
        raise Malformed("t_s is not evenly spaced")
    return spacing_s


def _mean_minute(
    times_s: Sequence[float],
    truths_s: Sequence[float],
    measured_s: Sequence[float],
    temps_k: Sequence[float],
) -> Minute:
    """Average some rows; a measurement counts when most of the rows have one."""
    measured = _mean_of_most(measured_s)
    temps = [one for one in temps_k if math.isfinite(one)]
    return Minute(
        math.fsum(times_s) / len(times_s),
        _mean_of_most(truths_s),
        measured if math.isfinite(measured) else None,
        math.fsum(temps) / len(temps) if temps else None,
    )


def _mean_of_most(values: Sequence[float]) -> float:
    """Give the mean of what is known, NaN when that is not most of it."""
    known = [one for one in values if math.isfinite(one)]
    return math.fsum(known) / len(known) if len(known) >= MOST * len(values) else math.nan
