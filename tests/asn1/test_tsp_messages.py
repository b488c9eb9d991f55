import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder, encoder
from pyasn1_modules import rfc3161

from appliance.asn1 import der, oids
from appliance.asn1.tsp import (
    MAX_REQUEST_OCTETS,
    PKIFailureInfo,
    TSTInfo,
    decode_request,
    decode_response,
    decode_tst_info,
    encode_accuracy,
    encode_rejection,
    encode_request,
    encode_tst_info,
    message_imprint,
)
from appliance.errors import Malformed
from appliance.quantities import Accuracy, Utc

OIDS = st.sampled_from([oids.SM3, oids.SHA256, oids.SHA1, "1.2.3.4", "2.999.1"])
IMPRINTS = st.binary(max_size=64)
NAME = der.tlv(der.context(4), der.sequence())


@given(
    OIDS,
    IMPRINTS,
    st.none() | OIDS,
    st.none() | st.integers(0, (1 << 511) - 1),
    st.booleans(),
)
def test_a_request_survives_its_encoding(hash_algorithm, imprint, req_policy, nonce, cert_req):
    data = encode_request(
        hash_algorithm=hash_algorithm,
        imprint=imprint,
        req_policy=req_policy,
        nonce=nonce,
        cert_req=cert_req,
    )
    request = decode_request(data)
    assert request.version == 1
    assert request.hash_algorithm == hash_algorithm
    assert request.imprint == imprint
    assert request.imprint_tlv == message_imprint(hash_algorithm, imprint)
    assert request.req_policy == req_policy
    assert request.nonce_tlv == (b"" if nonce is None else der.integer(nonce))
    assert request.cert_req is cert_req
    assert not request.has_extensions
    assert not request.has_trailing_octets


@given(OIDS, IMPRINTS, st.none() | OIDS, st.none() | st.integers(0, 1 << 64), st.booleans())
def test_our_request_is_pyasn1s_request(hash_algorithm, imprint, req_policy, nonce, cert_req):
    value = rfc3161.TimeStampReq()
    value["version"] = 1
    value["messageImprint"]["hashAlgorithm"]["algorithm"] = hash_algorithm
    value["messageImprint"]["hashedMessage"] = imprint
    if req_policy is not None:
        value["reqPolicy"] = req_policy
    if nonce is not None:
        value["nonce"] = nonce
    value["certReq"] = cert_req
    assert encoder.encode(value) == encode_request(
        hash_algorithm=hash_algorithm,
        imprint=imprint,
        req_policy=req_policy,
        nonce=nonce,
        cert_req=cert_req,
    )


def with_imprint(content):
    return der.sequence(der.integer(1), content)


ALGORITHM = der.sequence(der.oid(oids.SHA256), der.NULL_VALUE)
HASH = der.octet_string(bytes(32))


@pytest.mark.parametrize(
    "imprint",
    [
        b"",
        der.sequence(),
        der.sequence(ALGORITHM),
        der.sequence(HASH),
        der.sequence(ALGORITHM, HASH, der.NULL_VALUE),
        der.sequence(ALGORITHM, der.integer(5)),
        der.sequence(ALGORITHM, HASH)[:-1],
        der.set_of([ALGORITHM, HASH]),
        der.sequence(der.sequence(der.oid(oids.SHA256), der.integer(1)), HASH),
        der.sequence(der.sequence(der.oid(oids.SHA256), b"\x05\x01\x00"), HASH),
        der.sequence(der.sequence(der.oid(oids.SHA256), der.NULL_VALUE * 2), HASH),
        der.sequence(der.sequence(der.NULL_VALUE), HASH),
        der.sequence(ALGORITHM, der.octet_string(bytes(128))),
        b"\x30\x81\x31" + ALGORITHM + HASH,
    ],
    ids=[
        "absent",
        "empty",
        "no hash",
        "no algorithm",
        "something more",
        "hash not an OCTET STRING",
        "cut short",
        "a SET",
        "algorithm with parameters",
        "NULL that holds something",
        "two parameters",
        "no OID",
        "longer than any hash",
        "length not minimal",
    ],
)
def test_a_malformed_imprint_is_malformed(imprint):
    with pytest.raises(Malformed):
        decode_request(with_imprint(imprint))


def test_an_imprint_may_not_reach_past_the_request():
    inside = with_imprint(der.sequence(ALGORITHM, HASH))
    cut = bytes((inside[0], inside[1] - 1)) + inside[2:]
    with pytest.raises(Malformed):
        decode_request(cut)


def test_false_spelt_out_is_taken_for_cert_req():
    request = decode_request(with_imprint(der.sequence(ALGORITHM, HASH) + b"\x01\x01\x00"))
    assert not request.cert_req


def test_a_request_over_4_kib_is_malformed():
    filler = der.tlv(der.context(0), bytes(MAX_REQUEST_OCTETS))
    with pytest.raises(Malformed):
        decode_request(with_imprint(der.sequence(ALGORITHM, HASH) + filler))


def test_a_nonce_has_at_most_64_octets():
    imprint = der.sequence(ALGORITHM, HASH)
    nonce = der.integer((1 << 511) - 1)
    assert decode_request(with_imprint(imprint + nonce)).nonce_tlv == nonce
    with pytest.raises(Malformed):
        decode_request(with_imprint(imprint + der.integer(1 << 511)))


@given(st.binary(max_size=120))
def test_garbage_is_malformed_in_every_message(data):
    for decode in (decode_request, decode_response, decode_tst_info):
        for candidate in (data, der.sequence(data)):
            try:
                decode(candidate)
            except Malformed:
                continue


@pytest.mark.parametrize("failure", PKIFailureInfo)
def test_a_rejection_is_read_the_same_by_pyasn1(failure):
    data = encode_rejection(failure, "时间不可用")
    value, rest = decoder.decode(data, asn1Spec=rfc3161.TimeStampResp())
    assert not rest
    assert encoder.encode(value) == data
    assert int(value["status"]["status"]) == 2
    bits = value["status"]["failInfo"]
    assert [position for position, bit in enumerate(bits) if bit] == [failure.value]
    response = decode_response(data)
    assert (response.failure, response.status_texts) == (failure, ("时间不可用",))
    assert response.token == b""


STATUS = der.integer(2)


@pytest.mark.parametrize(
    "status_info",
    [
        b"",
        STATUS + der.sequence(b"\x0c\x01\xff"),
        STATUS + der.sequence(der.integer(1)),
        STATUS + der.sequence(*[der.utf8_string("x")] * 17),
        STATUS + b"\x03\x00",
        STATUS + b"\x03\x01\x03",
        STATUS + b"\x03\x02\x08\x00",
        STATUS + b"\x03\x02\x02\x81",
        STATUS + der.bit_string(b"\x80") + der.NULL_VALUE,
    ],
    ids=[
        "empty",
        "text not UTF-8",
        "text not a UTF8String",
        "too many texts",
        "empty BIT STRING",
        "unused bits of nothing",
        "more than seven unused bits",
        "unused bits set",
        "something more",
    ],
)
def test_a_malformed_status_is_malformed(status_info):
    with pytest.raises(Malformed):
        decode_response(der.sequence(der.sequence(status_info)))


def test_a_status_without_a_failure_bit_set_tells_none():
    data = der.sequence(der.sequence(STATUS, b"\x03\x02\x00\x00"))
    assert decode_response(data).failure is None


def test_what_follows_the_status_must_be_one_token():
    status = der.sequence(der.integer(0))
    assert decode_response(der.sequence(status, der.sequence())).token == der.sequence()
    for rest in (der.NULL_VALUE, der.sequence() * 2):
        with pytest.raises(Malformed):
            decode_response(der.sequence(status, rest))


def test_a_response_over_64_kib_is_malformed():
    with pytest.raises(Malformed):
        decode_response(der.sequence(der.sequence(der.integer(0)), der.sequence(bytes(64 * 1024))))


TST_INFOS = st.builds(
    lambda hash_algorithm, imprint, **fields: TSTInfo(
        imprint_tlv=message_imprint(hash_algorithm, imprint),
        hash_algorithm=hash_algorithm,
        imprint=imprint,
        has_extensions=False,
        **fields,
    ),
    OIDS,
    IMPRINTS,
    version=st.integers(1, 3),
    policy=OIDS,
    serial_number=st.integers(0, (1 << 160) - 1),
    gen_time=st.builds(Utc, st.integers(0, 250_000_000_000_000_000)),
    accuracy_us=st.none() | st.integers(0, 10_000_000),
    ordering=st.booleans(),
    nonce_tlv=st.just(b"") | st.builds(der.integer, st.integers(0, 1 << 64)),
    tsa=st.sampled_from([b"", NAME]),
)


@given(TST_INFOS)
def test_a_tst_info_survives_its_encoding(info):
    data = encode_tst_info(info)
    assert decode_tst_info(data) == info
    assert der.integer(info.serial_number).endswith(info.serial_octets)


def test_extensions_of_a_tst_info_are_noticed():
    info = TSTInfo(
        1,
        "1.2",
        message_imprint(oids.SM3, b"x"),
        oids.SM3,
        b"x",
        1,
        Utc(0),
        1,
        ordering=False,
        nonce_tlv=b"",
        tsa=b"",
        has_extensions=False,
    )
    start, stop = der.whole(encode_tst_info(info), der.SEQUENCE)
    data = der.sequence(encode_tst_info(info)[start:stop], der.tlv(der.context(1), der.sequence()))
    assert decode_tst_info(data).has_extensions
    with pytest.raises(Malformed):
        decode_tst_info(der.sequence(data[start:], der.NULL_VALUE))


def with_accuracy(*parts):
    return der.sequence(
        der.integer(1),
        der.oid("1.2.3"),
        message_imprint(oids.SM3, bytes(32)),
        der.integer(7),
        der.tlv(der.GENERALIZED_TIME, b"20260301120000Z"),
        der.sequence(*parts),
    )


@given(st.integers(0, 1 << 40))
def test_accuracy_survives_its_encoding(accuracy_us):
    start, stop = der.whole(encode_accuracy(Accuracy(accuracy_us)), der.SEQUENCE)
    content = encode_accuracy(Accuracy(accuracy_us))[start:stop]
    assert decode_tst_info(with_accuracy(content)).accuracy_us == accuracy_us


@pytest.mark.parametrize(
    "parts",
    [
        [der.integer(-1)],
        [b"\x80\x01\x00"],
        [b"\x80\x02\x03\xe8"],
        [b"\x81\x02\x03\xe8"],
        [b"\x81\x01\x05", b"\x80\x01\x05"],
        [b"\x80\x01\x05", b"\x80\x01\x05"],
        [b"\x82\x01\x05"],
    ],
    ids=[
        "negative seconds",
        "no millis",
        "1000 millis",
        "1000 micros",
        "out of order",
        "millis twice",
        "unknown part",
    ],
)
def test_a_malformed_accuracy_is_malformed(parts):
    with pytest.raises(Malformed):
        decode_tst_info(with_accuracy(*parts))
