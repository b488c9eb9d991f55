"""What `timed` does in its first form: publish the host's clock every second.

In demo the bound is fixed and labelled and the provenance is `simulated`, which taints every token.
`system` publishes the kernel's own estimate of its error, and UNTRUSTED while it has none.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clocks import HostReading, read_host_clock, read_kernel_bound
from appliance.services.reactor import Clock
from appliance.store.time_page import TimePageFile
from appliance.timing.page import VALIDITY_NS, PageSlot
from appliance.timing.trusted import ClockState, Leap

PUBLISH_EVERY_S = 1.0
GROWTH_E12 = 1_000_000
"""How fast a host's clock may wander between two pages: 1 ppm, as chrony assumes by default."""

Judge = Callable[[HostReading], tuple[ClockState, Provenance, int]]


def judge_demo(bound_ns: int) -> Judge:
    """Take the host's clock at its word within a fixed bound, as simulated time."""

    def judge(reading: HostReading) -> tuple[ClockState, Provenance, int]:
        return ClockState.READY, Provenance.SIMULATED, bound_ns + reading.sandwich_ns

    return judge


def judge_system(reading: HostReading) -> tuple[ClockState, Provenance, int]:
    """Take the kernel's maximum error as the bound; UNTRUSTED when it is not synchronised."""
    is_synchronised, bound_ns = read_kernel_bound()
    state = ClockState.LOCKED if is_synchronised else ClockState.UNTRUSTED
    return state, Provenance.SYSTEM, bound_ns + reading.sandwich_ns


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
        state, provenance, bound_ns = self._judge(reading)
        self._page.write(
            PageSlot(
                sequence=self._page.next_sequence,
                boot_id=self._boot_id,
                raw_ns=reading.raw_ns,
                tai_ns=reading.posix_ns + self._utc_offset_s * NS_PER_S,
                rate_e12=0,
                bound_ns=bound_ns,
                bound_growth_e12=GROWTH_E12,
                utc_offset_s=self._utc_offset_s,
                leap=Leap.NONE,
                leap_at_tai_ns=0,
                state=state,
                provenance=provenance,
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
