"""A program that appends to the ledger in argv[1] for ever, telling each durable row on stdout."""

import sys
from pathlib import Path

from kit.ledgers import entries, open_ledger

HEARTBEAT_NS = 400_000_000


def main() -> None:
    """Append batches of 1 to 9 rows in segments of 100; a head is due every third batch."""
    ledger = open_ledger(Path(sys.argv[1]), rows_per_segment=100)
    monotonic_ns = 0
    while True:
        last, _chain = ledger.last()
        count = 1 + last % 9
        ledger.append(entries(last + 1, count))
        print(last + count, flush=True)
        monotonic_ns += HEARTBEAT_NS
        ledger.keep_head(monotonic_ns)


if __name__ == "__main__":
    main()
