"""What is told of the trusted time over NTP: stratum, reference identifier, leap warning; pure.

Chrony is fed by the same rules (`chrony_feed`), so whoever serves says the same of the same time.
"""

from __future__ import annotations

from appliance.quantities import NS_PER_S, SECONDS_PER_DAY, Provenance
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap, TrustedTime
from drivers.api import LeapNotice
from drivers.ntp.chrony_sock import GNSS, choose_tier
from drivers.ntp.responder import SIMULATED_ID, ServedTime

STEERED = frozenset({ClockState.LOCKED, ClockState.READY, ClockState.DEGRADED})
"""The states in which satellites steer the clock; else the oscillator alone carries it."""

PRIMARY_STRATUM = 1
SYSTEM_STRATUM = 10
"""Of a host's clock whose own stratum nobody told us: any server that knows its own is better.

It is what chrony's `local` says of itself.
"""

SYSTEM_ID = b"SYS\0"
BEYOND_ID = b"HLDX"
"""Of an oscillator beyond the last tier: the root dispersion tells how far."""

_NOTICES = {Leap.INSERT: LeapNotice.INSERT, Leap.DELETE: LeapNotice.DELETE}


def utc_ns(time: TrustedTime) -> int:
    """Give the POSIX nanoseconds of a reading."""
    return time.tai_ns - time.utc_offset_s * NS_PER_S


def leap_notice(time: TrustedTime) -> LeapNotice:
    """Announce a leap second on the last day before it, not earlier.  RFC 5905 7.3.

    The indicator speaks of the end of the month, but clients take it for the end of the day.
    """
    if time.leap is Leap.UNKNOWN:
        return LeapNotice.UNKNOWN
    if time.leap_at_tai_ns - time.tai_ns > SECONDS_PER_DAY * NS_PER_S:
        return LeapNotice.NONE
    return _NOTICES.get(time.leap, LeapNotice.NONE)


def is_leaping(time: TrustedTime) -> bool:
    """Tell whether a leap second may be passing: no number of NTP names that instant alone."""
    if time.leap not in _NOTICES:
        return False
    inserted_ns = NS_PER_S if time.leap is Leap.INSERT else 0
    return time.tai_ns >= time.leap_at_tai_ns - inserted_ns - time.bound_ns


def serve(received: TrustedTime, sent: TrustedTime, *, is_local: bool) -> ServedTime | None:
    """Tell what is served to a client whose request came at `received`, and who hears at `sent`.

    None when there is nothing to be trusted, or it is simulated and the client not on this host.
    """
    if sent.state not in MAY_ISSUE:
        return None
    if sent.provenance is Provenance.SIMULATED and not is_local:
        return None
    received_ns = utc_ns(received)
    return ServedTime(
        receive_utc_ns=received_ns,
        transmit_utc_ns=max(received_ns, utc_ns(sent)),
        # The page is written every second; what set the clock before that is not on it.
        reference_utc_ns=received_ns - received_ns % NS_PER_S,
        bound_ns=max(received.bound_ns, sent.bound_ns),
        stratum=SYSTEM_STRATUM if sent.provenance is Provenance.SYSTEM else PRIMARY_STRATUM,
        reference_id=reference_id(sent),
        leap=leap_notice(sent),
    )


def reference_id(time: TrustedTime) -> bytes:
    """Name what a reading rests on: satellites, the oscillator by its tier, or no such thing."""
    if time.provenance is Provenance.SIMULATED:
        return SIMULATED_ID
    if time.provenance is Provenance.SYSTEM:
        return SYSTEM_ID
    if time.state in STEERED:
        return GNSS.reference_id
    tier = choose_tier(time.bound_ns, is_holdover=True)
    return BEYOND_ID if tier is None else tier.reference_id
