import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import GOOD
from kit.stamping import make_authority, prepare_one, request, signature_for

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier, parse_algorithm, read_algorithm, read_oid
from appliance.asn1.signed.cms import (
    MAX_ATTRIBUTES,
    MAX_CERTIFICATES,
    MAX_DIGEST_ALGORITHMS,
    MAX_TOKEN_OCTETS,
    MAX_VALUES,
    attribute,
    certificate_set,
    decode_token,
    issuer_and_serial_number,
    signing_certificate_v2,
)
from appliance.asn1.tsp import decode_response
from appliance.errors import Malformed
from appliance.tsp.authority import Ask

SM3 = algorithm_identifier(oids.SM3)
ISSUER = der.sequence(der.set_of([der.sequence(der.oid(oids.COMMON_NAME), der.utf8_string("CA"))]))
SID = issuer_and_serial_number(ISSUER, der.integer(0x1234))
ATTRIBUTES = (
    attribute(oids.CONTENT_TYPE, der.oid(oids.TST_INFO)),
    attribute(oids.MESSAGE_DIGEST, der.octet_string(bytes(32))),
)


def signer_info(
    *,
    version=1,
    sid=SID,
    digest_algorithm=SM3,
    attributes=ATTRIBUTES,
    signature_algorithm=b"",
    rest=b"",
):
    return der.sequence(
        der.integer(version),
        sid,
        digest_algorithm,
        der.tlv(der.context(0), *attributes),
        signature_algorithm or algorithm_identifier(oids.SM2_WITH_SM3),
        der.octet_string(b"signature"),
        rest,
    )


def token(
    *,
    digest_algorithms=(SM3,),
    econtent=b"content",
    between=b"",
    signers=None,
    rest=b"",
):
    content_info = der.sequence(
        der.oid(oids.TST_INFO), der.tlv(der.context(0), der.octet_string(econtent))
    )
    signed_data = der.sequence(
        der.integer(3),
        der.tlv(der.SET, *digest_algorithms),
        content_info,
        between,
        der.tlv(der.SET, *((signer_info(),) if signers is None else signers)),
        rest,
    )
    return der.sequence(der.oid(oids.SIGNED_DATA), der.tlv(der.context(0), signed_data))


@functools.cache
def a_real_token():
    prepared = prepare_one(make_authority(), Ask("chain", request(tail=[der.TRUE])), GOOD)
    return decode_response(prepared.response(signature_for("chain"))).token


def test_a_token_is_taken_apart():
    signed = decode_token(token())
    assert signed.content_type == oids.SIGNED_DATA
    assert signed.version == 3
    assert signed.digest_algorithms == (oids.SM3,)
    assert (signed.econtent_type, signed.econtent) == (oids.TST_INFO, b"content")
    assert signed.certificates == ()
    assert not signed.has_crls
    signer = signed.signer
    assert signer.version == 1
    assert (signer.issuer, signer.serial_number, signer.key_identifier) == (ISSUER, 0x1234, None)
    assert signer.digest_algorithm == oids.SM3
    assert signer.signed_attrs == der.tlv(der.context(0), *ATTRIBUTES)
    assert signer.signed_octets == der.tlv(der.SET, *ATTRIBUTES)
    assert signer.values(oids.MESSAGE_DIGEST) == (der.octet_string(bytes(32)),)
    assert signer.values(oids.SIGNING_TIME) == ()
    assert signer.signature_algorithm.oid == oids.SM2_WITH_SM3
    assert signer.signature == b"signature"
    assert not signer.has_unsigned_attrs


def test_a_signer_may_be_named_by_its_key():
    signer = decode_token(token(signers=[signer_info(version=3, sid=b"\x80\x02\xab\xcd")])).signer
    assert signer.key_identifier == b"\xab\xcd"
    assert (signer.version, signer.issuer, signer.serial_number) == (3, b"", 0)


def test_certificates_crls_and_unsigned_attributes_are_noticed():
    signer = signer_info(rest=der.tlv(der.context(1), ATTRIBUTES[0]))
    between = certificate_set([der.sequence(b"\x02"), der.sequence(b"\x01")]) + der.tlv(
        der.context(1), der.sequence()
    )
    signed = decode_token(token(between=between, signers=[signer]))
    assert signed.certificates == (der.sequence(b"\x01"), der.sequence(b"\x02"))
    assert signed.has_crls
    assert signed.signer.has_unsigned_attrs


def test_certificates_in_another_order_are_taken_as_they_come():
    certificates = (der.sequence(b"\x02"), der.sequence(b"\x01"))
    between = der.tlv(der.context(0), *certificates)
    assert decode_token(token(between=between)).certificates == certificates


def test_parameters_of_a_signature_algorithm_are_for_the_verifier():
    algorithm = der.sequence(der.oid(oids.RSA_ENCRYPTION), der.sequence(der.integer(1)))
    signer = decode_token(token(signers=[signer_info(signature_algorithm=algorithm)])).signer
    assert signer.signature_algorithm.parameters == der.sequence(der.integer(1))
    assert not signer.signature_algorithm.is_plain


@pytest.mark.parametrize(
    "data",
    [
        token() + b"\x00",
        token(signers=[]),
        token(signers=[signer_info()] * 2),
        token(rest=der.NULL_VALUE),
        token(between=der.tlv(der.context(2), b"")),
        token(digest_algorithms=[SM3] * (MAX_DIGEST_ALGORITHMS + 1)),
        token(digest_algorithms=[der.sequence(der.oid(oids.SM3), der.integer(1))]),
        token(between=certificate_set([der.sequence()] * (MAX_CERTIFICATES + 1))),
        token(between=der.tlv(der.context(0), der.tlv(der.context(1), b""))),
        token(signers=[signer_info(attributes=[ATTRIBUTES[0]] * 2)]),
        token(signers=[signer_info(attributes=[der.sequence(der.oid("1.2"), der.set_of([]))])]),
        token(
            signers=[
                signer_info(attributes=[attribute("1.2", *[der.NULL_VALUE] * (MAX_VALUES + 1))])
            ]
        ),
        token(
            signers=[
                signer_info(
                    attributes=[
                        attribute(f"1.2.{arc}", der.NULL_VALUE) for arc in range(MAX_ATTRIBUTES + 1)
                    ]
                )
            ]
        ),
        token(signers=[signer_info(sid=der.integer(5))]),
        token(signers=[signer_info(sid=der.sequence(ISSUER, der.integer(1 << 256)))]),
        token(signers=[signer_info(rest=der.NULL_VALUE)]),
        token(econtent=bytes(MAX_TOKEN_OCTETS)),
    ],
    ids=[
        "octets after it",
        "no signer",
        "two signers",
        "something after signerInfos",
        "unknown field",
        "too many digest algorithms",
        "digest algorithm with parameters",
        "too many certificates",
        "attribute certificate",
        "attribute twice",
        "attribute without value",
        "too many values",
        "too many attributes",
        "signer not named",
        "serial number too long",
        "something after the signature",
        "over 64 KiB",
    ],
)
def test_what_is_not_a_token_of_one_signer_is_malformed(data):
    with pytest.raises(Malformed):
        decode_token(data)


@given(st.data())
def test_damaged_tokens_raise_nothing_but_malformed(draw):
    octets = bytearray(a_real_token())
    for _ in range(draw.draw(st.integers(1, 3))):
        position = draw.draw(st.integers(0, len(octets) - 1))
        octets[position] = draw.draw(st.integers(0, 255))
    try:
        decode_token(bytes(octets))
    except Malformed:
        return


@given(st.binary(max_size=100))
def test_garbage_is_no_token(data):
    for candidate in (data, der.sequence(der.oid(oids.SIGNED_DATA), data)):
        with pytest.raises(Malformed):
            decode_token(candidate)


@given(st.integers(0, 1 << 16))
def test_a_token_cut_short_is_malformed(length):
    whole = a_real_token()
    with pytest.raises(Malformed):
        decode_token(whole[: length % len(whole)])


def test_the_default_hash_of_ess_cert_id_v2_is_left_out():
    explicit = signing_certificate_v2(bytes(32), oids.SM3, ISSUER, der.integer(1))
    default = signing_certificate_v2(bytes(32), oids.SHA256, ISSUER, der.integer(1))
    assert SM3 in explicit
    assert der.oid(oids.SHA256) not in default


@given(st.sampled_from([oids.SM3, oids.SHA512, oids.RSA_ENCRYPTION, "2.999.7"]), st.booleans())
def test_an_algorithm_survives_its_encoding(oid, null):
    data = b"\x00" + algorithm_identifier(oid, null=null) + b"\x00"
    algorithm, stop = read_algorithm(data, 1, len(data) - 1)
    assert (algorithm.oid, algorithm.parameters) == (oid, der.NULL_VALUE if null else b"")
    assert algorithm.is_plain
    assert stop == len(data) - 1


@pytest.mark.parametrize(
    "data",
    [
        der.sequence(),
        der.sequence(der.integer(1)),
        der.sequence(der.oid(oids.SM3), der.NULL_VALUE, der.NULL_VALUE),
        der.sequence(der.oid(oids.SM3), b"\x05\x01\x00"),
        der.sequence(der.oid(oids.SM3), der.octet_string(bytes(300))),
        der.sequence(b"\x06\x01\x80"),
    ],
    ids=["empty", "no OID", "two parameters", "NULL with content", "too long", "OID cut short"],
)
def test_what_is_not_an_algorithm_is_malformed(data):
    with pytest.raises(Malformed):
        read_algorithm(data, 0, len(data))


@given(st.binary(max_size=40))
def test_garbage_is_no_algorithm_and_no_oid(data):
    for read in (lambda: parse_algorithm(data), lambda: read_oid(data, 0, len(data))):
        try:
            read()
        except Malformed:
            continue


def test_an_oid_longer_than_64_octets_is_malformed():
    data = der.tlv(der.OBJECT_IDENTIFIER, b"\x2a" * 65)
    with pytest.raises(Malformed):
        read_oid(data, 0, len(data))
