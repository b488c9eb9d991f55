"""`bench growth`: whether the ledger slows down as it grows; rows like a token's, 64 a batch."""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path

from appliance.crypto.engine import choose_engine
from appliance.services.clocks import host_utc
from appliance.services.stamp_ledger import Kind
from appliance.store.ledger.chain import Entry, Hash
from appliance.store.ledger.heads import SignHead
from appliance.store.ledger.ledger import Ledger
from benches.figures import Report, note, percentile
from benches.references import machine

BATCH = 64
WARM_UP = 20
APPENDS = 150
LOOKUPS = 50
SIZES = (1, 10_000, 1_000_000, 10_000_000)

_BODY_OCTETS = 220
_PREFIX_OCTETS, _COUNTER_OCTETS = 9, 5  # of a serial, as `tsp.serial` makes them
_POOL_OCTETS = _BODY_OCTETS + 255
_ROWS_PER_NOTE = 500_000
_MIB = 1 << 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--rows", type=int, default=1_000_000, help="how far the ledger grows")


def run(chosen: argparse.Namespace) -> Report:
    """Measure appending, finding and opening at several sizes of one ledger."""
    engine = choose_engine().engine
    with (
        tempfile.TemporaryDirectory(prefix="shiyin-bench-") as name,
        closing(engine.generate()) as key,
    ):
        bench = _Growth(Path(name), lambda message: key.sign_many([message])[0], engine.sm3)
        points = {
            str(rows): bench.measure(rows)
            for rows in sorted({*SIZES, chosen.rows})
            if rows <= chosen.rows
        }
        bench.close()
    costs = [point["append_cpu_us_p50"] for point in points.values()]
    return {
        "bench": "growth",
        "rows_a_batch": BATCH,
        "by_rows_in_the_ledger": points,
        "append_cpu_at_the_end_to_the_beginning": round(costs[-1] / costs[0], 2),
        "machine": machine(),
    }


class _Growth:
    """One ledger that is filled as a signer fills it: heads when due, full segments sealed."""

    def __init__(self, folder: Path, sign_head: SignHead, sm3: Hash) -> None:
        self._folder = folder
        self._sign_head = sign_head
        self._sm3 = sm3
        self._prefix = os.urandom(_PREFIX_OCTETS)
        self._pool = os.urandom(_POOL_OCTETS)
        self._ledger = self._open()

    def measure(self, rows: int) -> dict[str, float]:
        """Let the ledger grow to `rows`, then measure; costs are of one call."""
        self._fill(rows)
        opened_ms = self._reopen_ms()
        for _ in range(WARM_UP):
            self._append(BATCH)
        cpu_us, wall_us = map(
            sorted, zip(*(self._append(BATCH) for _ in range(APPENDS)), strict=True)
        )
        last = self._ledger.last()[0]
        found_us = sorted(self._find_us(1 + last * at // LOOKUPS) for at in range(LOOKUPS))
        return {
            "append_cpu_us_p50": round(percentile(cpu_us, 0.5), 1),
            "append_cpu_us_mean": round(sum(cpu_us) / APPENDS, 1),
            "append_us_p50": round(percentile(wall_us, 0.5), 1),
            "append_us_p99": round(percentile(wall_us, 0.99), 1),
            "find_serial_us_p50": round(percentile(found_us, 0.5), 1),
            "find_serial_us_worst": round(found_us[-1], 1),
            "open_ms": round(opened_ms, 1),
            "octets_a_row": round(self._octets() / last, 1),
            "peak_memory_mib": round(_peak_memory_octets() / _MIB, 1),
        }

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    def _open(self) -> Ledger:
        return Ledger.open(self._folder, sign_head=self._sign_head, utc_now=host_utc, sm3=self._sm3)

    def _reopen_ms(self) -> float:
        self._ledger.close()
        begun = time.perf_counter()
        self._ledger = self._open()
        self._ledger.last()
        return (time.perf_counter() - begun) * 1e3

    def _fill(self, rows: int) -> None:
        note(f"growing to {rows} rows")
        while (present := self._ledger.last()[0]) < rows:
            self._append(min(BATCH, rows - present))
            if present // _ROWS_PER_NOTE < self._ledger.last()[0] // _ROWS_PER_NOTE:
                note(f"{self._ledger.last()[0]} rows")

    def _append(self, size: int) -> tuple[float, float]:
        """Append a batch as the signer does; gives microseconds of CPU and of waiting in all."""
        entries = self._entries(size)
        cpu_s, wall_s = time.thread_time(), time.perf_counter()
        self._ledger.append(entries)
        took = (time.thread_time() - cpu_s) * 1e6, (time.perf_counter() - wall_s) * 1e6
        self._ledger.keep_head(time.monotonic_ns())
        return took

    def _entries(self, size: int) -> list[Entry]:
        """Make rows with pieces of the pool for bodies, so that making them costs little."""
        first = self._ledger.last()[0] + 1
        return [
            Entry(Kind.STAMP, self._pool[at : at + _BODY_OCTETS], self._serial(first + number))
            for number, at in enumerate(os.urandom(size))
        ]

    def _serial(self, seq: int) -> bytes:
        return self._prefix + seq.to_bytes(_COUNTER_OCTETS, "big")

    def _find_us(self, seq: int) -> float:
        begun = time.perf_counter()
        row = self._ledger.find_serial(self._serial(seq))
        took_us = (time.perf_counter() - begun) * 1e6
        assert row is not None
        assert row.seq == seq
        return took_us

    def _octets(self) -> int:
        return sum(path.stat().st_size for path in self._folder.rglob("*.sqlite"))


def _peak_memory_octets() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
