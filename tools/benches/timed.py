"""`bench timed`: what a virtual day of the time subsystem costs, whole and in its domain alone."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from kit.units import DAY_MINUTES, Unit
from kit.virtual_timed import VirtualTimed

from benches.figures import Report, note
from drivers.simulated.truth import Grade

DAY_S = 86_400
NOTE_EVERY_S = 3600


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--hours", type=float, default=24.0, help="of the whole tree")
    parser.add_argument(
        "--judged", action="store_true", help="with a signer that reads and judges twice a second"
    )
    parser.add_argument("--days", type=int, default=8, help="of the domain, in steps of a minute")


def run(chosen: argparse.Namespace) -> Report:
    """Let both run, and count CPU seconds."""
    seconds = round(chosen.hours * 3600)
    begun_s = time.process_time()
    whole = VirtualTimed()
    with ExitStack() as stack:
        if not chosen.judged:
            stack.enter_context(whole.unjudged())
        for passed_s in range(0, seconds, NOTE_EVERY_S):
            whole.go(min(NOTE_EVERY_S, seconds - passed_s))
            note(f"{whole.elapsed_s} virtual seconds, {whole.state.name}, {whole.bound_ns} ns")
    whole_s = time.process_time() - begun_s
    begun_s = time.process_time()
    unit = Unit(Grade.TYPICAL, 1)
    for _ in range(chosen.days * DAY_MINUTES):
        unit.minute()
    domain_s = time.process_time() - begun_s
    return {
        "bench": "timed",
        "provenance": "simulated",
        "whole_tree": {
            "virtual_s": seconds,
            "cpu_s": round(whole_s, 2),
            "cpu_s_a_virtual_day": round(whole_s * DAY_S / seconds, 1),
            "state": whole.state.name,
            "tokens": whole.signer.tokens,
            "is_judged": chosen.judged,
            "worst_error_ns": whole.worst_error_ns(60),
        },
        "domain": {"virtual_days": chosen.days, "cpu_s": round(domain_s, 2)},
    }
