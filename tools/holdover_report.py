"""Tells how an oscillator holds time without satellites, by the product's own discipline.

Without --log or --truth everything is simulated, and labelled so.  Standard output is the report
alone; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from benches.figures import Report, note
from holdover import figures, series, trials
from holdover.replay import DAY_S, Minute, Outcome, replay

from appliance.errors import Malformed
from appliance.timing.holdover.bank import OscillatorClass
from drivers.simulated.truth import Grade

PROGRESS_EACH_S = 10.0
ADEV_RUNS = 4
DEFAULT_RUNS = 100
DEFAULT_LOCK_DAYS = 5.0

Task = TypeVar("Task")
Result = TypeVar("Result")


def make_parser() -> argparse.ArgumentParser:
    """Make the command line."""
    parser = argparse.ArgumentParser(prog="holdover_report", description=__doc__)
    parser.add_argument("--grade", choices=[one.value for one in Grade], default="typical")
    parser.add_argument("--runs", type=_count, default=DEFAULT_RUNS)
    parser.add_argument("--seed", type=int, default=1, help="the first run's; others follow")
    parser.add_argument("--lock-days", type=_days, default=DEFAULT_LOCK_DAYS, metavar="D")
    parser.add_argument(
        "--class",
        dest="prior",
        choices=[one.name.lower() for one in OscillatorClass],
        default="typical",
        help="what the discipline is told of the oscillator (default: typical, whatever it is)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--log", type=Path, nargs="+", help="logs of a board's OCTIC, OCSTA lines")
    kinds.add_argument(
        "--truth", type=Path, nargs="+", help="truth series, .npz or .csv, a unit each"
    )
    stresses = "; ".join(f"{name}: {text}" for name, text in trials.STRESSES.items())
    kinds.add_argument("--stress", choices=trials.STRESSES, help=stresses)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Make the report.  The exit code is 3 when a file cannot be read."""
    chosen = make_parser().parse_args(arguments)
    try:
        report = _recorded(chosen) if chosen.log or chosen.truth else _simulated(chosen)
    except (Malformed, OSError) as error:
        print(f"holdover_report: {error}", file=sys.stderr)
        return 3
    print(json.dumps(report, indent=2) if chosen.json else figures.table_of(report))
    return 0


def _simulated(chosen: argparse.Namespace) -> Report:
    tasks = _trials(chosen)
    outcomes = in_parallel(trials.run_trial, tasks, "runs")
    adevs = in_parallel(trials.adev_1s, tasks[:ADEV_RUNS], "ADEV runs")
    what = f"{chosen.grade}, {chosen.lock_days:g} days' lock, then 72 h without satellites"
    return {
        **_head(chosen, f"{what}, stress: {chosen.stress}" if chosen.stress else what),
        "runs": len(outcomes),
        "lock_days": chosen.lock_days,
        **figures.report_of(outcomes),
        "adev_1s": sum(adevs) / len(adevs),
        "stress": chosen.stress,
    }


def _recorded(chosen: argparse.Namespace) -> Report:
    paths: list[Path] = chosen.truth or chosen.log
    read = series.read_truth if chosen.truth else series.read_log
    units = [series.take_satellites(read(path), chosen.lock_days) for path in paths]
    prior = OscillatorClass[chosen.prior.upper()]
    outcomes: list[Outcome] = in_parallel(_replay, [(unit, prior) for unit in units], "units")
    locks = sorted(_lock_days(unit) for unit in units)
    kind = "truth series of unknown origin" if chosen.truth else "comparator log"
    return {
        **_head(chosen, ", ".join(path.name for path in paths)),
        "provenance": kind,
        "runs": len(outcomes),
        "lock_days": round(locks[len(locks) // 2], 3),
        **figures.report_of(outcomes),
        "adev_1s": None,
        "stress": None,
    }


def _replay(task: tuple[list[Minute], OscillatorClass]) -> Outcome:
    return replay(*task)


def _lock_days(unit: list[Minute]) -> float:
    """Tell how much of a unit was measured."""
    step_s = (unit[-1].t_s - unit[0].t_s) / (len(unit) - 1)
    return sum(one.measured_s is not None for one in unit) * step_s / DAY_S


def _head(chosen: argparse.Namespace, subject: str) -> Report:
    return {
        "subject": subject,
        "grade": chosen.grade,
        "class": chosen.prior,
        "seed": chosen.seed,
        "provenance": "simulated",
    }


def _trials(chosen: argparse.Namespace) -> list[trials.Trial]:
    return [
        trials.Trial(
            grade=Grade(chosen.grade),
            seed=seed,
            lock_days=chosen.lock_days,
            prior=OscillatorClass[chosen.prior.upper()],
            stress=chosen.stress,
        )
        for seed in range(chosen.seed, chosen.seed + chosen.runs)
    ]


def in_parallel(work: Callable[[Task], Result], tasks: Sequence[Task], what: str) -> list[Result]:
    """Do the tasks over the cores, in order, telling of it now and then."""
    cores = min(len(os.sched_getaffinity(0)), len(tasks))
    if cores <= 1:
        return _gather(map(work, tasks), len(tasks), what)
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        return _gather(pool.imap(work, tasks), len(tasks), what)


def _gather(results: Iterable[Result], total: int, what: str) -> list[Result]:
    gathered = []
    told_s = time.monotonic()
    for result in results:
        gathered.append(result)
        if time.monotonic() - told_s >= PROGRESS_EACH_S:
            told_s = time.monotonic()
            note(f"{len(gathered)} of {total} {what}")
    return gathered


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _days(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 3650.0:
        raise argparse.ArgumentTypeError("more than 0")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
