"""Figures as a report shows them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NS_PER_MS = 1_000_000

Report = dict[str, object]
"""What a bench found: names to figures; `faults`, if there, is empty when all was well."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the least value that `share` (0 < share <= 1) of the ascending values do not exceed."""
    assert ordered
    rank = -(-len(ordered) * share // 1)  # the nearest rank, rounded up
    return ordered[max(1, int(rank)) - 1]


def note(text: str) -> None:
    """Tell a person what goes on; standard output is the report's alone."""
    print(text, file=sys.stderr, flush=True)
