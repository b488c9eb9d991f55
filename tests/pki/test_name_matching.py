import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der, oids
from appliance.asn1.names import read_name
from appliance.errors import Malformed
from appliance.pki.names import canonical, same_name


def name(text, kind=_ASN1Type.UTF8String):
    written = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, kind)]).public_bytes()
    return read_name(written, 0, len(written))[0]


def raw_name(tag, value):
    pair = der.sequence(der.oid(oids.COMMON_NAME), der.tlv(tag, value))
    written = der.sequence(der.set_of([pair]))
    return read_name(written, 0, len(written))[0]


@pytest.mark.parametrize(
    "other",
    [
        name("an example"),
        name("AN EXAMPLE"),
        name("  an   example "),
        name("An Example", _ASN1Type.PrintableString),
        name("An Example", _ASN1Type.BMPString),
        raw_name(0x1C, "An Example".encode("utf-32-be")),
        raw_name(der.UTF8_STRING, "Ａn Example".encode()),  # a full-width A
    ],
)
def test_names_that_read_alike_match(other):
    assert same_name(name("An Example"), other)


@pytest.mark.parametrize(
    "other",
    [
        name("AnExample"),
        name("An Example 2"),
        raw_name(der.OCTET_STRING, b"An Example"),
        raw_name(der.UTF8_STRING, b"An Example\xff"),
    ],
)
def test_names_that_read_otherwise_do_not_match(other):
    assert not same_name(name("An Example"), other)


def test_values_that_are_no_strings_match_as_octets():
    assert same_name(raw_name(der.OCTET_STRING, b"A"), raw_name(der.OCTET_STRING, b"A"))
    assert not same_name(raw_name(der.OCTET_STRING, b"A"), raw_name(der.OCTET_STRING, b"a"))


def test_where_one_relative_name_ends_matters_but_not_the_order_within():
    pairs = [
        der.sequence(der.oid(kind), der.utf8_string(text))
        for kind, text in ((oids.COMMON_NAME, "a"), (oids.ORGANIZATION, "b"))
    ]
    together = der.sequence(der.tlv(der.SET, *pairs))
    turned = der.sequence(der.tlv(der.SET, *reversed(pairs)))
    apart = der.sequence(*(der.tlv(der.SET, pair) for pair in pairs))
    assert canonical(together) == canonical(turned)
    assert canonical(together) != canonical(apart)


@given(st.text(st.characters(max_codepoint=0x17F), min_size=1, max_size=20))
def test_a_name_matches_itself_and_its_cases(text):
    made = raw_name(der.UTF8_STRING, text.encode())
    assert same_name(made, raw_name(der.UTF8_STRING, text.casefold().encode()))


@given(st.binary(max_size=64))
def test_whatever_reads_as_a_name_can_be_compared(data):
    try:
        found, _ = read_name(data, 0, len(data))
    except Malformed:
        return
    assert same_name(found, found)
    canonical(found.der)
