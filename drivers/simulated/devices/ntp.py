"""A simulated NTP server and the path to it: octets in, octets out, RFC 5905.

The server's clock is the world's UTC plus its own offset; the path delays both ways by its own, and
may do so unequally.
"""

from __future__ import annotations

import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

import attrs

from drivers.ntp import packet
from drivers.ntp.packet import LeapIndicator, Mode, Packet
from drivers.ntp.responder import SIMULATED_ID, decode_request
from drivers.simulated import faults
from drivers.simulated.device import Device, Said
from drivers.simulated.faults import Fault
from drivers.simulated.world import NS_PER_S, World

PATH_NS = 12_000_000
PATH_SPREAD_NS = 1_500_000
OWN_OFFSET_NS = 400_000
SERVES_NS = 40_000
ROOT_DELAY_NS = 1_400_000
ROOT_DISPERSION_NS = 800_000
REFERENCE_AGE_NS = 4 * NS_PER_S
DAY_S = 86_400
_LEAPS = {1: LeapIndicator.INSERT, -1: LeapIndicator.DELETE}


class NtpServer(Device):
    """A server at the end of a path; `extra_path_ns` is what each way to it costs beside."""

    def __init__(self, source: str, world: World, *, extra_path_ns: int = 0) -> None:
        super().__init__(source, world)
        self._random = random.Random(world.random.getrandbits(32))  # noqa: S311  (a model)
        self._offset_ns = self._random.randrange(-OWN_OFFSET_NS, OWN_OFFSET_NS)
        self._path_ns = PATH_NS + extra_path_ns
        self._last_reply: bytes | None = None

    def hear(self, octets: bytes, tai_ns: int) -> list[Said]:
        """Answer a request that leaves the host at an instant."""
        request = decode_request(octets)
        if request is None or Fault.NTP_SILENT in self.faults:
            return []
        received_ns = tai_ns + self._one_way_ns()
        reply = packet.encode(self._reply(request, received_ns))
        asymmetry = self.suffered(Fault.NTP_ASYMMETRY, faults.Delay)
        back_ns = self._one_way_ns() + (asymmetry.delay_ns if asymmetry else 0)
        if Fault.NTP_REPLAY in self.faults and self._last_reply is not None:
            reply = self._last_reply
        self._last_reply = reply
        return [Said(received_ns + SERVES_NS + back_ns, self.source, reply)]

    def _one_way_ns(self) -> int:
        return self._path_ns + int(self._random.expovariate(1.0) * PATH_SPREAD_NS)

    def _reply(self, request: Packet, received_ns: int) -> Packet:
        clock_ns = self._clock_ns(received_ns)
        reply = Packet(
            leap=self._leap(received_ns),
            mode=Mode.SERVER,
            stratum=1,
            poll=request.poll,
            precision=-20,
            root_delay=packet.short(ROOT_DELAY_NS),
            root_dispersion=packet.short(ROOT_DISPERSION_NS),
            reference_id=SIMULATED_ID,
            reference=packet.timestamp(clock_ns - REFERENCE_AGE_NS),
            origin=request.transmit,
            receive=packet.timestamp(clock_ns),
            transmit=packet.timestamp(clock_ns + SERVES_NS),
        )
        if Fault.NTP_ORIGIN in self.faults:
            reply = attrs.evolve(reply, origin=_flipped(request.transmit))
        if kiss := self.suffered(Fault.NTP_KISS, faults.Kiss):
            code = kiss.code.encode("ascii")
            reply = attrs.evolve(reply, leap=LeapIndicator.UNKNOWN, stratum=0, reference_id=code)
        return reply

    def _clock_ns(self, tai_ns: int) -> int:
        wrong = self.suffered(Fault.NTP_FALSE, faults.Offset)
        return self.world.utc_ns(tai_ns) + self._offset_ns + (wrong.offset_ns if wrong else 0)

    def _leap(self, tai_ns: int) -> LeapIndicator:
        leap = self.world.leap
        utc_s = self.world.utc_ns(tai_ns) // NS_PER_S
        if leap is None or not 0 < leap.at_utc_s - utc_s <= DAY_S:
            return LeapIndicator.NONE
        return _LEAPS[leap.change]


def _flipped(stamp: bytes) -> bytes:
    """Change the last bit, which a float would not notice."""
    return stamp[:-1] + bytes((stamp[-1] ^ 1,))
