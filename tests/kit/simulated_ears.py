"""Listens to a virtual rig with the real codecs: what its devices say, as values."""

from __future__ import annotations

from collections.abc import Iterable

from drivers.api import Constellation, Garbled, GnssEpoch
from drivers.gnss.epoch import EpochAssembler
from drivers.gnss.splitter import Splitter
from drivers.oscillator import ocb
from drivers.serial_line import Lines
from drivers.simulated.faults import Fault, Parameters
from drivers.simulated.rig import Heard, MemoryRig
from drivers.simulated.stage import GNSS_A, GNSS_B, OCXO
from drivers.simulated.world import WorldSettings

CONSTELLATIONS = {GNSS_A: Constellation.GPS, GNSS_B: Constellation.BEIDOU}


class Ears:
    """A rig and, of each device, everything that was understood of it so far."""

    def __init__(self, settings: WorldSettings | None = None, rig: MemoryRig | None = None) -> None:
        self.rig = rig or MemoryRig(settings or WorldSettings())
        self.epochs: dict[str, list[GnssEpoch]] = {GNSS_A: [], GNSS_B: []}
        self.tics: list[ocb.Tic] = []
        self.statuses: list[ocb.Status] = []
        self.answers: list[ocb.Answer | ocb.Refusal] = []
        self.heard: list[Heard] = []
        self.garbled = 0
        self._splitters = {name: Splitter() for name in CONSTELLATIONS}
        self._assemblers = {
            name: EpochAssembler(name, each) for name, each in CONSTELLATIONS.items()
        }
        self._lines = Lines(ocb.MAX_LINE_OCTETS)

    @property
    def misframed(self) -> int:
        """Count what the receivers' framers dropped."""
        return sum(splitter.garbled for splitter in self._splitters.values())

    def begin(self, fault: Fault, *sources: str, parameters: Parameters | None = None) -> None:
        """Let devices suffer from a fault from the next second on."""
        for source in sources:
            self.rig.stage.devices[source].begin(fault, parameters or fault.takes())

    def end(self, fault: Fault, *sources: str) -> None:
        """Let them be well again."""
        for source in sources:
            self.rig.stage.devices[source].end(fault)

    def listen(self, seconds: int) -> None:
        """Listen for so long."""
        for _ in range(seconds):
            self.take(self.rig.second())

    def take(self, heard: Iterable[Heard]) -> None:
        """Understand what was heard."""
        for each in heard:
            self.heard.append(each)
            if each.source in CONSTELLATIONS:
                self._take_gnss(each)
            elif each.source == OCXO:
                self._take_board(each)

    def _take_gnss(self, heard: Heard) -> None:
        for frame in self._splitters[heard.source].feed(heard.octets):
            try:
                epoch = self._assemblers[heard.source].take(frame, heard.raw_ns)
            except Garbled:
                self.garbled += 1
                continue
            if epoch:
                self.epochs[heard.source].append(epoch)

    def _take_board(self, heard: Heard) -> None:
        for line in self._lines.feed(heard.octets):
            try:
                said = ocb.decode_line(line)
            except Garbled:
                self.garbled += 1
                continue
            if isinstance(said, ocb.Tic):
                self.tics.append(said)
            elif isinstance(said, ocb.Status):
                self.statuses.append(said)
            else:
                self.answers.append(said)

    def last(self, source: str) -> GnssEpoch:
        """Give a receiver's last whole second, which is the one before the present."""
        return self.epochs[source][-1]
