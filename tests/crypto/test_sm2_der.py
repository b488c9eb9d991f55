"""DER of SM2 signatures and public keys: one encoding, both ways, nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.sm2_standard import PUBLIC, SIGNATURE, N, scalar
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import namedtype, univ
from pyasn1_modules import rfc5280

from appliance.asn1 import sm2
from appliance.errors import Malformed


class Sm2Signature(univ.Sequence):
    componentType = namedtype.NamedTypes(  # noqa: N815  (pyasn1's name)
        namedtype.NamedType("r", univ.Integer()), namedtype.NamedType("s", univ.Integer())
    )


def der_by_pyasn1(r: int, s: int) -> bytes:
    value = Sm2Signature()
    value["r"], value["s"] = r, s
    return encoder.encode(value)


scalars = st.one_of(
    st.integers(0, 2**256 - 1),
    st.integers(0, 255).map(lambda bits: 1 << bits),
    st.sampled_from([0, 1, 127, 128, 255, 256, N, 2**255, 2**255 - 1, 2**256 - 1]),
)


@given(r=scalars, s=scalars)
def test_a_signature_is_rendered_as_pyasn1_renders_it(r, s):
    assert sm2.signature_to_der(scalar(r) + scalar(s)) == der_by_pyasn1(r, s)


@given(signature=st.binary(min_size=64, max_size=64))
def test_a_signature_survives_the_round_trip(signature):
    assert sm2.signature_from_der(sm2.signature_to_der(signature)) == signature


@given(garbage=st.binary(max_size=80))
def test_garbage_for_a_signature_is_malformed_or_canonical(garbage):
    try:
        signature = sm2.signature_from_der(garbage)
    except Malformed:
        return
    assert sm2.signature_to_der(signature) == garbage


@given(position=st.integers(0, 200), octet=st.integers(0, 255))
def test_an_altered_signature_is_malformed_or_canonical(position, octet):
    altered = bytearray(sm2.signature_to_der(SIGNATURE))
    altered[position % len(altered)] = octet
    try:
        signature = sm2.signature_from_der(bytes(altered))
    except Malformed:
        return
    assert sm2.signature_to_der(signature) == altered


WRONG_SIGNATURES = {
    "empty": "",
    "not a SEQUENCE": "310602010102010 1",
    "empty SEQUENCE": "3000",
    "one INTEGER": "3003020101",
    "three INTEGERs": "3009020101020101020101",
    "octet after it": "300602010102010100",
    "cut short": "30060201010201",
    "padded r": "300702020001020101",
    "padded s": "300702010102020001",
    "negative r": "30060201ff020101",
    "negative s": "3006020101020180",
    "empty INTEGER": "300502000201 01",
    "length in long form": "308106020101020101",
    "indefinite length": "30800201010201010000",
    "r of 33 octets": "30260221" + "01" + "00" * 32 + "020101",
    "r of 34 octets": "30270222" + "0100" + "00" * 32 + "020101",
    "OCTET STRING for r": "3006040101020101",
}


@pytest.mark.parametrize("encoded", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES)
def test_another_encoding_of_a_signature_is_malformed(encoded):
    with pytest.raises(Malformed):
        sm2.signature_from_der(bytes.fromhex(encoded.replace(" ", "")))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_raw_values_of_another_length_are_malformed(size):
    with pytest.raises(Malformed):
        sm2.signature_to_der(bytes(size))
    with pytest.raises(Malformed):
        sm2.public_key_to_spki(bytes(size))


def test_pyasn1_reads_our_public_key_info():
    info, rest = decoder.decode(
        sm2.public_key_to_spki(PUBLIC), asn1Spec=rfc5280.SubjectPublicKeyInfo()
    )
    assert not rest
    assert str(info["algorithm"]["algorithm"]) == "1.2.840.10045.2.1"
    curve, _ = decoder.decode(bytes(info["algorithm"]["parameters"]))
    assert str(curve) == "1.2.156.10197.1.301"
    assert info["subjectPublicKey"].asOctets() == b"\x04" + PUBLIC


@given(public=st.binary(min_size=64, max_size=64))
def test_a_public_key_survives_the_round_trip(public):
    assert sm2.public_key_from_spki(sm2.public_key_to_spki(public)) == public


@given(garbage=st.binary(max_size=120))
def test_garbage_for_a_public_key_is_malformed(garbage):
    with pytest.raises(Malformed):
        sm2.public_key_from_spki(garbage)


@given(position=st.integers(0, 26), octet=st.integers(0, 255))
def test_an_altered_frame_of_a_public_key_is_malformed(position, octet):
    spki = bytearray(sm2.public_key_to_spki(PUBLIC))
    if spki[position] == octet:
        octet ^= 1
    spki[position] = octet
    with pytest.raises(Malformed):
        sm2.public_key_from_spki(bytes(spki))


def test_a_compressed_point_is_malformed():
    spki = bytes.fromhex("3039301306072a8648ce3d020106082a811ccf5501822d032200") + b"\x03"
    with pytest.raises(Malformed):
        sm2.public_key_from_spki(spki + PUBLIC[:32])
