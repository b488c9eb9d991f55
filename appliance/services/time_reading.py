"""The clock as a role reads it: the mapped page, carried on by the role's own raw clock."""

from __future__ import annotations

import time
from pathlib import Path

from appliance.quantities import Utc
from appliance.store.time_page import TimePageReader
from appliance.timing.reading import PageClock, PageVeto
from appliance.timing.trusted import NoTime, TrustedTime


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
