"""NTP's header and timestamps: integers there and back, in both eras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Garbled
from drivers.ntp import packet
from drivers.ntp.packet import LeapIndicator, Mode, Packet

stamps = st.binary(min_size=8, max_size=8)
octet = st.integers(0, 255)
u32 = st.integers(0, 0xFFFF_FFFF)
signed = st.integers(-128, 127)
packets = st.builds(
    Packet,
    leap=st.sampled_from(LeapIndicator),
    version=st.integers(0, 7),
    mode=st.sampled_from(Mode),
    stratum=octet,
    poll=signed,
    precision=signed,
    root_delay=u32,
    root_dispersion=u32,
    reference_id=st.binary(min_size=4, max_size=4),
    reference=stamps,
    origin=stamps,
    receive=stamps,
    transmit=stamps,
)
ERA_0_NS = -61_505_152 * 10**9  # 1968-01-20
ERA_1_END_NS = 4_233_462_143 * 10**9  # 2104-02-26


@given(packets)
def test_a_header_comes_back_as_it_was(value):
    octets = packet.encode(value)
    assert len(octets) == 48
    assert packet.decode(octets) == value


@given(st.binary(max_size=80) | st.binary(min_size=48, max_size=48))
def test_octets_come_back_or_are_garbled(octets):
    try:
        value = packet.decode(octets)
    except Garbled:
        assert len(octets) != 48 or not octets[0] & 7
        return
    assert packet.encode(value) == octets


@given(st.integers(ERA_0_NS, ERA_1_END_NS))
def test_nanoseconds_come_back_exactly_in_both_eras(utc_ns):
    assert packet.utc_ns(packet.timestamp(utc_ns)) == utc_ns


@pytest.mark.parametrize(
    ("stamp", "posix_s"),
    [
        ("83aa7e8000000000", 0),
        ("ffffffff00000000", 2_085_978_495),
        ("0000000000000001", 2_085_978_496),
        ("0000000100000000", 2_085_978_497),
    ],
)
def test_the_eras_meet_in_2036(stamp, posix_s):
    assert packet.utc_ns(bytes.fromhex(stamp)) == posix_s * 10**9
    assert packet.timestamp(posix_s * 10**9) == bytes.fromhex(stamp)


def test_zero_is_unknown():
    assert packet.utc_ns(bytes(8)) is None


@given(st.integers(0, 1 << 60))
def test_a_bound_never_shrinks_on_its_way(bound_ns):
    carried_ns = packet.short_ns(packet.short(bound_ns))
    assert carried_ns >= min(bound_ns, 65_535 * 10**9)
    if bound_ns < 65_535 * 10**9:
        assert carried_ns - bound_ns <= 15_260
