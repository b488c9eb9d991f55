"""The rig in real time on real pseudo-terminals, with a clock that a test turns."""

import json
import os
import select
import stat
from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from drivers.ntp import packet
from drivers.ntp.packet import Mode, Packet
from drivers.oscillator import ocb
from drivers.oscillator.ocb import Verb
from drivers.pps.recorded import decode_record
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.ptys import HostTime, PtyRig
from drivers.simulated.scenario import read_scenario
from drivers.simulated.stage import CAST, GNSS_A, MODEM, NTP_SERVERS, OCXO, PPS, SERIAL
from drivers.simulated.world import WorldSettings

START_UTC_NS = 1_800_000_000_250_000_000
START_RAW_NS = 77_000_000_000
GUARD_S = 10.0


class FakeReactor(Clock):
    """A clock that watches descriptors and sockets when it is told to look."""

    def __init__(self):
        super().__init__()
        self.readers = []
        self.sockets = []

    def addReader(self, reader):  # noqa: N802  Twisted's name
        self.readers.append(reader)

    def removeReader(self, reader):  # noqa: N802  Twisted's name
        self.readers.remove(reader)

    def listenUDP(self, port, protocol, interface):  # noqa: N802  Twisted's name
        assert (port, interface) == (0, "127.0.0.1")
        protocol.transport = SimpleNamespace(sent=[])
        protocol.transport.write = lambda octets, address: protocol.transport.sent.append(octets)
        self.sockets.append(protocol)
        number = 40_000 + len(self.sockets)
        return SimpleNamespace(
            getHost=lambda: SimpleNamespace(port=number),
            stopListening=lambda: self.sockets.remove(protocol),
        )

    def look(self):
        """Let every reader read once."""
        for reader in list(self.readers):
            reader.doRead()


class Host:
    """A folder of devices, and the clock that drives them."""

    def __init__(self, folder, scenario):
        self.folder = folder / "sim"
        self.reactor = FakeReactor()
        time = HostTime(
            realtime_ns=lambda: START_UTC_NS + self.passed_ns(),
            raw_ns=lambda: START_RAW_NS + self.passed_ns(),
        )
        reading = read_scenario(scenario, CAST)
        self.rig = PtyRig(
            self.folder, WorldSettings(seed=2), reading, reactor=self.reactor, time=time
        )
        self.opened = {}
        self.rig.start()

    def passed_ns(self):
        return round(self.reactor.seconds() * 1e9)

    def run(self, seconds):
        """Let time pass in steps of 10 ms."""
        for _ in range(round(seconds * 100)):
            self.reactor.advance(0.01)
            self.reactor.look()

    def open(self, name):
        flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK
        self.opened[name] = os.open(self.folder / name, flags)
        return self.opened[name]

    def read(self, name, until):
        """Read until something came; the kernel hands octets over in its own time."""
        octets = b""
        while until not in octets:
            ready, _, _ = select.select([self.opened[name]], [], [], GUARD_S)
            assert ready, f"{until!r} did not come: {octets!r}"
            octets += os.read(self.opened[name], 65_536)
        return octets

    def close(self):
        self.rig.stop()
        for descriptor in self.opened.values():
            os.close(descriptor)


@pytest.fixture
def start(tmp_path):
    hosts = []

    def begin(scenario=""):
        hosts.append(Host(tmp_path, scenario))
        return hosts[-1]

    yield begin
    for host in hosts:
        host.close()


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_private_and_holds_a_link_for_each_device(start):
    host = start()
    assert mode_of(host.folder) == 0o700
    assert mode_of(host.folder / "truth.json") == 0o600
    for name in SERIAL:
        assert str((host.folder / name).readlink()).startswith("/dev/pts/")


def test_devices_speak_in_the_current_second(start):
    host = start()
    for name in (OCXO, GNSS_A):
        host.open(name)
    host.run(9)
    said = host.read(OCXO, until=b"$OCSTA,9,").split(b"\r\n")
    tics = [ocb.decode_line(line) for line in said if b"$OCTIC" in line]
    assert [tic.sequence for tic in tics] == list(range(1, 10))
    # 1 800 000 009 is 08:00:09 UTC
    host.read(GNSS_A, until=b"$GPRMC,080001.000,V")
    host.run(1)
    host.read(GNSS_A, until=b"$GPRMC,080010.000,A")


def test_what_a_host_writes_is_answered(start):
    host = start()
    host.open(OCXO)
    host.open(MODEM)
    host.run(6)
    os.write(host.opened[OCXO], ocb.encode_request(ocb.Request(9, Verb.ID)))
    os.write(host.opened[MODEM], b"AT\r")
    host.run(0.2)
    host.read(OCXO, until=b"+9,OCB/1,SIMULATED")
    host.read(MODEM, until=b"\r\nOK\r\n")


def test_the_truth_is_the_hosts_clock_at_the_start_carried_on_raw(start):
    host = start()
    told = json.loads((host.folder / "truth.json").read_text())
    assert START_RAW_NS + told["tai_minus_raw_ns"] == START_UTC_NS + 37 * 10**9
    assert host.rig.truth_tai_ns(START_RAW_NS + 5) == START_UTC_NS + 37 * 10**9 + 5


def test_pulses_are_recorded_by_realtime(start):
    host = start()
    host.run(5)
    record = decode_record((host.folder / PPS).read_bytes())
    phase_ns = record.real_ns + round(host.rig.stage.world.phase_s * 1e9)
    assert record.sequence == 5
    assert phase_ns % 10**9 < 100_000


def test_ntp_servers_answer_on_loopback(start):
    host = start()
    places = json.loads((host.folder / "ports.json").read_text())
    assert list(places) == list(NTP_SERVERS)
    assert places["ntp-a"] == "127.0.0.1:40001"
    host.run(1)
    socket = host.reactor.sockets[0]
    request = packet.encode(Packet(mode=Mode.CLIENT, transmit=b"cookie!!"))
    socket.datagramReceived(request, ("127.0.0.1", 9))
    host.run(0.2)
    reply = packet.decode(socket.transport.sent[0])
    assert reply.origin == b"cookie!!"
    assert abs(packet.utc_ns(reply.receive) - START_UTC_NS - 10**9) < 10**8


def test_a_device_that_is_pulled_out_vanishes_and_comes_back_elsewhere(start):
    host = start('[[fault]]\nat = 3.0\ndo = "unplug"\nfor = 4.0\ndevice = "gnss-a"\n')
    host.run(1)
    descriptor = host.open(GNSS_A)
    before = os.fstat(descriptor).st_rdev
    host.run(4)
    assert not (host.folder / GNSS_A).is_symlink()
    host.run(4)
    assert (host.folder / GNSS_A).stat().st_rdev != before


def test_a_line_that_nobody_reads_costs_nothing_and_blocks_nobody(start):
    host = start()
    host.run(60)
    host.open(OCXO)
    host.read(OCXO, until=b"$OCTIC,30,")
    host.run(2)
    host.read(OCXO, until=b"$OCTIC,62,")


def test_a_suspended_host_is_not_told_what_it_missed(start):
    host = start()
    host.open(OCXO)
    host.run(3)
    host.read(OCXO, until=b"$OCTIC,3,")
    host.reactor.advance(60)
    host.run(3)
    missed = host.read(OCXO, until=b"$OCTIC,65,")
    assert b"$OCTIC,30," not in missed


def test_nothing_is_left_after_the_stop(start):
    host = start()
    host.run(2)
    host.rig.stop()
    assert host.reactor.readers == host.reactor.sockets == []
    assert not host.reactor.getDelayedCalls()
    assert not any((host.folder / name).is_symlink() for name in SERIAL)


def test_a_fault_begun_by_hand_bends_the_terminal_too(start):
    host = start()
    host.open(OCXO)
    host.rig.stage.devices[OCXO].begin(Fault.GARBAGE, faults.Nothing())
    host.run(3)
    assert not host.read(OCXO, until=b"$OCTIC,3,").startswith(b"$OCTIC")
