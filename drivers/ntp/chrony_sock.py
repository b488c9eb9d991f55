"""Feeds chronyd through SOCK reference clocks, one socket for each tier of our error bound.

A sample carries no error, so chrony would go on claiming what it claimed before; hence four
sockets, each configured with what is true of its tier, and only the present tier's is fed.  Above
1 ms none is, and chrony coasts and says so.  A sample is struct sock_sample of chrony's
refclock_sock.c.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path

import attrs

from drivers.api import LeapNotice

SAMPLE = struct.Struct("@qqdiiii")
MAGIC = 0x534F434B
NS_PER_S = 1_000_000_000

_LEAPS = {
    LeapNotice.NONE: 0,
    LeapNotice.INSERT: 1,
    LeapNotice.DELETE: 2,
    LeapNotice.UNKNOWN: 3,
}


@attrs.frozen
class Tier:
    """A reference identifier, and the widest bound under which its socket is fed."""

    name: str
    max_bound_ns: int

    @property
    def reference_id(self) -> bytes:
        """Give the name as NTP carries it."""
        return self.name.encode("ascii").ljust(4, b"\0")


GNSS = Tier("GNSS", 50_000)
"""Without a PTP hardware clock a host never knows its own clock better than 10 us."""

HOLDOVER = (Tier("HLD1", 10_000), Tier("HLD2", 100_000), Tier("HLD3", 1_000_000))
TIERS = (GNSS, *HOLDOVER)


def choose_tier(bound_ns: int, *, is_holdover: bool) -> Tier | None:
    """Choose the tier of a bound; GNSS only while satellites steer, None above 1 ms."""
    if not is_holdover and bound_ns <= GNSS.max_bound_ns:
        return GNSS
    return next((tier for tier in HOLDOVER if bound_ns <= tier.max_bound_ns), None)


def chrony_lines(folder: str) -> str:
    """Write the lines of chrony.conf that take our samples.

    Half of `delay` counts in chrony's maximum error: twice the tier's bound is honest.
    """
    return "".join(
        f"refclock SOCK {folder}/{tier.name}.sock refid {tier.name} poll 2"
        f" precision {tier.max_bound_ns / NS_PER_S:.0e}"
        f" delay {2 * tier.max_bound_ns / NS_PER_S:.0e}\n"
        for tier in TIERS
    )


def encode_sample(system_utc_ns: int, offset_ns: int, leap: LeapNotice) -> bytes:
    """Write a sample: when, by the system's clock, and true time minus the system's."""
    second, nanosecond = divmod(system_utc_ns, NS_PER_S)
    offset_s = offset_ns / NS_PER_S
    return SAMPLE.pack(second, nanosecond // 1000, offset_s, 0, _LEAPS[leap], 0, MAGIC)


class ChronySockets:
    """Sends samples; a socket that is not there, or is full, loses one and is counted."""

    def __init__(self, folder: Path) -> None:
        self.sent = 0
        self.lost = 0
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, tier: Tier, sample: bytes) -> None:
        """Send a sample to chronyd if it listens."""
        try:
            self._socket.sendto(sample, str(self._folder / f"{tier.name}.sock"))
        except OSError:
            self.lost += 1
        else:
            self.sent += 1

    def close(self) -> None:
        """Send no more."""
        with contextlib.suppress(OSError):
            self._socket.close()
