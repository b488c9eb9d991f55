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


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Fit a line through (x, y) by least squares and give its slope; 0 when all x are one."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def note(text: str) -> None:
    """Tell a person what goes on; standard output is the report's alone."""
    print(text, file=sys.stderr, flush=True)
