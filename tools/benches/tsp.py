"""`bench tsp`: timestamps a second, how long one takes, and what each costs every role."""

from __future__ import annotations

import argparse
import contextlib
import functools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.engine import choose_engine
from appliance.tsp.verification import Trust
from benches.box import running_box
from benches.figures import NS_PER_MS, Report, note, percentile
from benches.load import Exchange, Load, Run, split_http
from benches.processes import Pids, cpu_s_by_role
from benches.queries import PROFILE_HASHES, http_query, make_queries
from benches.references import (
    OPENSSL_NAMES,
    Reference,
    engine_sign_verify_per_s,
    machine,
    openssl_sign_per_s,
)
from benches.replies import Judge, Judgement, http_body

WARM_UP_S = 1.0
QUERIES = 1 << 16
"""Distinct queries; a run that needs more takes them again, each 65,536 queries later."""

_SM2_PROFILES = ("sm2", "gmt")
_US_PER_S = 1_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument(
        "--http",
        dest="transport",
        action="store_const",
        const="http",
        default="http",
        help="over HTTP with connections that stay open (the default)",
    )
    parser.add_argument("--profile", choices=PROFILE_HASHES, default="sm2")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--depth", type=int, default=1, help="queries under way on a connection")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument(
        "--url", help="ask this server, e.g. http://HOST:PORT/tsa, not a box of mine"
    )
    parser.add_argument(
        "--ca", type=Path, help="roots (PEM) for --url; without, no signature is verified"
    )


@attrs.frozen
class Target:
    """A server to load: its URL without profile, its roots if known, its processes if ours."""

    url: str
    roots: Path | None
    pids: Pids

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def trust(self, engine: Sm2Engine) -> Trust | None:
        """Trust the roots, if there are any."""
        if self.roots is None:
            return None
        blocks = pem.read_all(self.roots.read_bytes(), "CERTIFICATE")
        return Trust.under(engine, [decode_certificate(block) for block in blocks])


@contextlib.contextmanager
def demo_target(environment: Mapping[str, str] | None = None) -> Iterator[Target]:
    """Start a demo box on a temporary state folder, and stop it in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder,
        running_box(Path(folder), environment) as box,
    ):
        yield Target(box.ready.tsp_http, Path(box.ready.ca_cert), box.ready.pids)


def http_load(target: Target, profile: str, queries: Sequence[bytes], *, depth: int) -> Load:
    """Make the load for a profile of a target; it has no connections yet."""
    parts = urlsplit(target.url)
    render = functools.partial(http_query, parts.netloc, f"{parts.path}/{profile}")
    return Load([render(query) for query in queries], split_http, depth=depth)


@attrs.frozen
class Measured:
    """A run, the CPU seconds each role spent on it, and the references taken before and after."""

    run: Run
    cpu_s: dict[str, float]
    openssl: Reference
    engine: Reference


def run(chosen: argparse.Namespace) -> Report:
    """Load the TSA; `faults` is empty when every reply was a token without fault."""
    engine = choose_engine().engine
    queries = make_queries(QUERIES, PROFILE_HASHES[chosen.profile])
    with contextlib.ExitStack() as stack:
        if chosen.url:
            target = Target(chosen.url, chosen.ca, {})
        else:
            note("starting a demo box")
            target = stack.enter_context(demo_target())
        trust = target.trust(engine)
        measured = _measure(target, queries, engine, chosen)
    note(f"judging {len(measured.run.exchanges)} replies")
    judgement = Judge(queries, http_body, trust).judge(measured.run.exchanges)
    return {
        "bench": "tsp",
        "transport": chosen.transport,
        "profile": chosen.profile,
        "connections": chosen.connections,
        "depth": chosen.depth,
        "distinct_queries": QUERIES,
        "engine": engine.name,
        **_figures(measured, judgement, is_sm2=chosen.profile in _SM2_PROFILES),
        "machine": machine(),
    }


def _measure(
    target: Target, queries: Sequence[bytes], engine: Sm2Engine, chosen: argparse.Namespace
) -> Measured:
    openssl = Reference(lambda: openssl_sign_per_s(OPENSSL_NAMES[chosen.profile]))
    own = Reference(lambda: engine_sign_verify_per_s(engine))
    note("measuring the references")
    openssl.take()
    own.take()
    with http_load(target, chosen.profile, queries, depth=chosen.depth) as load:
        load.connect(*target.address, chosen.connections)
        note(f"{chosen.seconds:g} s of load on {chosen.connections} connections")
        load.run(WARM_UP_S)
        before = cpu_s_by_role(target.pids)
        measured = load.run(chosen.seconds)
        after = cpu_s_by_role(target.pids)
    note("measuring the references again")
    openssl.take()
    own.take()
    cpu_s = {role: spent - before[role] for role, spent in after.items()}
    return Measured(measured, {**cpu_s, "client": measured.client_cpu_s}, openssl, own)


def _figures(measured: Measured, judgement: Judgement, *, is_sm2: bool) -> Report:
    """Reckon the figures; our own engine is a reference for SM2 alone."""
    exchanges, tokens = measured.run.exchanges, judgement.tokens
    tokens_per_s = tokens / measured.run.seconds
    openssl, own = measured.openssl.per_s, measured.engine.per_s
    cpu_us = {role: spent * _US_PER_S / max(1, tokens) for role, spent in measured.cpu_s.items()}
    return {
        "tokens_per_s": round(tokens_per_s),
        "ratio": round(tokens_per_s / openssl, 2),
        "openssl_sign_per_s": round(openssl),
        "engine_ratio": round(tokens_per_s / own, 3) if is_sm2 else None,
        "engine_sign_verify_per_s": round(own),
        **_latencies(exchanges),
        "cpu_us_per_token": {role: round(spent, 2) for role, spent in cpu_us.items()},
        "client_cpu_us_per_token": round(cpu_us["client"], 2),
        "seconds": round(measured.run.seconds, 3),
        "tokens": tokens,
        "verified_signatures": judgement.verified,
        "rejected": judgement.rejected,
        "errors": measured.run.lost + sum(judgement.faults.values()) - judgement.rejected,
        "lost": measured.run.lost,
        "faults": judgement.faults,
    }


def _latencies(exchanges: Sequence[Exchange]) -> Report:
    taken_ns = sorted(exchange.received_ns - exchange.sent_ns for exchange in exchanges)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99} if taken_ns else {}
    return {
        name: round(percentile(taken_ns, share) / NS_PER_MS, 3) for name, share in shares.items()
    }
