"""The clocks a role may read: the trusted page, and the host's own with the kernel's doubts."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Self

import attrs

from appliance.errors import Fault
from appliance.quantities import NS_PER_S, NS_PER_US, Utc
from appliance.store.time_page import TimePageReader
from appliance.timing.reading import PageClock, PageVeto
from appliance.timing.trusted import Leap, NoTime, TrustedTime

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
# Its other states while a leap second is announced (STA_INS, STA_DEL) and while one passes; when it
# has passed the state says so though the announcement may still stand.
_LEAPS = {1: Leap.INSERT, 2: Leap.DELETE, 3: Leap.UNKNOWN}


class _Timex(ctypes.Structure):
    """struct timex (adjtimex(2)) up to the fields read here; the rest is padding."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("padding", ctypes.c_byte * 512),
    )


@attrs.frozen
class HostReading:
    """One moment by the host: RAW and civil nanoseconds, and the half-width of the reading."""

    raw_ns: int
    posix_ns: int
    sandwich_ns: int


def read_host_clock() -> HostReading:
    """Read CLOCK_REALTIME between two readings of CLOCK_MONOTONIC_RAW; the tightest of five."""
    return min((_sandwich() for _ in range(5)), key=lambda reading: reading.sandwich_ns)


def host_utc() -> Utc:
    """Tell the host's civil time, good enough for dates of certificates, lists and heads."""
    return Utc(read_host_clock().posix_ns // NS_PER_US)


def wall_s() -> float:
    """Tell Unix seconds for HTTP's Date header, which is no trusted time."""
    return read_host_clock().posix_ns / NS_PER_S


def _sandwich() -> HostReading:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    posix_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    return HostReading((before + after) // 2, posix_ns, (after - before + 1) // 2)


@attrs.frozen
class KernelClock:
    """What the kernel says of its clock; a leap that is announced comes at the end of the UTC day.

    `leap` is UNKNOWN while the leap second passes.
    """

    is_synchronised: bool
    bound_ns: int
    leap: Leap

    @classmethod
    def from_adjtimex(cls, state: int, maxerror_us: int) -> Self:
        """Take what adjtimex(2) returned, and its maximum error."""
        return cls(state != _TIME_ERROR, maxerror_us * NS_PER_US, _LEAPS.get(state, Leap.NONE))


def read_kernel_clock() -> KernelClock:
    """Ask adjtimex(2), changing nothing.  Raises Fault."""
    buffer = _Timex()  # modes = 0: only read
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(buffer))
    if state < 0:
        raise Fault("adjtimex failed")
    return KernelClock.from_adjtimex(state, int(buffer.maxerror))


class TimeReader:
    """Reads the page; the signer gives the newest genTime of its ledger and so gets the veto."""

    def __init__(self, path: Path, *, boot_id: bytes, last_gen_time: Utc | None = None) -> None:
        self._page = TimePageReader(path)
        self._clock = PageClock(boot_id, None if last_gen_time is None else PageVeto())
        self._last_gen_time = last_gen_time

    def read(self) -> TrustedTime | NoTime:
        """Tell the time now, or why it cannot be told."""
        page = self._page.read()
        raw_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        return self._clock.tell(page, raw_ns, self._last_gen_time)
