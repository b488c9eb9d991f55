"""The signer's judgement: whatever is asked at whatever time, a token says only what it may.

The input holds turns: each a reading of the clock and a few requests that arrive on it.
"""

from kit.clock import GOOD, NOON, UTC_OFFSET_S
from kit.fuzzing import Portions
from kit.stamping import PROFILES, make_authority, signature_for, templates

from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import PKIStatus, decode_request, decode_response, decode_tst_info
from appliance.quantities import NS_PER_US, Provenance
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap, NoTime, TrustedTime
from appliance.tsp import record
from appliance.tsp.authority import MAX_DEVIATION_NS, Ask, Authority, Prepared
from appliance.tsp.gate import MAX_ERROR_NS, TimeRules

NAMES = (*PROFILES, "unknown")
MAX_TURNS = 8
MAX_ASKS = 8


def one_input(data: bytes) -> None:
    portions = Portions(data)
    rules = TimeRules(bool(portions.number()), bool(portions.number()))
    authority = make_authority(
        last_gen_time_us=NOON.posix_us - 1000,
        production=rules.production,
        allow_system_time=rules.allow_system_time,
    )
    for _ in range(MAX_TURNS):
        if not portions:
            return
        reading = read_clock(portions)
        asks = [
            Ask(NAMES[portions.number() % len(NAMES)], portions.block())
            for _ in range(portions.number() % MAX_ASKS)
        ]
        turn(authority, asks, reading, rules)


def read_clock(portions: Portions) -> TrustedTime | NoTime:
    """Take a reading near the good one, or none."""
    flags = portions.number()
    if flags == 0xFF:
        return NoTime("none")
    tai_ns = GOOD.tai_ns + portions.number(6, signed=True)
    return TrustedTime(
        tai_ns=tai_ns,
        bound_ns=portions.number(4, signed=True),
        utc_offset_s=UTC_OFFSET_S + portions.number(1, signed=True) // 64,
        leap=Leap(flags & 3),
        leap_at_tai_ns=tai_ns + portions.number(4, signed=True) if flags & 4 else 0,
        state=ClockState(flags >> 3 & 7),
        provenance=Provenance((flags >> 6) % 3),
    )


def turn(
    authority: Authority, asks: list[Ask], reading: TrustedTime | NoTime, rules: TimeRules
) -> None:
    before = authority.last_gen_time_us
    outcomes = authority.prepare(asks, lambda: reading)
    assert len(outcomes) == len(asks)
    for ask, outcome in zip(asks, outcomes, strict=True):
        if not isinstance(outcome, Prepared):
            assert decode_response(outcome.response).status == PKIStatus.REJECTION
            continue
        assert isinstance(reading, TrustedTime)
        assert outcome.gen_time_us > before
        before = outcome.gen_time_us
        check_time(outcome, reading)
        assert reading.provenance is not Provenance.SIMULATED or not rules.production
        assert reading.provenance is not Provenance.SYSTEM or rules.allow_system_time
        check_token(ask, outcome)
    assert authority.last_gen_time_us == before


def check_time(outcome: Prepared, reading: TrustedTime) -> None:
    """True time lies within accuracy of genTime, and no leap second is near."""
    utc_ns = reading.tai_ns - reading.utc_offset_s * 1_000_000_000
    deviation_ns = abs(outcome.gen_time_us * NS_PER_US - utc_ns)
    assert reading.state in MAY_ISSUE
    assert reading.bound_ns >= 0
    assert deviation_ns <= MAX_DEVIATION_NS
    assert outcome.accuracy_us * NS_PER_US >= reading.bound_ns + deviation_ns
    assert reading.bound_ns <= MAX_ERROR_NS[reading.provenance]
    if reading.leap in (Leap.INSERT, Leap.DELETE):
        gen_tai_ns = reading.tai_ns + outcome.gen_time_us * NS_PER_US - utc_ns
        assert not (
            reading.leap_at_tai_ns - reading.bound_ns
            <= gen_tai_ns
            <= reading.leap_at_tai_ns + reading.bound_ns
        )


def check_token(ask: Ask, outcome: Prepared) -> None:
    """The token echoes the request, and its row makes it again."""
    request = decode_request(ask.request)
    signature = signature_for(ask.profile)
    response = decode_response(outcome.response(signature))
    token = decode_token(response.token)
    tst_info = decode_tst_info(token.econtent)
    assert response.status == PKIStatus.GRANTED
    assert tst_info.imprint_tlv == request.imprint_tlv
    assert tst_info.nonce_tlv == request.nonce_tlv
    assert request.req_policy in (None, tst_info.policy)
    assert tst_info.gen_time.posix_us == outcome.gen_time_us
    assert tst_info.accuracy_us == outcome.accuracy_us
    assert bool(token.certificates) == request.cert_req
    row = record.decode(record.encode(outcome.record(signature, b"\0" * 6)))
    assert record.rebuild(row, templates()[ask.profile, tst_info.policy]) == response.token
