import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import GOOD, NOON, FakeClock, reading_at
from kit.stamping import (
    DIGESTS,
    NARROW,
    PROFILES,
    make_authority,
    prepare_one,
    request,
    requests,
    signature_for,
)

from appliance.asn1 import der, oids
from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import decode_response, decode_tst_info
from appliance.quantities import Accuracy, Provenance, Utc
from appliance.timing.trusted import Leap, NoTime
from appliance.tsp.authority import Ask, Authority, Prepared
from appliance.tsp.gate import TimeRules
from appliance.tsp.request import PKIFailureInfo, Rejection
from appliance.tsp.serial import SerialSource

NOON_US = NOON.posix_us
ASK = Ask("sm2", request())
NARROW_ASK = Ask("sm2", request(tail=[der.oid(NARROW.oid)]))


def failure(outcome):
    assert isinstance(outcome, Rejection)
    return outcome.failure


def tst_info(prepared):
    return decode_tst_info(prepared.tst_info)


def test_a_batch_keeps_its_order_and_reads_the_clock_once():
    clock = FakeClock()
    outcomes = make_authority().prepare([ASK, Ask("sm2", b"junk"), Ask("p256", request())], clock)
    assert clock.reads == 1
    assert outcomes[0].profile == "sm2"
    assert failure(outcomes[1]) is PKIFailureInfo.badDataFormat
    assert outcomes[2].profile == "p256"


def test_the_clock_is_read_after_the_last_request_was_decoded():
    events = []

    class Watched(dict):
        def get(self, name):
            events.append(name)
            return PROFILES.get(name)

    authority = Authority(
        Watched(),
        {},
        serials=SerialSource(1, bytes(8)),
        last_gen_time_us=0,
        digests=DIGESTS,
        rules=TimeRules(production=True),
    )
    authority.prepare([ASK, Ask("rsa", request())], lambda: events.append("clock") or GOOD)
    assert events == ["sm2", "rsa", "clock"]


def test_an_unknown_profile_is_bad_request():
    outcome = prepare_one(make_authority(), Ask("nobody", request()), GOOD)
    assert failure(outcome) is PKIFailureInfo.badRequest


def test_a_profile_without_a_key_at_hand_is_system_failure():
    authority = Authority(
        PROFILES,
        {},
        serials=SerialSource(1, bytes(8)),
        last_gen_time_us=0,
        digests=DIGESTS,
        rules=TimeRules(production=True),
    )
    assert failure(prepare_one(authority, ASK, GOOD)) is PKIFailureInfo.systemFailure


def test_gen_time_is_the_clock_reading_to_the_microsecond():
    prepared = prepare_one(make_authority(), ASK, attrs.evolve(GOOD, tai_ns=GOOD.tai_ns + 1_999))
    assert prepared.gen_time_us == NOON_US + 1
    assert tst_info(prepared).gen_time.posix_us == NOON_US + 1


def test_in_a_batch_gen_times_are_a_microsecond_apart():
    outcomes = make_authority().prepare([ASK] * 5, FakeClock())
    assert [prepared.gen_time_us - NOON_US for prepared in outcomes] == [0, 1, 2, 3, 4]


def test_serial_numbers_are_never_repeated_and_count_tokens_only():
    authority = make_authority()
    outcomes = authority.prepare([ASK, Ask("sm2", b""), ASK], FakeClock())
    outcomes += authority.prepare([ASK], FakeClock())
    serials = [prepared.serial for prepared in outcomes if isinstance(prepared, Prepared)]
    assert [int.from_bytes(serial[-5:], "big") for serial in serials] == [0, 1, 2]


@given(st.lists(st.tuples(st.integers(-3000, 3000), st.integers(0, 20)), max_size=12))
def test_gen_time_increases_strictly_whatever_the_clock_does(turns):
    authority = make_authority(last_gen_time_us=NOON_US - 500)
    now_us, last_us = NOON_US, NOON_US - 500
    for step_us, count in turns:
        now_us += step_us
        reading = reading_at(now_us)
        for outcome in authority.prepare([ASK] * count, FakeClock(reading)):
            if isinstance(outcome, Rejection):
                assert outcome.failure is PKIFailureInfo.timeNotAvailable
                assert last_us + 1 - now_us > 1000
            else:
                assert last_us < outcome.gen_time_us <= now_us + 1000
                last_us = outcome.gen_time_us
    assert authority.last_gen_time_us == last_us


def test_a_new_authority_begins_above_the_last_gen_time_it_is_given():
    authority = make_authority(last_gen_time_us=NOON_US + 10)
    assert prepare_one(authority, ASK, GOOD).gen_time_us == NOON_US + 11


@pytest.mark.parametrize(("behind_us", "issued"), [(999, True), (1000, False), (60_000_000, False)])
def test_a_clock_further_behind_the_last_token_than_a_millisecond_is_refused(behind_us, issued):
    outcome = prepare_one(make_authority(last_gen_time_us=NOON_US + behind_us), ASK, GOOD)
    assert isinstance(outcome, Prepared) is issued
    if not issued:
        assert failure(outcome) is PKIFailureInfo.timeNotAvailable


def test_a_batch_of_more_tokens_than_a_millisecond_holds_refuses_the_rest():
    outcomes = make_authority().prepare([ASK] * 1003, FakeClock())
    assert [isinstance(outcome, Prepared) for outcome in outcomes] == [True] * 1001 + [False] * 2


@given(st.integers(0, 1_999_000), st.integers(0, 999), st.integers(0, 900))
def test_accuracy_covers_the_bound_and_the_deviation(bound_ns, below_us_ns, deviation_us):
    reading = attrs.evolve(GOOD, bound_ns=bound_ns, tai_ns=GOOD.tai_ns + below_us_ns)
    authority = make_authority(last_gen_time_us=NOON_US + deviation_us - 1)
    outcome = prepare_one(authority, ASK, reading)
    error_ns = bound_ns + abs(deviation_us * 1000 - below_us_ns)
    if error_ns > 2_000_000:
        assert failure(outcome) is PKIFailureInfo.timeNotAvailable
    else:
        assert outcome.accuracy_us == Accuracy.covering(error_ns).micros_total
        assert tst_info(outcome).accuracy_us == outcome.accuracy_us


@pytest.mark.parametrize(("bound_ns", "issued"), [(200_000, True), (200_001, False)])
def test_an_error_over_the_limit_of_the_policy_is_time_not_available(bound_ns, issued):
    outcome = prepare_one(make_authority(), NARROW_ASK, attrs.evolve(GOOD, bound_ns=bound_ns))
    assert isinstance(outcome, Prepared) is issued


def test_the_deviation_counts_against_the_limit_of_the_policy():
    reading = attrs.evolve(GOOD, bound_ns=199_000)
    outcomes = make_authority().prepare([NARROW_ASK] * 3, FakeClock(reading))
    assert [isinstance(outcome, Prepared) for outcome in outcomes] == [True, True, False]
    assert failure(outcomes[2]) is PKIFailureInfo.timeNotAvailable


@pytest.mark.parametrize(
    ("provenance", "limit_ns"),
    [
        (Provenance.HARDWARE, 2_000_000),
        (Provenance.SYSTEM, 1_000_000_000),
        (Provenance.SIMULATED, 1_000_000_000),
    ],
)
def test_each_provenance_has_its_own_hard_limit(provenance, limit_ns):
    for bound_ns, issued in ((limit_ns, True), (limit_ns + 1, False)):
        authority = make_authority(production=False, allow_system_time=True)
        reading = attrs.evolve(GOOD, provenance=provenance, bound_ns=bound_ns)
        assert isinstance(prepare_one(authority, ASK, reading), Prepared) is issued


def test_without_time_everything_acceptable_is_time_not_available():
    asks = [ASK, Ask("sm2", request(oids.SHA1))]
    outcomes = make_authority().prepare(asks, FakeClock(NoTime("no page")))
    assert [failure(outcome) for outcome in outcomes] == [
        PKIFailureInfo.timeNotAvailable,
        PKIFailureInfo.badAlg,
    ]


@pytest.mark.parametrize(
    ("after_us", "is_signed"),
    [(-1, False), (0, True), (1_000_000, True), (1_000_001, False)],
)
def test_a_key_signs_only_in_its_usage_period(after_us, is_signed):
    period = (NOON, Utc(NOON.posix_us + 1_000_000))
    authority = make_authority(key_periods={"sm2": period})
    outcome = prepare_one(authority, ASK, reading_at(NOON.posix_us + after_us))
    assert isinstance(outcome, Prepared) == is_signed
    if not is_signed:
        assert failure(outcome) is PKIFailureInfo.systemFailure


def test_a_batch_does_not_run_into_a_leap_second():
    new_year_us = 1_798_761_600_000_000
    reading = reading_at(
        new_year_us - 102,
        leap=Leap.INSERT,
        leap_at_tai_ns=(new_year_us + 38_000_000) * 1000,
    )
    outcomes = make_authority().prepare([ASK] * 3, FakeClock(reading))
    assert [isinstance(outcome, Prepared) for outcome in outcomes] == [True, True, False]
    assert failure(outcomes[2]) is PKIFailureInfo.timeNotAvailable


@given(st.sampled_from(sorted(PROFILES)), requests())
def test_a_token_says_what_was_asked_and_what_was_signed(profile, data):
    prepared = prepare_one(make_authority(), Ask(profile, data), GOOD)
    signature = signature_for(profile)
    response = decode_response(prepared.response(signature))
    assert response.status == 0
    token = decode_token(response.token)
    info = decode_tst_info(token.econtent)
    assert info.imprint_tlv == prepared.request.imprint_tlv
    assert info.nonce_tlv == prepared.request.nonce_tlv
    assert info.policy == (prepared.request.req_policy or PROFILES[profile].policies[0].oid)
    assert info.serial_octets == prepared.serial
    assert not info.ordering
    assert bool(token.certificates) is prepared.request.cert_req
    assert token.signer.signed_octets == prepared.signed_attributes
    assert token.signer.values(oids.MESSAGE_DIGEST) == (der.octet_string(prepared.digest),)
    row = prepared.record(signature, b"\x7f\x00\x00\x01\x00\x50")
    assert (row.serial, row.gen_time_us) == (prepared.serial, prepared.gen_time_us)
