"""What a clock states each second."""

from typing import Any

import attrs

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.keeping.config import Statement
from appliance.timing.trusted import ClockState, Leap, TrustedTime
from kit.clock import GOOD, UTC_OFFSET_S

RAW_NS = 1_000 * NS_PER_S

STATEMENT = Statement(
    raw_ns=RAW_NS,
    tai_ns=GOOD.tai_ns,
    rate_e12=0,
    bound_ns=20_000,
    bound_growth_e12=0,
    utc_offset_s=UTC_OFFSET_S,
    leap=Leap.NONE,
    leap_at_tai_ns=0,
    state=ClockState.LOCKED,
    provenance=Provenance.HARDWARE,
)


def statement(**changes: Any) -> Statement:
    """Give a good statement made at RAW_NS, with other fields as named."""
    return attrs.evolve(STATEMENT, **changes)


def statement_of(time: TrustedTime, raw_ns: int, **changes: Any) -> Statement:
    """State a reading made at `raw_ns` again."""
    return Statement(
        raw_ns=raw_ns,
        rate_e12=0,
        bound_growth_e12=0,
        **(attrs.asdict(time, recurse=False) | changes),
    )
