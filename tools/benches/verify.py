"""`bench verify`: verifications a second, in process on every core and over HTTP.

In process, one worker a core verifies tokens of one TSA, of many in turn, and of many whose
certificates and paths were forgotten; every verification is whole.  Over HTTP, a demo box is asked
about tokens of its own.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from threading import Barrier
from urllib.parse import urlsplit

import attrs

from appliance.asn1 import oids
from appliance.asn1.tsp import decode_request, decode_response
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.engine import choose_engine
from appliance.errors import Malformed
from appliance.tsp.hashes import digest_imprint
from appliance.tsp.verifying.report import Verdict
from appliance.tsp.verifying.verification import Expected, Trust, verify_token
from benches.figures import Report, note
from benches.load import Exchange, Load
from benches.processes import cpu_s_by_role
from benches.queries import PROFILE_HASHES, make_queries
from benches.references import machine
from benches.tokens import Hierarchy, Sample
from benches.transports import HTTP, http_body, split_http
from benches.tsp import Target, demo_target, make_load

ONE_TSA, MIXED, ANEW = "one_tsa", "mixed", "mixed_chain_anew"
SIGNERS = 200
SAMPLES = 4000
_ROUND = 100
_HTTP_SAMPLES = 2000
_STAMP_S = 1.0
_CONNECTIONS = 32
_US_PER_S = 1_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--seconds", type=float, default=4.0, help="for each of the four figures")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--signers", type=int, default=SIGNERS, help="of the mixed tokens")


@attrs.frozen
class Work:
    """What one worker gets; with `is_forgetful` no certificate or path is kept for a next round."""

    root: bytes
    samples: tuple[Sample, ...]
    seconds: float
    is_forgetful: bool


@attrs.frozen
class Done:
    """What one worker did, the CPU it took, and how many tokens it did not find valid."""

    verified: int
    seconds: float
    cpu_s: float
    failed: int


def run(chosen: argparse.Namespace) -> Report:
    """Measure the four rates; `faults` counts the tokens that were not found valid."""
    engine = choose_engine().engine
    note("making tokens")
    hierarchy = Hierarchy(engine)
    tsas = [hierarchy.tsa() for _ in range(chosen.signers)]
    one = tuple(tsas[0].sample() for _ in range(SAMPLES))
    mixed = tuple(tsa.sample() for tsa, _ in zip(itertools.cycle(tsas), range(SAMPLES)))
    rates: dict[str, int] = {}
    cpu_us: dict[str, float] = {}
    faults: dict[str, int] = {}
    for name, samples in ((ONE_TSA, one), (MIXED, mixed), (ANEW, mixed)):
        note(f"{chosen.seconds:g} s in process: {name}")
        work = Work(hierarchy.root, samples, chosen.seconds, is_forgetful=name == ANEW)
        done = _in_processes(work, chosen.workers)
        rates[name] = round(sum(each.verified / each.seconds for each in done))
        cpu_us[name] = _us(sum(each.cpu_s for each in done), sum(each.verified for each in done))
        faults[name] = sum(each.failed for each in done)
    over_http = _over_http(chosen.seconds)
    faults["http"] = over_http.failed
    return {
        "bench": "verify",
        "engine": engine.name,
        "workers": chosen.workers,
        "signers": chosen.signers,
        **{f"verifications_per_s_{name}": rate for name, rate in rates.items()},
        "verifications_per_s_http": round(over_http.per_s),
        "cpu_us_per_verification": {**cpu_us, "http": over_http.cpu_us},
        "faults": {name: count for name, count in faults.items() if count},
        "machine": machine(),
    }


def _us(cpu_s: float, count: int) -> float:
    return round(cpu_s * _US_PER_S / max(1, count), 1)


# --- in process -----------------------------------------------------------------------------------


def _in_processes(work: Work, workers: int) -> list[Done]:
    """Do the same work in several processes at once, from one moment on."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        ready = manager.Barrier(workers)
        with context.Pool(workers) as pool:
            return pool.starmap(verify_for, [(work, ready)] * workers, chunksize=1)


def verify_for(work: Work, ready: Barrier) -> Done:
    """Verify in rounds of a hundred until the time is over, after having seen each token once."""
    engine = choose_engine(will_sign=False).engine
    roots = [decode_certificate(work.root)]
    trust = Trust.under(engine, roots)
    expected = [Expected(digest_imprint(oids.SM3, each.imprint)) for each in work.samples]
    pairs = [(each.token, wanted) for each, wanted in zip(work.samples, expected, strict=True)]
    rounds = itertools.cycle([pairs[at : at + _ROUND] for at in range(0, len(pairs), _ROUND)])
    for token, wanted in pairs:
        verify_token(token, wanted, trust)
    ready.wait()
    verified = failed = 0
    cpu_s, began = time.process_time(), time.perf_counter()
    while (took_s := time.perf_counter() - began) < work.seconds:
        if work.is_forgetful:
            trust = Trust.under(engine, roots)
        for token, wanted in next(rounds):
            failed += verify_token(token, wanted, trust).verdict is not Verdict.VALID
        verified += _ROUND
    return Done(verified, took_s, time.process_time() - cpu_s, failed)


# --- over HTTP ------------------------------------------------------------------------------------


@attrs.frozen
class OverHttp:
    """What was answered over HTTP, and what it cost the front and the client."""

    per_s: float
    failed: int
    cpu_us: dict[str, float]


def _over_http(seconds: float) -> OverHttp:
    note("starting a demo box")
    with demo_target(HTTP) as target:
        questions = _questions(target)
        with Load(questions, split_http, depth=1) as load:
            load.connect(*target.address, _CONNECTIONS)
            load.press(1.0)
            note(f"{seconds:g} s over HTTP on {_CONNECTIONS} connections")
            before = cpu_s_by_role(target.pids)
            done = load.press(seconds)
            after = cpu_s_by_role(target.pids)
    count = len(done.exchanges)
    spent = {"front": after["front"] - before["front"], "client": done.client_cpu_s}
    return OverHttp(
        len(done.exchanges) / done.seconds,
        done.lost + sum(not _is_valid(exchange) for exchange in done.exchanges),
        {role: _us(cpu_s, count) for role, cpu_s in spent.items()},
    )


def _questions(target: Target) -> list[bytes]:
    """Have the box stamp, and render what to ask about each token."""
    queries = make_queries(_HTTP_SAMPLES, PROFILE_HASHES["sm2"])
    with make_load(target, "sm2", queries) as load:
        load.connect(*target.address, _CONNECTIONS)
        exchanges = load.press(_STAMP_S).exchanges
    return [_question(target.url, queries, each) for each in exchanges[:_HTTP_SAMPLES]]


def _question(url: str, queries: Sequence[bytes], stamped: Exchange) -> bytes:
    token = decode_response(http_body(stamped.reply)).token
    imprint = decode_request(queries[stamped.query]).imprint
    body = json.dumps(
        {
            "token": base64.b64encode(token).decode("ascii"),
            "digest": {"algorithm": "sm3", "value": imprint.hex()},
        }
    )
    parts = urlsplit(url)
    head = (
        f"POST {parts.path}/verify HTTP/1.1\r\n"
        f"Host: {parts.netloc}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode("ascii")


def _is_valid(exchange: Exchange) -> bool:
    try:
        return bool(json.loads(http_body(exchange.reply))["verdict"] == Verdict.VALID.name)
    except (Malformed, ValueError, KeyError):
        return False
