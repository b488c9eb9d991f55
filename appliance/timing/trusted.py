"""TrustedTime: an instant with its error bound, state and provenance, or why there is none."""

from __future__ import annotations

import enum

import attrs

from appliance.quantities import Provenance


class ClockState(enum.IntEnum):
    """The states of the clock ensemble; a token may be issued in some of them (`MAY_ISSUE`)."""

    COLD = 0
    WARMUP = 1
    ACQUIRE = 2
    LOCKED = 3
    READY = 4
    HOLDOVER = 5
    REACQUIRE = 6
    DEGRADED = 7
    UNTRUSTED = 8


MAY_ISSUE = frozenset(
    {
        ClockState.LOCKED,
        ClockState.READY,
        ClockState.HOLDOVER,
        ClockState.REACQUIRE,
        ClockState.DEGRADED,
    }
)


class Leap(enum.IntEnum):
    """What is known of the next leap second."""

    NONE = 0
    INSERT = 1
    DELETE = 2
    UNKNOWN = 3


@attrs.frozen
class TrustedTime:
    """One reading: `tai_ns` since 1970 TAI is true within `bound_ns` either way.

    `utc_offset_s` is TAI - UTC now; when `leap` is INSERT or DELETE, `leap_at_tai_ns` is the TAI
    instant from which the new offset holds, else 0.
    """

    tai_ns: int
    bound_ns: int
    utc_offset_s: int
    leap: Leap
    leap_at_tai_ns: int
    state: ClockState
    provenance: Provenance


@attrs.frozen
class NoTime:
    """Why no instant can be told now, in words for an operator."""

    reason: str
