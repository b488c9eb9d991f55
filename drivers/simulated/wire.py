"""What may happen to octets on a serial line, and to the world and the host at large."""

from __future__ import annotations

import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

from drivers.simulated import faults
from drivers.simulated.device import Device, Said
from drivers.simulated.faults import Fault, Parameters
from drivers.simulated.world import NS_PER_S, LeapSecond

DAY_S = 86_400
SPLIT_NS = 30_000_000
SPLIT_PIECES = 5
OVERLONG_OCTETS = 5_000
GARBAGE_OCTETS = 40


class Wire:
    """The line of one device; bends what passes when the device suffers from a fault of lines."""

    def __init__(self, device: Device, seed: int) -> None:
        self._device = device
        self._random = random.Random(seed)  # noqa: S311  (a model, no secret)
        self._held: list[Said] = []

    @property
    def is_plugged(self) -> bool:
        """Tell whether the device is there."""
        return Fault.UNPLUG not in self._device.faults

    def carry(self, said: list[Said]) -> list[Said]:
        """Give what arrives of what was said."""
        present = self._device.faults
        if not self.is_plugged:
            self._held = []
            return []
        if Fault.MERGED in present:
            return self._merge(said)
        if Fault.GARBAGE in present:
            said = [each._replace(octets=self._noise() + each.octets) for each in said]
        if Fault.BAD_CHECKSUM in present:
            said = [each._replace(octets=self._flip(each.octets)) for each in said]
        if Fault.OVERLONG in present:
            endless = b"$" + b"A" * OVERLONG_OCTETS
            said = [each._replace(octets=endless + each.octets) for each in said]
        if Fault.SPLIT in present:
            said = [piece for each in said for piece in self._split(each)]
        return said

    def _merge(self, said: list[Said]) -> list[Said]:
        """Hold everything back until the next says something, and deliver both at once."""
        if not self._held:
            self._held = said
            return []
        octets = b"".join([each.octets for each in (*self._held, *said)])
        self._held = []
        return [said[-1]._replace(octets=octets)] if said else []

    def _noise(self) -> bytes:
        return self._random.randbytes(GARBAGE_OCTETS)

    def _flip(self, octets: bytes) -> bytes:
        """Change one bit somewhere."""
        place = self._random.randrange(len(octets))
        bent = bytearray(octets)
        bent[place] ^= 1 << self._random.randrange(7)
        return bytes(bent)

    def _split(self, said: Said) -> list[Said]:
        size = max(1, len(said.octets) // SPLIT_PIECES)
        starts = range(0, len(said.octets), size)
        return [
            Said(said.tai_ns + part * SPLIT_NS, said.source, said.octets[at : at + size])
            for part, at in enumerate(starts)
        ]


class Surroundings(Device):
    """What is around the devices: the air, the Earth's rotation, and the host."""

    def begin(self, fault: Fault, parameters: Parameters) -> None:
        """Let it happen."""
        super().begin(fault, parameters)
        world = self.world
        match parameters:
            case faults.Kelvin():
                world.step_air(parameters.step_k)
            case faults.LeapChange():
                utc_s = world.civil(world.tai_s).utc_s
                world.leap = LeapSecond((utc_s // DAY_S + 1) * DAY_S, parameters.change)
            case faults.Offset():
                world.host.realtime_offset_ns += parameters.offset_ns
        if fault is Fault.RAW_STALL:
            world.host.stall(self._now_ns, is_stalled=True)
        elif fault is Fault.HOST_REBOOT:
            world.host.is_off = True

    def end(self, fault: Fault) -> None:
        """Let it be over: the air goes back, the host runs again; what was stepped stays."""
        parameters = self.faults.get(fault)
        super().end(fault)
        if isinstance(parameters, faults.Kelvin):
            self.world.step_air(-parameters.step_k)
        elif fault is Fault.RAW_STALL:
            self.world.host.stall(self._now_ns, is_stalled=False)
        elif fault is Fault.HOST_REBOOT:
            self.world.host.is_off = False
            self.world.host.reboot(self._now_ns)

    @property
    def _now_ns(self) -> int:
        """Give the instant at which a second is made: half a second before its pulse."""
        return self.world.tai_s * NS_PER_S - NS_PER_S // 2
