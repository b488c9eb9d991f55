import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der, keys, names, oids
from appliance.errors import Malformed

_ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
_FORBIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_SHOWN = st.characters(exclude_categories=_FORBIDDEN)
_TEXT = st.text(_SHOWN, min_size=1, max_size=64).filter(str.strip)


def decode(data):
    return names.read_name(data, 0, len(data))[0]


@given(_TEXT, st.none() | _TEXT, st.sampled_from([None, "CN", "DE"]))
def test_a_name_written_is_read_back(common_name, organization, country):
    name = decode(names.encode_name(common_name, organization=organization, country=country))
    expected = ((oids.COUNTRY, country), (oids.ORGANIZATION, organization))
    kept = tuple(pair for pair in expected if pair[1] is not None)
    assert name.attributes == (*kept, (oids.COMMON_NAME, common_name))
    assert name.common_name == common_name


@given(_ANY_TEXT)
def test_a_name_as_text_is_printable(text):
    pair = der.sequence(der.oid(oids.COMMON_NAME), der.utf8_string(text))
    assert str(decode(der.sequence(der.set_of([pair])))).isprintable()


_VALUES = {
    "C": st.sampled_from(["CN", "de"]),
    "CN": _TEXT,
    "O": _TEXT,
    "OU": _TEXT,
    "L": st.text(_SHOWN, min_size=1, max_size=128).filter(str.strip),
    "ST": _TEXT,
    "UID": st.text(_SHOWN, min_size=1, max_size=256).filter(str.strip),
    "serialNumber": st.text("AZaz09 '()+,-./:=?", min_size=1, max_size=64).filter(str.strip),
    "emailAddress": st.sampled_from(["a@b", "zhang.san@hospital.example"]),
}
_ATTRIBUTES = st.lists(
    st.sampled_from(sorted(_VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), _VALUES[kind])),
    max_size=12,
)


@given(_ATTRIBUTES)
def test_attributes_written_in_any_order_are_read_back(attributes):
    wanted = tuple((names.TYPES[kind], text) for kind, text in attributes)
    encoded = names.encode_attributes(wanted)
    assert decode(encoded).attributes == wanted
    theirs = [
        (one.oid.dotted_string, one.value)
        for relative in x509.load_der_x509_csr(csr_of(encoded)).subject.rdns
        for one in relative
    ]
    assert tuple(theirs) == wanted


def csr_of(subject):
    """Wrap a Name in a request, which the other library only parses."""
    spki = keys.p256_spki(b"\x04" + bytes(64))
    info = der.sequence(der.integer(0), subject, spki, der.tlv(der.context(0)))
    return der.sequence(info, keys.ECDSA_WITH_SHA256, der.bit_string(b""))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("CN", "x" * 65),
        ("O", "x" * 65),
        ("OU", "x" * 65),
        ("L", "x" * 129),
        ("ST", "x" * 129),
        ("UID", "x" * 257),
        ("serialNumber", "1" * 65),
        ("serialNumber", "工号"),
        ("serialNumber", "a@b"),
        ("emailAddress", "a" * 254 + "@b"),
        ("emailAddress", "nobody"),
        ("emailAddress", "@b"),
        ("emailAddress", "时@b"),
        ("CN", ""),
        ("CN", "  "),
        ("CN", "a\nb"),
        ("CN", "a\0"),
        ("CN", "张\u202e三"),
        ("CN", "a\u2028b"),
        ("CN", "\ud800"),
        ("C", "C1"),
    ],
)
def test_an_attribute_out_of_its_bounds_is_refused(kind, text):
    with pytest.raises(Malformed):
        names.encode_attributes([(names.TYPES[kind], text)])


def test_an_attribute_of_another_type_is_refused():
    with pytest.raises(Malformed):
        names.encode_attributes([("2.5.4.41", "x")])


def test_a_rare_name_in_private_use_is_taken():
    assert decode(names.encode_name("张\ue000")).common_name == "张\ue000"


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
