"""ADEV, TDEV and MTIE of a phase record, as overlapping estimates.

A record is `phases_s`: n phase errors in seconds, oldest first, evenly spaced by `tau0_s`, without
gaps.  An averaging time is m spacings.  The formulas stand in NIST SP 1065 (5.2.4, 5.2.6) and, for
MTIE, in ITU-T G.810 (appendix II.5).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import accumulate


def adev(phases_s: Sequence[float], tau0_s: float, m: int) -> float | None:
    """Give the overlapping Allan deviation at m * tau0_s; None below 2m + 1 phases."""
    count = len(phases_s) - 2 * m
    if count < 1 or m < 1:
        return None
    total = math.fsum(
        (late - 2 * middle + early) ** 2
        for early, middle, late in zip(phases_s, phases_s[m:], phases_s[2 * m :], strict=False)
    )
    return math.sqrt(total / (2 * count)) / (m * tau0_s)


def tdev(phases_s: Sequence[float], tau0_s: float, m: int) -> float | None:
    """Give the time deviation in seconds at m * tau0_s; None below 3m phases.

    It is tau / sqrt(3) of the modified Allan deviation, so the spacing cancels out.
    """
    count = len(phases_s) - 3 * m + 1
    if count < 1 or m < 1 or tau0_s <= 0:
        return None
    sums = [0.0, *accumulate(phases_s)]
    total = math.fsum(
        (sums[j + 3 * m] - 3 * sums[j + 2 * m] + 3 * sums[j + m] - sums[j]) ** 2
        for j in range(count)
    )
    return math.sqrt(total / (6 * count)) / m


def mtie(phases_s: Sequence[float], m: int) -> float | None:
    """Give the widest swing in seconds within any window of m spacings; None below m + 1 phases."""
    if m < 1 or len(phases_s) < m + 1:
        return None
    highest, lowest = deque[int](), deque[int]()
    widest = 0.0
    for now, phase in enumerate(phases_s):
        while highest and phases_s[highest[-1]] <= phase:
            highest.pop()
        while lowest and phases_s[lowest[-1]] >= phase:
            lowest.pop()
        highest.append(now)
        lowest.append(now)
        for line in (highest, lowest):
            if line[0] < now - m:
                line.popleft()
        if now >= m:
            widest = max(widest, phases_s[highest[0]] - phases_s[lowest[0]])
    return widest


def octaves(count: int, least_windows: int = 4) -> list[int]:
    """List the averaging factors 1, 2, 4, ... that leave `least_windows` in `count` phases."""
    factors = []
    m = 1
    while m * least_windows <= count:
        factors.append(m)
        m *= 2
    return factors
