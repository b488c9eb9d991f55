"""The vote on time: one vote a failure domain, and a learned oscillator's veto.

Receivers on one antenna fail together, as do the servers of one operator; a vote by source lets
them outvote the oscillator (Marzullo 1984 supposes independent faults).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

Interval = tuple[int, int]
"""The lowest and the highest TAI in ns that a source allows, both included."""


@attrs.frozen
class Claim:
    """What `source` says of TAI at the instant of the vote; `domain` is what it fails with."""

    source: str
    domain: str
    interval: Interval


@attrs.frozen
class Verdict:
    """The elected interval (None without a majority), and the domains for and against it."""

    interval: Interval | None
    agreeing: frozenset[str]
    dissenting: frozenset[str]


def overlaps(one: Interval, other: Interval) -> bool:
    """Tell whether two intervals share an instant."""
    return one[0] <= other[1] and other[0] <= one[1]


def marzullo(intervals: Sequence[Interval]) -> tuple[int, list[Interval]]:
    """Find the regions that the most intervals share, and how many share them."""
    edges = sorted([(low, 0) for low, _ in intervals] + [(high, 1) for _, high in intervals])
    depth = best = 0
    regions: list[Interval] = []
    opened_ns: int | None = None
    for instant_ns, is_end in edges:
        if not is_end:
            depth += 1
            if depth > best:
                best, regions = depth, []
            opened_ns = instant_ns if depth == best else opened_ns
            continue
        if depth == best and opened_ns is not None:
            regions.append((opened_ns, instant_ns))
            opened_ns = None
        depth -= 1
    return best, regions


def of_domains(claims: Iterable[Claim]) -> dict[str, Interval]:
    """Reduce the claims to one interval a domain; one at odds with itself has no vote."""
    domains: dict[str, Interval] = {}
    split: set[str] = set()
    for claim in claims:
        low, high = domains.get(claim.domain, claim.interval)
        low, high = max(low, claim.interval[0]), min(high, claim.interval[1])
        domains[claim.domain] = (low, high)
        if low > high:
            split.add(claim.domain)
    return {domain: each for domain, each in domains.items() if domain not in split}


def elect(claims: Sequence[Claim], veto: str | None = None) -> Verdict:
    """Elect the interval that a majority of the domains allow.

    Where `veto` names a domain that votes, nothing outside its interval can win.  Two regions with
    equally many votes elect nothing.
    """
    domains = of_domains(claims)
    split = {claim.domain for claim in claims} - domains.keys()
    guard = domains.get(veto) if veto is not None else None
    electors = list(domains.values())
    if guard is not None:
        electors = [
            (max(each[0], guard[0]), min(each[1], guard[1]))
            for each in electors
            if overlaps(each, guard)
        ]
    best, regions = marzullo(electors)
    if len(regions) != 1 or 2 * best <= len(domains) + len(split):
        return Verdict(None, frozenset(), frozenset(split))
    agreeing = {name for name, each in domains.items() if overlaps(each, regions[0])}
    return Verdict(regions[0], frozenset(agreeing), frozenset(domains.keys() - agreeing | split))
