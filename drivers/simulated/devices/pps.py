"""The oscillator's pulse as the host's kernel would stamp it: late by the interrupt's latency."""

from __future__ import annotations

import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

from drivers.simulated.device import Device, Said
from drivers.simulated.devices.board import Board
from drivers.simulated.world import World

LATENCY_NS = 2_500
LATENCY_SPREAD_NS = 1_500
SLOW_SHARE = 0.002
SLOW_NS = 60_000


class Pulses(Device):
    """One pulse a second; what it says is the number of the pulse since the start."""

    def __init__(self, source: str, world: World, board: Board) -> None:
        super().__init__(source, world)
        self._random = random.Random(world.random.getrandbits(32))  # noqa: S311  (a model)
        self._board = board
        self._count = 0

    def second(self) -> list[Said]:
        """Give the instant at which the host notes the pulse."""
        if not self.world.is_powered or self.world.host.is_stalled:
            return []
        self._count += 1
        latency_ns = LATENCY_NS + int(self._random.expovariate(1.0) * LATENCY_SPREAD_NS)
        if self._random.random() < SLOW_SHARE:
            latency_ns += SLOW_NS
        return [Said(self._board.pulse_ns + latency_ns, self.source, b"%d" % self._count)]
