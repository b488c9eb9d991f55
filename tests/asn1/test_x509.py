import attrs
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import VALIDITY, authority

from appliance.asn1 import der, keys
from appliance.asn1.extension import extensions
from appliance.asn1.keys import PublicKeyInfo
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import (
    MAX_OCTETS,
    Validity,
    assemble,
    decode_certificate,
    encode_tbs,
)
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.quantities import Utc

SUBJECT = authority(KeyAlgorithm.P256).tsa.certificate
NAME = encode_name("x")
FIELDS = {
    "serial_number": 5,
    "algorithm": keys.ECDSA_WITH_SHA256,
    "issuer": NAME,
    "validity": VALIDITY,
    "subject": NAME,
    "spki": SUBJECT.spki,
    "extensions": [extensions.subject_key_id(b"held")],
}


def written(**changes):
    return assemble(encode_tbs(**{**FIELDS, **changes}), keys.ECDSA_WITH_SHA256, b"signature")


def pieces(*changes):
    """A v3 certificate piece by piece, some of them replaced by position."""
    parts = [
        der.tlv(der.context(0), der.integer(2)),
        der.integer(5),
        keys.ECDSA_WITH_SHA256,
        NAME,
        der.sequence(der.tlv(0x17, b"250101000000Z"), der.tlv(0x18, b"20500101000000Z")),
        NAME,
        SUBJECT.spki,
        der.tlv(der.context(3), der.sequence(extensions.subject_key_id(b"held"))),
    ]
    for position, value in changes:
        parts[position] = value
    return assemble(der.sequence(*parts), keys.ECDSA_WITH_SHA256, b"signature")


_SECONDS = st.integers(-631_152_000, 253_402_300_799).map(lambda second: Utc(second * 1_000_000))


@given(
    serial_number=st.integers(1, (1 << 159) - 1),
    not_before=_SECONDS,
    not_after=_SECONDS,
    signature=st.binary(max_size=80),
)
def test_a_certificate_written_is_read_back(serial_number, not_before, not_after, signature):
    validity = Validity(not_before, not_after)
    tbs = encode_tbs(**{**FIELDS, "serial_number": serial_number, "validity": validity})
    encoded = assemble(tbs, keys.ECDSA_WITH_SHA256, signature)
    read = decode_certificate(encoded)
    assert (read.serial_number, read.validity) == (serial_number, validity)
    assert (read.der, read.tbs, read.signature) == (encoded, tbs, signature)
    assert read.serial_number_tlv == der.integer(serial_number)
    assert read.subject.der == read.issuer.der == NAME
    assert read.spki == SUBJECT.spki
    assert read.extensions.subject_key_id == b"held"
    assert read.is_self_issued


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_a_second_implementation_reads_the_same(algorithm):
    for subject in (authority(algorithm).root, authority(algorithm).tsa):
        ours = subject.certificate
        theirs = x509.load_der_x509_certificate(ours.der)
        assert ours.serial_number == theirs.serial_number
        assert ours.tbs == theirs.tbs_certificate_bytes
        assert ours.signature == theirs.signature
        assert ours.subject.der == theirs.subject.public_bytes()
        assert str(ours.subject) == theirs.subject.rfc4514_string()
        assert ours.validity.not_after.posix_us == theirs.not_valid_after_utc.timestamp() * 1e6
        assert ours.signature_algorithm.oid == theirs.signature_algorithm_oid.dotted_string
        assert [one.oid for one in ours.extensions.listed] == [
            one.oid.dotted_string for one in theirs.extensions
        ]


def test_certificates_are_equal_when_their_der_is():
    again = decode_certificate(bytes(bytearray(SUBJECT.der)))
    assert again == SUBJECT
    assert len({again, SUBJECT}) == 1
    assert authority(KeyAlgorithm.P256).root.certificate != SUBJECT
    assert repr(SUBJECT) == "<Certificate f of CN=TSA p256,O=Shiyin test,C=CN>"


def test_the_key_and_its_curve_are_told():
    assert (SUBJECT.key.algorithm, SUBJECT.key.curve) == (
        "1.2.840.10045.2.1",
        "1.2.840.10045.3.1.7",
    )
    rsa = authority(KeyAlgorithm.RSA).tsa.certificate.key
    assert rsa == PublicKeyInfo(rsa.der, "1.2.840.113549.1.1.1", None, rsa.octets)


@pytest.mark.parametrize(
    ("year", "tag"), [(b"1949", 0x18), (b"1950", 0x17), (b"2049", 0x17), (b"2050", 0x18)]
)
def test_utc_time_is_written_from_1950_through_2049(year, tag):
    instant = Utc.parse_generalized_time(year + b"0630120000Z")
    encoded = written(validity=attrs.evolve(VALIDITY, not_after=instant))
    assert decode_certificate(encoded).validity.not_after == instant
    text = {0x17: year[2:], 0x18: year}[tag] + b"0630120000Z"
    assert der.tlv(tag, text) in encoded


def test_older_forms_of_certificate_are_read():
    v1 = pieces((0, b""), (7, b""))
    assert decode_certificate(v1).extensions.listed == ()
    unique_ids = der.tlv(0x81, b"\x00i") + der.tlv(0x82, b"\x00s")
    v2 = pieces((0, der.tlv(der.context(0), der.integer(1))), (7, unique_ids))
    assert decode_certificate(v2).extensions.listed == ()


@pytest.mark.parametrize(
    "change",
    [
        (0, der.tlv(der.context(0), der.integer(0))),
        (0, der.tlv(der.context(0), der.integer(3))),
        (0, der.tlv(der.context(0), der.integer(1))),
        (0, b""),
        (1, der.tlv(der.INTEGER, b"\x00\x01")),
        (1, der.tlv(der.INTEGER, bytes([1] * 33))),
        (2, keys.SHA256_WITH_RSA),
        (4, der.sequence(der.tlv(0x17, b"2501010000Z"), der.tlv(0x17, b"260101000000Z"))),
        (4, der.sequence(der.tlv(0x17, b"251301000000Z"), der.tlv(0x17, b"260101000000Z"))),
        (4, der.sequence(der.tlv(0x18, b"20250101000000.5Z"), der.tlv(0x17, b"260101000000Z"))),
        (4, der.sequence(der.tlv(0x17, b"250101000000Z"))),
        (6, der.sequence(der.sequence(der.oid("1.2.840.10045.2.1")), der.bit_string(b"x"))),
        (6, SUBJECT.spki.replace(b"\x03\x42\x00", b"\x03\x42\x01")),
        (7, der.tlv(der.context(3), der.sequence())),
        (7, der.tlv(der.context(3), der.sequence(extensions.subject_key_id(b"x") * 2))),
        (7, der.NULL_VALUE),
    ],
)
def test_what_rfc_5280_forbids_is_refused(change):
    decode_certificate(pieces())
    with pytest.raises(Malformed):
        decode_certificate(pieces(change))


def test_octets_after_a_certificate_are_refused():
    with pytest.raises(Malformed):
        decode_certificate(SUBJECT.der + b"\x00")


def test_too_long_a_certificate_is_refused():
    with pytest.raises(Malformed):
        decode_certificate(written(extensions=[extensions.subject_key_id(bytes(MAX_OCTETS))]))


def test_a_point_or_key_of_another_shape_is_not_written():
    for point in (b"", b"\x02" + bytes(32), b"\x02" + bytes(64)):
        with pytest.raises(Malformed):
            keys.p256_spki(point)
    with pytest.raises(Malformed):
        keys.rsa_spki(b"")


@given(st.binary(max_size=60))
def test_garbage_raises_only_malformed(data):
    for candidate in (data, der.sequence(data), der.sequence(der.sequence(data))):
        with pytest.raises(Malformed):
            decode_certificate(candidate)


@given(
    st.sampled_from([authority(algorithm).tsa.certificate.der for algorithm in KeyAlgorithm]),
    st.integers(0, 1 << 16),
    st.integers(1, 255),
)
def test_a_mutated_certificate_is_read_as_another_or_refused(encoded, position, mask):
    mutated = bytearray(encoded)
    mutated[position % len(encoded)] ^= mask
    try:
        read = decode_certificate(bytes(mutated))
    except Malformed:
        return
    assert read.der == bytes(mutated)
    assert isinstance(str(read.subject), str)
