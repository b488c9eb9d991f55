import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import univ

from appliance.asn1 import der
from appliance.errors import Malformed

TAGS = st.sampled_from([der.BOOLEAN, der.OCTET_STRING, der.SEQUENCE, der.SET, der.context(0)])


@given(st.integers(min_value=-(1 << 255), max_value=(1 << 255) - 1))
def test_integers_survive_the_round_trip_in_minimal_form(value: int) -> None:
    encoded = der.integer(value)
    start, stop = der.whole(encoded, der.INTEGER)
    assert der.integer_value(encoded, start, stop) == value


@pytest.mark.parametrize(
    ("value", "content"), [(0, "00"), (127, "7f"), (128, "0080"), (-128, "80"), (-129, "ff7f")]
)
def test_integers_are_encoded_as_x690_8_3_shows(value: int, content: str) -> None:
    assert der.integer(value)[2:].hex() == content


@given(st.integers(min_value=0))
def test_positive_integers_are_those_of_pyasn1(value: int) -> None:
    assert der.integer(value) == encoder.encode(univ.Integer(value))


@given(
    st.tuples(st.sampled_from([0, 1]), st.integers(0, 39)),
    st.lists(st.integers(0, 1 << 64), max_size=6),
)
def test_oids_survive_the_round_trip_and_agree_with_pyasn1(
    root: tuple[int, int], arcs: list[int]
) -> None:
    dotted = ".".join(map(str, (*root, *arcs)))
    encoded = der.oid(dotted)
    start, stop = der.whole(encoded, der.OBJECT_IDENTIFIER)
    if stop - start <= 64:
        assert der.oid_text(encoded, start, stop) == dotted
    assert encoded == encoder.encode(univ.ObjectIdentifier(dotted))


def test_oids_under_2_may_have_a_large_second_arc() -> None:
    encoded = der.oid("2.999.1.1")
    assert encoded.hex() == "060488370101"
    assert der.oid_text(encoded, 2, 6) == "2.999.1.1"


@given(TAGS, st.binary(max_size=70_000))
def test_any_value_reads_back_as_written(tag: int, content: bytes) -> None:
    encoded = der.tlv(tag, content)
    start, stop = der.whole(encoded, tag)
    assert encoded[start:stop] == content


@given(st.binary(max_size=64))
def test_garbage_is_malformed_or_reads_inside_its_bounds(data: bytes) -> None:
    try:
        _, start, stop = der.read(data, 0, len(data))
    except Malformed:
        return
    assert 2 <= start <= stop <= len(data)


@pytest.mark.parametrize(
    "encoded",
    [
        "0480",  # indefinite length
        "048100",  # long form of a short length
        "04817f" + "00" * 127,
        "0482007f" + "00" * 127,
        "0485000000000100",  # five octets of length
        "04",
        "",
        "1f0100",  # tag of two octets
        "0402aa",  # past the end
    ],
)
def test_what_is_not_der_is_refused(encoded: str) -> None:
    data = bytes.fromhex(encoded)
    with pytest.raises(Malformed):
        der.read(data, 0, len(data))


@pytest.mark.parametrize("content", ["", "0001", "ff80", "00" * 40])
def test_integers_that_are_not_minimal_or_too_long_are_refused(content: str) -> None:
    data = bytes.fromhex(content)
    with pytest.raises(Malformed):
        der.integer_value(data, 0, len(data))


@pytest.mark.parametrize("content", ["", "01", "ffff"])
def test_booleans_are_00_or_ff(content: str) -> None:
    data = bytes.fromhex(content)
    with pytest.raises(Malformed):
        der.boolean_value(data, 0, len(data))


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_a_set_of_is_sorted_as_pyasn1_sorts_it(contents: list[bytes]) -> None:
    encoded = der.set_of(map(der.octet_string, contents))
    decoded, rest = decoder.decode(encoded, asn1Spec=univ.SetOf(univ.OctetString()))
    assert rest == b""
    assert encoder.encode(decoded) == encoded
