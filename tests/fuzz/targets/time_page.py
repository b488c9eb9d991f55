"""The TrustedTime page: no page makes a reader believe in time past its validity or its bound."""

import struct
import zlib

import attrs
from kit.fuzzing import Portions
from kit.pages import BOOT_ID, RAW_NS

from appliance.quantities import NS_PER_S, Utc
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
from appliance.timing.reading import PageClock, PageVeto, extrapolate
from appliance.timing.trusted import MAY_ISSUE, NoTime, TrustedTime

BODY = SLOT_SIZE - 4
ELAPSED_NS = (-1, 0, 1, NS_PER_S, VALIDITY_NS, VALIDITY_NS + 1)
GEN_TIME = Utc(1_800_000_000_000_000)


def one_input(data: bytes) -> None:
    check(data)
    portions = Portions(data)
    pages = [sealed(portions.octets(PAGE_SIZE)) for _ in range(4)]
    for page in pages:
        check(page)
    check_reading(pages)


def sealed(page: bytes) -> bytes:
    """Close both slots of a page by their CRC, which no fuzzer guesses."""
    octets = bytearray(page.ljust(PAGE_SIZE, b"\0"))
    for start in (0, SLOT_STRIDE):
        crc = zlib.crc32(octets[start : start + BODY])
        struct.pack_into("<I", octets, start + BODY, crc)
    return bytes(octets)


def check(page: bytes) -> None:
    chosen = choose(page)
    slots = [decode_slot(page[start : start + SLOT_SIZE]) for start in (0, SLOT_STRIDE)]
    in_place = [each for place, each in enumerate(slots) if each and each.sequence & 1 == place]
    if len(page) != PAGE_SIZE or not in_place:
        assert chosen is None
        return
    assert chosen == max(in_place, key=lambda each: each.sequence)
    for slot in in_place:
        assert decode_slot(encode_slot(slot)) == slot
        check_slot(slot)


def check_slot(slot: PageSlot) -> None:
    """A time is told in the slot's own boot and within its validity, at a bound that only grows."""
    for elapsed_ns in ELAPSED_NS:
        raw_ns = slot.raw_ns + elapsed_ns
        time = extrapolate(slot, raw_ns, slot.boot_id)
        is_valid = 0 <= elapsed_ns <= VALIDITY_NS and raw_ns <= slot.valid_until_raw_ns
        knows_time = slot.tai_ns != 0
        assert isinstance(time, TrustedTime) == (is_valid and knows_time)
        if isinstance(time, TrustedTime):
            assert time.bound_ns >= slot.bound_ns
    other_boot = bytes((slot.boot_id[0] ^ 1,)) + slot.boot_id[1:]
    assert isinstance(extrapolate(slot, slot.raw_ns, other_boot), NoTime)


def check_reading(pages: list[bytes]) -> None:
    """The signer's veto holds against any row of pages: nothing is issued far behind the ledger."""
    clock = PageClock(BOOT_ID, PageVeto())
    for turn, page in enumerate(pages):
        slot = choose(page)
        seen = sealed(page_of_here(page, slot)) if slot else page
        time = clock.tell(seen, RAW_NS + turn * NS_PER_S, GEN_TIME)
        if isinstance(time, TrustedTime) and time.state in MAY_ISSUE:
            now = Utc.from_tai(time.tai_ns, time.utc_offset_s)
            assert now.posix_us >= GEN_TIME.posix_us - 3_000_000


def page_of_here(page: bytes, slot: PageSlot) -> bytes:
    """Give a page whose chosen slot is of the reader's own boot."""
    start = (slot.sequence & 1) * SLOT_STRIDE
    octets = encode_slot(attrs.evolve(slot, boot_id=BOOT_ID))
    return page[:start] + octets + page[start + SLOT_SIZE :]
