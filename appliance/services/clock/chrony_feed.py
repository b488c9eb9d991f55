"""Feeds chronyd, so that the host's clock and what chronyd serves (NTP, NTS) follow trusted time.

Once a second the host's clock is read between two readings of the raw clock and compared.  Only
hardware time is fed: simulated time must not steer a host, and `system` time is chronyd's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from appliance.quantities import Provenance
from appliance.services.clock.following import carry_on
from appliance.services.clock.ntp_serving import STEERED, is_leaping, leap_notice, utc_ns
from appliance.services.clocks import HostReading, read_host_clock
from appliance.timing.keeping.config import Statement
from appliance.timing.trusted import MAY_ISSUE, NoTime, TrustedTime
from drivers.api import LeapNotice
from drivers.ntp.chrony_sock import Tier, choose_tier, encode_sample

HARDWARE_ONLY = frozenset({Provenance.HARDWARE})


class SampleSockets(Protocol):
    """chronyd's sockets, one a tier."""

    def send(self, tier: Tier, sample: bytes) -> None:
        """Send a sample; one that chronyd does not take is lost."""


@attrs.frozen
class Feeding:
    """What chronyd is given: a sample, and the tier whose socket it goes to."""

    tier: Tier
    sample: bytes
    offset_ns: int


def compare(time: TrustedTime, host: HostReading) -> Feeding | None:
    """Compare the host's clock with trusted time at the same raw instant.

    None where chronyd is better left to itself: untrusted, beyond the last tier, or in a leap.
    """
    notice = leap_notice(time)
    if time.state not in MAY_ISSUE or notice is LeapNotice.UNKNOWN or is_leaping(time):
        return None
    tier = choose_tier(time.bound_ns + host.sandwich_ns, is_holdover=time.state not in STEERED)
    if tier is None:
        return None
    offset_ns = utc_ns(time) - host.posix_ns
    return Feeding(tier, encode_sample(host.posix_ns, offset_ns, notice), offset_ns)


class ChronyFeed:
    """An output of the clock.

    `offset_ns` is trusted time minus the host's clock as last fed, None while chronyd gets nothing.
    """

    def __init__(
        self,
        sockets: SampleSockets,
        *,
        read_host: Callable[[], HostReading] = read_host_clock,
        provenances: frozenset[Provenance] = HARDWARE_ONLY,
    ) -> None:
        self.offset_ns: int | None = None
        self._sockets = sockets
        self._read_host = read_host
        self._provenances = provenances

    def __call__(self, statement: Statement) -> None:
        """Feed a sample, if this statement gives one."""
        feeding = self._compare(statement)
        if feeding is None:
            self.offset_ns = None
        else:
            self.offset_ns = feeding.offset_ns
            self._sockets.send(feeding.tier, feeding.sample)

    def _compare(self, statement: Statement) -> Feeding | None:
        if statement.provenance not in self._provenances:
            return None
        host = self._read_host()
        time = carry_on(statement, host.raw_ns)
        return None if isinstance(time, NoTime) else compare(time, host)
