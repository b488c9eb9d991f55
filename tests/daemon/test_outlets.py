"""What follows the clock, opened as the settings name it."""

import socket
from pathlib import Path

import attrs
from kit.clock import GOOD
from kit.serial import PumpedReactor, Tty
from kit.statements import RAW_NS, statement_of
from kit.tod import read_frame, read_time

from appliance.daemon.time.outlets import open_outlets
from appliance.quantities import NS_PER_S
from appliance.services.clocks import read_host_clock
from appliance.settings import Time, TimeOutput
from drivers.ntp.chrony_sock import SAMPLE


def test_nothing_is_opened_unless_the_settings_name_it() -> None:
    reactor = PumpedReactor()
    outlets = open_outlets(Time(), reactor=reactor, raw_ns=reactor.raw_ns)
    assert (len(outlets.outputs), outlets.lines, outlets.chrony) == (1, [], None)
    outlets.start()
    outlets.stop()


def test_chronyd_is_fed_each_statement(tmp_path: Path) -> None:
    reactor = PumpedReactor()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as chronyd:
        chronyd.bind(str(tmp_path / "HLD2.sock"))
        outlets = open_outlets(Time(chrony=str(tmp_path)), reactor=reactor, raw_ns=reactor.raw_ns)
        host = read_host_clock()
        time = attrs.evolve(GOOD, tai_ns=host.posix_ns + 37 * NS_PER_S, bound_ns=60_000)
        for output in outlets.outputs:
            output(statement_of(time, host.raw_ns))
        outlets.stop()
        chronyd.setblocking(False)
        assert len(chronyd.recv(4096)) == SAMPLE.size


def test_a_serial_output_speaks_each_second(tmp_path: Path) -> None:
    tty, reactor = Tty(tmp_path / "tod"), PumpedReactor()
    table = TimeOutput(name="tod-1", kind="tod", path=str(tty.link))
    outlets = open_outlets(
        Time(output=(table,)), reactor=reactor, raw_ns=lambda: RAW_NS + reactor.raw_ns()
    )
    for output in outlets.outputs:
        output(statement_of(GOOD, RAW_NS))
    outlets.start()
    for _ in range(250):
        reactor.advance(0.01)
        reactor.pump_io()
    assert read_time(read_frame(tty.heard()[:23])).tai_s == GOOD.tai_ns // NS_PER_S + 1
    outlets.stop()
    tty.unplug()
