"""A second reader of China Mobile TOD frames, written from the guide's text: bits, no tables."""

from typing import NamedTuple


class Frame(NamedTuple):
    """A frame as it came: class, identifier, payload."""

    message_class: int
    identifier: int
    payload: bytes


def read_frame(octets: bytes) -> Frame:
    """Take a frame apart; asserts its sync, length and check."""
    assert octets[:2] == b"CM"
    assert octets[4] * 256 + octets[5] == len(octets) - 7
    assert check(octets[2:-1]) == octets[-1]
    return Frame(octets[2], octets[3], octets[6:-1])


def check(octets: bytes) -> int:
    """Divide by x^8 + x^5 + x^4 + 1, lowest bit of each octet first, from eight ones.

    The highest power stands in the last place of the list.
    """
    register = [1] * 8
    for octet in octets:
        for place in range(8):
            bit = octet >> place & 1
            carry = register.pop() ^ bit
            register.insert(0, carry)
            register[4] ^= carry
            register[5] ^= carry
    return sum(bit << (7 - power) for power, bit in enumerate(register))


class Time(NamedTuple):
    """Time information: TAI of the second, GPS - UTC, status and accuracy as they came."""

    tai_s: int
    gps_utc_s: int
    pulse: int
    accuracy: int


def read_time(frame: Frame, weeks_of_rollovers: int = 0) -> Time:
    """Read time information of 16 octets."""
    assert (frame.message_class, frame.identifier) == (0x01, 0x20)
    payload = frame.payload
    tow_s = number(payload[0:4])
    assert payload[4:8] == bytes(4)
    week = number(payload[8:10]) + weeks_of_rollovers
    gps_utc_s = payload[10] - 256 * (payload[10] > 127)
    assert payload[13:] == bytes(3)
    tai_s = 315_964_800 + 19 + week * 7 * 86_400 + tow_s
    return Time(tai_s, gps_utc_s, payload[11], payload[12])


def number(octets: bytes) -> int:
    """Read a number, the most significant octet first."""
    value = 0
    for octet in octets:
        value = value * 256 + octet
    return value
