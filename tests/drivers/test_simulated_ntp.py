"""The simulated NTP servers, asked by the real exchange."""

import pytest

from drivers.api import LeapNotice, NtpSample
from drivers.ntp.exchange import Exchange, Reason
from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.rig import MemoryRig
from drivers.simulated.stage import NTP_SERVERS
from drivers.simulated.world import WorldSettings

SERVER = NTP_SERVERS[0]


class Client:
    """Asks one server of a rig."""

    def __init__(self, source=SERVER):
        self.rig = MemoryRig(WorldSettings())
        self.rig.second()
        self.server = self.rig.stage.devices[source]
        self.exchange = Exchange(source, interval_s=64)
        self.asked = 0

    def ask(self):
        """Ask; gives what the exchange makes of the reply, None without one."""
        self.asked += 1
        cookie = self.asked.to_bytes(8, "big")
        self.rig.write(self.server.source, self.exchange.ask(cookie, self.rig.raw_ns))
        for heard in self.rig.second():
            if heard.source == self.server.source:
                return self.exchange.take(heard.octets, heard.raw_ns)
        return None

    def error_ns(self, sample):
        """Tell how far a sample is from the truth."""
        return sample.utc_ns - self.rig.world.utc_ns(self.rig.truth_tai_ns(sample.raw_ns))


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize("source", NTP_SERVERS)
def test_samples_are_true_within_what_they_claim(source):
    client = Client(source)
    for _ in range(50):
        sample = client.ask()
        assert isinstance(sample, NtpSample)
        claim_ns = sample.delay_ns // 2 + sample.root_dispersion_ns + sample.root_delay_ns // 2
        assert abs(client.error_ns(sample)) < claim_ns
        assert sample.is_simulated


def test_a_false_server_is_off_by_so_much(client):
    client.server.begin(Fault.NTP_FALSE, faults.Offset(offset_ns=1_000_000_000))
    assert client.error_ns(client.ask()) == pytest.approx(1e9, abs=2e7)


@pytest.mark.parametrize(("code", "reason"), [("RATE", Reason.RATE), ("DENY", Reason.DENIED)])
def test_a_kiss_is_understood(client, code, reason):
    client.server.begin(Fault.NTP_KISS, faults.Kiss(code=code))
    assert client.ask() is reason


def test_a_replay_and_a_wrong_origin_are_seen_through(client):
    client.ask()
    client.server.begin(Fault.NTP_REPLAY, faults.Nothing())
    assert client.ask() is Reason.ORIGIN
    client.server.end(Fault.NTP_REPLAY)
    client.server.begin(Fault.NTP_ORIGIN, faults.Nothing())
    assert client.ask() is Reason.ORIGIN


def test_a_silent_server_says_nothing(client):
    client.server.begin(Fault.NTP_SILENT, faults.Nothing())
    assert client.ask() is None


def test_an_unequal_path_misleads_by_half_of_the_difference(client):
    client.server.begin(Fault.NTP_ASYMMETRY, faults.Delay(delay_ns=400_000_000))
    sample = client.ask()
    assert client.error_ns(sample) == pytest.approx(-2e8, abs=1e7)
    assert sample.delay_ns > 400_000_000


@pytest.mark.parametrize(("change", "told"), [(1, LeapNotice.INSERT), (-1, LeapNotice.DELETE)])
def test_a_leap_second_is_announced_in_its_day(client, change, told):
    assert client.ask().leap is LeapNotice.NONE
    client.rig.stage.devices["world"].begin(Fault.LEAP_SECOND, faults.LeapChange(change=change))
    assert client.ask().leap is told


def test_what_is_no_request_is_not_answered(client):
    for octets in (b"", b"\x00" * 48, b"\x24" + bytes(47)):
        assert client.server.hear(octets, 0) == []
