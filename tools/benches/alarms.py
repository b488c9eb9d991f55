"""`bench alarms`: false alarms of clean units, and how soon feigned satellites are found out.

Units are simulated at steps of a minute, through the product's own discipline.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from kit.units import DAY_MINUTES, MINUTE_S, Unit

from benches.figures import Report, note
from drivers.simulated.truth import Grade

UNIT_DAYS = 10
LOCK_DAYS = 5
YEAR_DAYS = 365.25
SPOOFED_UNITS = 6
RAMPS = (1e-7, 1e-8, 1e-9, 3e-10, 1e-10, 3e-11)
STEPS_S = (200e-9, -200e-9)
MOST_MINUTES = DAY_MINUTES
NOTE_EVERY_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    grades = [grade.value for grade in Grade]
    parser.add_argument("--unit-years", type=float, default=1.0, help="clean exposure in all")
    parser.add_argument("--grade", choices=grades, default="typical", help="of the oscillators")
    parser.add_argument("--seed", type=int, default=1, help="of the first unit")


def run(chosen: argparse.Namespace) -> Report:
    """Watch clean units for as long as asked, then feign satellites to a few."""
    grade = Grade(chosen.grade)
    count = max(1, round(chosen.unit_years * YEAR_DAYS / UNIT_DAYS))
    seeds = range(chosen.seed, chosen.seed + count)
    begun = time.monotonic()
    with multiprocessing.get_context("spawn").Pool() as pool:
        clean = _gather(pool.imap_unordered(_watch, [(grade, seed) for seed in seeds]), count)
        spoofed = pool.map(_spoof, [(grade, seed) for seed in seeds[:SPOOFED_UNITS]])
    unit_days = count * UNIT_DAYS
    alarms = [alarm for unit in clean for alarm in unit]
    return {
        "bench": "alarms",
        "provenance": "simulated",
        "grade": grade.value,
        "unit_days": unit_days,
        "false_alarms": len(alarms),
        "false_alarms_a_unit_year": round(len(alarms) * YEAR_DAYS / unit_days, 3),
        "false_alarms_by_evidence": Counter(evidence for evidence, _, _ in alarms),
        "false_alarms_at": [{"seed": seed, "minute": minute} for _, seed, minute in alarms],
        "feigned": _table(spoofed),
        "wall_s": round(time.monotonic() - begun, 1),
        "faults": [f"{len(alarms)} false alarms"] if alarms else [],
    }


@attrs.frozen
class _Found:
    """When a feigned `ramp` (seconds a second) and `step_s` were found out, None if never."""

    ramp: float
    step_s: float
    minutes: int | None

    @property
    def induced_us(self) -> float | None:
        """Tell how far the satellites had gone by then."""
        if self.minutes is None:
            return None
        return (abs(self.step_s) + self.ramp * self.minutes * MINUTE_S) * 1e6


FalseAlarm = tuple[str, int, int]
"""Evidence, seed and minute."""


def _watch(asked: tuple[Grade, int]) -> list[FalseAlarm]:
    """List the alarms of one clean unit."""
    unit = Unit(*asked)
    alarms = []
    for _ in range(UNIT_DAYS * DAY_MINUTES):
        if alarm := unit.minute():
            alarms.append((alarm.evidence.value, asked[1], unit.minutes))
            unit.discipline.accept()
    return alarms


def _spoof(asked: tuple[Grade, int]) -> list[_Found]:
    """Feign each ramp and step to one unit after its days of lock."""
    locked = Unit(*asked)
    for _ in range(LOCK_DAYS * DAY_MINUTES):
        if locked.minute():
            locked.discipline.accept()
    found = []
    for ramp, step_s in [*((ramp, 0.0) for ramp in RAMPS), *((0.0, step_s) for step_s in STEPS_S)]:
        unit = copy.deepcopy(locked)
        minutes = unit.minutes_until_alarm(ramp, step_s, most=MOST_MINUTES)
        found.append(_Found(ramp, step_s, minutes))
    return found


def _table(spoofed: list[list[_Found]]) -> list[Report]:
    """Sum up over the units, a row for each ramp and step."""
    rows: list[Report] = []
    for one in zip(*spoofed, strict=True):
        minutes = sorted(each.minutes for each in one if each.minutes is not None)
        induced_us = [each.induced_us for each in one if each.induced_us is not None]
        rows.append(
            {
                "ramp_s_per_s": one[0].ramp,
                "step_ns": round(one[0].step_s * 1e9),
                "units": len(one),
                "unseen_in_24_h": len(one) - len(minutes),
                "minutes_median": statistics.median(minutes) if minutes else None,
                "minutes_max": minutes[-1] if minutes else None,
                "induced_us_median": round(statistics.median(induced_us), 3) if minutes else None,
                "induced_us_max": round(max(induced_us), 3) if minutes else None,
            }
        )
    return rows


def _gather(results: Iterable[list[FalseAlarm]], count: int) -> list[list[FalseAlarm]]:
    """Collect what the units give, and tell now and then how far it is."""
    gathered = []
    told = time.monotonic()
    for unit in results:
        gathered.append(unit)
        if time.monotonic() - told > NOTE_EVERY_S:
            told = time.monotonic()
            note(f"{len(gathered)} of {count} units, {sum(map(len, gathered))} false alarms")
    return gathered
