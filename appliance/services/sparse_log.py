"""A log for what others can provoke without end: one line a minute of each event, and a count."""

from __future__ import annotations

from twisted.logger import Logger

from appliance.services.reactor import Clock

WINDOW_S = 60.0


class SparseLog:
    """Logs an event at once, then withholds its like for `window_s` and tells how many they were.

    Events are told apart by their text, which must be the program's own: it is remembered.
    """

    def __init__(self, log: Logger, clock: Clock, *, window_s: float = WINDOW_S) -> None:
        self._log = log
        self._clock = clock
        self._window_s = window_s
        self._withheld: dict[str, int] = {}

    def warn(self, event: str, **fields: object) -> None:
        """Log a warning, unless one of the same event was logged within the window."""
        if event in self._withheld:
            self._withheld[event] += 1
            return
        self._withheld[event] = 0
        self._log.warn(event, **fields)
        self._clock.callLater(self._window_s, self._reopen, event)

    def _reopen(self, event: str) -> None:
        count = self._withheld.pop(event)
        if count:
            self._log.warn("warnings were withheld", of=event, count=count)
