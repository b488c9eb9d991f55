"""Feeding chronyd: what it is told, and when it is better left to itself."""

import struct

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import GOOD
from kit.statements import RAW_NS, statement

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clock.chrony_feed import ChronyFeed, compare
from appliance.services.clock.following import LatestStatement
from appliance.services.clock.ntp_serving import utc_ns
from appliance.services.clocks import HostReading
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime
from drivers.ntp.chrony_sock import Tier

UTC_NS = utc_ns(GOOD)
SECOND_NS = NS_PER_S


class Sockets:
    """chronyd's sockets, kept in memory."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, tuple[int, ...]]] = []

    def send(self, tier: Tier, sample: bytes) -> None:
        self.sent.append((tier.name, struct.unpack("@qqdiiii", sample)))


def feed_at(host: HostReading, **choices: frozenset[Provenance]) -> tuple[ChronyFeed, Sockets]:
    sockets = Sockets()
    return ChronyFeed(sockets, read_host=lambda: host, **choices), sockets


def test_a_sample_is_trusted_time_minus_the_hosts_at_one_raw_instant() -> None:
    host = HostReading(RAW_NS + SECOND_NS // 2, UTC_NS + SECOND_NS // 2 - 350_000_000, 200)
    feed, sockets = feed_at(host)
    feed(statement())
    assert feed.offset_ns == 350_000_000
    ((name, (second, micro, offset_s, pulse, leap, _, magic)),) = sockets.sent
    assert name == "GNSS"
    assert second * 1_000_000 + micro == host.posix_ns // 1000
    assert offset_s == 0.35
    assert (pulse, leap, magic) == (0, 0, 0x534F434B)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "GNSS"),
        ({"state": ClockState.HOLDOVER, "bound_ns": 9_000}, "HLD1"),
        ({"state": ClockState.HOLDOVER}, "HLD2"),
        ({"state": ClockState.HOLDOVER, "bound_ns": 500_000}, "HLD3"),
    ],
)
def test_the_socket_is_the_bounds(changes: dict[str, object], name: str) -> None:
    feed, sockets = feed_at(HostReading(RAW_NS, UTC_NS, 200))
    feed(statement(**changes))
    assert [each for each, _ in sockets.sent] == [name]


def test_the_doubt_of_reading_the_host_counts() -> None:
    feed, sockets = feed_at(HostReading(RAW_NS, UTC_NS, 31_000))
    feed(statement())
    assert [each for each, _ in sockets.sent] == ["HLD2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"state": ClockState.UNTRUSTED},
        {"state": ClockState.ACQUIRE},
        {"bound_ns": 1_000_001},
        {"leap": Leap.UNKNOWN},
        {"leap": Leap.INSERT, "leap_at_tai_ns": GOOD.tai_ns + SECOND_NS // 2},
        {"provenance": Provenance.SIMULATED},
        {"provenance": Provenance.SYSTEM},
        {"raw_ns": RAW_NS - 4 * SECOND_NS},
        {"raw_ns": RAW_NS + 1},
    ],
    ids=",".join,
)
def test_chrony_is_left_to_itself(changes: dict[str, object]) -> None:
    feed, sockets = feed_at(HostReading(RAW_NS, UTC_NS, 200))
    feed(statement())
    feed(statement(**changes))
    assert len(sockets.sent) == 1
    assert feed.offset_ns is None


def test_a_leap_second_is_announced_to_chrony() -> None:
    feed, sockets = feed_at(HostReading(RAW_NS, UTC_NS, 200))
    feed(statement(leap=Leap.INSERT, leap_at_tai_ns=GOOD.tai_ns + 3600 * SECOND_NS))
    assert sockets.sent[0][1][4] == 1


def test_simulated_time_is_fed_only_where_that_is_asked_for() -> None:
    allowed = frozenset({Provenance.SIMULATED})
    feed, sockets = feed_at(HostReading(RAW_NS, UTC_NS, 200), provenances=allowed)
    feed(statement(provenance=Provenance.SIMULATED))
    assert len(sockets.sent) == 1


@given(
    st.builds(
        TrustedTime,
        tai_ns=st.integers(0, 4 * 10**18),
        bound_ns=st.integers(0, 10**10),
        utc_offset_s=st.integers(0, 100),
        leap=st.sampled_from(Leap),
        leap_at_tai_ns=st.integers(0, 4 * 10**18),
        state=st.sampled_from(ClockState),
        provenance=st.sampled_from(Provenance),
    ),
    st.builds(
        HostReading, st.integers(0, 10**18), st.integers(0, 4 * 10**18), st.integers(0, 10**7)
    ),
)
def test_a_tier_never_claims_less_than_is_known(time: TrustedTime, host: HostReading) -> None:
    feeding = compare(time, host)
    if feeding is not None:
        assert feeding.tier.max_bound_ns >= time.bound_ns + host.sandwich_ns


# --- the latest statement -------------------------------------------------------------------------


def test_the_latest_statement_is_carried_on_until_it_is_stale() -> None:
    latest = LatestStatement()
    assert isinstance(latest.tell(RAW_NS), NoTime)
    latest(statement(bound_growth_e12=1_000_000))
    time = latest.tell(RAW_NS + SECOND_NS)
    assert isinstance(time, TrustedTime)
    assert time.tai_ns == GOOD.tai_ns + SECOND_NS
    assert time.bound_ns == 20_000 + 1000 + 2
    assert isinstance(latest.tell(RAW_NS + 3 * SECOND_NS + 1), NoTime)
    assert attrs.evolve(time, tai_ns=0, bound_ns=0) == attrs.evolve(GOOD, tai_ns=0, bound_ns=0)
