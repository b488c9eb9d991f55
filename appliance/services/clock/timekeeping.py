"""What `timed` does in its first form: publish the host's clock every second.

In demo the bound is fixed and labelled and the provenance is `simulated`, which taints every token.
`system` publishes the kernel's own estimate of its error and the leap second it announces, and
UNTRUSTED while it has no estimate.  TAI - UTC is a setting, to be corrected after a leap second:
till then UTC is right and TAI is not.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.quantities import NS_PER_S, SECONDS_PER_DAY, Provenance
from appliance.services.clocks import (
    HostReading,
    KernelClock,
    read_host_clock,
    read_kernel_clock,
)
from appliance.services.reactor import Clock
from appliance.store.time_page import TimePageFile
from appliance.timing.page import VALIDITY_NS, PageSlot
from appliance.timing.trusted import ClockState, Leap

PUBLISH_EVERY_S = 1.0
DEMO_GROWTH_E12 = 1_000_000
"""How fast a host's clock may wander between two pages: 1 ppm, as chrony assumes by default."""

SYSTEM_GROWTH_E12 = 500_000_000
"""How fast RAW, which nobody corrects, may leave the truth: by all that the kernel could correct.

500 ppm (MAXFREQ in Linux's include/linux/timex.h) is also what it adds to its maximum error.
"""

_LEAP_STEPS_S = {Leap.INSERT: 1, Leap.DELETE: -1}


@attrs.frozen
class Judgement:
    """What is said of one reading beside the time itself."""

    state: ClockState
    provenance: Provenance
    bound_ns: int
    bound_growth_e12: int
    leap: Leap = Leap.NONE


Judge = Callable[[HostReading], Judgement]


def judge_demo(bound_ns: int) -> Judge:
    """Take the host's clock at its word within a fixed bound, as simulated time."""

    def judge(reading: HostReading) -> Judgement:
        bound = bound_ns + reading.sandwich_ns
        return Judgement(ClockState.READY, Provenance.SIMULATED, bound, DEMO_GROWTH_E12)

    return judge


def judge_system(ask_kernel: Callable[[], KernelClock] = read_kernel_clock) -> Judge:
    """Take the kernel's maximum error as the bound, and its word on leap seconds.

    UNTRUSTED when it is not synchronised.
    """

    def judge(reading: HostReading) -> Judgement:
        kernel = ask_kernel()
        state = ClockState.LOCKED if kernel.is_synchronised else ClockState.UNTRUSTED
        bound_ns = kernel.bound_ns + reading.sandwich_ns
        return Judgement(state, Provenance.SYSTEM, bound_ns, SYSTEM_GROWTH_E12, kernel.leap)

    return judge


def leap_at_tai_ns(posix_ns: int, utc_offset_s: int, leap: Leap) -> int:
    """Tell from which TAI instant the offset after `leap` holds: the end of this UTC day, or 0."""
    if leap not in _LEAP_STEPS_S:
        return 0
    midnight_s = (posix_ns // NS_PER_S // SECONDS_PER_DAY + 1) * SECONDS_PER_DAY
    return (midnight_s + utc_offset_s + _LEAP_STEPS_S[leap]) * NS_PER_S


class TimePublisher:
    """Writes the page once a second, each slot valid for three."""

    _log = Logger()

    def __init__(
        self,
        page: TimePageFile,
        judge: Judge,
        *,
        clock: Clock,
        boot_id: bytes,
        utc_offset_s: int,
        read: Callable[[], HostReading] = read_host_clock,
    ) -> None:
        self._page = page
        self._judge = judge
        self._boot_id = boot_id
        self._utc_offset_s = utc_offset_s
        self._read = read
        self._loop = LoopingCall(self._publish_or_say)
        self._loop.clock = clock  # type: ignore[assignment]

    def start(self) -> None:
        """Publish now and from now on."""
        self._loop.start(PUBLISH_EVERY_S).addErrback(self._failed)

    def stop(self) -> None:
        """Stop publishing; the page runs out by itself."""
        if self._loop.running:
            self._loop.stop()

    def publish(self) -> None:
        """Write one page."""
        reading = self._read()
        judgement = self._judge(reading)
        self._page.write(
            PageSlot(
                sequence=self._page.next_sequence,
                boot_id=self._boot_id,
                raw_ns=reading.raw_ns,
                tai_ns=reading.posix_ns + self._utc_offset_s * NS_PER_S,
                rate_e12=0,
                bound_ns=judgement.bound_ns,
                bound_growth_e12=judgement.bound_growth_e12,
                utc_offset_s=self._utc_offset_s,
                leap=judgement.leap,
                leap_at_tai_ns=leap_at_tai_ns(reading.posix_ns, self._utc_offset_s, judgement.leap),
                state=judgement.state,
                provenance=judgement.provenance,
                valid_until_raw_ns=reading.raw_ns + VALIDITY_NS,
            )
        )

    def _publish_or_say(self) -> None:
        """Publish; a failure is logged and the next second tried again, the page runs out alone."""
        try:
            self.publish()
        except Exception:
            self._log.failure("the time page could not be written")

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the time page is no longer written", failure)
