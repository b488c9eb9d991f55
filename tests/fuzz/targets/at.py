"""A modem's lines: whatever it says, only Garbled comes out, and times are of plausible years."""

import contextlib

from kit.lines import MemoryLine

from drivers.api import Garbled, ModemReport
from drivers.modem import at
from drivers.modem.modem import Modem, ModemSettings
from drivers.serial_line import LinePlace

YEAR_2023_S, YEAR_2071_S = 1_672_531_200, 3_187_296_000
SETTINGS = ModemSettings(line=LinePlace("modem", "/dev/modem", 115_200), ntp_server="ntp.example")


def one_input(data: bytes) -> None:
    memory = MemoryLine()
    modem = Modem(SETTINGS, sink=memory.readings.append, reactor=memory.reactor)
    modem.opened(memory)
    for line in data.split(b"\n"):
        with contextlib.suppress(Garbled):
            modem.received(line, 0)
        check_clock(line)
    memory.reactor.advance(200)
    modem.lost()
    for report in memory.readings:
        assert isinstance(report, ModemReport)
        assert report.utc_s is None or YEAR_2023_S < report.utc_s < YEAR_2071_S


def check_clock(line: bytes) -> None:
    """A clock that was read can be written and read again."""
    with contextlib.suppress(Garbled):
        for field in at.fields(line.decode("utf-8", "replace")):
            clock = None
            with contextlib.suppress(Garbled):
                clock = at.read_clock(field)
            if clock is not None:
                text = at.write_clock(clock, year_digits=4)
                assert at.read_clock(text) in {clock, None}
