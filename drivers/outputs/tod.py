"""China Mobile's 1PPS+TOD frames: time information and status; pure.

As the TimeProvider 2300/2700 user's guide (098-00564-000 A3, tables B-16 to B-19) gives them: sync
0x43 0x4D, class, identifier, length, 16 octets, FCS.  RS-422, 9600 baud 8N1; a frame begins at
least 1 ms after the pulse and has ended 500 ms after it.  The order of octets is taken to be
big-endian, and the FCS to cover what stands between the sync and itself: neither is in the guide,
both are to be checked against YD/T 2375 with the first device.
"""

from __future__ import annotations

import enum
import struct

import attrs

SYNC = b"\x43\x4d"
CLASS = 0x01
TIME_ID = 0x20
STATUS_ID = 0x03
PAYLOAD_OCTETS = 16
UNKNOWN_ACCURACY = 255

GPS_TO_TAI_S = 19
GPS_EPOCH_POSIX_S = 315_964_800  # 1980-01-06
WEEK_S = 604_800

_TIME = struct.Struct(">IiHbBB3x")
_STATUS = struct.Struct(">BHH11x")


class PulseStatus(enum.IntEnum):
    """What the pulse is worth."""

    NORMAL = 0
    ATOMIC_HOLDOVER = 1
    DO_NOT_USE = 2
    CRYSTAL_HOLDOVER = 3
    CARRIER_HOLDOVER = 4


class ClockSource(enum.IntEnum):
    """Where the time comes from; the guide has GLONASS for 0, Chinese texts BeiDou."""

    BEIDOU = 0
    GPS = 1
    PTP = 2
    OTHER = 3


class TodAlarm(enum.IntFlag):
    """Bits of the status message's alarms."""

    ANTENNA_OPEN = 0x0002
    ANTENNA_SHORT = 0x0004
    NO_SATELLITES = 0x0008
    SURVEY = 0x0020
    LEAP_PENDING = 0x0080
    TEST = 0x0100


@attrs.frozen(kw_only=True)
class TimeInformation:
    """The second that the latest pulse began: TAI s since 1970, TAI - UTC, and its worth."""

    tai_s: int
    tai_utc_s: int
    pulse: PulseStatus
    accuracy_ns: int | None = None


@attrs.frozen(kw_only=True)
class TimeStatus:
    """Where the time comes from; `fix` is 0 none, 3 three-dimensional; alarms by bits."""

    source: ClockSource
    fix: int
    alarms: int = 0


def fcs(octets: bytes) -> int:
    """Compute the check: x^8 + x^5 + x^4 + 1 to the right (0x8C), from 0xFF, not inverted."""
    register = 0xFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0x8C if register & 1 else 0)
    return register


def encode_time(time: TimeInformation) -> bytes:
    """Write the time information, 23 octets."""
    week, tow_s = divmod(time.tai_s - GPS_TO_TAI_S - GPS_EPOCH_POSIX_S, WEEK_S)
    leap_s = time.tai_utc_s - GPS_TO_TAI_S
    accuracy = _accuracy(time.accuracy_ns)
    return _frame(TIME_ID, _TIME.pack(tow_s, 0, week & 0xFFFF, leap_s, time.pulse, accuracy))


def encode_status(status: TimeStatus) -> bytes:
    """Write the status, 23 octets."""
    return _frame(STATUS_ID, _STATUS.pack(status.source, status.fix, status.alarms))


def _accuracy(accuracy_ns: int | None) -> int:
    """Give the accuracy in steps of 15 ns, rounded up; 255 is unknown, or more than 3.81 us."""
    if accuracy_ns is None:
        return UNKNOWN_ACCURACY
    return min((accuracy_ns + 14) // 15, UNKNOWN_ACCURACY)


def _frame(identifier: int, payload: bytes) -> bytes:
    head = struct.pack(">BBH", CLASS, identifier, PAYLOAD_OCTETS)
    return SYNC + head + payload + bytes((fcs(head + payload),))
