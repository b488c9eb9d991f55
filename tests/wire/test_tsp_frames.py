"""The messages of RFC 3161 3.3: what is written is read back, however the stream is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed
from appliance.wire.tsp.frames import (
    VALUE_LIMIT,
    Flag,
    MessageReader,
    decode_poll,
    decode_reference,
    encode_message,
    encode_poll,
)

MESSAGES = st.lists(st.tuples(st.sampled_from(Flag), st.binary(max_size=200)), max_size=8)
NUMBERS = st.integers(0, (1 << 32) - 1)


def read_in_pieces(octets: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    """Feed a reader piece by piece; `cuts` are places in the stream, in any order."""
    reader = MessageReader()
    messages = []
    places = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    for start, stop in pairwise(places):
        messages += reader.feed(octets[start:stop])
    assert not reader.is_amid
    return messages


@given(MESSAGES, st.lists(st.integers(0, 1700)))
def test_what_is_written_is_read_back_however_the_stream_is_cut(
    messages: list[tuple[Flag, bytes]], cuts: list[int]
) -> None:
    octets = b"".join(encode_message(flag, value) for flag, value in messages)
    assert read_in_pieces(octets, cuts) == messages


@given(MESSAGES.filter(bool))
def test_a_stream_may_be_cut_at_every_octet(messages: list[tuple[Flag, bytes]]) -> None:
    octets = b"".join(encode_message(flag, value) for flag, value in messages)
    assert read_in_pieces(octets, list(range(len(octets)))) == messages


@given(st.binary(max_size=300))
def test_garbage_is_messages_or_a_fault_and_what_was_read_is_written_the_same(
    octets: bytes,
) -> None:
    reader = MessageReader()
    messages = reader.feed(octets)
    written = b"".join(
        (len(value) + 1).to_bytes(4, "big") + bytes((flag,)) + value for flag, value in messages
    )
    assert octets.startswith(written)
    assert reader.is_amid == (len(written) < len(octets))


@pytest.mark.parametrize("length", [0, VALUE_LIMIT + 2, 1 << 31, (1 << 32) - 1])
def test_a_length_that_no_message_has_is_a_fault_before_its_value_comes(length: int) -> None:
    reader = MessageReader()
    before = encode_message(Flag.TSA_MSG, b"sound")
    assert reader.feed(before + length.to_bytes(4, "big")) == [(Flag.TSA_MSG, b"sound")]
    assert f"a message of {length} octets" in reader.fault
    assert reader.feed(before) == []


def test_the_longest_message_is_read() -> None:
    message = encode_message(Flag.TSA_MSG, bytes(VALUE_LIMIT))
    assert MessageReader().feed(message) == [(Flag.TSA_MSG, bytes(VALUE_LIMIT))]


def test_the_length_counts_the_flag_and_is_in_network_order() -> None:
    assert encode_message(Flag.FINAL_MSG_REP, b"DER").hex() == "00000004" + "05" + b"DER".hex()


@given(st.sampled_from([Flag.POLL_REP, Flag.PARTIAL_MSG_REP]), NUMBERS, NUMBERS, st.binary())
def test_a_polling_reply_is_read_back(
    flag: Flag, reference: int, check_after_s: int, rest: bytes
) -> None:
    ((read_flag, value),) = MessageReader().feed(encode_poll(flag, reference, check_after_s, rest))
    assert (read_flag, decode_poll(value)) == (flag, (reference, check_after_s, rest))


@given(st.binary(max_size=12))
def test_the_value_of_a_poll_is_four_octets_and_nothing_else(value: bytes) -> None:
    if len(value) == 4:
        assert decode_reference(value) == int.from_bytes(value, "big")
    else:
        with pytest.raises(Malformed):
            decode_reference(value)


@given(st.binary(max_size=7))
def test_a_polling_reply_without_its_two_numbers_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        decode_poll(value)
