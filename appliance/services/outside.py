"""What `timed` takes from a front: readings of the network, which a front gone wrong may have made.

A forged reading has no more of a vote than its source; here its form is held to what its source
could have said.
"""

from __future__ import annotations

from collections.abc import Container

from twisted.logger import Logger

from appliance.quantities import NS_PER_S
from appliance.services.messages import OutsideReadings
from drivers.api import GnssEpoch, NtpSample, Sink

MAX_AGE_NS = 10 * NS_PER_S
MAX_DELAY_NS = 2 * NS_PER_S
MAX_ROOT_NS = 4 * NS_PER_S
MAX_STRATUM = 15
LAST_UTC_NS = 4_102_444_800 * NS_PER_S
"""2100-01-01: far beyond any reading, and short of every width it is packed into."""

MAX_SATELLITES = 200

_log = Logger()


def outside_readings(
    frame: OutsideReadings, take: Sink, known: Container[str], *, raw_ns: int
) -> int:
    """Hand on the readings of a frame that arrived at `raw_ns`; tells how many were refused.

    A reading is of a source that is configured (`known`) and no older than 10 s.
    """
    refused = 0
    readings: list[NtpSample | GnssEpoch] = [*frame.ntp, *frame.gnss]
    for reading in readings:
        if reading.source in known and _is_fresh(reading.raw_ns, raw_ns) and _is_sound(reading):
            take(reading)
        else:
            refused += 1
    if refused:
        _log.warn("a front sent readings that no source of ours gives", count=refused)
    return refused


def _is_fresh(read_raw_ns: int, raw_ns: int) -> bool:
    return 0 <= raw_ns - read_raw_ns <= MAX_AGE_NS


def _is_sound(reading: NtpSample | GnssEpoch) -> bool:
    if isinstance(reading, NtpSample):
        return (
            0 < reading.utc_ns < LAST_UTC_NS
            and 0 <= reading.delay_ns <= MAX_DELAY_NS
            and 0 <= reading.root_delay_ns <= MAX_ROOT_NS
            and 0 <= reading.root_dispersion_ns <= MAX_ROOT_NS
            and 1 <= reading.stratum <= MAX_STRATUM
        )
    return (
        0 <= (reading.utc_s or 0) < LAST_UTC_NS // NS_PER_S
        and len(reading.satellites) <= MAX_SATELLITES
    )
