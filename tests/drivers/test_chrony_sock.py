"""Samples for chronyd: an honest tier for each bound, and no trouble when chronyd is away."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import LeapNotice
from drivers.ntp import chrony_sock
from drivers.ntp.chrony_sock import GNSS, TIERS, ChronySockets, choose_tier


@given(st.integers(0, 2_000_000), st.booleans())
def test_a_tier_never_claims_less_than_the_bound(bound_ns, is_holdover):
    tier = choose_tier(bound_ns, is_holdover=is_holdover)
    if tier is None:
        assert bound_ns > 1_000_000
        return
    assert tier.max_bound_ns >= bound_ns
    assert not (is_holdover and tier is GNSS)


@pytest.mark.parametrize(
    ("bound_ns", "is_holdover", "name"),
    [
        (200, False, "GNSS"),
        (200, True, "HLD1"),
        (50_000, False, "GNSS"),
        (50_001, False, "HLD2"),
        (100_000, True, "HLD2"),
        (100_001, True, "HLD3"),
        (1_000_000, True, "HLD3"),
    ],
)
def test_the_tier_of_a_bound(bound_ns, is_holdover, name):
    tier = choose_tier(bound_ns, is_holdover=is_holdover)
    assert (tier.name, tier.reference_id) == (name, name.encode())


def test_a_sample_is_chrony_s_structure():
    octets = chrony_sock.encode_sample(1_795_396_504_123_456_789, -350_000_000, LeapNotice.INSERT)
    assert len(octets) == 40
    assert struct.unpack("@qqdiiii", octets) == (
        *(1_795_396_504, 123_456, -0.35),
        *(0, 1, 0, 0x534F434B),
    )


def test_the_lines_for_chrony_tell_each_tier_s_bound():
    lines = chrony_sock.chrony_lines("/run/shiyin/chrony").splitlines()
    assert len(lines) == len(TIERS)
    assert lines[2] == (
        "refclock SOCK /run/shiyin/chrony/HLD2.sock refid HLD2 poll 2 precision 1e-04 delay 2e-04"
    )


def test_samples_reach_the_socket_that_is_there_and_others_are_counted(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as chronyd:
        chronyd.bind(str(tmp_path / "GNSS.sock"))
        chronyd.settimeout(10)
        sockets = ChronySockets(tmp_path)
        for tier in TIERS:
            sockets.send(tier, tier.reference_id)
        assert chronyd.recv(64) == b"GNSS"
        assert (sockets.sent, sockets.lost) == (1, 3)
        sockets.close()


def test_a_chronyd_that_does_not_read_holds_nobody_up(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as chronyd:
        chronyd.bind(str(tmp_path / "GNSS.sock"))
        sockets = ChronySockets(tmp_path)
        for _ in range(2000):
            sockets.send(GNSS, bytes(40))
        assert sockets.lost > 0
        sockets.close()
