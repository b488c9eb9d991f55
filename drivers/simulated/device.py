"""What every simulated device is: it has a name, a world, and the faults it suffers from."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from drivers.simulated.faults import Fault, Parameters
from drivers.simulated.world import World

P = TypeVar("P", bound=Parameters)


class Said(NamedTuple):
    """Octets that leave a device at an instant of TAI; sorts by the instant."""

    tai_ns: int
    source: str
    octets: bytes


class Device:
    """A device: once a second it says what it has to say, and it answers what it hears."""

    def __init__(self, source: str, world: World) -> None:
        self.source = source
        self.world = world
        self.faults: dict[Fault, Parameters] = {}
        self._since_s: dict[Fault, int] = {}

    def begin(self, fault: Fault, parameters: Parameters) -> None:
        """Suffer from a fault from now on."""
        self.faults[fault] = parameters
        self._since_s[fault] = self.world.tai_s

    def end(self, fault: Fault) -> None:
        """Be well again."""
        self.faults.pop(fault, None)
        self._since_s.pop(fault, None)

    def lasting_s(self, fault: Fault) -> int:
        """Tell for how long a fault has lasted."""
        return self.world.tai_s - self._since_s[fault]

    def suffered(self, fault: Fault, takes: type[P]) -> P | None:
        """Give the parameters of a fault that the device suffers from, or None."""
        parameters = self.faults.get(fault)
        return parameters if isinstance(parameters, takes) else None

    def second(self) -> list[Said]:
        """Say what belongs to the world's present second."""
        return []

    def hear(self, octets: bytes, tai_ns: int) -> list[Said]:  # noqa: ARG002  some are deaf
        """Take octets at an instant, and answer."""
        return []
