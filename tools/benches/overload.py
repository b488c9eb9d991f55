"""`bench overload`: what is left of the capacity when three times as much is asked.

The load is open: it asks at its rate whatever comes back, on as many connections as that takes, for
the key whose signatures are slowest.  On a machine that the client shares, asking and refusing take
cores from the signer: `cores_overloaded` says how many.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from appliance.asn1.tsp import PKIStatus, decode_response
from appliance.crypto.engine import choose_engine
from appliance.errors import Malformed
from benches.box import running_box
from benches.figures import NS_PER_MS, Report, note, percentile
from benches.load import Exchange, Run
from benches.processes import cpu_s_by_role, pss_kib_by_role
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
PRESSED_CONNECTIONS = 512
"""Enough to keep two full batches at the signer and another two in the making."""
WARM_UP_S = 1.0

SETTINGS = (
    f"[limits]\nconnections = {2 * CONNECTIONS}\nconnections_per_source = {2 * CONNECTIONS}\n"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of six runs")
    parser.add_argument("--times", type=float, default=TIMES, help="of the capacity to ask for")


def run(chosen: argparse.Namespace) -> Report:
    """Press and overload in turns; refusals are no faults, but lost queries are."""
    queries = make_queries(1 << 14, PROFILE_HASHES[PROFILE])
    pressed: list[Run] = []
    overloaded: list[Run] = []
    asked_per_s: list[float] = []
    cores: list[tuple[dict[str, float], dict[str, float]]] = []
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        note("starting a demo box")
        with running_box(Path(folder), settings=SETTINGS) as box:
            target = target_of(box, HTTP)
            trust = target.trust(choose_engine().engine)
            memory = [pss_kib_by_role(box.ready.pids)]
            with (
                make_load(target, PROFILE, queries, depth=1) as pressing,
                make_load(target, PROFILE, queries, depth=1) as flooding,
            ):
                pressing.connect(*target.address, PRESSED_CONNECTIONS)
                flooding.connect(*target.address, CONNECTIONS)
                pressing.press(WARM_UP_S)
                for number in range(SLICES):
                    note(f"slice {number + 1} of {SLICES}")
                    spent = [cpu_s_by_role(target.pids)]
                    pressed.append(pressing.press(chosen.seconds))
                    spent.append(cpu_s_by_role(target.pids))
                    asked_per_s.append(chosen.times * pressed[-1].per_s)
                    overloaded.append(flooding.pace(asked_per_s[-1], chosen.seconds))
                    spent.append(cpu_s_by_role(target.pids))
                    cores.append(
                        (_cores(spent[:2], pressed[-1]), _cores(spent[1:], overloaded[-1]))
                    )
                    memory.append(pss_kib_by_role(box.ready.pids))
    judge = Judge(queries, HTTP.body, trust, epoch_us=epoch_us())
    granted = [_granted(one.exchanges) for one in overloaded]
    judgement = judge.judge([exchange for some in granted for exchange in some])
    capacity = statistics.median(one.per_s for one in pressed)
    goodput = statistics.median(
        len(some) / one.seconds for some, one in zip(granted, overloaded, strict=True)
    )
    return {
        "bench": "overload",
        "profile": PROFILE,
        "capacity_per_s": round(capacity),
        "asked_per_s": round(statistics.median(asked_per_s)),
        "answered_per_s": round(
            sum(len(one.exchanges) for one in overloaded) / _seconds(overloaded)
        ),
        "goodput_per_s": round(goodput),
        "goodput_ratio": round(goodput / capacity, 3),
        "cores_pressed": cores[-1][0],
        "cores_overloaded": cores[-1][1],
        "granted_p50_ms": _latency_ms(granted, 0.5),
        "granted_p99_ms": _latency_ms(granted, 0.99),
        "pss_mib": [_mib(kib) for kib in memory],
        "lost": sum(one.lost for one in overloaded),
        "faults": judgement.faults,
        "machine": machine(),
    }


def _cores(spent: list[dict[str, float]], one: Run) -> dict[str, float]:
    """Reckon how many cores each role and the client kept busy in a run."""
    before, after = spent
    cpu_s = {role: after[role] - before[role] for role in after} | {"client": one.client_cpu_s}
    return {role: round(seconds / one.seconds, 2) for role, seconds in cpu_s.items()}


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
