"""NTP: packets come back as they were; nothing unasked is a sample; no reply is amplified."""

from kit.fuzzing import Portions

from drivers.api import Garbled, LeapNotice, NtpSample
from drivers.ntp import packet, responder
from drivers.ntp.exchange import Exchange, Reason

COOKIE = bytes(range(1, 9))
UTC_NS = 1_795_396_504_250_000_000
SERVED = responder.ServedTime(
    receive_utc_ns=UTC_NS,
    transmit_utc_ns=UTC_NS + 500_000,
    reference_utc_ns=UTC_NS,
    bound_ns=72_000,
    stratum=1,
    reference_id=b"GNSS",
    leap=LeapNotice.NONE,
)


def one_input(data: bytes) -> None:
    check_packet(data)
    check_reply(data)
    check_exchange(data)


def check_packet(data: bytes) -> None:
    try:
        value = packet.decode(data)
    except Garbled:
        assert len(data) != packet.HEADER_OCTETS or not data[0] & 7
        return
    assert packet.encode(value) == data
    for stamp in (value.reference, value.receive, value.transmit):
        utc_ns = packet.utc_ns(stamp)
        if utc_ns is not None:
            moved = int.from_bytes(packet.timestamp(utc_ns)) - int.from_bytes(stamp)
            assert (moved + 3) % (1 << 64) <= 6


def check_reply(data: bytes) -> None:
    for reply in (
        responder.respond(data, SERVED),
        responder.respond(data, None),
        responder.respond_rate(data),
    ):
        if reply is not None:
            assert len(reply) == 48 <= len(data)
            assert reply[24:32] == data[40:48]
            assert data[0] & 7 == 3


def check_exchange(data: bytes) -> None:
    """Feed replies, some with our cookie for their origin; each cookie gives one sample at most."""
    portions = Portions(data)
    exchange = Exchange("ntp0", interval_s=16)
    assert exchange.take(data, 0) in {Reason.UNASKED, Reason.GARBLED}
    while portions and not exchange.is_denied:
        exchange.ask(COOKIE, 0)
        taken = [exchange.take(octets, 10**9) for octets in answers(portions.octets(48))]
        samples = [each for each in taken if isinstance(each, NtpSample)]
        assert len(samples) <= 1
        for sample in samples:
            assert 0 <= sample.delay_ns <= 10**9
            assert 1 <= sample.stratum <= 15
    assert 16 <= exchange.interval_s <= 16 * 32


def answers(octets: bytes) -> tuple[bytes, ...]:
    answer = octets[:24] + COOKIE + octets[32:]
    return octets, answer, answer
