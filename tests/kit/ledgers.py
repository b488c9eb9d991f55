"""Small ledgers: deterministic rows, a keyed hash in the place of the head key."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from appliance.quantities import Utc
from appliance.store.ledger.batches import encode_entries
from appliance.store.ledger.chain import Entry
from appliance.store.ledger.ledger import Ledger

NOON = Utc(1_800_000_000_000_000)


def sign_head(message: bytes) -> bytes:
    """Sign with the one key of the tests."""
    return hashlib.blake2b(message, key=b"head key of the tests").digest()


def verify_head(message: bytes, signature: bytes) -> bool:
    """Verify what `sign_head` made."""
    return sign_head(message) == signature


def open_ledger(
    folder: Path,
    *,
    rows_per_segment: int = 1_000_000,
    sign: Callable[[bytes], bytes] = sign_head,
) -> Ledger:
    """Open a ledger whose clock stands at noon."""
    return Ledger.open(
        folder, sign_head=sign, utc_now=lambda: NOON, rows_per_segment=rows_per_segment
    )


def entries(first: int, count: int) -> list[Entry]:
    """Make rows of kind 1 with serials numbered from `first`; each tenth is of kind 2 without."""
    return [
        Entry(1, b"body %d" % number, number.to_bytes(14))
        if number % 10
        else Entry(2, b"event %d" % number)
        for number in range(first, first + count)
    ]


def write_ledger(folder: Path, rows: int, *, rows_per_segment: int, batch: int = 10) -> None:
    """Write a ledger of `rows` rows with a head after each batch, and close it."""
    ledger = open_ledger(folder, rows_per_segment=rows_per_segment)
    for first in range(1, rows + 1, batch):
        ledger.append(entries(first, min(batch, rows + 1 - first)))
        ledger.write_head()
    ledger.close()


def batch_bodies() -> dict[str, bytes]:
    """Make bodies of batches: of one entry, of several, of several series, of other extremes."""
    template = Entry(2, b"template", b"of another series")
    return {
        "event": encode_entries([Entry(1, b"")]),
        "tokens": encode_entries(entries(1, 11)),
        "several-series": encode_entries([Entry(1, b"start"), template, *entries(1, 2)]),
        "serial-twice": encode_entries([template, template]),
        "longest-serial": encode_entries([Entry(255, bytes(300), b"\xff" * 255)]),
        "version-2": b"\x02" + encode_entries(entries(1, 1))[1:],
    }
