"""Batches of the ledger: the entries of one append as one row of the table, and back.

A body is a version octet, then each entry: kind (1), length of the serial (1), length of the body
(4), serial, body; integers are big-endian, and a serial of length 0 is none.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from appliance.errors import Conflict, Malformed
from appliance.store.ledger.chain import Entry, Hash, link

SERIES_OCTETS = 8
"""Serials that agree in so many leading octets are of one series: what one process counts up."""

SerialRange = tuple[bytes | None, bytes | None]
"""The least and the greatest serial, compared as octets; both None where there is no serial."""

_VERSION = b"\x01"
_HEAD = struct.Struct(">BBI")


class Batch(NamedTuple):
    """Entries as they are kept: `chain` is the value after the last, the serials are of one series.

    A named tuple for the same reason as `Entry`.
    """

    first_seq: int
    rows: int
    first_serial: bytes | None
    last_serial: bytes | None
    body: bytes
    chain: bytes

    @property
    def last_seq(self) -> int:
        """The sequence of the last entry."""
        return self.first_seq + self.rows - 1


def make_batches(sm3: Hash, first_seq: int, chain: bytes, entries: Sequence[Entry]) -> list[Batch]:
    """Chain `entries` from `first_seq` on and pack them: one batch a series, so one as a rule.

    A range over several series would overlap most others, and a serial would be sought in them all.
    Raises Conflict when a serial occurs twice, struct.error for a number outside its width.
    """
    serials = [entry.serial for entry in entries if entry.serial]
    if len(set(serials)) < len(serials):
        raise Conflict("a serial occurs twice in a batch")
    batches: list[Batch] = []
    for run in _runs(entries, serials):
        chains = chains_of(sm3, first_seq, chain, run)
        chain = chains[-1]
        body = encode_entries(run)
        batches.append(Batch(first_seq, len(run), *serial_range(run), body, chain))
        first_seq += len(run)
    return batches


def chains_of(sm3: Hash, first_seq: int, chain: bytes, entries: Sequence[Entry]) -> list[bytes]:
    """Compute the chain value of each entry from the value before the first."""
    chains = []
    for seq, entry in enumerate(entries, first_seq):
        chain = link(sm3, chain, seq, entry)
        chains.append(chain)
    return chains


def serial_range(entries: Sequence[Entry]) -> SerialRange:
    """Tell the least and the greatest serial of `entries`."""
    serials = [entry.serial for entry in entries if entry.serial]
    return (min(serials), max(serials)) if serials else (None, None)


def series_range(serial: bytes) -> tuple[bytes, bytes]:
    """Tell between which octets every serial of the series of `serial` stands, both included."""
    series = serial[:SERIES_OCTETS]
    return series, series + b"\xff" * 255


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """Serialise entries.  Raises struct.error for a number outside its width."""
    parts = [_VERSION]
    for kind, body, optional_serial in entries:
        serial = optional_serial or b""
        parts += (_HEAD.pack(kind, len(serial), len(body)), serial, body)
    return b"".join(parts)


def decode_entries(data: bytes) -> list[Entry]:
    """Read what `encode_entries` wrote of at least one entry.  Raises Malformed."""
    if data[:1] != _VERSION:
        raise Malformed("a ledger batch of an unknown version")
    entries: list[Entry] = []
    at = len(_VERSION)
    try:
        while at < len(data) or not entries:
            kind, serial_size, body_size = _HEAD.unpack_from(data, at)
            body_at = at + _HEAD.size + serial_size
            serial = data[at + _HEAD.size : body_at]
            at = body_at + body_size
            entries.append(Entry(kind, data[body_at:at], serial or None))
    except struct.error:
        raise Malformed("a ledger batch ends amid the head of an entry") from None
    if at != len(data):
        raise Malformed("a ledger batch ends amid an entry")
    return entries


def _runs(entries: Sequence[Entry], serials: Sequence[bytes]) -> list[Sequence[Entry]]:
    """Cut `entries` where the series of serials changes."""
    if not serials or min(serials)[:SERIES_OCTETS] == max(serials)[:SERIES_OCTETS]:
        return [entries] if entries else []
    runs: list[list[Entry]] = []
    series = b""
    for entry in entries:
        own = entry.serial[:SERIES_OCTETS] if entry.serial else series
        if not runs or own != series:
            runs.append([])
        runs[-1].append(entry)
        series = own
    return list(runs)
