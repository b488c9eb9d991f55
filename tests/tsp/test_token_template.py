import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.certificates import signer_certificate
from kit.stamping import (
    GEN_TIMES_US,
    POLICIES,
    PROFILES,
    digest_of,
    make_template,
    requests,
    signature_for,
)
from pyasn1.codec.ber.encoder import OctetStringEncoder
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import univ, useful
from pyasn1_modules import rfc3161, rfc5035, rfc5652

from appliance.asn1 import der, oids
from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import decode_request, decode_response, decode_tst_info, encode_tst_info
from appliance.errors import Malformed
from appliance.quantities import Accuracy, Utc
from appliance.tsp.template import Renderer, Template

SERIAL = b"\x01" + bytes(13)


# pyasn1 0.6 deletes zeros inside the fraction of a GeneralizedTime and refuses more than three
# digits: its times are taken as they stand, and test_the_fraction_... judges ours.
ENCODE = encoder.Encoder(
    typeMap={**encoder.TYPE_MAP, useful.GeneralizedTime.typeId: OctetStringEncoder()}
)


def oracle(data, spec):
    """Decode by pyasn1, insist that it encodes the value to the same octets, and give the value."""
    value, rest = decoder.decode(data, asn1Spec=spec)
    assert not rest
    assert ENCODE(value) == data
    return value


def respond(renderer, data, gen_time_us=0, accuracy_us=1, *, serial=SERIAL):
    asked = decode_request(data)
    profile = PROFILES[renderer.template.profile]
    tst_info = renderer.tst_info(
        asked.imprint_tlv, serial, gen_time_us, accuracy_us, asked.nonce_tlv
    )
    return renderer.response(
        tst_info,
        digest_of(profile)(tst_info),
        signature_for(profile.name, data),
        cert_req=asked.cert_req,
    )


@settings(deadline=None)
@given(
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(POLICIES),
    requests(least_nonce=0),  # pyasn1 spends two octets on -128, where DER has one
    GEN_TIMES_US,
    st.integers(1, 10_000_000),
)
def test_every_response_reads_and_encodes_the_same_by_pyasn1(
    profile, policy, data, gen_time_us, accuracy_us
):
    renderer = Renderer(make_template(PROFILES[profile], policy))
    response = oracle(respond(renderer, data, gen_time_us, accuracy_us), rfc3161.TimeStampResp())
    assert int(response["status"]["status"]) == 0
    content = response["timeStampToken"]["content"].asOctets()
    signed_data = oracle(content, rfc5652.SignedData())
    assert int(signed_data["version"]) == 3
    assert len(signed_data["signerInfos"]) == 1
    info = signed_data["encapContentInfo"]["eContent"].asOctets()
    assert str(oracle(info, rfc3161.TSTInfo())["policy"]) == policy.oid
    for attribute in signed_data["signerInfos"][0]["signedAttrs"]:
        if str(attribute["attrType"]) == oids.SIGNING_CERTIFICATE_V2:
            oracle(attribute["attrValues"][0].asOctets(), rfc5035.SigningCertificateV2())


@given(requests(), GEN_TIMES_US, st.integers(1, 10_000_000), st.sampled_from(POLICIES))
def test_the_tst_info_of_a_template_is_that_of_the_plain_encoder(
    data, gen_time_us, accuracy_us, policy
):
    asked = decode_request(data)
    renderer = Renderer(make_template(PROFILES["sm2"], policy))
    rendered = renderer.tst_info(
        asked.imprint_tlv, SERIAL, gen_time_us, accuracy_us, asked.nonce_tlv
    )
    info = decode_tst_info(rendered)
    assert info.gen_time == Utc(gen_time_us)
    assert info.accuracy_us == accuracy_us
    assert encode_tst_info(info) == rendered
    assert info.gen_time.generalized_time() in rendered


@pytest.mark.parametrize(
    ("profile", "content_type", "digest_algorithm", "signature_algorithm", "parameters"),
    [
        ("sm2", oids.SIGNED_DATA, oids.SM3, oids.SM2_WITH_SM3, b""),
        ("gmt", oids.GMT0010_SIGNED_DATA, oids.SM3, oids.SM2_SIGN, b""),
        ("p256", oids.SIGNED_DATA, oids.SHA256, oids.ECDSA_WITH_SHA256, b""),
        ("rsa", oids.SIGNED_DATA, oids.SHA256, oids.RSA_ENCRYPTION, der.NULL_VALUE),
    ],
)
def test_each_form_names_its_algorithms(
    profile, content_type, digest_algorithm, signature_algorithm, parameters
):
    token = decode_token(decode_response(respond_to_plain(profile)).token)
    assert token.content_type == content_type
    assert token.econtent_type == oids.TST_INFO
    assert token.digest_algorithms == (digest_algorithm,)
    assert token.signer.digest_algorithm == digest_algorithm
    assert token.signer.signature_algorithm.oid == signature_algorithm
    assert token.signer.signature_algorithm.parameters == parameters


def respond_to_plain(profile, *, cert_req=True):
    imprint = der.sequence(
        der.sequence(der.oid(oids.SM3)),
        der.octet_string(bytes(32)),
    )
    data = der.sequence(der.integer(1), imprint, der.TRUE if cert_req else b"")
    return respond(Renderer(make_template(PROFILES[profile])), data)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_signer_is_named_in_the_token_and_by_its_hash(profile):
    signer = signer_certificate()
    token = decode_token(decode_response(respond_to_plain(profile)).token)
    assert token.signer.issuer == signer.issuer
    assert der.integer(token.signer.serial_number) == signer.serial_number
    (value,) = token.signer.values(oids.SIGNING_CERTIFICATE_V2)
    value = decoder.decode(value, asn1Spec=rfc5035.SigningCertificateV2())[0]
    ess = value["certs"][0]
    is_sm2 = profile in {"sm2", "gmt"}
    assert str(ess["hashAlgorithm"]["algorithm"]) == (oids.SM3 if is_sm2 else oids.SHA256)
    assert ess["certHash"].asOctets() == digest_of(PROFILES[profile])(signer.certificate)
    assert encoder.encode(ess["issuerSerial"]["serialNumber"]) == signer.serial_number
    info = decode_tst_info(token.econtent)
    assert info.tsa == der.tlv(der.context(4), signer.subject)


def test_the_certificate_is_in_the_token_only_when_it_was_asked_for():
    signer = signer_certificate()
    for cert_req, expected in ((True, (signer.certificate,)), (False, ())):
        response = respond_to_plain("p256", cert_req=cert_req)
        assert decode_token(decode_response(response).token).certificates == expected


def test_a_chain_is_sorted_as_a_set():
    signer = signer_certificate()
    token = decode_token(decode_response(respond_to_plain("chain")).token)
    assert token.certificates == tuple(sorted((signer.certificate, *signer.chain)))


def test_the_attributes_stand_in_the_order_of_a_set():
    token = decode_token(decode_response(respond_to_plain("sm2")).token)
    value, _ = decoder.decode(token.signer.signed_octets, asn1Spec=univ.SetOf(univ.Any()))
    encoded = [element.asOctets() for element in value]
    assert len(encoded) == 3
    assert encoded == sorted(encoded)


@pytest.mark.parametrize(
    ("gen_time_us", "text"),
    [
        (1_700_000_000_000_000, b"20231114221320Z"),
        (1_700_000_000_500_000, b"20231114221320.5Z"),
        (1_700_000_000_000_001, b"20231114221320.000001Z"),
        (1_700_000_000_120_300, b"20231114221320.1203Z"),
    ],
)
def test_the_fraction_of_gen_time_has_no_trailing_zeros(gen_time_us, text):
    renderer = Renderer(make_template(PROFILES["sm2"]))
    rendered = renderer.tst_info(b"", SERIAL, gen_time_us, 1, b"")
    assert der.tlv(der.GENERALIZED_TIME, text) in rendered


def test_accuracy_leaves_out_parts_that_are_zero():
    renderer = Renderer(make_template(PROFILES["sm2"]))
    for accuracy in (Accuracy(500), Accuracy(2_000), Accuracy(1_000_000), Accuracy(1_002_003)):
        rendered = renderer.tst_info(b"", SERIAL, 0, accuracy.micros_total, b"")
        seconds, millis, micros = accuracy.parts
        value = rfc3161.Accuracy()
        if seconds:
            value["seconds"] = seconds
        if millis:
            value["millis"] = millis
        if micros:
            value["micros"] = micros
        assert encoder.encode(value) in rendered


@pytest.mark.parametrize("profile", PROFILES)
def test_a_template_survives_its_serialisation(profile):
    template = make_template(PROFILES[profile])
    restored = Template.from_bytes(template.to_bytes())
    assert restored == template
    assert restored.template_id == template.template_id
    assert template.template_id == hashlib.sha256(template.to_bytes()).digest()[:16]


def test_templates_that_differ_have_different_ids():
    templates = [
        make_template(profile, policy) for profile in PROFILES.values() for policy in POLICIES
    ]
    assert len({template.template_id for template in templates}) == len(templates)


def test_a_template_that_asks_for_an_unknown_hash_is_malformed():
    template = make_template(PROFILES["sm2"])
    data = template.to_bytes().replace(b"\xa3sm3", b"\xa3md5")
    with pytest.raises(Malformed):
        Template.from_bytes(data)


@given(st.data())
def test_a_damaged_template_is_malformed_or_another_template(draw):
    template = make_template(PROFILES["gmt"])
    data = bytearray(template.to_bytes())
    position = draw.draw(st.integers(0, len(data) - 1))
    data[position] ^= draw.draw(st.integers(1, 255))
    try:
        read = Template.from_bytes(bytes(data))
    except Malformed:
        return
    assert read != template
    assert read.to_bytes() == data


@given(st.binary(max_size=100))
def test_garbage_is_no_template(data):
    for candidate in (data, b"\x01" + data):
        with pytest.raises(Malformed):
            Template.from_bytes(candidate)
