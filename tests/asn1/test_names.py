import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der, names, oids
from appliance.errors import Malformed

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)


def decode(data):
    return names.read_name(data, 0, len(data))[0]


@given(_TEXT, st.none() | _TEXT, st.sampled_from([None, "CN", "DE"]))
def test_a_name_written_is_read_back(common_name, organization, country):
    name = decode(names.encode_name(common_name, organization=organization, country=country))
    expected = ((oids.COUNTRY, country), (oids.ORGANIZATION, organization))
    kept = tuple(pair for pair in expected if pair[1] is not None)
    assert name.attributes == (*kept, (oids.COMMON_NAME, common_name))
    assert name.common_name == common_name


@given(_TEXT)
def test_a_name_as_text_is_printable(text):
    assert str(decode(names.encode_name(text))).isprintable()


def test_a_second_implementation_reads_the_name():
    encoded = names.encode_name("时印 TSA", organization="O, Inc.", country="CN")
    expected = x509.Name.from_rfc4514_string("CN=时印 TSA,O=O\\, Inc.,C=CN")
    assert expected.public_bytes() == encoded
    assert str(decode(encoded)) == "CN=时印 TSA,O=O\\, Inc.,C=CN"


@pytest.mark.parametrize("text", ["", "x" * 65])
def test_a_common_name_outside_its_bounds_is_refused(text):
    with pytest.raises(Malformed):
        names.encode_name(text)


def test_a_country_that_is_not_two_letters_is_refused():
    with pytest.raises(Malformed):
        names.encode_name("x", country="CHN")


def test_older_string_types_are_read():
    value = der.tlv(0x1E, "时".encode("utf-16-be"))
    pair = der.sequence(der.oid(oids.COMMON_NAME), value)
    assert decode(der.sequence(der.set_of([pair]))).common_name == "时"


@pytest.mark.parametrize("value", [der.integer(5), der.tlv(der.UTF8_STRING, b"\xff")])
def test_a_value_that_is_no_text_is_shown_in_hex(value):
    pair = der.sequence(der.oid(oids.COMMON_NAME), value)
    assert decode(der.sequence(der.set_of([pair]))).common_name == "#" + value.hex()


@pytest.mark.parametrize(
    "content",
    [
        der.tlv(der.SET),
        der.sequence(),
        der.tlv(der.SET, der.integer(1)),
        names.encode_name("x")[2:] * (names.MAX_ATTRIBUTES + 1),
    ],
    ids=["empty SET", "no SET", "no attribute", "too many"],
)
def test_what_is_no_name_is_refused(content):
    with pytest.raises(Malformed):
        decode(der.sequence(content))


@given(st.binary(max_size=60))
def test_garbage_raises_only_malformed(data):
    for candidate in (data, der.sequence(data), der.sequence(der.tlv(der.SET, data))):
        try:
            decode(candidate)
        except Malformed:
            continue
