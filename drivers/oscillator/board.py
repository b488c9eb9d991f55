"""The oscillator board on its line: readings out, commands in, each with a tag and a time limit.

No reading leaves before the board has said who it is, so that a simulated one is never taken for
hardware.  A board that starts again (its uptime or its sequence runs back) is greeted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from drivers.api import (
    Absent,
    BoardStatus,
    DriverError,
    PhaseReading,
    Silent,
    Sink,
)
from drivers.oscillator import answers, ocb
from drivers.oscillator.answers import Calibration, Identity, LogRow
from drivers.oscillator.ocb import Argument, Verb
from drivers.serial_line import Clock, DelayedCall, LinePlace, Lines, LineWriter, SerialLine

BAUD = 115_200
ANSWER_S = 0.3
"""A board answers within 50 ms, plus 110 ms around a pulse; the rest is for the host."""

MAX_WAITING = 16
WATCHDOG_S = 60
WATCHDOG_EVERY_TICS = 20
LOG_BACK_S = 72 * 3600
ID_EVERY_TICS = 2


class Declined(DriverError):
    """The board answered that it does not do what it was asked."""

    def __init__(self, verb: Verb, code: ocb.RefusalCode) -> None:
        super().__init__(f"{verb.value}: {code.value}")
        self.code = code


@attrs.frozen
class History:
    """What a board knows of itself and of the last 72 h, told after each greeting."""

    identity: Identity
    calibration: Calibration | None
    minutes: tuple[LogRow, ...]


@attrs.frozen
class _Waiting:
    """A request under way."""

    verb: Verb
    answer: Deferred[tuple[str, ...]]
    limit: DelayedCall


class Board:
    """What the board's line is used for.

    `told` takes the History once the board was greeted; `garbled` lines are counted by the line.
    """

    def __init__(
        self,
        source: str,
        *,
        sink: Sink,
        reactor: Clock,
        told: Callable[[History], None] | None = None,
    ) -> None:
        self.identity: Identity | None = None
        self._source = source
        self._sink = sink
        self._reactor = reactor
        self._told = told
        self._line: LineWriter | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._tag = 0
        self._tics = 0
        self._is_greeting = False
        self._sequence: int | None = None
        self._uptime_s = 0
        self._log_from = 0

    # --- what the line tells ----------------------------------------------------------------------

    def opened(self, line: LineWriter) -> None:
        """Greet the board."""
        self._line = line
        self._greet()

    def lost(self) -> None:
        """Give up what was asked, and forget who the board was."""
        self._line = None
        self._forget()
        for tag in list(self._waiting):
            self._fail(tag, Absent(self._source))

    def received(self, frame: bytes, raw_ns: int) -> None:
        """Take a line.  Raises Garbled."""
        line = ocb.decode_line(frame)
        match line:
            case ocb.Tic():
                self._take_tic(line, raw_ns)
            case ocb.Status():
                self._take_status(line, raw_ns)
            case ocb.Answer():
                if waiting := self._done(line.tag):
                    waiting.answer.callback(line.fields)
            case ocb.Refusal():
                if waiting := self._done(line.tag):
                    waiting.answer.errback(Declined(waiting.verb, line.code))

    def _take_tic(self, tic: ocb.Tic, raw_ns: int) -> None:
        if self._has_run_back(tic.sequence):
            self._begin_anew()
        self._sequence = tic.sequence
        self._tics += 1
        self._keep_up()
        if self._line is None or self.identity is None:
            return
        self._sink(
            PhaseReading(
                source=self._source,
                raw_ns=raw_ns,
                is_simulated=self._is_simulated(self._line, self.identity),
                sequence=tic.sequence,
                tai_s=tic.tai_s,
                gps_ps=tic.gps_ps,
                beidou_ps=tic.beidou_ps,
                external_ps=tic.external_ps,
                flags=tic.flags,
            )
        )

    def _take_status(self, status: ocb.Status, raw_ns: int) -> None:
        if status.uptime_s < self._uptime_s:
            self._begin_anew()
        self._uptime_s = status.uptime_s
        if self._line is None or self.identity is None:
            return
        self._sink(
            BoardStatus(
                source=self._source,
                raw_ns=raw_ns,
                is_simulated=self._is_simulated(self._line, self.identity),
                sequence=status.sequence,
                oven=status.oven,
                current_ma=status.current_ma,
                case_mk=status.case_mk,
                board_mk=status.board_mk,
                dac=status.dac,
                efc_uv=status.efc_uv,
                uptime_s=status.uptime_s,
                alarms=status.alarms,
            )
        )

    @staticmethod
    def _is_simulated(line: LineWriter, identity: Identity) -> bool:
        return line.is_simulated or identity.is_simulated

    def _has_run_back(self, sequence: int) -> bool:
        """Tell whether the board counts anew; its count of 32 bits may wrap."""
        if self._sequence is None:
            return False
        return (sequence - self._sequence) & 0xFFFF_FFFF > 0x7FFF_FFFF

    def _begin_anew(self) -> None:
        self._forget()
        self._log_from = 0

    def _forget(self) -> None:
        self.identity = None
        self._sequence = None
        self._uptime_s = 0

    # --- greeting ---------------------------------------------------------------------------------

    def _keep_up(self) -> None:
        """Greet a board that has not answered yet; tell a known one that its host lives."""
        if self.identity is None and self._tics % ID_EVERY_TICS == 0:
            self._greet()
        elif self.identity is not None and self._tics % WATCHDOG_EVERY_TICS == 0:
            self._start(self._feed_watchdog())

    def _greet(self) -> None:
        if not self._is_greeting:
            self._is_greeting = True
            self._start(self._greeting())

    async def _greeting(self) -> None:
        try:
            identity = answers.read_identity(await self.ask(Verb.ID))
            self.identity = identity
            await self._feed_watchdog()
            history = History(identity, await self._calibration(), await self._minutes())
        finally:
            self._is_greeting = False
        if self._told is not None:
            self._told(history)

    async def _feed_watchdog(self) -> None:
        await self.ask(Verb.WDT, WATCHDOG_S)

    async def _calibration(self) -> Calibration | None:
        """Fetch the calibration; a board that was never calibrated declines."""
        try:
            return answers.read_calibration(await self.ask(Verb.CAL))
        except Declined:
            return None

    async def _minutes(self) -> tuple[LogRow, ...]:
        """Fetch the minutes that the board kept after the pulse `_log_from`, oldest first."""
        minutes: list[LogRow] = []
        while len(minutes) * 60 < LOG_BACK_S:
            rows = answers.read_log(await self.ask(Verb.LOG, self._log_from))
            if not rows:
                break
            minutes.extend(rows)
            self._log_from = rows[-1].sequence
        return tuple(minutes)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what the board may fail to do; it is asked again with a later pulse."""
        Deferred.fromCoroutine(work).addErrback(lambda failure: failure.trap(DriverError) and None)

    # --- asking -----------------------------------------------------------------------------------

    def ask(self, verb: Verb, *arguments: Argument) -> Deferred[tuple[str, ...]]:
        """Ask the board; fires with the fields of its answer.

        Fails with Declined, Silent (no answer in time, or too much is waiting) or Absent; raises
        Garbled for arguments that no board takes.
        """
        tag = self._tag = self._tag % ocb.MAX_TAG + 1
        octets = ocb.encode_request(ocb.Request(tag, verb, arguments))
        answer: Deferred[tuple[str, ...]] = Deferred()
        limit = self._reactor.callLater(ANSWER_S, self._expire, tag)
        self._waiting[tag] = _Waiting(verb, answer, limit)
        if self._line is None:
            self._fail(tag, Absent(self._source))
        elif len(self._waiting) > MAX_WAITING:
            self._fail(tag, Silent(f"{self._source} has too much to answer"))
        else:
            self._write(tag, octets)
        return answer

    def _write(self, tag: int, octets: bytes) -> None:
        assert self._line is not None
        try:
            self._line.write(octets)
        except DriverError as error:
            self._fail(tag, error)

    def _expire(self, tag: int) -> None:
        verb = self._waiting[tag].verb.value
        self._fail(tag, Silent(f"{self._source} does not answer {verb}"))

    def _fail(self, tag: int, error: DriverError) -> None:
        if waiting := self._done(tag):
            waiting.answer.errback(error)

    def _done(self, tag: int) -> _Waiting | None:
        """Take a request off the list; None for an answer that nobody waits for."""
        waiting = self._waiting.pop(tag, None)
        if waiting is not None and waiting.limit.active():
            waiting.limit.cancel()
        return waiting


def board_line(
    place: LinePlace, board: Board, *, sink: Sink, reactor: Clock, raw_ns: Callable[[], int]
) -> SerialLine[bytes]:
    """Make the line of a board, ready to be started."""
    return SerialLine(
        place,
        lambda: Lines(ocb.MAX_LINE_OCTETS),
        board,
        sink=sink,
        reactor=reactor,
        raw_ns=raw_ns,
    )
