"""`bench stages`: what a token costs by stage, in one thread, batch by batch; CPU, not waiting."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance.asn1 import oids
from appliance.asn1.tsp import encode_request
from appliance.crypto.engine import choose_engine
from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clocks import host_utc, read_host_clock
from appliance.services.messages import StampAsk, StampBatch, StampQuestion, StampReplies
from appliance.services.stamp_ledger import StampLedger
from appliance.services.unlocking import Unlocked, unlock_signer
from appliance.settings import Settings
from appliance.store.ledger.ledger import Ledger
from appliance.timing.trusted import ClockState, Leap, TrustedTime
from appliance.tsp.authority import Ask, Authority, Prepared
from appliance.tsp.gate import TimeRules
from appliance.tsp.serial import START_RANDOM_OCTETS, SerialSource
from benches.figures import Report, note
from benches.references import machine

BATCHES = 150
SIZES = (1, 8, 32, 64, 128)
_CLIENT = b"\x7f\x00\x00\x01\x00\x50"
_UTC_OFFSET_S = 37

Result = TypeVar("Result")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--profile", default="sm2", choices=["sm2", "p256", "rsa", "gmt"])


def run(chosen: argparse.Namespace) -> Report:
    """Take batches of several sizes through every stage of the signer."""
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as name:
        folders = {part: Path(name) / part for part in ("keys", "certificates", "secret", "log")}
        for folder in folders.values():
            folder.mkdir()
        ledger_folder = folders.pop("log")
        profiles = [each for each in Settings().profiles() if each.name == chosen.profile]
        unlocked = unlock_signer(profiles, choose_engine(), mode="demo", **folders)
        ledger = StampLedger(
            Ledger.open(
                ledger_folder,
                sign_head=lambda message: unlocked.ledger_key.sign_many([message])[0],
                utc_now=host_utc,
                sm3=unlocked.choice.engine.sm3,
            )
        )
        bench = _Stages(unlocked, ledger, chosen.profile)
        costs = {str(size): bench.measure(size) for size in SIZES}
        ledger.close()
        unlocked.close()
    return {
        "bench": "stages",
        "profile": chosen.profile,
        "engine": unlocked.choice.engine.name,
        "cpu_us_per_token_by_batch_size": costs,
        "machine": machine(),
    }


class _Stages:
    """One signer's stages, each timed by the thread's own CPU clock."""

    def __init__(self, unlocked: Unlocked, ledger: StampLedger, profile: str) -> None:
        self._profile = profile
        self._key = unlocked.keys()[profile]
        self._ledger = ledger
        self._decode = msgspec.msgpack.Decoder(StampQuestion).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._authority = Authority(
            {each.name: each for each in unlocked.profiles},
            unlocked.templates(),
            serials=SerialSource(1, os.urandom(START_RANDOM_OCTETS)),
            last_gen_time_us=0,
            digests=unlocked.digests,
            rules=TimeRules(production=False),
        )

    def measure(self, size: int) -> dict[str, float]:
        """Give microseconds of CPU a token for each stage, the mean of all batches."""
        note(f"batches of {size}")
        spent: dict[str, float] = {}
        for _ in range(BATCHES):
            self._take_through(self._frame(size), spent)
        costs = {stage: round(s / BATCHES / size * 1e6, 2) for stage, s in spent.items()}
        return {**costs, "all": round(sum(costs.values()), 2)}

    def _take_through(self, frame: bytes, spent: dict[str, float]) -> None:
        """Do with one frame what the signer does, and add up what each stage takes."""

        def timed(stage: str, work: Callable[[], Result]) -> Result:
            begun = time.thread_time()
            result = work()
            spent[stage] = spent.get(stage, 0.0) + time.thread_time() - begun
            return result

        batch = timed("read the frame", lambda: self._decode(frame))
        assert isinstance(batch, StampBatch)
        asks = [Ask(ask.profile, ask.request) for ask in batch.asks]
        outcomes = timed("judge and render", lambda: self._authority.prepare(asks, _clock))
        tokens = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
        messages = [token.signed_attributes for token in tokens]
        signatures = timed("sign and verify", lambda: self._key.sign_many(messages))
        pairs = list(zip(tokens, signatures, strict=True))
        responses = timed("render the reply", lambda: [each.response(sign) for each, sign in pairs])
        stamps = timed(
            "render the row", lambda: [each.record(sign, _CLIENT) for each, sign in pairs]
        )
        timed("keep the rows", lambda: self._ledger.keep(stamps))
        timed("sign a head", self._ledger.rest)
        timed("write the frame", lambda: self._encode(StampReplies(batch.batch, responses)))

    def _frame(self, size: int) -> bytes:
        """Make a batch of different requests."""
        asks = [
            StampAsk(
                self._profile,
                encode_request(
                    hash_algorithm=oids.SM3,
                    imprint=os.urandom(32),
                    nonce=int.from_bytes(os.urandom(8), "big"),
                ),
                _CLIENT,
            )
            for _ in range(size)
        ]
        return self._encode(StampBatch(0, asks))


def _clock() -> TrustedTime:
    tai_ns = read_host_clock().posix_ns + _UTC_OFFSET_S * NS_PER_S
    return TrustedTime(
        tai_ns=tai_ns,
        bound_ns=500_000,
        utc_offset_s=_UTC_OFFSET_S,
        leap=Leap.NONE,
        leap_at_tai_ns=0,
        state=ClockState.READY,
        provenance=Provenance.SIMULATED,
    )
