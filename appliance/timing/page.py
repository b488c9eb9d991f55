"""The TrustedTime page: what `timed` tells every reader of the box, as octets and as a value.

Two slots of 96 octets, at 0 and 128, little-endian, each closed by a CRC-32; a slot of sequence n
stands in place n & 1, so the writer never touches the newer one.
"""

from __future__ import annotations

import struct
import zlib

import attrs

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.trusted import ClockState, Leap

PAGE_VERSION = 1
SLOT_SIZE = 96
SLOT_STRIDE = 128
PAGE_SIZE = 2 * SLOT_STRIDE
VALIDITY_NS = 3 * NS_PER_S
"""The longest a slot may be believed after its reading."""

_body = struct.Struct("<HBBBxxxQ16sQqqQQqQi")
_sequence = struct.Struct("<Q")
_crc = struct.Struct("<I")


@attrs.frozen
class PageSlot:
    """One statement of the time: at `raw_ns` of CLOCK_MONOTONIC_RAW in this boot it was `tai_ns`.

    From there TAI runs `rate_e12` parts in 1e12 faster than RAW and the bound grows by
    `bound_growth_e12` parts in 1e12 of what elapses.  `tai_ns` is 0 where no time is known,
    `leap_at_tai_ns` without a leap; `valid_until_raw_ns` lies at most VALIDITY_NS after `raw_ns`.
    """

    sequence: int
    boot_id: bytes
    raw_ns: int
    tai_ns: int
    rate_e12: int
    bound_ns: int
    bound_growth_e12: int
    utc_offset_s: int
    leap: Leap
    leap_at_tai_ns: int
    state: ClockState
    provenance: Provenance
    valid_until_raw_ns: int


def encode_slot(slot: PageSlot) -> bytes:
    """Render a slot, 96 octets.  Raises struct.error for a number outside its width."""
    assert len(slot.boot_id) == 16
    assert _is_validity_sound(slot)
    body = _body.pack(
        PAGE_VERSION,
        slot.state,
        slot.provenance,
        slot.leap,
        slot.sequence,
        slot.boot_id,
        slot.raw_ns,
        slot.tai_ns,
        slot.rate_e12,
        slot.bound_ns,
        slot.bound_growth_e12,
        slot.leap_at_tai_ns,
        slot.valid_until_raw_ns,
        slot.utc_offset_s,
    )
    return body + _crc.pack(zlib.crc32(body))


def decode_slot(octets: bytes) -> PageSlot | None:
    """Read a slot of 96 octets; None when it is torn, of another version or out of its ranges."""
    if len(octets) != SLOT_SIZE:
        return None
    body = octets[: _body.size]
    if _crc.unpack_from(octets, _body.size)[0] != zlib.crc32(body):
        return None
    version, state, provenance, leap, sequence, boot_id, raw_ns, tai_ns, rate, *rest = _body.unpack(
        body
    )
    bound_ns, bound_growth, leap_at_tai_ns, valid_until_raw_ns, utc_offset_s = rest
    if version != PAGE_VERSION:
        return None
    try:
        slot = PageSlot(
            sequence=sequence,
            boot_id=boot_id,
            raw_ns=raw_ns,
            tai_ns=tai_ns,
            rate_e12=rate,
            bound_ns=bound_ns,
            bound_growth_e12=bound_growth,
            utc_offset_s=utc_offset_s,
            leap=Leap(leap),
            leap_at_tai_ns=leap_at_tai_ns,
            state=ClockState(state),
            provenance=Provenance(provenance),
            valid_until_raw_ns=valid_until_raw_ns,
        )
    except ValueError:
        return None
    return slot if _is_validity_sound(slot) else None


def choose(page: bytes) -> PageSlot | None:
    """Take the newer sound slot of a page; None when neither is, or it is no page."""
    if len(page) != PAGE_SIZE:
        return None
    # The newer one nearly always is sound, so the other is not even decoded.
    sequences = (_sequence.unpack_from(page, 8)[0], _sequence.unpack_from(page, SLOT_STRIDE + 8)[0])
    newer = int(sequences[1] > sequences[0])
    return _slot_at(page, newer) or _slot_at(page, 1 - newer)


def _slot_at(page: bytes, place: int) -> PageSlot | None:
    start = place * SLOT_STRIDE
    slot = decode_slot(page[start : start + SLOT_SIZE])
    return slot if slot and slot.sequence & 1 == place else None


def _is_validity_sound(slot: PageSlot) -> bool:
    return 0 <= slot.valid_until_raw_ns - slot.raw_ns <= VALIDITY_NS
