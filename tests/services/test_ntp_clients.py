"""Asking NTP servers: schedule, sockets, and what is made of replies."""

import errno
import itertools
from collections.abc import Callable

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.udp import UdpReactor

from appliance.services.clock.ntp_clients import NtpClient, Surroundings, split_server
from drivers.api import LeapNotice, NtpSample, Reading
from drivers.ntp import packet
from drivers.ntp.responder import ServedTime, respond, respond_rate

UTC_NS = 1_795_396_504_250_000_000
SERVED = ServedTime(
    receive_utc_ns=UTC_NS,
    transmit_utc_ns=UTC_NS + 100_000,
    reference_utc_ns=UTC_NS - 250_000_000,
    bound_ns=72_000,
    stratum=1,
    reference_id=b"GNSS",
    leap=LeapNotice.NONE,
)


class Bench:
    """A client, its reactor and server, and what it gave."""

    def __init__(self, server: str = "ntp.example") -> None:
        self.reactor = UdpReactor()
        self.reactor.server = lambda request: respond(request, SERVED)
        self.samples: list[Reading] = []
        self.resolved: list[tuple[str, int]] = []
        self.address = "192.0.2.1"
        self.cookies = (bytes([count]) * 8 for count in itertools.cycle(range(1, 255)))
        around = Surroundings(self.reactor, self.resolve, self.reactor.raw_ns, self.draw)
        self.client = NtpClient(server, around, self.samples.append)

    async def resolve(self, host: str, port: int) -> tuple[str, int]:
        self.resolved.append((host, port))
        return self.address, port

    def draw(self, octets: int) -> bytes:
        return next(self.cookies) if octets == 8 else b"\x80\x00"[:octets]

    def run(self, seconds: float) -> list[float]:
        """Let it ask for so long; tells when it asked."""
        self.client.start()
        asked = [self.reactor.seconds()]
        for _ in range(round(seconds * 10)):
            before = len(self.reactor.ports)
            self.reactor.pump([0.05, 0.05])
            asked += [self.reactor.seconds()] * (len(self.reactor.ports) - before)
        return asked


def intervals(asked: list[float]) -> list[int]:
    return [round(later - sooner) for sooner, later in itertools.pairwise(asked)]


# --- when it asks ---------------------------------------------------------------------------------


def test_a_server_is_asked_in_a_burst_then_steadily_and_then_more_seldom() -> None:
    bench = Bench()
    rests = intervals(bench.run(700))
    assert rests[:17] == [*[2] * 3, *[16] * 4, *[32] * 8, *[64] * 2]
    assert len(bench.samples) == len(bench.reactor.ports)


def test_a_server_that_does_not_answer_is_asked_seldom_after_a_while() -> None:
    bench = Bench()
    bench.reactor.server = lambda _request: None
    rests = intervals(bench.run(600))
    # Each with the two seconds waited in vain.
    assert rests[:8] == [*[4] * 3, *[18] * 4, 66]
    assert bench.samples == []


def test_a_server_is_asked_more_seldom_when_it_says_so() -> None:
    bench = Bench()
    bench.reactor.server = respond_rate
    rests = intervals(bench.run(400))
    assert rests[:3] == [32, 64, 128]


def test_a_server_that_denies_its_service_is_asked_no_more() -> None:
    bench = Bench()

    def deny(request: bytes) -> bytes:
        kiss = packet.decode(respond_rate(request) or b"")
        return packet.encode(attrs.evolve(kiss, reference_id=b"DENY"))

    bench.reactor.server = deny
    bench.run(300)
    assert len(bench.reactor.ports) == 1
    assert bench.reactor.getDelayedCalls() == []


def test_a_client_that_is_stopped_asks_no_more_and_leaves_no_socket() -> None:
    bench = Bench()
    bench.run(5)
    bench.client.stop()
    count = len(bench.reactor.ports)
    bench.reactor.go(100)
    assert len(bench.reactor.ports) == count
    assert bench.reactor.open_ports == 0
    assert bench.reactor.getDelayedCalls() == []


# --- how it asks ----------------------------------------------------------------------------------


def test_every_request_has_its_own_socket_and_cookie() -> None:
    bench = Bench()
    bench.run(60)
    requests = [request for port in bench.reactor.ports for request in port.asked]
    assert len(requests) == len(bench.reactor.ports) >= 4
    assert len({request[40:48] for request in requests}) == len(requests)
    assert {request[:1] + request[1:40] for request in requests} == {b"\x23" + bytes(39)}
    assert bench.reactor.open_ports <= 1
    assert {port.peer for port in bench.reactor.ports} == {("192.0.2.1", 123)}


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("ntp.example", ("ntp.example", 123)),
        ("ntp.example:11123", ("ntp.example", 11123)),
        ("192.0.2.1:5", ("192.0.2.1", 5)),
        ("[2001:db8::1]", ("2001:db8::1", 123)),
        ("[2001:db8::1]:77", ("2001:db8::1", 77)),
    ],
)
def test_a_server_is_named_with_or_without_its_port(server: str, address: tuple[str, int]) -> None:
    assert split_server(server) == address


def test_an_ipv6_server_is_asked_from_an_ipv6_socket() -> None:
    bench = Bench("[2001:db8::1]")
    bench.address = "2001:db8::1"
    bench.run(1)
    assert [port.interface for port in bench.reactor.ports] == ["::"]


# --- what it gives --------------------------------------------------------------------------------


def test_a_reply_gives_a_sample_at_the_middle_of_its_round_trip() -> None:
    bench = Bench("ntp.example:11123")
    bench.run(1)
    (sample,) = bench.samples
    assert isinstance(sample, NtpSample)
    assert sample.source == "ntp.example:11123"
    assert sample.utc_ns == pytest.approx(UTC_NS + 50_000, abs=2)
    assert sample.stratum == 1
    assert 0 < sample.raw_ns < bench.reactor.raw_ns()


@pytest.mark.parametrize("forge", [lambda _: b"nonsense", lambda reply: b"\0" * 48 + reply])
def test_anyones_datagram_does_not_end_the_wait(forge: Callable[[bytes], bytes]) -> None:
    bench = Bench()
    bench.client.start()
    (port,) = bench.reactor.ports
    port.protocol.datagramReceived(forge(b""), port.peer)
    bench.reactor.go(1)
    assert len(bench.samples) == 1


def test_a_reply_after_its_time_is_nobodys() -> None:
    bench = Bench()
    bench.reactor.delay_s = 2.5
    bench.run(20)
    assert bench.samples == []


def test_a_server_that_cannot_be_reached_is_tried_again() -> None:
    bench = Bench()
    bench.reactor.failure = OSError(errno.ENETUNREACH, "Network is unreachable")
    bench.run(1)
    assert bench.reactor.open_ports == 0
    bench.reactor.failure = None
    bench.reactor.go(3)
    assert len(bench.samples) == 1


def test_a_port_where_nobody_listens_is_tried_again() -> None:
    bench = Bench()
    bench.reactor.server = lambda _request: None
    bench.client.start()
    bench.reactor.ports[0].protocol.connectionRefused()
    assert bench.reactor.open_ports == 0
    bench.reactor.server = lambda request: respond(request, SERVED)
    bench.reactor.go(3)
    assert len(bench.samples) == 1


@settings(max_examples=50)
@given(st.binary(max_size=100) | st.binary(min_size=48, max_size=48))
def test_no_reply_breaks_the_client(reply: bytes) -> None:
    bench = Bench()
    bench.reactor.server = lambda _request: reply
    bench.run(6)
    assert bench.samples == []
    assert bench.reactor.getDelayedCalls()
