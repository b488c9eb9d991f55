"""`bench tsp`: timestamps a second, how long one takes, and what each costs every role."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.engine import choose_engine
from appliance.errors import Refused
from appliance.tsp.verifying.verification import Trust
from benches.box import Box, running_box
from benches.figures import NS_PER_MS, Report, note, percentile
from benches.load import Exchange, Load, Run, join_runs
from benches.processes import Pids, cpu_s_by_role, machine_busy_s
from benches.queries import DEFAULT_PROFILE, PROFILE_HASHES, make_queries
from benches.references import (
    OPENSSL_NAMES,
    Reference,
    engine_sign_verify_per_s,
    machine,
    openssl_sign_per_s,
)
from benches.replies import Judge, Judgement, epoch_us
from benches.transports import HTTP, TCP, TRANSPORTS, Transport

WARM_UP_S = 1.0
SLICES = 4
PACED_S = 3.0
PACED_SHARE = 0.7
"""The share of the greatest rate at which latency is held to a bound."""

QUERIES = 1 << 16
"""Distinct queries; a run that needs more takes them again, each 65,536 queries later."""

_SM2_PROFILES = ("sm2", "gmt")
_US_PER_S = 1_000_000
_ALL = "all"
_PORTS = {"http": 80, "tcp": 318}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    for name, transport in TRANSPORTS.items():
        parser.add_argument(
            f"--{name}",
            dest="transport",
            action="store_const",
            const=transport,
            default=HTTP,
            help=f"by default {transport.connections} connections of depth {transport.depth}",
        )
    parser.add_argument("--profile", choices=PROFILE_HASHES, default=DEFAULT_PROFILE)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--depth", type=int, help="queries under way on a connection")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--fronts", type=int, default=0, help="front processes of the demo box")
    parser.add_argument(
        "--url", help="http://HOST:PORT/tsa or tcp://HOST:PORT to ask, instead of a demo box"
    )
    parser.add_argument(
        "--ca", type=Path, help="roots (PEM) for --url; without, no signature is verified"
    )


@attrs.frozen
class Target:
    """A server to load: how it is reached, its roots if known, its processes if ours.

    `url` is http://HOST:PORT/PATH without the profile, or tcp://HOST:PORT.
    """

    transport: Transport
    url: str
    roots: Path | None
    pids: Pids

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[self.transport.name]

    def trust(self, engine: Sm2Engine) -> Trust | None:
        """Trust the roots, if there are any."""
        if self.roots is None:
            return None
        blocks = pem.read_all(self.roots.read_bytes(), "CERTIFICATE")
        return Trust.under(engine, [decode_certificate(block) for block in blocks])


@contextlib.contextmanager
def demo_target(
    transport: Transport, environment: Mapping[str, str] | None = None, *, fronts: int = 0
) -> Iterator[Target]:
    """Start a demo box on a temporary state folder, and stop it in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder,
        running_box(Path(folder), environment, fronts=fronts) as box,
    ):
        yield target_of(box, transport)


def target_of(box: Box, transport: Transport) -> Target:
    """Give a box of ours as a target."""
    url = box.ready.tsp_http if transport is HTTP else f"tcp://{box.ready.tsp_tcp}"
    return Target(transport, url, Path(box.ready.ca_cert), box.ready.pids)


def make_load(
    target: Target, profile: str, queries: Sequence[bytes], depth: int | None = None
) -> Load:
    """Make the load for a profile of a target; it has no connections yet."""
    transport = target.transport
    octets = [transport.wrap(query, url=target.url, profile=profile) for query in queries]
    return Load(octets, transport.split, depth=depth or transport.depth)


@attrs.frozen
class Measured:
    """The runs, the CPU seconds spent on the slices, and the references between these.

    `cpu_s` is by role; `others_cpu_s` is what everything else on the machine used meanwhile.
    """

    slices: list[Run]
    paced: Run
    paced_per_s: float
    cpu_s: Mapping[str, float]
    others_cpu_s: float
    openssl: Reference
    engine: Reference

    @property
    def pressed(self) -> Run:
        """All slices as one."""
        return join_runs(self.slices)

    @property
    def exchanges(self) -> list[Exchange]:
        """All there were, the warm-up left out."""
        return [*self.pressed.exchanges, *self.paced.exchanges]


def run(chosen: argparse.Namespace) -> Report:
    """Load the TSA; `faults` is empty when every reply was a token without fault."""
    transport: Transport = chosen.transport
    if transport is TCP and chosen.profile != DEFAULT_PROFILE:
        raise Refused(f"the TCP transport serves the default profile, {DEFAULT_PROFILE}, alone")
    engine = choose_engine().engine
    queries = make_queries(QUERIES, PROFILE_HASHES[chosen.profile])
    with contextlib.ExitStack() as stack:
        if chosen.url:
            target = Target(transport, chosen.url, chosen.ca, {})
        else:
            note("starting a demo box")
            target = stack.enter_context(demo_target(transport, fronts=chosen.fronts))
        trust = target.trust(engine)
        measured = _measure(target, queries, engine, chosen)
    note(f"judging {len(measured.exchanges)} replies")
    judge = Judge(queries, transport.body, trust, epoch_us=epoch_us())
    judgement = judge.judge(measured.exchanges)
    return {
        "bench": "tsp",
        "transport": transport.name,
        "profile": chosen.profile,
        "connections": chosen.connections or transport.connections,
        "depth": chosen.depth or transport.depth,
        "distinct_queries": QUERIES,
        "engine": engine.name,
        **_speed(measured, judgement, is_sm2=chosen.profile in _SM2_PROFILES),
        **_latencies(measured.pressed),
        "at_70_percent": {
            "asked_per_s": round(measured.paced_per_s),
            "answered_per_s": round(measured.paced.per_s),
            **_latencies(measured.paced),
        },
        **_costs(measured),
        **_worth(measured, judgement),
        "machine": machine(),
    }


def _measure(
    target: Target, queries: Sequence[bytes], engine: Sm2Engine, chosen: argparse.Namespace
) -> Measured:
    openssl = Reference(lambda: openssl_sign_per_s(OPENSSL_NAMES[chosen.profile]))
    own = Reference(lambda: engine_sign_verify_per_s(engine))
    connections = chosen.connections or target.transport.connections
    slices: list[Run] = []
    cpu_s: defaultdict[str, float] = defaultdict(float)
    with make_load(target, chosen.profile, queries, chosen.depth) as load:
        load.connect(*target.address, connections)
        note(f"{chosen.seconds:g} s of load on {connections} connections, references between")
        load.press(WARM_UP_S)
        for _ in range(SLICES):
            openssl.take()
            own.take()
            before = _cpu_s(target.pids)
            slices.append(load.press(chosen.seconds / SLICES))
            for role, spent in _cpu_s(target.pids).items():
                cpu_s[role] += spent - before[role]
        openssl.take()
        own.take()
        paced_per_s = max(1.0, PACED_SHARE * join_runs(slices).per_s)
        note(f"{PACED_S:g} s at {paced_per_s:.0f} a second")
        paced = load.pace(paced_per_s, PACED_S)
    cpu_s["client"] = join_runs(slices).client_cpu_s
    busy_s = cpu_s.pop(_ALL)
    others_cpu_s = busy_s - sum(cpu_s.values())
    return Measured(slices, paced, paced_per_s, cpu_s, others_cpu_s, openssl, own)


def _cpu_s(pids: Pids) -> dict[str, float]:
    return {**cpu_s_by_role(pids), _ALL: machine_busy_s()}


def _speed(measured: Measured, judgement: Judgement, *, is_sm2: bool) -> Report:
    """Reckon the rate; any fault counts against it.  Our own engine is a match for SM2 alone."""
    pressed = measured.pressed
    share = 1 - sum(judgement.faults.values()) / max(1, len(pressed.exchanges))
    rates = [run.per_s * share for run in measured.slices]
    return {
        "tokens_per_s": round(pressed.per_s * share),
        "ratio": round(measured.openssl.ratio(rates), 2),
        "openssl_sign_per_s": round(measured.openssl.per_s),
        "engine_ratio": round(measured.engine.ratio(rates), 3) if is_sm2 else None,
        "engine_sign_verify_per_s": round(measured.engine.per_s),
        "slices_per_s": [round(rate) for rate in rates],
        "seconds": round(pressed.seconds, 3),
    }


def _latencies(run: Run) -> Report:
    taken_ns = sorted(exchange.received_ns - exchange.sent_ns for exchange in run.exchanges)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99} if taken_ns else {}
    return {
        name: round(percentile(taken_ns, share) / NS_PER_MS, 3) for name, share in shares.items()
    }


def _costs(measured: Measured) -> Report:
    """Reckon CPU by token; `others_cores` above a few hundredths says the machine was not ours."""
    pressed = measured.pressed
    scale = _US_PER_S / max(1, len(pressed.exchanges))
    cpu_us = {role: round(spent * scale, 2) for role, spent in measured.cpu_s.items()}
    return {
        "cpu_us_per_token": cpu_us,
        "client_cpu_us_per_token": cpu_us["client"],
        "others_cores": round(max(0.0, measured.others_cpu_s) / pressed.seconds, 2),
    }


def _worth(measured: Measured, judgement: Judgement) -> Report:
    """Say what the replies of both runs were worth."""
    lost = measured.pressed.lost + measured.paced.lost
    return {
        "tokens": judgement.tokens,
        "verified_signatures": judgement.verified,
        "rejected": judgement.rejected,
        "errors": lost + sum(judgement.faults.values()) - judgement.rejected,
        "lost": lost,
        "faults": judgement.faults,
    }
