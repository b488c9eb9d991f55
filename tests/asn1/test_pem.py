import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import pem
from appliance.errors import Malformed


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_blocks_written_are_read_back_in_order(values):
    text = b"said before\n".join(pem.write("CERTIFICATE", value) for value in values)
    assert pem.read_all(text, "CERTIFICATE") == values


@given(st.binary(max_size=200))
def test_other_labels_are_passed_over(value):
    text = pem.write("PUBLIC KEY", b"other") + pem.write("CERTIFICATE", value)
    assert pem.read_one(text, "CERTIFICATE") == value


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_passed_over(data):
    text = b"-----BEGIN X-----\n" + data + b"\n-----END X-----"
    try:
        blocks = pem.read_all(text, "X")
    except Malformed:
        return
    assert len(blocks) <= 1


def test_carriage_returns_are_taken():
    text = pem.write("CERTIFICATE", bytes(100)).replace(b"\n", b"\r\n")
    assert pem.read_one(text, "CERTIFICATE") == bytes(100)


@pytest.mark.parametrize("count", [0, 2])
def test_one_block_is_asked_for_and_another_number_is_refused(count):
    with pytest.raises(Malformed):
        pem.read_one(pem.write("CERTIFICATE", b"x") * count, "CERTIFICATE")


def test_too_long_a_text_is_refused():
    with pytest.raises(Malformed):
        pem.read_all(bytes(pem.MAX_TEXT + 1), "CERTIFICATE")


def test_too_many_blocks_are_refused():
    with pytest.raises(Malformed):
        pem.read_all(pem.write("X", b"") * (pem.MAX_BLOCKS + 1), "X")
