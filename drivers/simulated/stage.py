"""The cast of simulated devices in one world, driven by a scenario, a second at a time.

A second is made half a second before its pulse: `tick` then gives all that the devices say around
it, with the instants in TAI at which it reaches the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drivers.api import Constellation
from drivers.simulated.device import Device, Said
from drivers.simulated.devices.board import Board
from drivers.simulated.devices.gnss import Rates, Receiver
from drivers.simulated.devices.modem import Modem
from drivers.simulated.devices.ntp import NtpServer
from drivers.simulated.devices.pps import Pulses
from drivers.simulated.faults import Bends
from drivers.simulated.scenario import QUIET, Director, Scenario
from drivers.simulated.wire import Surroundings, Wire
from drivers.simulated.world import NS_PER_S, World, WorldSettings

GNSS_A, GNSS_B, OCXO, MODEM, PPS = "gnss-a", "gnss-b", "ocxo", "modem", "pps"
NTP_SERVERS = ("ntp-a", "ntp-b", "ntp-4g")
SERIAL = (GNSS_A, GNSS_B, OCXO, MODEM)
CELLULAR_PATH_NS = 35_000_000

CAST: Mapping[str, frozenset[Bends]] = MappingProxyType(
    {
        GNSS_A: frozenset({Bends.GNSS, Bends.LINE}),
        GNSS_B: frozenset({Bends.GNSS, Bends.LINE}),
        OCXO: frozenset({Bends.BOARD, Bends.LINE}),
        MODEM: frozenset({Bends.MODEM, Bends.LINE}),
        "ntp-a": frozenset({Bends.NTP}),
        "ntp-b": frozenset({Bends.NTP}),
        "ntp-4g": frozenset({Bends.NTP}),
        "world": frozenset({Bends.WORLD}),
        "host": frozenset({Bends.HOST}),
    }
)
"""Who takes part, and what may bend them."""

REAL_TIME_CAST = MappingProxyType({name: bends for name, bends in CAST.items() if name != "host"})
"""Who takes part in real time: the host is a real one there, and nothing bends its clocks."""

LEAN = Rates(place_s=5, sky_s=5, health_s=10)


class Stage:
    """Two receivers, the board, the modem, NTP servers, the pulse: one world, one scenario."""

    def __init__(
        self, settings: WorldSettings, scenario: Scenario = QUIET, rates: Rates = LEAN
    ) -> None:
        self.world = world = World(settings)
        self.receivers = (
            Receiver(GNSS_A, world, Constellation.GPS, rates),
            Receiver(GNSS_B, world, Constellation.BEIDOU, rates),
        )
        self.board = Board(OCXO, world, *self.receivers)
        self.modem = Modem(MODEM, world)
        self.pulses = Pulses(PPS, world, self.board)
        paths_ns = (0, 0, CELLULAR_PATH_NS)
        self.devices: dict[str, Device] = {
            each.source: each
            for each in (
                *self.receivers,
                self.board,
                self.modem,
                self.pulses,
                *(
                    NtpServer(name, world, extra_path_ns=path_ns)
                    for name, path_ns in zip(NTP_SERVERS, paths_ns, strict=True)
                ),
                Surroundings("world", world),
                Surroundings("host", world),
            )
        }
        self.wires = {
            name: Wire(self.devices[name], world.random.getrandbits(32)) for name in SERIAL
        }
        self._talkers = (*self.receivers, self.board, self.modem, self.pulses)
        self._director = Director(scenario.injections, self.devices)

    @property
    def now_tai_ns(self) -> int:
        """Tell when the present second was made."""
        return self.world.tai_s * NS_PER_S - NS_PER_S // 2

    def tick(self) -> list[Said]:
        """Make the next second; gives what reaches the host, not in order."""
        world = self.world
        world.advance((world.tai_s + 1) * NS_PER_S)
        self._director.advance(world.elapsed_s)
        said: list[Said] = []
        for device in self._talkers:
            spoken = device.second()
            if device.faults:
                spoken = self._carry(device.source, spoken)
            said += spoken
        return said

    def hear(self, source: str, octets: bytes, tai_ns: int) -> list[Said]:
        """Take what the host writes to a device at an instant; gives what it answers."""
        wire = self.wires.get(source)
        if wire is not None and not wire.is_plugged:
            return []
        return self._carry(source, self.devices[source].hear(octets, tai_ns))

    def _carry(self, source: str, said: list[Said]) -> list[Said]:
        wire = self.wires.get(source)
        return said if wire is None else wire.carry(said)
