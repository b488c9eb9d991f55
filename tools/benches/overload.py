"""`bench overload`: what is left of the capacity when three times as much is asked.

The load is open: it asks at its rate whatever comes back, on as many connections as that takes, for
the key whose signatures are slowest.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from appliance.asn1.tsp import PKIStatus, decode_response
from appliance.crypto.engine import choose_engine
from appliance.errors import Malformed
from benches.box import running_box
from benches.figures import NS_PER_MS, Report, note, percentile
from benches.load import Exchange, Run
from benches.processes import pss_kib_by_role
from benches.queries import PROFILE_HASHES, make_queries
from benches.references import machine
from benches.replies import Judge, epoch_us
from benches.transports import HTTP
from benches.tsp import make_load, target_of

PROFILE = "rsa"
TIMES = 3.0
SLICES = 3
CONNECTIONS = 3000
"""More than may be in flight for one source, so that the load stays open."""
PRESSED_CONNECTIONS = 64
WARM_UP_S = 1.0

SETTINGS = (
    f"[limits]\nconnections = {2 * CONNECTIONS}\nconnections_per_source = {2 * CONNECTIONS}\n"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--seconds", type=float, default=4.0, help="of capacity, and of each slice")
    parser.add_argument("--times", type=float, default=TIMES, help="of the capacity to ask for")


def run(chosen: argparse.Namespace) -> Report:
    """Measure the capacity, then ask for more; refusals are no faults, but lost queries are."""
    queries = make_queries(1 << 14, PROFILE_HASHES[PROFILE])
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        note("starting a demo box")
        with running_box(Path(folder), settings=SETTINGS) as box:
            target = target_of(box, HTTP)
            trust = target.trust(choose_engine().engine)
            note("measuring the capacity")
            with make_load(target, PROFILE, queries, depth=1) as pressing:
                pressing.connect(*target.address, PRESSED_CONNECTIONS)
                pressing.press(WARM_UP_S)
                first = pressing.press(chosen.seconds)
            memory = [pss_kib_by_role(box.ready.pids)]
            asked_per_s = chosen.times * first.per_s
            with make_load(target, PROFILE, queries, depth=1) as flooding:
                flooding.connect(*target.address, CONNECTIONS)
                overloaded = []
                for number in range(SLICES):
                    note(f"asking for {asked_per_s:.0f} a second, {number + 1} of {SLICES}")
                    overloaded.append(flooding.pace(asked_per_s, chosen.seconds))
                    memory.append(pss_kib_by_role(box.ready.pids))
            note("measuring the capacity again")
            with make_load(target, PROFILE, queries, depth=1) as pressing:
                pressing.connect(*target.address, PRESSED_CONNECTIONS)
                last = pressing.press(chosen.seconds)
    judge = Judge(queries, HTTP.body, trust, epoch_us=epoch_us())
    granted = [_granted(one.exchanges) for one in overloaded]
    judgement = judge.judge([exchange for some in granted for exchange in some])
    capacity = (first.per_s + last.per_s) / 2
    goodput = judgement.tokens / sum(one.seconds for one in overloaded)
    return {
        "bench": "overload",
        "profile": PROFILE,
        "capacity_per_s": round(capacity),
        "asked_per_s": round(asked_per_s),
        "answered_per_s": round(
            sum(len(one.exchanges) for one in overloaded) / _seconds(overloaded)
        ),
        "goodput_per_s": round(goodput),
        "goodput_ratio": round(goodput / capacity, 3),
        "granted_p50_ms": _latency_ms(granted, 0.5),
        "granted_p99_ms": _latency_ms(granted, 0.99),
        "pss_mib": [_mib(kib) for kib in memory],
        "lost": sum(one.lost for one in overloaded),
        "faults": judgement.faults,
        "machine": machine(),
    }


def _granted(exchanges: list[Exchange]) -> list[Exchange]:
    """Leave out what was refused for want of room."""
    return [exchange for exchange in exchanges if _is_granted(exchange)]


def _is_granted(exchange: Exchange) -> bool:
    try:
        return decode_response(HTTP.body(exchange.reply)).status == PKIStatus.GRANTED
    except Malformed:
        return True  # for the judge to call it a fault


def _seconds(runs: list[Run]) -> float:
    return sum(one.seconds for one in runs)


def _latency_ms(granted: list[list[Exchange]], share: float) -> float:
    taken = sorted(
        (exchange.received_ns - exchange.sent_ns) / NS_PER_MS
        for some in granted
        for exchange in some
    )
    return round(percentile(taken, share), 1)


def _mib(by_role: dict[str, int | None]) -> dict[str, float | None]:
    return {role: None if kib is None else round(kib / 1024, 1) for role, kib in by_role.items()}
