"""`bench startup`: how long the box takes to be ready, and the memory it then holds."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benches.box import Box, running_box
from benches.figures import Report, note
from benches.processes import pss_kib_by_role
from benches.queries import DEFAULT_PROFILE, PROFILE_HASHES, make_queries
from benches.references import machine
from benches.transports import HTTP
from benches.tsp import make_load, target_of

STAMPS = 10_000
_SLICE_S = 0.25
_KIB_PER_MIB = 1024


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench: it has none."""
    del parser


def run(chosen: argparse.Namespace) -> Report:
    """Start a box twice on one state folder: keys are made the first time, found the second."""
    del chosen
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        state = Path(folder)
        note("first start")
        with running_box(state, time_source="simulated") as first:
            pass
        note("second start")
        with running_box(state, time_source="simulated") as second:
            at_rest = _pss_mib(second)
            stamps = _stamp(second)
            after = _pss_mib(second)
    return {
        "bench": "startup",
        "first_start_s": round(first.start_s, 3),
        "second_start_s": round(second.start_s, 3),
        "pss_mib_at_rest": at_rest,
        "pss_mib_after_stamps": after,
        "stamps": stamps,
        "machine": machine(),
    }


def _stamp(box: Box) -> int:
    """Ask for stamps until there are enough, and count them."""
    target = target_of(box, HTTP)
    queries = make_queries(STAMPS, PROFILE_HASHES[DEFAULT_PROFILE])
    stamps = 0
    note(f"{STAMPS} stamps")
    with make_load(target, DEFAULT_PROFILE, queries) as load:
        load.connect(*target.address, HTTP.connections)
        while stamps < STAMPS and (exchanges := load.press(_SLICE_S).exchanges):
            stamps += len(exchanges)
    return stamps


def _pss_mib(box: Box) -> dict[str, float | None]:
    by_role = pss_kib_by_role(box.ready.pids)
    known = [kib for kib in by_role.values() if kib is not None]
    by_role["all"] = sum(known) if len(known) == len(by_role) else None
    return {
        role: None if kib is None else round(kib / _KIB_PER_MIB, 1) for role, kib in by_role.items()
    }
