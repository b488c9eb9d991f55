import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der, keys, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.signed import ber, cms
from appliance.asn1.signed.pss import PssParameters, decode_pss_parameters
from appliance.asn1.signed.signed_data import (
    CONTENT_TYPES,
    MAX_CRLS,
    MAX_SIGNERS,
    are_signed_attributes,
    decode_signed_data,
    encode_signed_data,
    is_signed_data,
    signed_attributes,
    signer_info,
)
from appliance.errors import Malformed

ISSUER = der.sequence(der.set_of([der.sequence(der.oid(oids.COMMON_NAME), der.utf8_string("CA"))]))
SID = cms.issuer_and_serial_number(ISSUER, der.integer(0x1234))
CERTIFICATE = der.sequence(der.integer(7))
ATTRIBUTES = signed_attributes(oids.DATA, bytes(32))


def info(attributes=ATTRIBUTES, signature=b"signature"):
    return signer_info(SID, oids.SM3, attributes, keys.SM2_WITH_SM3, signature)


def written(econtent=b"content", *, infos=None, certificates=(CERTIFICATE,), is_gmt=False):
    signers = [info()] if infos is None else infos
    return encode_signed_data(econtent, [oids.SM3], certificates, signers, is_gmt=is_gmt)


def opened(tag, *parts):
    """Render a value of indefinite length."""
    return bytes((tag, 0x80)) + b"".join(parts) + b"\0\0"


def streamed(content=(b"con", b"tent"), crls=b""):
    """Write as OpenSSL and BouncyCastle do when they stream."""
    pieces = opened(0x24, *map(der.octet_string, content))
    signed = opened(
        der.SEQUENCE,
        der.integer(1),
        der.set_of([algorithm_identifier(oids.SM3)]),
        opened(der.SEQUENCE, der.oid(oids.DATA), opened(0xA0, pieces)),
        opened(0xA0, CERTIFICATE),
        crls,
        der.set_of([info()]),
    )
    return opened(der.SEQUENCE, der.oid(oids.SIGNED_DATA), opened(0xA0, signed))


SHORT = der.octet_string(b"x")


def in_signed_data(between=b"", *, rest=b"", content=SHORT, signers=None):
    signed = der.sequence(
        der.integer(1),
        der.set_of([]),
        der.sequence(der.oid(oids.DATA), der.tlv(0xA0, content)),
        between,
        der.set_of([info()]) if signers is None else signers,
        rest,
    )
    return der.sequence(der.oid(oids.SIGNED_DATA), der.tlv(0xA0, signed))


@pytest.mark.parametrize("is_gmt", [True, False])
def test_what_was_written_is_read(is_gmt):
    encoded = written(is_gmt=is_gmt, infos=[info(), info(b"")])
    assert is_signed_data(encoded)
    signed = decode_signed_data(encoded)
    assert signed.content_type in CONTENT_TYPES
    assert (signed.content_type == oids.GMT0010_SIGNED_DATA) is is_gmt
    assert (signed.econtent_type == oids.GMT0010_DATA) is is_gmt
    assert (signed.version, signed.digest_algorithms) == (1, (oids.SM3,))
    assert (signed.econtent, signed.certificates, signed.crls) == (b"content", (CERTIFICATE,), ())
    without, with_attributes = sorted(signed.signers, key=lambda each: bool(each.signed_attrs))
    assert without.signed_attrs == b""
    assert without.attributes == ()
    assert with_attributes.signed_octets == ATTRIBUTES
    assert with_attributes.values(oids.MESSAGE_DIGEST) == (der.octet_string(bytes(32)),)
    assert with_attributes.signature == b"signature"


def test_a_document_may_be_apart_and_empty_is_not_apart():
    assert decode_signed_data(written(None)).econtent is None
    assert decode_signed_data(written(b"")).econtent == b""


def test_certificates_may_come_alone():
    assert decode_signed_data(written(None, infos=[])).signers == ()


def test_what_is_streamed_reads_as_what_is_not():
    lists = der.tlv(0xA1, der.sequence(), der.tlv(0xA1, der.NULL_VALUE))
    signed = decode_signed_data(streamed(crls=lists))
    assert is_signed_data(streamed())
    assert signed.econtent == b"content"
    assert signed.crls == (der.sequence(),)
    assert decode_signed_data(streamed()) == decode_signed_data(written())


def test_unsigned_attributes_are_noticed():
    plain = info()
    start, stop = der.whole(plain, der.SEQUENCE)
    longer = der.sequence(plain[start:stop], der.tlv(0xA1, ATTRIBUTES))
    (signer,) = decode_signed_data(written(infos=[longer])).signers
    assert signer.has_unsigned_attrs


@pytest.mark.parametrize(
    "data",
    [
        written() + b"\0",
        der.sequence(der.oid(oids.DATA), der.tlv(0xA0, der.sequence())),
        in_signed_data(content=der.sequence()),
        in_signed_data(content=der.octet_string(b"x") * 2),
        in_signed_data(between=der.tlv(0xA0, der.tlv(0xA1, b""))),
        in_signed_data(between=der.tlv(0xA1, *[der.sequence()] * (MAX_CRLS + 1))),
        in_signed_data(between=der.tlv(0xA1, der.integer(1))),
        in_signed_data(between=der.tlv(0xA2, b"")),
        in_signed_data(rest=der.NULL_VALUE),
        in_signed_data(signers=der.set_of([info()] * (MAX_SIGNERS + 1))),
        in_signed_data(signers=der.set_of([der.NULL_VALUE])),
        in_signed_data(signers=der.set_of([info() + b"\x05\x00"])),
        streamed()[:-2],
        streamed(content=[b"x"]).replace(b"\x24\x80\x04", b"\x24\x80\x05"),
        b"\x30\x80" * 40,
        b"\x04\x80\x00\x00",
        b"\x30",
        b"",
    ],
)
def test_what_is_no_signed_data_is_malformed(data):
    with pytest.raises(Malformed):
        decode_signed_data(data)


def test_signed_data_past_its_bound_is_malformed():
    with pytest.raises(Malformed, match="too long"):
        decode_signed_data(written(), max_octets=100)


@given(st.data())
def test_damaged_signed_data_raises_nothing_but_malformed(draw):
    octets = bytearray(draw.draw(st.sampled_from([written(), streamed()])))
    for _ in range(draw.draw(st.integers(1, 3))):
        octets[draw.draw(st.integers(0, len(octets) - 1))] = draw.draw(st.integers(0, 255))
    try:
        decode_signed_data(bytes(octets))
    except Malformed:
        return


@given(st.binary(max_size=100))
def test_garbage_is_no_signed_data_and_no_attributes(data):
    is_signed_data(data)
    for candidate in (data, b"\x30\x80" + data, der.sequence(der.oid(oids.SIGNED_DATA), data)):
        with pytest.raises(Malformed):
            decode_signed_data(candidate)
    assert not are_signed_attributes(data)


def test_signed_attributes_are_known_by_the_digest_in_them():
    assert are_signed_attributes(ATTRIBUTES)
    assert not are_signed_attributes(ATTRIBUTES + b"\0")
    assert not are_signed_attributes(
        der.set_of([cms.attribute(oids.CONTENT_TYPE, der.oid(oids.DATA))])
    )
    assert not are_signed_attributes(der.sequence(ATTRIBUTES))


# --- open lengths ---------------------------------------------------------------------------------

VALUES = st.recursive(
    st.binary(max_size=8).map(der.octet_string),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: der.sequence(*parts)),
    max_leaves=6,
)


def reopened(value):
    """Take the lengths of constructed values out again."""
    if value[0] != der.SEQUENCE:
        return value
    start, stop = der.whole(value, der.SEQUENCE)
    parts = [value[at:end] for _, at, _, end in der.children(value, start, stop)]
    return opened(der.SEQUENCE, *map(reopened, parts))


@given(VALUES)
def test_open_lengths_close_to_der(value):
    assert ber.definite(reopened(value)) == value
    assert ber.definite(value) == value


@given(st.binary(max_size=60))
def test_garbage_does_not_close(data):
    try:
        closed = ber.definite(b"\x30\x80" + data)
    except Malformed:
        return
    assert der.whole(closed, der.SEQUENCE)


def test_what_is_cut_into_pieces_is_joined_with_a_length_or_without():
    octets = opened(0x24, der.octet_string(b"a"), der.tlv(0x24, der.octet_string(b"b")))
    assert ber.definite(octets) == der.octet_string(b"ab")


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * 20 + b"\0\0" * 20,
        b"\x30\x80" + b"\x05\x00" * (1 << 16) + b"\0\0",
        b"\x30\x80\x05",
        b"\x24\x80\x05\x00\x00\x00",
        b"\x24\x80\x24\x04\x04\x04ab\x00\x00",
        b"\x30\x80\x04\x80\x00\x00\x00\x00",
        b"\x30\x80\x3f\x80\x00\x00\x00\x00",
        b"\x30\x80\x00\x00\x00",
    ],
    ids=["deep", "many", "cut", "no pieces", "overrun", "primitive", "long tag", "rest"],
)
def test_what_does_not_close_is_malformed(data):
    with pytest.raises(Malformed):
        ber.definite(data)


# --- RSASSA-PSS-params ----------------------------------------------------------------------------


def pss(hash_algorithm=oids.SHA256, mask_hash=oids.SHA256, salt=32, more=b""):
    mask = der.sequence(der.oid(oids.MGF1), algorithm_identifier(mask_hash))
    return der.sequence(
        der.tlv(0xA0, algorithm_identifier(hash_algorithm, null=True)),
        der.tlv(0xA1, mask),
        der.tlv(0xA2, der.integer(salt)),
        more,
    )


def test_pss_parameters_are_read_with_their_defaults():
    assert decode_pss_parameters(pss()) == PssParameters(oids.SHA256, 32)
    assert decode_pss_parameters(pss(more=der.tlv(0xA3, der.integer(1)))).salt_octets == 32
    assert decode_pss_parameters(der.sequence()) == PssParameters(oids.SHA1, 20)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pss(mask_hash=oids.SHA512),
        pss(salt=-1),
        pss(more=der.tlv(0xA3, der.integer(2))),
        pss(more=der.tlv(0xA2, der.integer(2))),
        pss(more=der.NULL_VALUE),
        der.sequence(der.tlv(0xA1, algorithm_identifier("2.999.1"))),
        der.sequence(der.tlv(0xA1, algorithm_identifier(oids.MGF1))),
        der.sequence(der.tlv(0xA2, der.NULL_VALUE)),
    ],
)
def test_other_pss_parameters_are_malformed(data):
    with pytest.raises(Malformed):
        decode_pss_parameters(data)


@given(st.binary(max_size=60))
def test_garbage_is_no_pss_parameters(data):
    try:
        decode_pss_parameters(data)
    except Malformed:
        return
