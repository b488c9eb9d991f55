"""The interface of GM/T 0033."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import STAMPED_AT, authority
from kit.tokens import DOCUMENT, NONCE, POLICY, Recipe, hashed, tst_info

from appliance.asn1 import oids
from appliance.asn1.tsp import (
    PKIFailureInfo,
    decode_request,
    encode_rejection,
    message_imprint,
)
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.errors import Unavailable
from appliance.tsp import stf
from appliance.tsp.stf import Item, StfCode
from appliance.tsp.verifying.verification import Trust

SM2, RSA = authority(KeyAlgorithm.SM2), authority(KeyAlgorithm.RSA)
TRUST = Trust.under(LibcryptoEngine(), [SM2.root.certificate, RSA.root.certificate])
SM3_IMPRINT = hashed(oids.SM3, DOCUMENT)
TOKEN = Recipe(
    signer=SM2.tsa,
    econtent=tst_info(
        hash_algorithm=oids.SM3,
        imprint=SM3_IMPRINT,
        imprint_tlv=message_imprint(oids.SM3, SM3_IMPRINT),
    ),
)
RESPONSE = TOKEN.response()
SM2_NUMBERS = (stf.SGD_SM3, stf.SGD_SM3_SM2)


def environment(respond=None):
    return stf.STF_InitEnvironment(TRUST, respond, "http")


def test_every_function_bears_the_name_of_the_standard():
    for name in (
        "InitEnvironment",
        "ClearEnvironment",
        "CreateTSRequest",
        "CreateTSResponse",
        "VerifyTSValidity",
        "GetTSInfo",
        "GetTSDetail",
    ):
        assert callable(getattr(stf, f"STF_{name}"))


def test_the_numbers_are_those_of_the_standard():
    assert [code.value & 0xFF for code in StfCode] == list(range(15))
    assert all(code.value >> 24 == 4 for code in StfCode if code is not StfCode.OK)
    assert [item.value for item in Item] == list(range(1, 13))


def test_a_cleared_handle_is_of_no_more_use():
    handle = environment()
    assert stf.STF_ClearEnvironment(handle) is StfCode.OK
    assert stf.STF_ClearEnvironment(handle) is StfCode.INVALID_REQUEST
    assert stf.create_ts_request(handle, b"", 0, b"", 1) is StfCode.INVALID_REQUEST
    assert stf.create_ts_response(handle, b"", stf.SGD_SM3_SM2) is StfCode.INVALID_REQUEST
    assert stf.verify_ts_validity(handle, RESPONSE, *SM2_NUMBERS) is StfCode.INVALID_REQUEST
    assert stf.get_ts_info(handle, RESPONSE) is StfCode.INVALID_REQUEST
    assert stf.get_ts_detail(handle, RESPONSE, 1) is StfCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("number", "oid"), [(stf.SGD_SM3, oids.SM3), (stf.SGD_SHA256, oids.SHA256)]
)
@pytest.mark.parametrize("req_type", [stf.WITH_CERTIFICATE, stf.WITHOUT_CERTIFICATE])
def test_a_request_is_made_for_a_document(number, oid, req_type):
    made = stf.create_ts_request(environment(), DOCUMENT, req_type, b"", number, nonce=5)
    request = decode_request(made)
    assert (request.hash_algorithm, request.imprint) == (oid, hashed(oid, DOCUMENT))
    assert request.cert_req is (req_type == stf.WITH_CERTIFICATE)
    assert request.nonce_tlv == b"\x02\x01\x05"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((b"", 2, b"", 1), StfCode.INVALID_REQUEST),
        ((b"", 0, b"", 2), StfCode.INVALID_ALG),
        ((b"", 0, b"x", 1), StfCode.UNACCEPTED_EXTENSION),
        ((bytes(stf.MAX_IN_DATA + 1), 0, b"", 1), StfCode.INDATA_TOOLONG),
    ],
)
def test_a_request_that_cannot_be_made_has_its_number(arguments, code):
    assert stf.create_ts_request(environment(), *arguments) is code


def test_a_response_comes_from_whoever_answers():
    asked = []

    def respond(request, signer):
        asked.append((request, signer))
        return RESPONSE

    made = stf.create_ts_response(environment(respond), b"request", stf.SGD_SM3_SM2)
    assert made == RESPONSE
    assert asked == [(b"request", KeyAlgorithm.SM2)]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (PKIFailureInfo.badAlg, StfCode.INVALID_ALG),
        (PKIFailureInfo.badRequest, StfCode.INVALID_REQUEST),
        (PKIFailureInfo.badDataFormat, StfCode.INVALID_DATAFORMAT),
        (PKIFailureInfo.timeNotAvailable, StfCode.TIME_NOT_AVAILABLE),
        (PKIFailureInfo.unacceptedPolicy, StfCode.UNACCEPTED_POLICY),
        (PKIFailureInfo.unacceptedExtension, StfCode.UNACCEPTED_EXTENSION),
        (PKIFailureInfo.addInfoNotAvailable, StfCode.ADDINFO_NOT_AVAILBLE),
        (PKIFailureInfo.systemFailure, StfCode.SYSTEM_FAILURE),
    ],
)
def test_every_failure_has_its_number_wherever_it_is_met(failure, code):
    rejection = encode_rejection(failure, "no")
    handle = environment(lambda *_: rejection)
    assert stf.create_ts_response(handle, b"", stf.SGD_SM3_SM2) is code
    assert stf.verify_ts_validity(handle, rejection, *SM2_NUMBERS) is code
    assert stf.get_ts_info(handle, rejection) is code


def test_a_rejection_without_a_reason_is_a_system_failure():
    assert stf.response_code(b"\x30\x05\x30\x03\x02\x01\x02") is StfCode.SYSTEM_FAILURE
    assert stf.response_code(b"") is StfCode.MALFORMAT


def test_without_a_server_there_is_no_response():
    def unavailable(*_):
        raise Unavailable("nobody there")

    for respond in (None, unavailable):
        code = stf.create_ts_response(environment(respond), b"", stf.SGD_SM3_SM2)
        assert code is StfCode.SERVER_ERROR
    assert stf.create_ts_response(environment(), b"", 1) is StfCode.INVALID_ALG


@pytest.mark.parametrize(
    ("response", "numbers", "code"),
    [
        (RESPONSE, SM2_NUMBERS, StfCode.OK),
        (TOKEN.token(), SM2_NUMBERS, StfCode.OK),
        (RESPONSE, (stf.SGD_SHA256, stf.SGD_SM3_SM2), StfCode.INVALID_ALG),
        (RESPONSE, (stf.SGD_SM3, stf.SGD_SHA256_RSA), StfCode.INVALID_ALG),
        (RESPONSE, (99, stf.SGD_SM3_SM2), StfCode.INVALID_ALG),
        (b"garbage", SM2_NUMBERS, StfCode.MALFORMAT),
        (RESPONSE[:-1] + bytes([RESPONSE[-1] ^ 1]), SM2_NUMBERS, StfCode.INVALID_SIGNATURE),
        (
            Recipe(signer=RSA.tsa).token(),
            (stf.SGD_SHA256, stf.SGD_SHA256_RSA),
            StfCode.OK,
        ),
    ],
)
def test_a_token_is_verified(response, numbers, code):
    assert stf.verify_ts_validity(environment(), response, *numbers) is code


def test_a_token_is_held_against_its_document_where_that_is_given():
    def verified(data):
        return stf.verify_ts_validity(environment(), RESPONSE, *SM2_NUMBERS, data=data)

    assert verified(DOCUMENT) is StfCode.OK
    assert verified(b"another") is StfCode.INVALID_SIGNATURE


def test_a_certificate_may_be_supplied():
    bare = Recipe(signer=SM2.tsa, econtent=TOKEN.econtent, certificates=()).token()

    def verified(certificate):
        return stf.verify_ts_validity(environment(), bare, *SM2_NUMBERS, certificate)

    assert verified(SM2.tsa.certificate.der) is StfCode.OK
    assert verified(b"") is StfCode.INVALID_SIGNATURE
    assert verified(b"garbage") is StfCode.INVALID_DATAFORMAT


def test_the_main_facts_are_name_and_time():
    assert stf.get_ts_info(environment(), RESPONSE) == stf.TsInfo(
        "TSA sm2", "20260301083000.123456Z"
    )


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (Item.TIME_OF_STAMP, STAMPED_AT.generalized_time()),
        (Item.CN_OF_TSSIGNER, b"TSA sm2"),
        (Item.CERT_OF_TSSERVER, SM2.tsa.certificate.der),
        (Item.CERTCHAIN_OF_TSSERVER, SM2.tsa.certificate.der + SM2.root.certificate.der),
        (Item.SOURCE_OF_TIME, b""),
        (Item.TIME_PRECISION, "±0.0005 s".encode()),
        (Item.RESPONSE_TYPE, b"http"),
        (Item.SUBJECT_COUNTRY_OF_TSSIGNER, b"CN"),
        (Item.SUBJECT_ORGNIZATION_OF_TSSIGNER, b"Shiyin test"),
        (Item.SUBJECT_CITY_OF_TSSIGNER, b""),
        (Item.SUBJECT_EMAIL_OF_TSSIGNER, b""),
        (0, StfCode.INVALID_ITEM),
        (13, StfCode.INVALID_ITEM),
    ],
)
def test_each_detail_is_told(item, value):
    assert stf.get_ts_detail(environment(), RESPONSE, item) == value


def test_the_original_request_is_rebuilt():
    request = decode_request(stf.get_ts_detail(environment(), RESPONSE, Item.ORIGINAL_DATA))
    assert (request.imprint, request.req_policy) == (SM3_IMPRINT, POLICY)
    assert int.from_bytes(request.nonce_tlv[2:], "big") == NONCE
    assert request.cert_req


@given(st.binary(max_size=60), st.integers(1, 12))
def test_garbage_is_a_malformed_timestamp(data, item):
    assert stf.get_ts_info(environment(), data) is StfCode.MALFORMAT
    assert stf.get_ts_detail(environment(), data, item) is StfCode.MALFORMAT
