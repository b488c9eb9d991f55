import pytest
from benches.load import Exchange
from benches.queries import make_queries
from benches.replies import GEN_TIME_SLACK_US, Judge, Judgement
from benches.transports import http_body
from kit.authority import STAMPED_AT, authority
from kit.tokens import Recipe, tst_info

from appliance.asn1 import oids
from appliance.asn1.tsp import PKIFailureInfo, decode_request, encode_rejection
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.quantities import Utc
from appliance.tsp.verifying.verification import Trust

SM2 = authority(KeyAlgorithm.SM2)
OTHER = authority(KeyAlgorithm.P256)
TRUST = Trust.under(LibcryptoEngine(), [SM2.root.certificate])
QUERIES = make_queries(3, oids.SM3)


def answer(query, serial_number, **changes):
    request = decode_request(QUERIES[query])
    fields = {
        "imprint_tlv": request.imprint_tlv,
        "nonce_tlv": request.nonce_tlv,
        "serial_number": serial_number,
        **changes,
    }
    return Recipe(signer=SM2.tsa, econtent=tst_info(**fields)).response()


def exchange(query, response, status=b"200 OK"):
    reply = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(response), response)
    return Exchange(query, 0, 5_000_000, reply)


def judge(*exchanges, trust=TRUST):
    return Judge(QUERIES, http_body, trust, epoch_us=STAMPED_AT.posix_us).judge(exchanges)


def faults(*exchanges, trust=TRUST):
    return judge(*exchanges, trust=trust).faults


def test_sound_replies_are_tokens_and_verified_whole():
    exchanges = [exchange(query, answer(query, 100 + query)) for query in (0, 1, 2)]
    assert judge(*exchanges) == Judgement(tokens=3, rejected=0, verified=3, faults={})


def test_without_roots_no_signature_is_verified():
    assert judge(exchange(0, answer(0, 1)), trust=None).verified == 0


@pytest.mark.parametrize("trust", [TRUST, None])
def test_the_answer_to_another_query_is_caught(trust):
    mine, other = decode_request(QUERIES[0]), decode_request(QUERIES[1])
    wrong_nonce = exchange(0, answer(0, 1, nonce_tlv=other.nonce_tlv))
    wrong_imprint = exchange(
        0, answer(0, 2, imprint_tlv=other.imprint_tlv, nonce_tlv=mine.nonce_tlv)
    )
    assert faults(wrong_nonce, trust=trust) == {"nonce mismatch": 1}
    assert faults(wrong_imprint, trust=trust) == {"imprint mismatch": 1}


@pytest.mark.parametrize("trust", [TRUST, None])
def test_a_serial_number_given_twice_is_caught(trust):
    once, again = exchange(0, answer(0, 7)), exchange(1, answer(1, 7))
    assert faults(once, again, trust=trust) == {"serial number given twice": 1}


def test_a_forged_signature_is_caught():
    response = answer(0, 1)
    assert faults(exchange(0, response[:-1] + bytes([response[-1] ^ 1]))) == {"bad signature": 1}


def test_a_token_of_a_strange_authority_is_caught():
    request = decode_request(QUERIES[0])
    econtent = tst_info(imprint_tlv=request.imprint_tlv, nonce_tlv=request.nonce_tlv)
    response = Recipe(signer=OTHER.tsa, econtent=econtent).response()
    assert faults(exchange(0, response)) == {"no trust anchor": 1}


@pytest.mark.parametrize("shift_us", [-GEN_TIME_SLACK_US - 1, GEN_TIME_SLACK_US + 5_001])
def test_a_gen_time_outside_the_exchange_is_caught(shift_us):
    late = Utc(STAMPED_AT.posix_us + shift_us)
    assert faults(exchange(0, answer(0, 1, gen_time=late))) == {"genTime outside the exchange": 1}


def test_a_rejection_is_counted_by_its_failure():
    refused = encode_rejection(PKIFailureInfo.timeNotAvailable, "no time")
    assert judge(exchange(0, refused)) == Judgement(
        tokens=0, rejected=1, verified=0, faults={"rejected: timeNotAvailable": 1}
    )


def test_what_is_no_response_is_a_fault():
    unavailable = exchange(0, b"", status=b"503 Service Unavailable")
    assert faults(unavailable) == {"HTTP/1.1 503 Service Unavailable": 1}
    found = judge(exchange(0, b"\x30\x00"))
    assert (found.tokens, found.rejected, sum(found.faults.values())) == (0, 0, 1)
