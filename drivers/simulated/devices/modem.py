"""A simulated 4G modem: an AT dialogue with echo, delays, unsolicited codes and NITZ.

It knows the time from the network only, a while after it has registered, by whole seconds.  Its
answer to ATI says that it is simulated.
"""

from __future__ import annotations

import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

from drivers.modem import at
from drivers.simulated import faults
from drivers.simulated.device import Device, Said
from drivers.simulated.faults import Fault, Parameters
from drivers.simulated.world import NS_PER_S, World

ZONE_QUARTERS = 32
"""Beijing time."""

BOOT_S = 4
REGISTERS_S = 8
NITZ_S = 10
NITZ_LAG_NS = 700_000_000
ANSWER_NS = 8_000_000
ANSWER_SPREAD_NS = 50_000_000
NTP_ANSWER_NS = 1_800_000_000
MAX_COMMAND = 256
_CELL = '"LTE","FDD",460,00,1A2B3C4,231,1650,3,5,5,1234,-95,-10,-66,15'


class Modem(Device):
    """The modem; it boots when the world begins."""

    def __init__(self, source: str, world: World) -> None:
        super().__init__(source, world)
        self._random = random.Random(world.random.getrandbits(32))  # noqa: S311  (a model)
        self._boot()

    def _boot(self) -> None:
        self._booted_at_s = self.world.tai_s
        self._input = b""
        self._has_echo = True
        self._reports_zone = False

    @property
    def _is_up(self) -> bool:
        return Fault.MODEM_REBOOT not in self.faults

    @property
    def _up_s(self) -> int:
        return self.world.tai_s - self._booted_at_s

    @property
    def _is_registered(self) -> bool:
        return self._up_s >= REGISTERS_S and Fault.NO_NETWORK not in self.faults

    @property
    def _knows_time(self) -> bool:
        return self._up_s >= NITZ_S and Fault.NITZ_NEVER not in self.faults

    def end(self, fault: Fault) -> None:
        """Be well again; a modem that went down boots."""
        super().end(fault)
        if fault is Fault.MODEM_REBOOT:
            self._boot()

    def begin(self, fault: Fault, parameters: Parameters) -> None:
        """Suffer from a fault; one that goes down forgets the command it was told."""
        super().begin(fault, parameters)
        if fault is Fault.MODEM_REBOOT:
            self._input = b""

    # --- a second ---------------------------------------------------------------------------------

    def second(self) -> list[Said]:
        """Say what nobody asked for."""
        up_s = self._up_s
        if not self._is_up or up_s > NITZ_S:
            return []
        lines: list[str] = []
        if up_s == BOOT_S:
            lines = ["RDY", "+CFUN: 1", "+CPIN: READY"]
        elif up_s == REGISTERS_S and self._is_registered:
            lines = ["+CEREG: 1"]
        elif up_s == NITZ_S and self._reports_zone and self._knows_time:
            zone = self._zone_quarters
            digits = self._clock(zone, year_digits=4).partition("+")[0].partition("-")[0]
            lines = [f'+CTZE: "{zone:+03d}",0,"{digits}"']
        if not lines:
            return []
        said_ns = self.world.tai_s * NS_PER_S + self._random.randrange(NS_PER_S // 2)
        return [Said(said_ns, self.source, _octets(lines))]

    # --- its clock --------------------------------------------------------------------------------

    @property
    def _zone_quarters(self) -> int:
        wrong = self.suffered(Fault.NITZ_ZONE, faults.Zone)
        return ZONE_QUARTERS + (wrong.quarters if wrong else 0)

    def _local_s(self) -> int:
        """Give the digits of the local clock, some tenths of a second late, as POSIX seconds."""
        now_ns = self.world.utc_ns(self.world.tai_s * NS_PER_S) - NITZ_LAG_NS
        wrong = self.suffered(Fault.NITZ_WRONG, faults.Shift)
        shift_s = wrong.shift_s if wrong else 0
        return now_ns // NS_PER_S + shift_s + ZONE_QUARTERS * at.QUARTER_S

    def _clock(self, zone_quarters: int, *, year_digits: int, is_utc: bool = False) -> str:
        digits_s = self._local_s() - (zone_quarters * at.QUARTER_S if is_utc else 0)
        return at.write_clock(at.Clock(digits_s, zone_quarters), year_digits=year_digits)

    # --- what it is asked -------------------------------------------------------------------------

    def hear(self, octets: bytes, tai_ns: int) -> list[Said]:
        """Take command lines, each of which ends in a carriage return."""
        if not self._is_up or self._up_s < BOOT_S:
            return []
        *commands, self._input = (self._input + octets).split(b"\r")
        self._input = self._input[-MAX_COMMAND:]
        said: list[Said] = []
        for command in commands:
            said += self._run(command.strip(b"\n"), tai_ns)
        return said

    def _run(self, command: bytes, tai_ns: int) -> list[Said]:
        echo = command + b"\r" if self._has_echo else b""
        text = command.decode("ascii", "replace").strip()
        if text[:2].upper() != "AT":
            return [Said(tai_ns, self.source, echo)] if echo else []
        answer_ns = tai_ns + ANSWER_NS + self._random.randrange(ANSWER_SPREAD_NS)
        lines = self._answer(text[2:])
        if lines is None:
            return [Said(answer_ns, self.source, echo + _octets(["ERROR"]))]
        if Fault.MODEM_URC in self.faults:
            lines = ["+CEREG: 1", '+QIND: "csq",28,99', *lines]
        said = [Said(answer_ns, self.source, echo + _octets([*lines, "OK"]))]
        if text.startswith("AT+QNTP=") and self._is_registered:
            clock = self._clock(self._zone_quarters, year_digits=4)
            done = _octets([f'+QNTP: 0,"{clock}"'])
            said.append(Said(answer_ns + NTP_ANSWER_NS, self.source, done))
        return said

    def _answer(self, verb: str) -> list[str] | None:
        """Give the lines before OK; None for ERROR."""
        if verb in {"E0", "E1"}:
            self._has_echo = verb == "E1"
            return []
        if verb.startswith("+CTZR="):
            self._reports_zone = verb != "+CTZR=0"
            return []
        if verb == "" or verb.startswith(("+CTZU=", "+QNTP=")):
            return []
        return self._told(verb)

    def _told(self, verb: str) -> list[str] | None:
        state = 1 if self._is_registered else 2
        operator = '0,0,"SIMULATED",7' if self._is_registered else "0"
        fixed = {
            "I": ["SIMULATED", "EG25-SIM", "Revision: SIM1.0"],
            "+CPIN?": ["+CPIN: READY"],
            "+CREG?": [f"+CREG: 0,{state}"],
            "+CEREG?": [f"+CEREG: 0,{state}"],
            "+COPS?": [f"+COPS: {operator}"],
            "+CSQ": ["+CSQ: 24,99" if self._is_registered else "+CSQ: 99,99"],
            "+QCSQ": [
                '+QCSQ: "LTE",-66,-95,150,-10' if self._is_registered else '+QCSQ: "NOSERVICE"'
            ],
            '+QENG="servingcell"': [self._serving_cell()],
        }
        return fixed.get(verb) or self._time(verb)

    def _serving_cell(self) -> str:
        if self._is_registered:
            return f'+QENG: "servingcell","NOCONN",{_CELL}'
        return '+QENG: "servingcell","SEARCH"'

    def _time(self, verb: str) -> list[str] | None:
        zone = self._zone_quarters
        if verb == "+CCLK?":
            clock = self._clock(zone, year_digits=2) if self._knows_time else "80/01/06,00:00:00+00"
            return [f'+CCLK: "{clock}"']
        if verb in {"+QLTS", "+QLTS=0", "+QLTS=1", "+QLTS=2"}:
            is_utc = verb == "+QLTS=1"
            clock = self._clock(zone, year_digits=4, is_utc=is_utc) + ",0"
            return [f'+QLTS: "{clock}"'] if self._knows_time else ['+QLTS: ""']
        return None


def _octets(lines: list[str]) -> bytes:
    return b"".join(b"\r\n%b\r\n" % line.encode("ascii") for line in lines)
