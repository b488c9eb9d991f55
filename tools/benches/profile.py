"""`bench profile`: what the main thread of each role does with its time under load.

Under cProfile every call costs more than it does in the field, so only shares are to be read.
"""

from __future__ import annotations

import argparse
import marshal
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benches.figures import Report, note
from benches.queries import DEFAULT_PROFILE, PROFILE_HASHES, make_queries
from benches.references import machine
from benches.transports import HTTP, TRANSPORTS
from benches.tsp import QUERIES, demo_target, make_load

_US_PER_S = 1_000_000
_LEAST_US = 0.01


class Row(NamedTuple):
    """A function, its calls, and its own seconds."""

    function: str
    calls: int
    own_s: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument(
        "--profile-role", choices=("signer", "front", "timed"), help="one role only"
    )
    parser.add_argument("--transport", choices=TRANSPORTS, default=HTTP.name)
    parser.add_argument("--profile", choices=PROFILE_HASHES, default=DEFAULT_PROFILE)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--top", type=int, default=25, help="functions by own time")


def run(chosen: argparse.Namespace) -> Report:
    """Load a box whose roles profile themselves, and read what they leave when they stop."""
    transport = TRANSPORTS[chosen.transport]
    connections = chosen.connections or transport.connections
    queries = make_queries(QUERIES, PROFILE_HASHES[chosen.profile])
    with tempfile.TemporaryDirectory(prefix="shiyin-profile-") as folder:
        with demo_target(transport, {"SHIYIN_PROFILE": folder}) as target:
            note(f"{chosen.seconds:g} s of load under the profiler")
            with make_load(target, chosen.profile, queries) as load:
                load.connect(*target.address, connections)
                tokens = len(load.press(chosen.seconds).exchanges)
        rows = rows_by_role(Path(folder).glob("*.prof"))
    wanted = [chosen.profile_role] if chosen.profile_role else [*rows]
    return {
        "bench": "profile",
        "profile": chosen.profile,
        "transport": transport.name,
        "connections": connections,
        "tokens": tokens,
        "own_us_per_token": {role: _top(rows.get(role, []), tokens, chosen.top) for role in wanted},
        "machine": machine(),
    }


def rows_by_role(files: Iterable[Path]) -> dict[str, list[Row]]:
    """Read ROLE-PID.prof files, processes of one role together, most own time first."""
    calls: dict[str, Counter[str]] = defaultdict(Counter)
    own_s: dict[str, Counter[str]] = defaultdict(Counter)
    for file in files:
        role = file.name.partition("-")[0]
        # The format of cProfile: {(file, line, name): (calls, ..., own seconds, ...)}
        profile = marshal.loads(file.read_bytes())  # noqa: S302  written by our own box just now
        for (source, line, name), (_, count, own, *_) in profile.items():
            function = name if source == "~" else f"{name} ({_short(source)}:{line})"
            calls[role][function] += count
            own_s[role][function] += own
    return {
        role: [Row(function, calls[role][function], own) for function, own in found.most_common()]
        for role, found in own_s.items()
    }


def _short(source: str) -> str:
    return "/".join(Path(source).parts[-2:])


def _top(rows: list[Row], tokens: int, count: int) -> list[dict[str, object]]:
    scale = _US_PER_S / max(1, tokens)
    return [
        {
            "us": round(row.own_s * scale, 2),
            "calls": round(row.calls / max(1, tokens), 2),
            "function": row.function,
        }
        for row in rows[:count]
        if row.own_s * scale >= _LEAST_US
    ]
