import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.stamping import IMPRINT_HASHES, NARROW, PROFILES, WIDE, request, requests

from appliance.asn1 import der, oids
from appliance.asn1.tsp import MAX_REQUEST_OCTETS, decode_response
from appliance.tsp.request import Accepted, PKIFailureInfo, Rejection, judge

PROFILE = PROFILES["sm2"]
EXTENSIONS = der.tlv(
    der.context(0), der.sequence(der.oid("1.2.3.4"), der.octet_string(der.NULL_VALUE))
)


def failure(data):
    outcome = judge(data, PROFILE)
    assert isinstance(outcome, Rejection)
    return outcome.failure


@pytest.mark.parametrize("hash_algorithm", IMPRINT_HASHES)
@pytest.mark.parametrize("null", [True, False])
def test_sm3_and_sha2_imprints_are_accepted_in_any_profile(hash_algorithm, null):
    for profile in PROFILES.values():
        outcome = judge(request(hash_algorithm, null=null), profile)
        assert isinstance(outcome, Accepted)
        assert outcome.request.hash_algorithm == hash_algorithm


def test_the_first_policy_serves_a_request_that_names_none():
    assert judge(request(), PROFILE).policy == WIDE


def test_a_policy_of_the_profile_is_served_when_it_is_named():
    assert judge(request(tail=[der.oid(NARROW.oid)]), PROFILE).policy == NARROW


def test_an_unknown_hash_is_bad_alg():
    assert failure(request(oids.SHA1)) is PKIFailureInfo.badAlg


def test_another_version_is_bad_request():
    assert failure(request(version=2)) is PKIFailureInfo.badRequest
    assert failure(request(version=0)) is PKIFailureInfo.badRequest


def test_trailing_octets_are_bad_request():
    assert failure(request() + b"\x00") is PKIFailureInfo.badRequest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1",
        request()[:-1],
        b"\x30\x80" + request()[2:] + b"\x00\x00",
        request(tail=[der.TRUE, der.oid(WIDE.oid)]),
        request(tail=[der.integer(1 << 512)]),
        request(tail=[b"\x02\x02\x00\x01"]),
        request(tail=[b"\x01\x01\x01"]),
        bytes((der.SEQUENCE,)) + b"\x82\x10\x00" + bytes(MAX_REQUEST_OCTETS),
    ],
    ids=[
        "empty",
        "text",
        "cut short",
        "indefinite length",
        "fields out of order",
        "nonce of 65 octets",
        "nonce not minimal",
        "BOOLEAN neither 00 nor FF",
        "more than 4 KiB",
    ],
)
def test_what_is_not_der_of_a_request_is_bad_data_format(data):
    assert failure(data) is PKIFailureInfo.badDataFormat


@pytest.mark.parametrize("octets", [0, 31, 33, 64])
def test_an_imprint_that_does_not_fit_its_hash_is_bad_data_format(octets):
    assert failure(request(imprint=bytes(octets))) is PKIFailureInfo.badDataFormat


def test_a_policy_outside_the_profile_is_unaccepted_policy():
    assert failure(request(tail=[der.oid("2.999.77")])) is PKIFailureInfo.unacceptedPolicy


def test_any_extension_is_unaccepted_extension():
    assert failure(request(tail=[EXTENSIONS])) is PKIFailureInfo.unacceptedExtension


def test_a_rejection_is_a_response_with_one_failure_bit_and_no_token():
    rejection = judge(request(oids.SHA1), PROFILE)
    response = decode_response(rejection.response)
    assert (response.status, response.failure, response.token) == (2, PKIFailureInfo.badAlg, b"")
    assert response.status_texts == (rejection.text,)


@given(requests(), st.data())
def test_mutated_requests_are_always_accepted_or_rejected(data, draw):
    octets = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        position = draw.draw(st.integers(0, len(octets) - 1))
        octets[position] = draw.draw(st.integers(0, 255))
    outcome = judge(bytes(octets), PROFILE)
    assert isinstance(outcome, Accepted | Rejection)


@given(st.binary(max_size=200))
def test_garbage_is_rejected(data):
    assert isinstance(judge(data, PROFILE), Rejection)
