import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder
from pyasn1.type import char, univ, useful

from appliance.asn1 import der
from appliance.asn1.extension.extensions import read_extensions
from appliance.errors import Malformed, Refused
from appliance.pki.templates.custom_extensions import (
    MAX_DEPTH,
    CustomExtension,
    ExtensionKind,
    Oid,
    encode_custom,
    encode_value,
)
from appliance.pki.templates.places import can_fill, fill, has_places, parse

KINDS = {
    ExtensionKind.UTF8: (["主任医师", "a"], char.UTF8String),
    ExtensionKind.IA5: (["a@b"], char.IA5String),
    ExtensionKind.PRINTABLE: (["Ward 7"], char.PrintableString),
    ExtensionKind.INTEGER: (["0", "-128", "340282366920938463463374607431768211456"], univ.Integer),
    ExtensionKind.BOOLEAN: (["true", "false"], univ.Boolean),
    ExtensionKind.OCTETS: (["", "00ff"], univ.OctetString),
    ExtensionKind.OID: (["1.2.156.10197.1.501", "2.999"], univ.ObjectIdentifier),
    ExtensionKind.TIME: (["2026-01-31T08:00:00Z"], useful.GeneralizedTime),
    ExtensionKind.NULL: ([""], univ.Null),
}
MEANINGS = {
    ExtensionKind.INTEGER: int,
    ExtensionKind.BOOLEAN: lambda text: text == "true",
    ExtensionKind.OCTETS: bytes.fromhex,
    ExtensionKind.OID: univ.ObjectIdentifier,
    ExtensionKind.TIME: lambda text: text.translate({ord(mark): None for mark in "-:T"}),
    ExtensionKind.NULL: lambda _: univ.Null(""),
}


def custom(value, kind=ExtensionKind.UTF8, **more):
    return CustomExtension(oid="1.2.156.99.1", kind=kind, value=value, **more)


def read(encoded):
    data = der.sequence(encoded)
    return read_extensions(data, 0, len(data)).listed[0]


@pytest.mark.parametrize(
    ("kind", "text", "schema"),
    [(kind, text, schema) for kind, (texts, schema) in KINDS.items() for text in texts],
)
def test_a_value_of_each_kind_is_read_by_another_library(kind, text, schema):
    found, rest = decoder.decode(encode_value(kind, text), asn1Spec=schema())
    assert not rest
    assert found == MEANINGS.get(kind, str)(text)


@given(st.integers(-(10**75), 10**75))
def test_an_integer_is_written_whole(number):
    encoded = encode_value(ExtensionKind.INTEGER, str(number))
    assert der.integer_value(encoded, 2, len(encoded), max_octets=64) == number


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ExtensionKind.INTEGER, 5, der.integer(5)),
        (ExtensionKind.BOOLEAN, True, der.TRUE),
        (ExtensionKind.BOOLEAN, False, b"\x01\x01\x00"),
        (ExtensionKind.DER, "3003020105", der.sequence(der.integer(5))),
        (ExtensionKind.NULL, "", der.NULL_VALUE),
    ],
)
def test_criticality_and_value_are_kept(kind, value, expected, critical):
    found = read(encode_custom(custom(value, kind, critical=critical), {}))
    assert (found.oid, found.critical, found.value) == ("1.2.156.99.1", critical, expected)


def test_a_value_is_filled_from_the_fields():
    filled = encode_custom(custom("{department}-{uid}"), {"department": "心内科", "uid": "7"})
    assert read(filled).value == der.utf8_string("心内科-7")


def test_what_a_field_holds_is_never_a_pattern():
    filled = encode_custom(custom("{name}"), {"name": "{uid}", "uid": "7"})
    assert read(filled).value == der.utf8_string("{uid}")


def test_a_missing_field_is_refused_or_leaves_an_optional_extension_out():
    for fields in ({}, {"name": ""}):
        with pytest.raises(Refused, match="name"):
            encode_custom(custom("{name}"), fields)
        assert encode_custom(custom("{name}", optional=True), fields) == b""
    assert encode_custom(custom("{name}", optional=True), {"name": "a"}) != b""


@pytest.mark.parametrize("pattern", ["{", "}", "{}", "{Name}", "{{name}}", "{a b}", "{" + "a" * 33])
def test_a_stray_brace_is_refused(pattern):
    with pytest.raises(Malformed):
        parse(pattern)


@given(st.lists(st.sampled_from(["a", "-", "{x}", "{y_1}"]), max_size=8))
def test_filling_puts_each_field_in_its_place(parts):
    fields = {"x": "{y_1}", "y_1": "医"}
    pattern = "".join(parts)
    wanted = "".join(fields.get(part.strip("{}"), part) for part in parts)
    assert fill(pattern, fields) == wanted
    assert has_places(pattern) == any(part.startswith("{") for part in parts)
    assert can_fill(pattern, fields)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ExtensionKind.UTF8, ""),
        (ExtensionKind.UTF8, "a\nb"),
        (ExtensionKind.IA5, "医"),
        (ExtensionKind.IA5, "a\0"),
        (ExtensionKind.PRINTABLE, "a@b"),
        (ExtensionKind.PRINTABLE, ""),
        (ExtensionKind.INTEGER, "01"),
        (ExtensionKind.INTEGER, "-0"),
        (ExtensionKind.INTEGER, "٣"),
        (ExtensionKind.INTEGER, "1" * 77),
        (ExtensionKind.INTEGER, "true"),
        (ExtensionKind.BOOLEAN, "1"),
        (ExtensionKind.OCTETS, "abc"),
        (ExtensionKind.OCTETS, "zz"),
        (ExtensionKind.OCTETS, "0 0"),
        (ExtensionKind.OID, "1"),
        (ExtensionKind.OID, "3.1.1"),
        (ExtensionKind.OID, "1.40.1"),
        (ExtensionKind.OID, "1.2.03"),
        (ExtensionKind.TIME, "2026-02-30T08:00:00Z"),
        (ExtensionKind.TIME, "2026-01-31T08:00:00+08:00"),
        (ExtensionKind.TIME, "2026-01-31T08:00:61Z"),
        (ExtensionKind.NULL, "x"),
        (ExtensionKind.DER, ""),
        (ExtensionKind.DER, "0500" * 2),
        (ExtensionKind.DER, "308105"),
        (ExtensionKind.DER, "3080050000"),
        (ExtensionKind.DER, "010101"),
        (ExtensionKind.DER, "02020001"),
        (ExtensionKind.DER, "050100"),
        (ExtensionKind.DER, "0c01ff"),
        (ExtensionKind.DER, "2403040100"),
        (ExtensionKind.DER, "030101"),
        (ExtensionKind.DER, "03020101"),
        (ExtensionKind.DER, "0300"),
        (ExtensionKind.DER, "06028001"),
        (ExtensionKind.DER, "1000"),
        (ExtensionKind.DER, "0000"),
        (ExtensionKind.DER, "3003020005"),
    ],
)
def test_a_value_not_of_its_kind_is_refused(kind, text):
    with pytest.raises(Malformed):
        encode_value(kind, text)


def test_a_filled_value_may_not_grow_without_end():
    with pytest.raises(Malformed):
        encode_custom(custom("{a}" * 17), {"a": "x" * 256})


@pytest.mark.parametrize(
    "text",
    ["02020080", "0a0105", "030203a8", "030100", "0c03e58cbb", "a003020105", "8001ff", "0500"],
)
def test_der_of_many_types_is_taken_as_it_is(text):
    assert encode_value(ExtensionKind.DER, text).hex() == text


def test_der_may_be_nested_so_deep_and_no_deeper():
    value = der.NULL_VALUE
    for _ in range(MAX_DEPTH):
        value = der.sequence(value)
    assert encode_value(ExtensionKind.DER, value.hex()) == value
    with pytest.raises(Malformed):
        encode_value(ExtensionKind.DER, der.sequence(value).hex())


@given(st.sampled_from(ExtensionKind), st.text(max_size=40) | st.binary(max_size=20).map(bytes.hex))
def test_garbage_raises_only_malformed(kind, text):
    try:
        encoded = encode_value(kind, text)
    except Malformed:
        return
    _, _, stop = der.read(encoded, 0, len(encoded))
    assert stop == len(encoded)


@given(st.from_regex(Oid.__metadata__[0].pattern))
def test_an_oid_that_is_taken_has_one_spelling(text):
    try:
        msgspec.convert(text, Oid)
    except msgspec.ValidationError:
        assert len(text) > 128
        return
    encoded = der.oid(text)
    assert der.oid_text(encoded, 2, len(encoded)) == text
