"""What `timed` takes from a front: samples of network time, which a front gone wrong may have made.

A forged sample has no more of a vote than its source; here its form is held to what its source
could have said.  Nothing else is taken: an epoch would vouch for a receiver's pulses.
"""

from __future__ import annotations

from collections.abc import Container

from twisted.logger import Logger

from appliance.quantities import NS_PER_S
from appliance.services.messages import OutsideReadings
from drivers.api import NtpSample, Sink

MAX_AGE_NS = 10 * NS_PER_S
MAX_DELAY_NS = 2 * NS_PER_S
MAX_ROOT_NS = 4 * NS_PER_S
MAX_STRATUM = 15
LAST_UTC_NS = 4_102_444_800 * NS_PER_S
"""2100-01-01: far beyond any reading, and short of every width it is packed into."""

_log = Logger()


def outside_readings(
    frame: OutsideReadings, take: Sink, known: Container[str], *, raw_ns: int
) -> int:
    """Hand on the readings of a frame that arrived at `raw_ns`; tells how many were refused.

    A sample is of a source that is configured (`known`) and no older than 10 s.
    """
    refused = 0
    for sample in frame.ntp:
        if sample.source in known and _is_fresh(sample.raw_ns, raw_ns) and _is_sound(sample):
            take(sample)
        else:
            refused += 1
    if refused:
        _log.warn("a front sent samples that no source of ours gives", count=refused)
    return refused


def _is_fresh(read_raw_ns: int, raw_ns: int) -> bool:
    return 0 <= raw_ns - read_raw_ns <= MAX_AGE_NS


def _is_sound(sample: NtpSample) -> bool:
    return (
        0 < sample.utc_ns < LAST_UTC_NS
        and 0 <= sample.delay_ns <= MAX_DELAY_NS
        and 0 <= sample.root_delay_ns <= MAX_ROOT_NS
        and 0 <= sample.root_dispersion_ns <= MAX_ROOT_NS
        and 1 <= sample.stratum <= MAX_STRATUM
    )
