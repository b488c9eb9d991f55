"""`bench crl`: what revocation lists cost: 5,000 entries in memory, a million flowing by.

The long list is made in a process of its own, whose peak of resident memory tells whether it was
ever held; then it is read back and its signature verified.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import attrs

from appliance.asn1.names import encode_name
from appliance.asn1.status.crl import CrlReason, decode_crl
from appliance.crypto import classical
from appliance.crypto.api import DigestKey, KeyAlgorithm
from appliance.crypto.engine import choose_engine
from appliance.crypto.streaming import MessageSigner
from appliance.crypto.verifier import Verification, verify_signature
from appliance.pki.issuing import IssuerIdentity, key_identifier, spki_of
from appliance.pki.lists import Edition, Entry, build_crl, write_crl
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from benches.figures import Report, note
from benches.references import machine

ROUNDS = 15
_THIS_UPDATE = Utc.parse_generalized_time(b"20260301083000Z")
_NEXT_UPDATE = Utc(_THIS_UPDATE.posix_us + SECONDS_PER_DAY * US_PER_S)
_EDITION = Edition(
    number=_THIS_UPDATE.posix_us // US_PER_S << 8,
    this_update=_THIS_UPDATE,
    next_update=_NEXT_UPDATE,
    distribution_point="http://ca.example/crl/bench.crl",
)
_REASONS = (None, CrlReason.KEY_COMPROMISE, CrlReason.SUPERSEDED, CrlReason.CERTIFICATE_HOLD)
_SERIAL_OCTETS = 16


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--entries", type=int, default=5_000, help="of the list in memory")
    parser.add_argument("--long", type=int, default=1_000_000, help="entries of the one that flows")


def run(chosen: argparse.Namespace) -> Report:
    """Measure both forms; `faults` counts the lists whose signature does not verify."""
    entries = list(entries_of(chosen.entries))
    note(f"{ROUNDS} lists of {chosen.entries} entries for each algorithm")
    short = {each.value: _short(each, entries) for each in KeyAlgorithm}
    long, faults = {}, {}
    for algorithm in KeyAlgorithm:
        note(f"a list of {chosen.long} entries, {algorithm.value}")
        flown = _long(algorithm, chosen.long)
        long[algorithm.value] = flown.figures
        if not flown.is_signed:
            faults[algorithm.value] = 1
    return {
        "bench": "crl",
        "engine": choose_engine().engine.name,
        "entries": chosen.entries,
        "ms_in_memory": short,
        "long_entries": chosen.long,
        "flowing": long,
        "faults": faults,
        "machine": machine(),
    }


def entries_of(count: int) -> Iterator[Entry]:
    """Make entries that differ as real ones do: number, second and reason."""
    start_us = _THIS_UPDATE.posix_us
    for number in range(count):
        serial_number = b"\x5a" + number.to_bytes(_SERIAL_OCTETS - 1, "big")
        at = Utc(start_us - number * 61 * US_PER_S)
        yield Entry(serial_number, at, _REASONS[number % len(_REASONS)])


def _short(algorithm: KeyAlgorithm, entries: list[Entry]) -> dict[str, float]:
    """Give the median and the worst of the rounds in milliseconds, signature included."""
    times = []
    with closing(_generate(algorithm)) as key:
        issuer = _issuer(key)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            build_crl(issuer, _EDITION, entries, lambda message: key.sign_many([message])[0])
            times.append(1000 * (time.perf_counter() - began))
    times.sort()
    return {"p50": round(times[len(times) // 2], 2), "max": round(times[-1], 2)}


@attrs.frozen
class Flown:
    """What a long list cost, and whether its signature verifies."""

    figures: dict[str, float]
    is_signed: bool


def _long(algorithm: KeyAlgorithm, count: int) -> Flown:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as name:
        path = Path(name) / "list.crl"
        with context.Pool(1) as pool:
            spki, figures = pool.apply(write_long, (algorithm, count, path))
        return Flown(figures, _is_signed(path.read_bytes(), spki))


def write_long(algorithm: KeyAlgorithm, count: int, path: Path) -> tuple[bytes, dict[str, float]]:
    """Write a list to `path`, from a first short one on; gives the issuer's key and the figures."""
    with closing(_generate(algorithm)) as key, path.open("wb") as output:
        with Path(os.devnull).open("wb") as nowhere:
            _write(key, 1000, nowhere)
        before_kib = _peak_kib()
        began = time.perf_counter()
        octets = _write(key, count, output)
        took_s = time.perf_counter() - began
        return spki_of(algorithm, key.public), {
            "seconds": round(took_s, 2),
            "us_an_entry": round(took_s * US_PER_S / count, 2),
            "mib": round(octets / (1 << 20), 1),
            "peak_growth_mib": round((_peak_kib() - before_kib) / 1024, 1),
        }


def _write(key: DigestKey, count: int, output: BinaryIO) -> int:
    with tempfile.TemporaryFile() as spool:
        signer = MessageSigner(key)
        return write_crl(
            _issuer(key), _EDITION, entries_of(count), signer, spool=spool, output=output
        )


def _generate(algorithm: KeyAlgorithm) -> DigestKey:
    if algorithm is KeyAlgorithm.SM2:
        return choose_engine().engine.generate()
    return classical.generate(algorithm)


def _issuer(key: DigestKey) -> IssuerIdentity:
    identifier = key_identifier(spki_of(key.algorithm, key.public))
    return IssuerIdentity(encode_name("Bench CA"), key.algorithm, identifier)


def _peak_kib() -> int:
    """Read the peak of resident memory; getrusage would count what stood before exec, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def _is_signed(octets: bytes, spki: bytes) -> bool:
    crl = decode_crl(octets, max_octets=len(octets))
    verdict = verify_signature(
        choose_engine(will_sign=False).engine,
        spki,
        crl.signature_algorithm.oid,
        crl.tbs,
        crl.signature,
    )
    return verdict is Verification.VALID
