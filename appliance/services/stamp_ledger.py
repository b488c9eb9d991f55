"""The ledger as the signer keeps it: which kinds of rows there are, and what they mean."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Sequence

import msgspec

from appliance.store.ledger.chain import Entry
from appliance.store.ledger.ledger import Ledger
from appliance.tsp import record
from appliance.tsp.record import Stamp
from appliance.tsp.template import Template

REORDERED_ROWS = 8192
"""How far genTimes may stand out of order in the ledger: what a signer has under way at most."""


class Kind(enum.IntEnum):
    """What a row records."""

    START = 1  # a signer began: node, the random part of its serials
    TEMPLATE = 2  # a token template, under its id in place of a serial
    STAMP = 3  # a token


class Start(msgspec.Struct, frozen=True, array_like=True):
    """The row of a signer's start."""

    node: int
    start_random: bytes
    engine: str
    at_posix_us: int


class StampLedger:
    """Keeps stamps; see `issuing.StampLedger`.  Lives in one thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, start: Start, templates: Iterable[Template]) -> None:
        """Record a signer's start and the templates that are not in the ledger yet."""
        fresh = [
            Entry(Kind.TEMPLATE, template.to_bytes(), template.template_id)
            for template in templates
            if self._ledger.find_serial(template.template_id) is None
        ]
        self._ledger.append([Entry(Kind.START, msgspec.msgpack.encode(start)), *fresh])

    def last_gen_time_us(self) -> int:
        """Tell the newest genTime that a durable row has; 0 before the first."""
        first = max(1, self._ledger.last()[0] - REORDERED_ROWS + 1)
        stamps = (row.body for row in self._ledger.rows(first) if row.kind == Kind.STAMP)
        newest = max((record.decode(body).gen_time_us for body in stamps), default=0)
        if not newest and (row := self._ledger.last_of_kind(Kind.STAMP)) is not None:
            newest = record.decode(row.body).gen_time_us
        return newest

    def keep(self, stamps: Sequence[Stamp]) -> None:
        """Make the stamps durable in one commit."""
        self._ledger.append(
            [Entry(Kind.STAMP, record.encode(stamp), stamp.serial) for stamp in stamps]
        )

    def rest(self) -> None:
        """Write a signed head when one is due."""
        self._ledger.keep_head(time.monotonic_ns())

    def close(self) -> None:
        """Write a last head and close."""
        self._ledger.write_head()
        self._ledger.close()
