"""What `timed` does with devices: readings in, one page a second out, and what it learnt kept.

The ensemble itself is pure (`timing.ensemble`); here are the second's beat, the page, the state
file and the outputs that follow the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.services.reactor import Clock
from appliance.store.time_page import TimePageFile
from appliance.timing.ensemble import Ensemble
from appliance.timing.keeping.config import Command, Statement
from appliance.timing.page import VALIDITY_NS, PageSlot
from appliance.timing.trusted import ClockState
from drivers.api import Reading

BEAT_S = 1.0
KEEP_EVERY_BEATS = 60

Output = Callable[[Statement], None]
"""Something that follows the clock: chrony, a serial port, the history."""


class Board(Protocol):
    """The oscillator board as far as the ensemble steers it."""

    def obey(self, command: Command) -> None:
        """Send a command; what becomes of it is logged, never raised."""


class DisciplinedClock:
    """Beats once a second: steps the ensemble, writes the page, steers the board, feeds outputs.

    `raw_ns` reads CLOCK_MONOTONIC_RAW; `keep` makes a snapshot durable.
    """

    _log = Logger()

    def __init__(
        self,
        page: TimePageFile,
        ensemble: Ensemble,
        *,
        clock: Clock,
        boot_id: bytes,
        raw_ns: Callable[[], int],
        keep: Callable[[bytes], None],
        outputs: Sequence[Output] = (),
    ) -> None:
        self.ensemble = ensemble
        self.board: Board | None = None
        self._page = page
        self._boot_id = boot_id
        self._raw_ns = raw_ns
        self._keep = keep
        self._outputs = tuple(outputs)
        self._beats = 0
        self._state: ClockState | None = None
        self._loop = LoopingCall(self._beat_or_say)
        self._loop.clock = clock  # type: ignore[assignment]

    def take(self, reading: Reading) -> None:
        """Take a reading of any device; what it means shows at the next beat."""
        try:
            self.ensemble.take(reading)
        except Exception:
            # One reading that breaks us must not silence the device it came from.
            self._log.failure("a reading could not be used", source=reading.source)

    def start(self) -> None:
        """Beat now and from now on."""
        self._loop.start(BEAT_S).addErrback(self._failed)

    def stop(self) -> None:
        """Stop beating and keep what was learnt; the page runs out by itself."""
        if self._loop.running:
            self._loop.stop()
        self._keep_or_say()

    def beat(self) -> None:
        """State the time once."""
        raw_ns = self._raw_ns()
        statement = self.ensemble.step(raw_ns)
        self._page.write(
            PageSlot(
                sequence=self._page.next_sequence,
                boot_id=self._boot_id,
                raw_ns=statement.raw_ns,
                tai_ns=statement.tai_ns,
                rate_e12=statement.rate_e12,
                bound_ns=statement.bound_ns,
                bound_growth_e12=statement.bound_growth_e12,
                utc_offset_s=statement.utc_offset_s,
                leap=statement.leap,
                leap_at_tai_ns=statement.leap_at_tai_ns,
                state=statement.state,
                provenance=statement.provenance,
                valid_until_raw_ns=statement.raw_ns + VALIDITY_NS,
            )
        )
        self._follow(statement)

    def _follow(self, statement: Statement) -> None:
        if statement.state is not self._state:
            self._log.info(
                "the clock is {state}, was {former}",
                state=statement.state.name,
                former=self._state.name if self._state is not None else "not there",
            )
            self._state = statement.state
        for command in self.ensemble.commands():
            if self.board is not None:
                self.board.obey(command)
        for output in self._outputs:
            output(statement)
        self._beats += 1
        if self._beats % KEEP_EVERY_BEATS == 0:
            self._keep_or_say()

    def _keep_or_say(self) -> None:
        try:
            self._keep(self.ensemble.snapshot())
        except Exception:
            self._log.failure("what the clock has learnt could not be kept")

    def _beat_or_say(self) -> None:
        """Beat; a failure is logged and the next second tried again, the page runs out alone."""
        try:
            self.beat()
        except Exception:
            self._log.failure("the time page could not be written")

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the time page is no longer written", failure)
