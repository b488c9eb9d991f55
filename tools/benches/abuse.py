"""`bench abuse`: what a good client notices while others attack at a steady pace."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from appliance.crypto.engine import choose_engine
from benches.attack import attacking
from benches.box import Box, running_box
from benches.figures import NS_PER_MS, Report, note, percentile
from benches.load import Exchange, Run
from benches.processes import descriptors_by_role, pss_kib_by_role
from benches.queries import DEFAULT_PROFILE, PROFILE_HASHES, make_queries
from benches.references import machine
from benches.replies import Judge, epoch_us
from benches.transports import HTTP
from benches.tsp import make_load, target_of

ROUNDS = 3
PER_S = 500.0
CONNECTIONS = 8
SETTLE_S = 1.0
_QUERIES = 1 << 14


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--seconds", type=float, default=4.0, help="of each of six runs")
    parser.add_argument("--per-s", type=float, default=PER_S, help="requests of the good client")


def run(chosen: argparse.Namespace) -> Report:
    """Measure in turns in peace and under attack; `faults` is empty when every reply was sound."""
    queries = make_queries(_QUERIES, PROFILE_HASHES[DEFAULT_PROFILE])
    peace: list[Run] = []
    siege: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        note("starting a demo box")
        with running_box(Path(folder)) as box:
            target = target_of(box, HTTP)
            trust = target.trust(choose_engine().engine)
            with make_load(target, DEFAULT_PROFILE, queries, depth=1) as load:
                load.connect(*target.address, CONNECTIONS)
                load.pace(chosen.per_s, SETTLE_S)
                before = pss_kib_by_role(box.ready.pids)
                for number in range(ROUNDS):
                    note(f"round {number + 1} of {ROUNDS}")
                    peace.append(load.pace(chosen.per_s, chosen.seconds))
                    with attacking(*target.address, _tcp_port(box)):
                        siege.append(load.pace(chosen.per_s, chosen.seconds))
                load.pace(chosen.per_s, SETTLE_S)
                after = pss_kib_by_role(box.ready.pids)
            descriptors = descriptors_by_role(box.ready.pids)
    exchanges = [exchange for one in (*peace, *siege) for exchange in one.exchanges]
    note(f"judging {len(exchanges)} replies")
    judgement = Judge(queries, HTTP.body, trust, epoch_us=epoch_us()).judge(exchanges)
    base, under_attack = _p99_ms(peace), _p99_ms(siege)
    return {
        "bench": "abuse",
        "asked_per_s": chosen.per_s,
        "p99_ms_in_peace": base,
        "p99_ms_under_attack": under_attack,
        "ratio": round(under_attack / base, 2),
        "slowest_ms_under_attack": round(max(map(_slowest_ms, siege)), 1),
        "tokens": judgement.tokens,
        "lost": sum(one.lost for one in (*peace, *siege)),
        "faults": judgement.faults,
        "pss_mib_before": _mib(before),
        "pss_mib_after": _mib(after),
        "descriptors_after": descriptors,
        "machine": machine(),
    }


def _tcp_port(box: Box) -> int:
    return int(box.ready.tsp_tcp.rpartition(":")[2])


def _taken_ms(exchange: Exchange) -> float:
    return (exchange.received_ns - exchange.sent_ns) / NS_PER_MS


def _p99_ms(runs: list[Run]) -> float:
    """Give the median of the runs' own."""
    found = [percentile(sorted(map(_taken_ms, one.exchanges)), 0.99) for one in runs]
    return round(statistics.median(found), 3)


def _slowest_ms(one: Run) -> float:
    return max(map(_taken_ms, one.exchanges))


def _mib(by_role: dict[str, int | None]) -> dict[str, float | None]:
    return {role: None if kib is None else round(kib / 1024, 1) for role, kib in by_role.items()}
