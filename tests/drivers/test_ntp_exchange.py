"""The NTP client: only an answer to our own cookie counts, once, and only when it makes sense."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import LeapNotice, NtpSample
from drivers.ntp import packet, responder
from drivers.ntp.exchange import MAX_BACKOFF, Exchange, Reason
from drivers.ntp.packet import LeapIndicator, Mode, Packet

COOKIE = bytes(range(8))
SENT_NS = 5_000_000_000
UTC_NS = 1_795_396_504_000_000_000
ARRIVED_NS = SENT_NS + 10_000_000


def reply(**fields):
    value = Packet(
        mode=Mode.SERVER,
        stratum=1,
        root_dispersion=66,
        reference_id=b"GNSS",
        reference=packet.timestamp(UTC_NS - 10**9),
        origin=COOKIE,
        receive=packet.timestamp(UTC_NS),
        transmit=packet.timestamp(UTC_NS + 2_000_000),
    )
    return packet.encode(attrs.evolve(value, **fields))


@pytest.fixture
def exchange():
    made = Exchange("ntp0", interval_s=16)
    made.ask(COOKIE, SENT_NS)
    return made


def test_a_request_tells_nothing_but_the_cookie():
    octets = Exchange("ntp0", interval_s=16).ask(COOKIE, SENT_NS)
    assert octets == b"\x23" + bytes(39) + COOKIE


def test_a_sound_reply_is_a_sample_of_the_middle(exchange):
    assert exchange.take(reply(), ARRIVED_NS) == NtpSample(
        source="ntp0",
        raw_ns=SENT_NS + 5_000_000,
        is_simulated=False,
        utc_ns=UTC_NS + 1_000_000,
        delay_ns=8_000_000,
        root_delay_ns=0,
        root_dispersion_ns=1_007_081,
        stratum=1,
        leap=LeapNotice.NONE,
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"origin": bytes(8)}, Reason.ORIGIN),
        ({"origin": COOKIE[::-1]}, Reason.ORIGIN),
        ({"mode": Mode.SYMMETRIC_PASSIVE}, Reason.MODE),
        ({"mode": Mode.BROADCAST}, Reason.MODE),
        ({"version": 2}, Reason.MODE),
        ({"leap": LeapIndicator.UNKNOWN}, Reason.UNSYNCHRONISED),
        ({"stratum": 16}, Reason.STRATUM),
        ({"receive": bytes(8)}, Reason.TIMES),
        ({"transmit": bytes(8)}, Reason.TIMES),
        ({"transmit": packet.timestamp(UTC_NS - 1)}, Reason.TIMES),
        ({"transmit": packet.timestamp(UTC_NS + 10_000_001)}, Reason.TIMES),
        ({"reference": packet.timestamp(UTC_NS + 10**9)}, Reason.TIMES),
        ({"root_dispersion": 2 << 16}, Reason.DISTANCE),
        ({"root_delay": 4 << 16}, Reason.DISTANCE),
    ],
)
def test_a_reply_that_makes_no_sense_is_refused_by_name(exchange, fields, reason):
    assert exchange.take(reply(**fields), ARRIVED_NS) is reason


def test_a_reply_that_took_too_long_is_refused(exchange):
    assert exchange.take(reply(), SENT_NS + 2_000_000_001) is Reason.LATE


@pytest.mark.parametrize("octets", [b"", reply()[:47], reply() + bytes(4)])
def test_a_packet_of_another_size_is_garbled(exchange, octets):
    assert exchange.take(octets, ARRIVED_NS) is Reason.GARBLED


def test_a_second_reply_and_a_replay_are_refused(exchange):
    assert isinstance(exchange.take(reply(), ARRIVED_NS), NtpSample)
    assert exchange.take(reply(), ARRIVED_NS) is Reason.UNASKED
    exchange.ask(COOKIE[::-1], SENT_NS)
    assert exchange.take(reply(), ARRIVED_NS) is Reason.ORIGIN


def test_a_forged_reply_does_not_spoil_the_true_one(exchange):
    assert exchange.take(reply(origin=bytes(8)), ARRIVED_NS) is Reason.ORIGIN
    assert exchange.take(reply(mode=Mode.BROADCAST), ARRIVED_NS) is Reason.MODE
    assert isinstance(exchange.take(reply(), ARRIVED_NS), NtpSample)


@pytest.mark.parametrize("code", [b"DENY", b"RSTR"])
def test_a_server_that_denies_is_not_to_be_asked_again(exchange, code):
    assert exchange.take(reply(stratum=0, reference_id=code), ARRIVED_NS) is Reason.DENIED
    assert exchange.is_denied


def test_a_server_may_ask_for_a_slower_rate(exchange):
    intervals = []
    for _ in range(8):
        exchange.ask(COOKIE, SENT_NS)
        assert exchange.take(reply(stratum=0, reference_id=b"RATE"), ARRIVED_NS) is Reason.RATE
        intervals.append(exchange.interval_s)
    assert intervals[:3] == [32, 64, 128]
    assert intervals[-1] == 16 * MAX_BACKOFF


@pytest.mark.parametrize("code", [b"DENY", b"RATE", b"INIT"])
def test_a_kiss_code_that_answers_no_cookie_is_not_obeyed(exchange, code):
    kiss = reply(stratum=0, reference_id=code, origin=bytes(8))
    assert exchange.take(kiss, ARRIVED_NS) is Reason.ORIGIN
    assert (exchange.is_denied, exchange.interval_s) == (False, 16)


def test_another_kiss_code_is_only_no_sample(exchange):
    kiss = reply(stratum=0, reference_id=b"INIT", leap=LeapIndicator.UNKNOWN)
    assert exchange.take(kiss, ARRIVED_NS) is Reason.KISS


def test_a_server_on_simulated_time_taints_its_sample(exchange):
    assert exchange.take(reply(reference_id=b"SIM\0"), ARRIVED_NS).is_simulated


@given(st.binary(max_size=60) | st.binary(min_size=48, max_size=48), st.booleans())
def test_no_octets_raise_and_samples_keep_their_bounds(octets, is_answer):
    exchange = Exchange("ntp0", interval_s=16)
    exchange.ask(COOKIE, SENT_NS)
    if is_answer:
        octets = octets[:24] + COOKIE + octets[32:]
    outcome = exchange.take(octets, ARRIVED_NS)
    if isinstance(outcome, NtpSample):
        assert 0 <= outcome.delay_ns <= ARRIVED_NS - SENT_NS
        assert 1 <= outcome.stratum <= 15


@given(st.integers(0, 10**9), st.integers(0, 5_000_000))
def test_our_own_responder_is_believed_within_its_bound(bound_ns, busy_ns):
    exchange = Exchange("ntp0", interval_s=16)
    request = exchange.ask(COOKIE, SENT_NS)
    served = responder.ServedTime(
        receive_utc_ns=UTC_NS,
        transmit_utc_ns=UTC_NS + busy_ns,
        reference_utc_ns=UTC_NS,
        bound_ns=bound_ns,
        stratum=1,
        reference_id=b"HLD2",
        leap=LeapNotice.INSERT,
    )
    sample = exchange.take(responder.respond(request, served), ARRIVED_NS)
    assert sample.root_dispersion_ns >= bound_ns
    assert (sample.leap, sample.delay_ns) == (LeapNotice.INSERT, 10_000_000 - busy_ns)
