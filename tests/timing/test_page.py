import struct
import zlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.pages import BOOT_ID, RAW_NS, page_of, slot

from appliance.quantities import Provenance
from appliance.timing.page import (
    PAGE_SIZE,
    SLOT_SIZE,
    SLOT_STRIDE,
    VALIDITY_NS,
    PageSlot,
    choose,
    decode_slot,
    encode_slot,
)
from appliance.timing.trusted import ClockState, Leap

U64 = st.integers(0, (1 << 64) - 1)
I64 = st.integers(-(1 << 63), (1 << 63) - 1)


@st.composite
def slots(draw) -> PageSlot:
    raw_ns = draw(st.integers(0, (1 << 64) - 1 - VALIDITY_NS))
    return PageSlot(
        sequence=draw(U64),
        boot_id=draw(st.binary(min_size=16, max_size=16)),
        raw_ns=raw_ns,
        tai_ns=draw(I64),
        rate_e12=draw(I64),
        bound_ns=draw(U64),
        bound_growth_e12=draw(U64),
        utc_offset_s=draw(st.integers(-(1 << 31), (1 << 31) - 1)),
        leap=draw(st.sampled_from(Leap)),
        leap_at_tai_ns=draw(I64),
        state=draw(st.sampled_from(ClockState)),
        provenance=draw(st.sampled_from(Provenance)),
        valid_until_raw_ns=raw_ns + draw(st.integers(0, VALIDITY_NS)),
    )


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


@given(slots())
def test_a_slot_is_read_as_it_was_written(written):
    octets = encode_slot(written)
    assert len(octets) == SLOT_SIZE
    assert decode_slot(octets) == written


def test_the_layout_is_the_one_the_architecture_gives():
    octets = encode_slot(slot(3, rate_e12=-1, utc_offset_s=37, leap=Leap.UNKNOWN))
    assert octets[:16].hex() == "0100030203000000" + "0300000000000000"
    assert octets[16:32] == BOOT_ID
    assert octets[32:40] == RAW_NS.to_bytes(8, "little")
    assert octets[48:56] == b"\xff" * 8
    assert octets[88:92] == b"\x25\0\0\0"
    assert octets[92:] == zlib.crc32(octets[:92]).to_bytes(4, "little")


@given(st.binary(max_size=2 * SLOT_SIZE))
def test_garbage_is_no_slot(octets):
    assert decode_slot(octets) is None


@given(st.binary(min_size=PAGE_SIZE, max_size=PAGE_SIZE) | st.binary(max_size=2 * PAGE_SIZE))
def test_garbage_is_no_page(page):
    assert choose(page) is None


@pytest.mark.parametrize("size", [0, SLOT_SIZE - 1, SLOT_SIZE + 1])
def test_a_slot_of_another_size_is_none(size):
    assert decode_slot(encode_slot(slot()).ljust(size, b"\0")[:size]) is None


@pytest.mark.parametrize(
    ("offset", "octet"),
    [(0, 2), (0, 0), (2, 9), (3, 3), (4, 4)],
    ids=["newer version", "no version", "state", "provenance", "leap"],
)
def test_a_slot_out_of_its_ranges_is_none_in_spite_of_its_crc(offset, octet):
    body = bytearray(encode_slot(slot())[:-4])
    body[offset] = octet
    assert decode_slot(sealed(bytes(body))) is None


@pytest.mark.parametrize("until_ns", [RAW_NS - 1, RAW_NS + VALIDITY_NS + 1])
def test_a_slot_that_wants_to_be_believed_too_long_is_none(until_ns):
    body = bytearray(encode_slot(slot())[:-4])
    body[80:88] = until_ns.to_bytes(8, "little")
    assert decode_slot(sealed(bytes(body))) is None


def test_the_newer_slot_is_chosen():
    assert choose(page_of(slot(6), slot(7))) == slot(7)
    assert choose(page_of(slot(8), slot(7))) == slot(8)


def test_one_slot_alone_is_chosen():
    assert choose(page_of(slot(6))) == slot(6)
    assert choose(page_of(slot(7))) == slot(7)


def test_a_fresh_page_holds_nothing():
    assert choose(bytes(PAGE_SIZE)) is None


@pytest.mark.parametrize("torn_at", range(1, SLOT_SIZE))
def test_while_one_slot_is_torn_the_other_is_chosen(torn_at):
    before = page_of(slot(6), slot(7))
    newest = encode_slot(slot(8, raw_ns=RAW_NS + (1 << 40) + 1, tai_ns=-5))
    page = newest[:torn_at] + before[torn_at:]
    assert choose(page) in (slot(7), slot(8, raw_ns=RAW_NS + (1 << 40) + 1, tai_ns=-5))
    assert choose(page) == slot(7) or page[:SLOT_SIZE] == newest


def test_with_both_slots_torn_there_is_none():
    page = bytearray(page_of(slot(6), slot(7)))
    page[40] ^= 1
    page[SLOT_STRIDE + 40] ^= 1
    assert choose(bytes(page)) is None


def test_a_slot_in_the_place_of_the_other_is_none():
    octets = encode_slot(slot(7)).ljust(SLOT_STRIDE, b"\0")
    assert choose(octets + bytes(SLOT_STRIDE)) is None


@given(
    slots(),
    st.integers(0, (1 << 64) - 2),
    st.lists(st.tuples(st.integers(0, PAGE_SIZE - 1), st.integers(0, 255)), max_size=40),
)
def test_a_corrupted_page_never_yields_a_slot_that_was_not_written(written, sequence, blows):
    pair = [attrs.evolve(written, sequence=sequence), attrs.evolve(written, sequence=sequence + 1)]
    page = bytearray(page_of(*pair))
    for offset, octet in blows:
        page[offset] = octet
    assert choose(bytes(page)) in [*pair, None]


@given(slots(), st.integers(0, 7), st.integers(0, SLOT_SIZE - 1))
def test_a_single_bit_spoils_its_slot(written, bit, offset):
    octets = bytearray(encode_slot(written))
    octets[offset] ^= 1 << bit
    assert decode_slot(bytes(octets)) is None
