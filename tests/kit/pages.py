"""Slots of the TrustedTime page, sound unless told otherwise."""

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.page import PAGE_SIZE, SLOT_SIZE, SLOT_STRIDE, PageSlot, encode_slot
from appliance.timing.trusted import ClockState, Leap

BOOT_ID = bytes(range(16))
RAW_NS = 5_000 * NS_PER_S
TAI_NS = 1_800_000_037 * NS_PER_S


def slot(sequence: int = 1, **changes: object) -> PageSlot:
    """Make a slot read at RAW_NS, at TAI_NS, unless `changes` name other fields."""
    fields: dict[str, object] = {
        "boot_id": BOOT_ID,
        "raw_ns": RAW_NS,
        "tai_ns": TAI_NS,
        "rate_e12": 0,
        "bound_ns": 40_000,
        "bound_growth_e12": 0,
        "utc_offset_s": 37,
        "leap": Leap.NONE,
        "leap_at_tai_ns": 0,
        "state": ClockState.LOCKED,
        "provenance": Provenance.HARDWARE,
    }
    fields |= changes
    raw_ns = fields["raw_ns"]
    assert isinstance(raw_ns, int)
    fields.setdefault("valid_until_raw_ns", raw_ns + 3 * NS_PER_S)
    return PageSlot(sequence=sequence, **fields)  # type: ignore[arg-type]


def page_of(*slots: PageSlot) -> bytes:
    """Lay out a page: each slot in its place, a later one over an earlier."""
    page = bytearray(PAGE_SIZE)
    for each in slots:
        start = (each.sequence & 1) * SLOT_STRIDE
        page[start : start + SLOT_SIZE] = encode_slot(each)
    return bytes(page)
