"""A modem on its line: asked once a minute, a ModemReport each time.

Commands go one after the other, each with its limit; what a modem answers with ERROR is not asked
again until it restarts.  A restart in the middle of a command ends the round, and the next begins
with the setup.  Network time is what +QLTS=1 tells, or +CCLK where that is
unknown; +CTZE, +CTZEU and +QNTP are told as they come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs
from twisted.internet.defer import Deferred

from drivers.api import Absent, DriverError, Garbled, ModemReport, Silent, Sink
from drivers.modem import at
from drivers.modem.at import Command, Dialogue, Kind
from drivers.serial_line import Clock, DelayedCall, LinePlace, Lines, LineWriter, SerialLine

T = TypeVar("T")

BAUD = 115_200
ROUND_S = 60.0
RETRY_S = 5.0
ANSWER_S = 5.0
NTP_EVERY_ROUNDS = 10

SETUP = (
    Command(""),
    Command("E0"),
    Command("+CTZU=1"),
    Command("+CTZR=2"),
)
"""No echo, the clock set by the network, changes of it reported with the time."""

IDENTITY = Command("I", "")
PIN = Command("+CPIN?", "+CPIN:")
REGISTRATIONS = (
    Command("+C5GREG?", "+C5GREG:"),
    Command("+CEREG?", "+CEREG:"),
    Command("+CREG?", "+CREG:"),
)
OPERATOR = Command("+COPS?", "+COPS:")
SERVING_CELL = Command('+QENG="servingcell"', "+QENG:")
QUECTEL_SIGNAL = Command("+QCSQ", "+QCSQ:")
SIGNAL = Command("+CSQ", "+CSQ:")
NETWORK_TIME = Command("+QLTS=1", "+QLTS:")
CLOCK = Command("+CCLK?", "+CCLK:")

_UNSOLICITED_TIMES: dict[str, Callable[[str], int | None]] = {
    "+CTZE:": at.read_ctze,
    "+CTZEU:": at.read_ctzeu,
    "+QNTP:": at.read_qntp,
}


class Declined(DriverError):
    """The modem answered ERROR."""


class Restarted(DriverError):
    """The modem started again in the middle of a command."""


@attrs.frozen(kw_only=True)
class ModemSettings:
    """A modem: where it is, and the NTP server that it asks itself, "" for none."""

    line: LinePlace
    ntp_server: str = ""


@attrs.frozen
class _Told:
    """What a round has found so far."""

    is_registered: bool = False
    technology: str = ""
    operator: str = ""
    signal_dbm: int | None = None


class Modem:
    """What the modem's line is used for."""

    def __init__(self, settings: ModemSettings, *, sink: Sink, reactor: Clock) -> None:
        self._settings = settings
        self._sink = sink
        self._reactor = reactor
        self._line: LineWriter | None = None
        self._dialogue = Dialogue()
        self._answer: Deferred[list[str]] | None = None
        self._limit: DelayedCall | None = None
        self._round: DelayedCall | None = None
        self._declined: set[str] = set()
        self._is_set_up = False
        self._says_simulated = False
        self._told = _Told()
        self._rounds = 0
        self._heard_ns = 0

    # --- what the line tells ----------------------------------------------------------------------

    def opened(self, line: LineWriter) -> None:
        """Begin the first round."""
        self._line = line
        self._forget()
        self._begin_round()

    def lost(self) -> None:
        """Give up the round."""
        self._line = None
        self._forget()
        if self._round is not None and self._round.active():
            self._round.cancel()
        self._fail(Absent(self._settings.line.source))

    def received(self, frame: bytes, raw_ns: int) -> None:
        """Take a line.  Raises Garbled."""
        kind, text = self._dialogue.take(frame)
        self._heard_ns = raw_ns
        if kind is Kind.DONE:
            self._succeed(self._dialogue.lines)
        elif kind is Kind.ERROR:
            self._fail(Declined(text))
        elif kind is Kind.RESTART:
            self._forget()
            self._fail(Restarted(self._settings.line.source))
        elif kind is Kind.UNSOLICITED:
            self._take_unsolicited(text)

    def _take_unsolicited(self, text: str) -> None:
        reader = _UNSOLICITED_TIMES.get(text.partition(" ")[0])
        if reader is None or self._line is None or not self._is_set_up:
            return
        utc_s = reader(text)
        if utc_s is not None:
            self._report(self._line, utc_s, self._heard_ns)

    def _forget(self) -> None:
        self._is_set_up = False
        self._says_simulated = False
        self._declined.clear()
        self._told = _Told()

    # --- rounds -----------------------------------------------------------------------------------

    def _begin_round(self) -> None:
        Deferred.fromCoroutine(self._go_round())

    async def _go_round(self) -> None:
        wait_s = ROUND_S
        try:
            await self._ask_all()
        except DriverError:
            wait_s = RETRY_S
        if self._line is not None:
            self._round = self._reactor.callLater(wait_s, self._begin_round)

    async def _ask_all(self) -> None:
        """Ask all that a report says.  Raises DriverError when the round cannot end."""
        if not self._is_set_up:
            await self._set_up()
        is_registered = await self._is_registered()
        operator = await self._read_last(OPERATOR, at.read_operator) or at.Operator("", "")
        signal = await self._signal()
        self._told = _Told(
            is_registered=is_registered,
            technology=signal.technology or operator.technology,
            operator=operator.name,
            signal_dbm=signal.dbm,
        )
        utc_s = await self._network_time()
        if self._line is not None:
            self._report(self._line, utc_s, self._heard_ns)
        await self._ask_ntp()

    async def _set_up(self) -> None:
        for command in SETUP:
            await self._try(command)
        identity = await self._try(IDENTITY)
        self._says_simulated = any("simulat" in line.lower() for line in identity)
        await self._try(PIN)
        self._is_set_up = True

    async def _is_registered(self) -> bool:
        states = [await self._read_last(each, at.read_is_registered) for each in REGISTRATIONS]
        return any(states)

    async def _signal(self) -> at.Signal:
        """Ask for the signal, the most telling way first."""
        signal = at.read_qeng(await self._try(SERVING_CELL))
        if signal.dbm is not None:
            return signal
        signal = await self._read_last(QUECTEL_SIGNAL, at.read_qcsq) or signal
        if signal.dbm is not None:
            return signal
        return attrs.evolve(signal, dbm=await self._read_last(SIGNAL, at.read_csq_dbm))

    async def _network_time(self) -> int | None:
        """Ask for UTC; the clock is only asked when the modem does not know +QLTS."""
        if NETWORK_TIME.text not in self._declined:
            utc_s = await self._read_last(NETWORK_TIME, at.read_qlts_utc)
            if NETWORK_TIME.text not in self._declined:
                return utc_s
        return await self._read_last(CLOCK, at.read_cclk)

    async def _ask_ntp(self) -> None:
        """Have the modem ask its NTP server, by Quectel's command or SIMCom's.

        +QNTP comes unsolicited with the time, once it is done; +CNTP sets the clock that the next
        rounds ask for.
        """
        server = self._settings.ntp_server
        self._rounds += 1
        if not server or not self._told.is_registered or self._rounds % NTP_EVERY_ROUNDS != 1:
            return
        quectel = Command(f'+QNTP=1,"{server}"')
        await self._try(quectel)
        if quectel.text in self._declined:
            await self._try(Command(f'+CNTP="{server}",0'))
            await self._try(Command("+CNTP"))

    def _report(self, line: LineWriter, utc_s: int | None, raw_ns: int) -> None:
        told = self._told
        self._sink(
            ModemReport(
                source=self._settings.line.source,
                raw_ns=raw_ns,
                is_simulated=line.is_simulated or self._says_simulated,
                is_registered=told.is_registered,
                technology=told.technology,
                operator=told.operator,
                signal_dbm=told.signal_dbm,
                utc_s=utc_s,
            )
        )

    # --- asking -----------------------------------------------------------------------------------

    async def _read_last(self, command: Command, reader: Callable[[str], T]) -> T | None:
        """Read the last line of an answer; None without one, declined or in a form unknown."""
        lines = await self._try(command)
        try:
            return reader(lines[-1]) if lines else None
        except Garbled:
            return None

    async def _try(self, command: Command) -> list[str]:
        """Ask unless the modem declined it before; no lines then."""
        if command.text in self._declined:
            return []
        try:
            return await self.ask(command)
        except Declined:
            self._declined.add(command.text)
            return []

    def ask(self, command: Command) -> Deferred[list[str]]:
        """Ask the modem one thing; fires with the lines of the answer.

        Fails with Declined, Silent, Restarted or Absent.
        """
        assert self._answer is None
        answer: Deferred[list[str]] = Deferred()
        self._answer = answer
        self._limit = self._reactor.callLater(ANSWER_S, self._expire, command)
        self._dialogue.begin(command)
        try:
            if self._line is None:
                raise Absent(self._settings.line.source)
            self._line.write(command.octets())
        except DriverError as error:
            self._fail(error)
        return answer

    def _expire(self, command: Command) -> None:
        self._dialogue.end()
        self._fail(Silent(f"{self._settings.line.source} does not answer AT{command.text}"))

    def _succeed(self, lines: list[str]) -> None:
        if answer := self._done():
            answer.callback(lines)

    def _fail(self, error: DriverError) -> None:
        if answer := self._done():
            answer.errback(error)

    def _done(self) -> Deferred[list[str]] | None:
        answer, self._answer = self._answer, None
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        return answer


def modem_line(
    settings: ModemSettings, *, sink: Sink, reactor: Clock, raw_ns: Callable[[], int]
) -> SerialLine[bytes]:
    """Make the line of a modem, ready to be started."""
    user = Modem(settings, sink=sink, reactor=reactor)
    return SerialLine(
        settings.line,
        lambda: Lines(at.MAX_LINE_OCTETS),
        user,
        sink=sink,
        reactor=reactor,
        raw_ns=raw_ns,
    )
