"""Packed client addresses."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.services.clients import source_of
from appliance.wire.addresses import pack_client, unpack_client

PORTS = st.integers(0, 65535)


@given(st.ip_addresses(v=4), PORTS)
def test_ipv4_survives_packing(address: ipaddress.IPv4Address, port: int) -> None:
    packed = pack_client(str(address), port)
    assert len(packed) == 6
    assert unpack_client(packed) == f"{address}:{port}"
    assert pack_client(f"::ffff:{address}", port) == packed


@given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None), PORTS)
def test_ipv6_survives_packing(address: ipaddress.IPv6Address, port: int) -> None:
    packed = pack_client(str(address), port)
    assert len(packed) == 18
    assert unpack_client(packed) == f"[{address}]:{port}"


@pytest.mark.parametrize("host", ["", "box.example", "1.2.3", "::g"])
def test_a_host_that_is_no_address_is_unknown(host: str) -> None:
    assert pack_client(host, 1) == b""


@given(st.binary(max_size=20).filter(lambda packed: len(packed) not in (6, 18)))
def test_octets_that_are_no_client_are_shown_as_unknown(packed: bytes) -> None:
    assert unpack_client(packed) == "-"


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), PORTS)
def test_a_source_is_an_ipv4_address_of_any_port(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address, port: int
) -> None:
    source = source_of(pack_client(str(one), 1))
    assert source == source_of(pack_client(str(one), port))
    assert (source == source_of(pack_client(str(other), port))) == (one == other)


@given(st.ip_addresses(network="2001:db8::/64"), st.ip_addresses(network="2001:db8:0:1::/64"))
def test_a_source_is_a_whole_ipv6_64(
    one: ipaddress.IPv6Address, other: ipaddress.IPv6Address
) -> None:
    assert source_of(pack_client(str(one), 1)) == source_of(pack_client("2001:db8::", 2))
    assert source_of(pack_client(str(one), 1)) != source_of(pack_client(str(other), 1))
