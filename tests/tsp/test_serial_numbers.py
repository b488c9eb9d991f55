import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der
from appliance.errors import Fault, Refused
from appliance.tsp.serial import SERIAL_OCTETS, SerialSource

RANDOM = bytes(range(0xF8, 0x100))


def test_a_serial_number_is_node_then_random_then_counter():
    source = SerialSource(5, RANDOM)
    assert source.next() == b"\x05" + RANDOM + bytes(5)
    assert source.next() == b"\x05" + RANDOM + b"\x00\x00\x00\x00\x01"


@given(st.integers(1, 127), st.binary(min_size=8, max_size=8), st.integers(0, (1 << 40) - 1))
def test_every_serial_number_is_a_positive_minimal_integer_of_14_octets(node, random, counter):
    octets = SerialSource(node, random, counter).next()
    value = int.from_bytes(octets, "big")
    assert der.integer(value) == bytes((der.INTEGER, SERIAL_OCTETS)) + octets


def test_a_used_up_counter_is_a_fault_and_stays_one():
    source = SerialSource(1, RANDOM, (1 << 40) - 1)
    assert source.next().endswith(b"\xff" * 5)
    for _ in range(2):
        with pytest.raises(Fault):
            source.next()


@pytest.mark.parametrize("node", [-1, 0, 128, 256])
def test_a_node_out_of_range_is_refused(node):
    with pytest.raises(Refused):
        SerialSource(node, RANDOM)


@pytest.mark.parametrize("size", [0, 7, 9])
def test_a_random_part_of_the_wrong_length_is_a_fault(size):
    with pytest.raises(Fault):
        SerialSource(1, bytes(size))
