"""The devices in virtual time: no pseudo-terminals, no reactor; octets with their arrival on RAW.

    rig = MemoryRig(WorldSettings(seed=7))
    for heard in rig.second():
        ...                     # feed heard.octets to the codec of heard.source
    rig.write("ocxo", request)  # its answers are heard later

What `truth_tai_ns` tells is for tests and benches alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drivers.pps.kernel import KernelPulse
from drivers.pps.recorded import encode_record
from drivers.simulated.device import Said
from drivers.simulated.devices.gnss import Rates
from drivers.simulated.scenario import QUIET, Scenario, begin_at
from drivers.simulated.stage import LEAN, PPS, Stage
from drivers.simulated.world import NS_PER_S, World, WorldSettings


class Heard(NamedTuple):
    """Octets of a device, and the host's RAW clock when the first of them arrived."""

    source: str
    octets: bytes
    raw_ns: int


class MemoryRig:
    """A stage as a host hears it; time goes on only when it is asked."""

    def __init__(
        self, settings: WorldSettings, scenario: Scenario = QUIET, rates: Rates = LEAN
    ) -> None:
        self.stage = Stage(begin_at(settings, scenario), scenario, rates)
        self._pending: list[Said] = []
        self._now_ns = self.stage.now_tai_ns + NS_PER_S

    @property
    def world(self) -> World:
        """Give the world behind the devices."""
        return self.stage.world

    def second(self) -> list[Heard]:
        """Go on by a second; gives what arrives in it, in order.

        A host that is stalled hears all of it when it goes on; one that is off never does.
        """
        self._tick()
        return list(self._arriving())

    def heard(self) -> Iterator[Heard]:
        """Give one arrival after the other, for ever; what is written meanwhile is in time."""
        while True:
            self._tick()
            yield from self._arriving()

    def _tick(self) -> None:
        self._pending += self.stage.tick()
        self._pending.sort()

    def _arriving(self) -> Iterator[Heard]:
        host, pending = self.world.host, self._pending
        end_ns = self.stage.now_tai_ns + NS_PER_S
        if host.is_off:
            pending.clear()
        while pending and not host.is_stalled and pending[0].tai_ns < end_ns:
            said = pending.pop(0)
            self._now_ns = max(said.tai_ns, self._now_ns)
            raw_ns = host.raw_at(self._now_ns)
            octets = self._stamp(said.octets, raw_ns) if said.source == PPS else said.octets
            yield Heard(said.source, octets, raw_ns)
        self._now_ns = end_ns

    def _stamp(self, count: bytes, raw_ns: int) -> bytes:
        return encode_record(KernelPulse(int(count), self.realtime_ns(raw_ns)))

    def write(self, source: str, octets: bytes) -> None:
        """Send octets to a device, now."""
        self._pending += self.stage.hear(source, octets, self._now_ns)
        self._pending.sort()

    @property
    def raw_ns(self) -> int:
        """Read the host's RAW clock."""
        return self.world.host.raw_at(self._now_ns)

    def realtime_ns(self, raw_ns: int) -> int:
        """Read the host's CLOCK_REALTIME when RAW read `raw_ns`."""
        return self.world.utc_ns(self.truth_tai_ns(raw_ns)) + self.world.host.realtime_offset_ns

    def truth_tai_ns(self, raw_ns: int) -> int:
        """Tell the true TAI when RAW read `raw_ns`, of the last minutes."""
        return self.world.host.tai_at(raw_ns)
