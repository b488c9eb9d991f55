"""The time gate: whether a reading of the clock may be signed, and within which limits."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import msgspec

from appliance.asn1.tsp import PKIFailureInfo
from appliance.quantities import NS_PER_S, NS_PER_US, Provenance, Utc
from appliance.timing.trusted import MAY_ISSUE, Leap, NoTime, TrustedTime
from appliance.tsp.request import Rejection

MAX_ERROR_NS = {
    Provenance.SIMULATED: 1_000_000_000,
    Provenance.SYSTEM: 1_000_000_000,
    Provenance.HARDWARE: 2_000_000,
}
"""The widest error a token may state, whatever its policy says; 1 s is that of ETSI EN 319 421."""

NEVER_US = 1 << 63


def time_not_available(text: str) -> Rejection:
    """Make a rejection for want of trustworthy time."""
    return Rejection(PKIFailureInfo.timeNotAvailable, text)


@attrs.frozen
class TimeRules:
    """Which clocks an authority may sign on, and when its keys may sign at all.

    `production`: its keys are real, so a simulated clock is refused.  `allow_system_time`: the
    host's own clock will do.  `key_periods`: first and last instant of each profile's key, from
    the validity and privateKeyUsagePeriod of its certificate; a profile not named has none.
    """

    production: bool
    allow_system_time: bool = False
    key_periods: Mapping[str, tuple[Utc, Utc]] = attrs.Factory(dict)


class Opening(msgspec.Struct, frozen=True, gc=False):
    """Time that may be signed: `utc_ns` on the POSIX scale, true within `bound_ns`.

    No token may state more than `max_error_ns`, nor a genTime of `closes_us` or later.
    """

    utc_ns: int
    bound_ns: int
    max_error_ns: int
    closes_us: int


class TimeGate:
    """Judges readings; remembers an announced leap second until it is well past."""

    def __init__(self, rules: TimeRules) -> None:
        self._rules = rules
        self._leap: tuple[int, int] | None = None

    def judge(self, reading: TrustedTime | NoTime) -> Opening | Rejection:
        """Decide whether tokens may be issued on `reading`."""
        if isinstance(reading, NoTime):
            return time_not_available(f"no trusted time: {reading.reason}")
        objection = _objection(reading, self._rules)
        if objection:
            return time_not_available(objection)
        leap = self._leap_seen(reading)
        utc_ns = reading.tai_ns - reading.utc_offset_s * NS_PER_S
        closes_us = NEVER_US
        if leap is not None:
            opens_ns, shuts_ns = leap[1] + reading.bound_ns, leap[0] - reading.bound_ns
            if shuts_ns <= reading.tai_ns <= opens_ns:
                return time_not_available("a leap second is passing")
            if reading.tai_ns < shuts_ns:
                closes_us = -(-(shuts_ns - reading.utc_offset_s * NS_PER_S) // NS_PER_US)
            elif reading.leap is Leap.NONE:
                self._leap = None
        return Opening(utc_ns, reading.bound_ns, MAX_ERROR_NS[reading.provenance], closes_us)

    def _leap_seen(self, reading: TrustedTime) -> tuple[int, int] | None:
        """Give the leap second that is announced or was: TAI ns of its beginning and its end.

        An inserted second is 23:59:60; a removed one takes no time at all.
        """
        if reading.leap in (Leap.INSERT, Leap.DELETE):
            end_ns = reading.leap_at_tai_ns
            self._leap = (end_ns - NS_PER_S if reading.leap is Leap.INSERT else end_ns, end_ns)
        return self._leap


def _objection(reading: TrustedTime, rules: TimeRules) -> str:
    """Say why nothing may be signed on `reading`; empty when nothing speaks against it."""
    if reading.state not in MAY_ISSUE:
        return f"the clock is {reading.state.name}"
    if reading.bound_ns < 0:
        return "the clock states no error bound"
    if reading.leap is Leap.UNKNOWN or (reading.leap and not reading.leap_at_tai_ns):
        return "it is not known whether a leap second is near"
    if reading.provenance is Provenance.SIMULATED and rules.production:
        return "the clock is simulated"
    if reading.provenance is Provenance.SYSTEM and not rules.allow_system_time:
        return "the system clock is not trusted here"
    return ""
