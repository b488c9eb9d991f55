"""The NTP server's replies, read by ntplib and by hand."""

import attrs
import ntplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import LeapNotice
from drivers.ntp import responder
from drivers.ntp.responder import ServedTime

UTC_NS = 1_795_396_504_250_000_000
SERVED = ServedTime(
    receive_utc_ns=UTC_NS,
    transmit_utc_ns=UTC_NS + 500_000,
    reference_utc_ns=UTC_NS - 250_000_000,
    bound_ns=72_000,
    stratum=1,
    reference_id=b"GNSS",
    leap=LeapNotice.NONE,
)


def request(version=4, mode=3, transmit=bytes(range(1, 9)), poll=6):
    return bytes((version << 3 | mode, 0, poll, 0)) + bytes(36) + transmit


def read(octets):
    """Read a reply by ntplib."""
    found = ntplib.NTPPacket()
    found.from_data(octets)
    return found


def test_an_independent_reader_sees_what_is_served():
    reply = read(responder.respond(request(), SERVED))
    assert (reply.mode, reply.version, reply.leap, reply.stratum) == (4, 4, 0, 1)
    assert (reply.poll, reply.precision, reply.root_delay) == (6, -20, 0)
    assert reply.ref_id == int.from_bytes(b"GNSS", "big")
    assert ntplib.ref_id_to_text(reply.ref_id, reply.stratum) is not None
    assert ntplib.ntp_to_system_time(reply.recv_timestamp) == pytest.approx(UTC_NS / 1e9, abs=1e-6)
    sent_s = reply.tx_timestamp - reply.recv_timestamp
    assert sent_s == pytest.approx(0.0005, abs=1e-6)
    assert 72e-6 <= reply.root_dispersion <= 72e-6 + 2**-16


@given(st.binary(min_size=8, max_size=8), st.sampled_from([3, 4]))
def test_the_origin_is_echoed_octet_by_octet(transmit, version):
    octets = responder.respond(request(version, transmit=transmit), SERVED)
    assert len(octets) == 48
    assert octets[24:32] == transmit
    assert octets[0] >> 3 & 7 == version


@pytest.mark.parametrize(
    ("leap", "bits"), [(LeapNotice.NONE, 0), (LeapNotice.INSERT, 1), (LeapNotice.DELETE, 2)]
)
def test_a_leap_second_is_announced(leap, bits):
    assert read(responder.respond(request(), attrs.evolve(SERVED, leap=leap))).leap == bits


@pytest.mark.parametrize("served", [None, attrs.evolve(SERVED, leap=LeapNotice.UNKNOWN)])
def test_without_trusted_time_the_reply_says_so_and_tells_none(served):
    octets = responder.respond(request(), served)
    reply = read(octets)
    assert (reply.leap, reply.stratum) == (3, 16)
    assert octets[24:] == request()[40:] * 3


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        request()[:47],
        *[request(mode=mode) for mode in (0, 1, 2, 4, 5, 6, 7)],
        *[request(version=version) for version in (0, 1, 2, 5, 7)],
    ],
)
def test_other_modes_and_versions_get_no_reply(octets):
    assert responder.respond(octets, SERVED) is None
    assert responder.respond(octets, None) is None
    assert responder.respond_rate(octets) is None


@given(st.binary(max_size=200))
def test_a_reply_is_never_longer_than_its_request(octets):
    for reply in (responder.respond(octets, SERVED), responder.respond_rate(octets)):
        assert reply is None or len(reply) == 48 <= len(octets)


def test_extensions_of_a_request_are_passed_over():
    assert responder.respond(request() + bytes(20), SERVED) == responder.respond(request(), SERVED)


def test_a_client_that_asks_too_often_is_told_so_without_time():
    octets = responder.respond_rate(request())
    reply = read(octets)
    assert (reply.leap, reply.stratum, octets[12:16]) == (3, 0, b"RATE")
    assert octets[24:] == request()[40:] * 3
