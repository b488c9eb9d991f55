"""The NTP service of a front, over a port in memory."""

import errno
import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import GOOD, FakeClock
from kit.ntp import CLIENT, LOCAL, MemoryPort, ntp_request, read_reply, refid_text
from twisted.internet.task import Clock

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime
from appliance.wire.ntp_udp import NtpResponder
from appliance.wire.rates import RateTable

SIMULATED = attrs.evolve(GOOD, provenance=Provenance.SIMULATED)


@attrs.define
class Service:
    """A responder with its clocks and its port."""

    clock: FakeClock = attrs.Factory(FakeClock)
    time: Clock = attrs.Factory(Clock)
    rates: RateTable = attrs.Factory(lambda: RateTable(10, 4))
    port: MemoryPort = attrs.Factory(MemoryPort)
    responder: NtpResponder = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.responder = NtpResponder(self.clock, self.rates, self.time)
        self.responder.transport = self.port

    def ask(self, request: bytes | None = None, addr: tuple[str, int] = CLIENT) -> list[bytes]:
        self.responder.datagramReceived(ntp_request() if request is None else request, addr)
        return self.port.take()


def service_at(reading: TrustedTime | NoTime) -> Service:
    return Service(FakeClock(reading))


# --- what is answered -----------------------------------------------------------------------------


def test_a_client_is_told_the_time_and_its_bound() -> None:
    (octets,) = service_at(GOOD).ask()
    reply = read_reply(octets)
    assert (reply.leap, reply.version, reply.mode, reply.stratum) == (0, 4, 4, 1)
    assert GOOD.bound_ns / 1e9 <= reply.root_dispersion <= GOOD.bound_ns / 1e9 + 2**-15
    assert refid_text(reply) == "GNSS"
    assert octets[24:32] == ntp_request()[40:48]


def test_the_reply_goes_to_whom_asked() -> None:
    service = Service()
    service.responder.datagramReceived(ntp_request(), CLIENT)
    assert [addr for _, addr in service.port.sent] == [CLIENT]


def test_the_clock_is_read_first_on_arrival_and_last_before_leaving() -> None:
    ticks = itertools.count()
    service = Service()
    service.responder._read = lambda: attrs.evolve(
        GOOD, tai_ns=GOOD.tai_ns + next(ticks) * NS_PER_S
    )
    reply = read_reply(service.ask()[0])
    assert reply.tx_timestamp - reply.recv_timestamp == 1.0


@pytest.mark.parametrize("leap", [Leap.INSERT, Leap.DELETE])
def test_a_leap_second_is_announced_and_nothing_is_said_while_it_passes(leap: Leap) -> None:
    hour_ns = 3600 * NS_PER_S
    coming = attrs.evolve(GOOD, leap=leap, leap_at_tai_ns=GOOD.tai_ns + hour_ns)
    service = service_at(coming)
    assert read_reply(service.ask()[0]).leap == {Leap.INSERT: 1, Leap.DELETE: 2}[leap]
    service.clock.reading = attrs.evolve(coming, tai_ns=coming.leap_at_tai_ns - 1)
    assert service.ask() == []
    service.clock.reading = attrs.evolve(
        GOOD, tai_ns=coming.leap_at_tai_ns, utc_offset_s=38 if leap is Leap.INSERT else 36
    )
    assert read_reply(service.ask()[0]).leap == 0


# --- what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reading",
    [
        NoTime("the time page is stale"),
        attrs.evolve(GOOD, state=ClockState.UNTRUSTED),
        attrs.evolve(GOOD, state=ClockState.WARMUP),
        attrs.evolve(GOOD, leap=Leap.UNKNOWN),
    ],
    ids=["none", "untrusted", "warming up", "leap unknown"],
)
def test_without_trusted_time_the_reply_says_so_and_tells_none(
    reading: TrustedTime | NoTime,
) -> None:
    (octets,) = service_at(reading).ask()
    reply = read_reply(octets)
    assert (reply.leap, reply.stratum, reply.ref_id) == (3, 16, 0)
    assert octets[32:40] == octets[40:48] == ntp_request()[40:48]


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "fe80::7%eth0", "nonsense"])
def test_simulated_time_is_not_told_to_other_hosts(host: str) -> None:
    (octets,) = service_at(SIMULATED).ask(addr=(host, 40_000))
    reply = read_reply(octets)
    assert (reply.leap, reply.stratum, refid_text(reply)) == (3, 16, "SIM")
    assert octets[40:48] == ntp_request()[40:48]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_simulated_time_is_served_on_loopback_and_labelled(host: str) -> None:
    reply = read_reply(service_at(SIMULATED).ask(addr=(host, 40_000))[0])
    assert (reply.leap, reply.stratum, refid_text(reply)) == (0, 1, "SIM")


@pytest.mark.parametrize("mode", [1, 2, 4, 5, 6, 7])
def test_only_requests_are_answered(mode: int) -> None:
    assert Service().ask(ntp_request(mode=mode)) == []


@given(st.binary(max_size=600) | st.builds(lambda tail: ntp_request() + tail, st.binary()))
def test_no_datagram_breaks_the_port_or_is_amplified(datagram: bytes) -> None:
    for reading in (GOOD, SIMULATED, NoTime("none")):
        for reply in service_at(reading).ask(datagram):
            assert len(reply) <= len(datagram)


# --- how often ------------------------------------------------------------------------------------


def test_who_asks_too_much_is_told_once_and_then_nothing() -> None:
    service = Service()
    replies = [service.ask() for _ in range(7)]
    assert [len(each) for each in replies] == [1, 1, 1, 1, 1, 0, 0]
    kiss = read_reply(replies[4][0])
    assert (kiss.leap, kiss.stratum, refid_text(kiss)) == (3, 0, "RATE")
    assert service.ask(addr=LOCAL) != []
    service.time.advance(10)
    assert len(service.ask()) == 1


def test_the_addresses_of_one_ipv6_network_share_its_rate() -> None:
    service = Service()
    counts = [len(service.ask(addr=(f"2001:db8::{at}", 40_000 + at))) for at in range(1, 8)]
    assert counts == [1, 1, 1, 1, 1, 0, 0]
    assert service.ask(addr=("2001:db8:0:1::1", 40_000)) != []


def test_ports_of_a_front_share_the_rates() -> None:
    one = Service()
    other = Service(rates=one.rates)
    for _ in range(5):
        one.ask()
    assert other.ask() == []


def test_a_way_back_that_is_closed_is_counted() -> None:
    service = Service()
    service.port.failure = OSError(errno.ENETUNREACH, "Network is unreachable")
    assert service.ask() == []
    assert service.responder.unsent == 1
