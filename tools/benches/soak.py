"""`bench soak`: whether memory or descriptors grow while a box works at a steady pace."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import attrs

from appliance.crypto.engine import choose_engine
from benches.box import running_box
from benches.figures import Report, note, slope
from benches.processes import descriptors_by_role, rss_kib_by_role
from benches.queries import DEFAULT_PROFILE, PROFILE_HASHES, make_queries
from benches.references import machine
from benches.replies import Judge, epoch_us
from benches.transports import HTTP, TCP
from benches.tsp import make_load, target_of

PER_S = 1000.0
PRESS_S = 10.0
SLICE_S = 2.0
CONNECTIONS = 16
WARM_UP_SHARE = 0.2
"""The share of the time in which caches fill; the slope is of what follows."""
_S_PER_MINUTE, _S_PER_H, _KIB_PER_MIB = 60.0, 3600.0, 1024


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--per-s", type=float, default=PER_S, help="requests over each transport")


@attrs.frozen
class Sample:
    """What every role held at an instant, in seconds from the beginning."""

    at_s: float
    rss_kib: dict[str, int]
    descriptors: dict[str, int | None]


def run(chosen: argparse.Namespace) -> Report:
    """Ask over both transports in slices, on new connections for each, and look in between."""
    queries = make_queries(1 << 14, PROFILE_HASHES[DEFAULT_PROFILE])
    samples: list[Sample] = []
    tokens = lost = 0
    faults: dict[str, int] = {}
    seconds = chosen.minutes * _S_PER_MINUTE
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        note("starting a demo box")
        with running_box(Path(folder)) as box:
            note("at full load first, so that every buffer has been as large as it gets")
            for transport in (HTTP, TCP):
                with make_load(
                    target_of(box, transport), DEFAULT_PROFILE, queries, depth=16
                ) as load:
                    load.connect(*target_of(box, transport).address, CONNECTIONS)
                    load.press(PRESS_S)
            note(f"{chosen.minutes:g} minutes at {chosen.per_s:g} a second over each transport")
            began = time.monotonic()
            while (at_s := time.monotonic() - began) < seconds:
                for transport in (HTTP, TCP):
                    target = target_of(box, transport)
                    with make_load(target, DEFAULT_PROFILE, queries, depth=16) as load:
                        load.connect(*target.address, CONNECTIONS)
                        done = load.pace(chosen.per_s, SLICE_S)
                    # A judge of each slice alone: to remember every serial would be a leak of ours.
                    judge = Judge(queries, transport.body, None, epoch_us=epoch_us())
                    judgement = judge.judge(done.exchanges)
                    tokens, lost = tokens + judgement.tokens, lost + done.lost
                    for name, count in judgement.faults.items():
                        faults[name] = faults.get(name, 0) + count
                pids = box.ready.pids
                samples.append(Sample(at_s, rss_kib_by_role(pids), descriptors_by_role(pids)))
    steady = [sample for sample in samples if sample.at_s >= WARM_UP_SHARE * seconds]
    return {
        "bench": "soak",
        "minutes": chosen.minutes,
        "engine": choose_engine().engine.name,
        "tokens": tokens,
        "samples": len(steady),
        "rss_mib_per_h": {role: _mib_per_h(steady, role) for role in steady[0].rss_kib},
        "rss_mib_first": _mib(steady[0]),
        "rss_mib_last": _mib(steady[-1]),
        "descriptors": _descriptors(steady),
        "lost": lost,
        "faults": faults,
        "machine": machine(),
    }


def _mib_per_h(samples: list[Sample], role: str) -> float:
    points = [(sample.at_s / _S_PER_H, sample.rss_kib[role] / _KIB_PER_MIB) for sample in samples]
    return round(slope(points), 2)


def _mib(sample: Sample) -> dict[str, float]:
    return {role: round(kib / _KIB_PER_MIB, 1) for role, kib in sample.rss_kib.items()}


def _descriptors(samples: list[Sample]) -> dict[str, list[int | None]]:
    """Give the different numbers that each role was seen with: one, when they are constant."""
    return {
        role: sorted({sample.descriptors[role] for sample in samples}, key=lambda n: n or 0)
        for role in samples[0].descriptors
    }
