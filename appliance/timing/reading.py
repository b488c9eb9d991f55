"""How a reader of the TrustedTime page comes to an instant, and why the signer may doubt it."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from appliance.quantities import NS_PER_S, NS_PER_US, Provenance, Utc
from appliance.timing.page import PageSlot, choose
from appliance.timing.trusted import MAY_ISSUE, Leap, NoTime, TrustedTime

_E12 = 10**12
_LEAP_STEPS_S = {Leap.INSERT: 1, Leap.DELETE: -1}


def extrapolate(slot: PageSlot, raw_ns: int, boot_id: bytes) -> TrustedTime | NoTime:
    """Carry a slot on to the reader's own CLOCK_MONOTONIC_RAW reading, in the boot `boot_id`.

    The bound grows with what elapsed; past an announced leap the new UTC offset holds.
    """
    elapsed_ns = raw_ns - slot.raw_ns
    if slot.boot_id != boot_id:
        return NoTime("the time page is of another boot")
    if elapsed_ns < 0:
        return NoTime("the time page is ahead of the raw clock")
    if raw_ns > slot.valid_until_raw_ns:
        return NoTime(f"the time page is stale: written {elapsed_ns // 1_000_000} ms ago")
    if not slot.tai_ns:
        return NoTime(f"the clock is {slot.state.name} and knows no time")
    tai_ns = slot.tai_ns + elapsed_ns + elapsed_ns * slot.rate_e12 // _E12
    # Rounded up, and one more for the instant, which was rounded down.
    bound_ns = slot.bound_ns + elapsed_ns * slot.bound_growth_e12 // _E12 + 2
    utc_offset_s, leap, leap_at_tai_ns = slot.utc_offset_s, slot.leap, slot.leap_at_tai_ns
    if leap in _LEAP_STEPS_S and tai_ns >= leap_at_tai_ns:
        utc_offset_s += _LEAP_STEPS_S[leap]
        leap, leap_at_tai_ns = Leap.NONE, 0
    return TrustedTime(
        tai_ns, bound_ns, utc_offset_s, leap, leap_at_tai_ns, slot.state, slot.provenance
    )


class Doubt(enum.Enum):
    """Why the signer does not believe a sound page."""

    BACKWARDS = "time ran backwards from the page before"
    RATE = "the page runs at another rate than the raw clock"
    BEHIND_LEDGER = "the page is behind the last genTime in the ledger"


@attrs.frozen
class DoubtLimits:
    """What the signer still believes.

    `jitter_ns` is allowed beside the rate once in each `rate_span_ns`, however many pages come;
    `ledger_lead_ns` is how far genTime may run ahead of the clock inside a batch.
    """

    rate_ppm: int = 200
    jitter_ns: int = 100_000
    rate_span_ns: int = NS_PER_S
    ledger_lead_ns: int = 1_000_000
    sound_pages_to_believe: int = 5


LIMITS_OF = {
    Provenance.HARDWARE: DoubtLimits(),
    Provenance.SIMULATED: DoubtLimits(),
    # The kernel steers the host's clock against RAW by slewing: up to 500 ppm of frequency (MAXFREQ
    # in Linux's include/linux/timex.h) and 500 ppm more while adjtime(3) is under way (MAX_TICKADJ
    # in kernel/time/ntp.c).  Larger corrections, by adjtimex's tick, are steps in disguise.
    Provenance.SYSTEM: DoubtLimits(rate_ppm=1000),
}
"""What the signer still believes of each kind of clock."""


@attrs.frozen
class _Sighting:
    """What a page said of TAI at an instant of the reader's own raw clock."""

    raw_ns: int
    tai_ns: int


class PageVeto:
    """The signer's own doubt of the page, fed with each reading; the raw clock is the witness.

    A doubted page stops time until `sound_pages_to_believe` pages in a row agree with one another,
    so a lawful step heals by itself and a jumping page never does.
    """

    def __init__(self, limits: Mapping[Provenance, DoubtLimits] = LIMITS_OF) -> None:
        self._limits_of = limits
        self._limits = limits[Provenance.HARDWARE]
        self._slot: PageSlot | None = None
        self._previous: _Sighting | None = None
        self._anchor: _Sighting | None = None
        self._sound_pages = 0
        self.doubt: Doubt | None = None

    def judge(
        self, slot: PageSlot, time: TrustedTime, raw_ns: int, last_gen_time: Utc | None
    ) -> Doubt | None:
        """Judge `slot`, read as `time` at the signer's `raw_ns`; None when it is believed.

        Only a new slot is weighed; until then the last judgement stands.
        """
        if slot != self._slot:
            self._slot = slot
            self._limits = self._limits_of[slot.provenance]
            self._settle(self._weigh(slot, time, raw_ns, last_gen_time))
            self._follow(_Sighting(raw_ns, time.tai_ns))
        return self.doubt

    def _weigh(
        self, slot: PageSlot, time: TrustedTime, raw_ns: int, last_gen_time: Utc | None
    ) -> Doubt | None:
        if self._is_behind(time, last_gen_time):
            return Doubt.BEHIND_LEDGER
        if self._previous and time.tai_ns < self._previous.tai_ns:
            return Doubt.BACKWARDS
        if abs(slot.rate_e12) > self._limits.rate_ppm * 1_000_000:
            return Doubt.RATE
        if self._anchor and self._departs(self._anchor, _Sighting(raw_ns, time.tai_ns)):
            return Doubt.RATE
        return None

    def _is_behind(self, time: TrustedTime, last_gen_time: Utc | None) -> bool:
        if last_gen_time is None:
            return False
        now = Utc.from_tai(time.tai_ns, time.utc_offset_s)
        lead_us = self._limits.ledger_lead_ns // NS_PER_US
        return now.posix_us + lead_us < last_gen_time.posix_us

    def _departs(self, anchor: _Sighting, seen: _Sighting) -> bool:
        elapsed_ns = seen.raw_ns - anchor.raw_ns
        departure_ns = abs(seen.tai_ns - anchor.tai_ns - elapsed_ns)
        allowed_ns = elapsed_ns * self._limits.rate_ppm // 1_000_000 + self._limits.jitter_ns
        return departure_ns > allowed_ns

    def _settle(self, doubt: Doubt | None) -> None:
        if doubt:
            self.doubt, self._sound_pages, self._anchor = doubt, 0, None
        elif self.doubt:
            self._sound_pages += 1
            if self._sound_pages >= self._limits.sound_pages_to_believe:
                self.doubt = None

    def _follow(self, seen: _Sighting) -> None:
        self._previous = seen
        anchor = self._anchor
        if anchor is None or seen.raw_ns - anchor.raw_ns >= self._limits.rate_span_ns:
            self._anchor = seen


class PageClock:
    """The clock a role reads: page in, instant out; a page seen before is not decoded again.

    The signer gives it a veto, the front none.  A page that itself says that nothing may be issued
    is not weighed: a clock that starts has no time yet that another could be compared with.
    """

    def __init__(self, boot_id: bytes, veto: PageVeto | None = None) -> None:
        self._boot_id = boot_id
        self._veto = veto
        self._page = b""
        self._slot: PageSlot | None = None

    def tell(
        self, page: bytes, raw_ns: int, last_gen_time: Utc | None = None
    ) -> TrustedTime | NoTime:
        """Tell the instant of `raw_ns`, read after `page` was copied, or why none can be told."""
        if page != self._page:
            self._page, self._slot = page, choose(page)
        slot = self._slot
        if slot is None:
            return NoTime("there is no sound time page")
        time = extrapolate(slot, raw_ns, self._boot_id)
        if self._veto is None or isinstance(time, NoTime) or time.state not in MAY_ISSUE:
            return time
        doubt = self._veto.judge(slot, time, raw_ns, last_gen_time)
        return NoTime(doubt.value) if doubt else time
