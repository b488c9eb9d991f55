"""The clocks a role may read: the trusted page, and the host's own with the kernel's doubts."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import attrs

from appliance.errors import Fault
from appliance.quantities import NS_PER_US, Utc
from appliance.store.time_page import TimePageReader
from appliance.timing.reading import PageClock, PageVeto
from appliance.timing.trusted import NoTime, TrustedTime

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


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


def _sandwich() -> HostReading:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    posix_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    return HostReading((before + after) // 2, posix_ns, (after - before + 1) // 2)


def read_kernel_bound() -> tuple[bool, int]:
    """Ask adjtimex(2): whether the host's clock is synchronised, and its maximum error in ns."""
    buffer = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(buffer))
    if state < 0:
        raise Fault("adjtimex failed")
    return state != _TIME_ERROR, int(buffer.maxerror) * NS_PER_US


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
