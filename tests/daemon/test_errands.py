"""Who asks the network for the time, and how `timed` hears of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from kit.frames import framed
from kit.udp import UdpReactor
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from appliance.daemon.places import Places
from appliance.daemon.supervision.claim import Claim
from appliance.daemon.time.errands import LOOK_AGAIN_S, Errands, SamplesLine, outside_sources
from appliance.services.messages import PROTOCOL_VERSION, Hello, OutsideReadings
from appliance.settings import Time
from drivers.api import Constellation, DeviceChange, DeviceState, GnssEpoch, LeapNotice, NtpSample
from drivers.gnss.gpsd import as_sample

SAMPLE = NtpSample(
    source="ntp.example",
    raw_ns=1,
    is_simulated=False,
    utc_ns=2,
    delay_ns=3,
    root_delay_ns=4,
    root_dispersion_ns=5,
    stratum=6,
    leap=LeapNotice.NONE,
)
EPOCH = GnssEpoch(
    source="gpsd",
    raw_ns=1,
    is_simulated=True,
    constellation=Constellation.MIXED,
    is_valid=True,
    utc_s=1_795_396_504,
)
ASKING = Time(source="simulated", ntp=("192.0.2.1",), gpsd="[::1]:2947")


class NetworkReactor(MemoryReactorClock):
    """A reactor in memory with UDP ports in memory; its threads never come back."""

    def __init__(self) -> None:
        super().__init__()
        self.udp = UdpReactor()

    def listenUDP(self, *arguments: Any) -> Any:  # noqa: N802  Twisted's name
        return self.udp.listenUDP(*arguments)

    def getThreadPool(self) -> "NetworkReactor":  # noqa: N802  Twisted's name
        return self

    def callInThreadWithCallback(self, *_: object) -> None:  # noqa: N802  Twisted's name
        """Never call."""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path)
    found.make()
    return found


# --- who goes -------------------------------------------------------------------------------------


def test_one_front_goes_and_the_next_when_it_ends(places: Places) -> None:
    reactors = [NetworkReactor(), NetworkReactor()]
    first, second = (Errands(ASKING, places, reactor) for reactor in reactors)
    first.start()
    second.start()
    assert [len(reactor.unixClients) for reactor in reactors] == [1, 0]
    Deferred.fromCoroutine(first.stop())
    reactors[1].advance(LOOK_AGAIN_S)
    assert [len(reactor.unixClients) for reactor in reactors] == [1, 1]
    Deferred.fromCoroutine(second.stop())


def test_a_front_that_waits_can_be_stopped(places: Places) -> None:
    holder = Claim.take(places.errands)
    reactor = NetworkReactor()
    errands = Errands(ASKING, places, reactor)
    errands.start()
    Deferred.fromCoroutine(errands.stop())
    assert reactor.getDelayedCalls() == []
    holder.release()


@pytest.mark.parametrize(
    "choice",
    [
        Time(source="simulated"),
        Time(source="demo", ntp=("192.0.2.1",)),
        Time(source="system", gpsd="localhost"),
    ],
    ids=["nothing to ask", "demo", "system"],
)
def test_nobody_goes_where_nothing_is_asked_for_or_heard(choice: Time, places: Places) -> None:
    reactor = NetworkReactor()
    Errands(choice, places, reactor).start()
    assert reactor.unixClients == []
    assert not places.errands.exists()


def test_the_sources_of_a_front_are_those_of_the_settings() -> None:
    assert outside_sources(ASKING) == {"192.0.2.1", "gpsd"}
    assert outside_sources(Time()) == frozenset()


# --- the line -------------------------------------------------------------------------------------


def connect(reactor: MemoryReactorClock) -> tuple[Any, StringTransport]:
    """Let the line's connection come about."""
    (_, factory, *_), *_ = reactor.unixClients[-1:]
    protocol, transport = factory.buildProtocol(None), StringTransport()
    protocol.makeConnection(transport)
    return protocol, transport


def sent(transport: StringTransport) -> list[OutsideReadings]:
    octets, frames = transport.value(), []
    transport.clear()
    while octets:
        length = int.from_bytes(octets[:4], "big")
        frames.append(msgspec.msgpack.decode(octets[4 : 4 + length], type=OutsideReadings))
        octets = octets[4 + length :]
    return frames


def test_readings_are_sent_once_timed_has_greeted() -> None:
    reactor = MemoryReactorClock()
    line = SamplesLine(reactor, "samples.sock")
    line.start()
    protocol, transport = connect(reactor)
    line.take(SAMPLE)
    assert sent(transport) == []
    protocol.dataReceived(framed(Hello(PROTOCOL_VERSION, ())))
    line.take(SAMPLE)
    line.take(EPOCH)
    line.take(DeviceChange(source="gpsd", raw_ns=1, state=DeviceState.ABSENT))
    of_gpsd = as_sample(EPOCH)
    assert of_gpsd is not None
    assert sent(transport) == [OutsideReadings(ntp=[SAMPLE]), OutsideReadings(ntp=[of_gpsd])]


def test_a_timed_of_another_version_is_left() -> None:
    reactor = MemoryReactorClock()
    line = SamplesLine(reactor, "samples.sock")
    line.start()
    protocol, transport = connect(reactor)
    protocol.dataReceived(framed(Hello(PROTOCOL_VERSION + 1, ())))
    line.take(SAMPLE)
    assert transport.disconnected or transport.disconnecting
    assert sent(transport) == []
