"""The twin of /dev/ppsN: pulses from a small file that the simulator writes; always simulated.

The file holds one record, overwritten at each pulse: magic, sequence, CLOCK_REALTIME of the pulse
in ns, CRC-32, little-endian.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from drivers.api import DeviceState, Garbled, Sink
from drivers.pps.kernel import HostClocks, KernelPulse, Pulses, PulseSettings
from drivers.serial_line import Clock, DelayedCall

MAGIC = b"SHIYPPS1"
RECORD = struct.Struct("<8sIQI")
EXPECTED_S = 0.995
LOOK_S = 0.002
SILENT_LOOKS = 1500
IDLE_LOOK_S = 0.05


def encode_record(pulse: KernelPulse) -> bytes:
    """Write a record, 24 octets; the simulator writes it in one go at the file's start."""
    head = RECORD.pack(MAGIC, pulse.sequence, pulse.real_ns, 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(head))


def decode_record(octets: bytes) -> KernelPulse:
    """Read a record.  Raises Garbled."""
    if len(octets) != RECORD.size:
        raise Garbled("not a record of pulses")
    magic, sequence, real_ns, crc = RECORD.unpack(octets)
    if magic != MAGIC or crc != zlib.crc32(octets[:-4]):
        raise Garbled("not a sound record of pulses")
    return KernelPulse(sequence, real_ns)


class RecordedPulses:
    """Looks into the file: every 2 ms when the next pulse is due, every 50 ms when it is not."""

    def __init__(
        self,
        settings: PulseSettings,
        *,
        sink: Sink,
        reactor: Clock,
        clocks: HostClocks | None = None,
    ) -> None:
        self._path = Path(settings.path)
        self._reactor = reactor
        self._call: DelayedCall | None = None
        self._sequence: int | None = None
        self._looks = 0
        self.pulses = Pulses(settings, sink=sink, clocks=clocks or HostClocks(), is_simulated=True)

    def start(self) -> None:
        """Begin to look."""
        self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        wait_s = self._seen()
        self._call = self._reactor.callLater(wait_s, self._look)

    def _seen(self) -> float:
        """Look once; gives how long to wait for the next look."""
        try:
            pulse = decode_record(self._path.read_bytes())
        except OSError as error:
            self.pulses.change(DeviceState.ABSENT, str(error))
            return IDLE_LOOK_S
        except Garbled:
            return LOOK_S
        if pulse.sequence == self._sequence:
            return self._waited(pulse)
        is_first = self._sequence is None
        self._sequence, self._looks = pulse.sequence, 0
        if is_first:
            return LOOK_S
        self.pulses.take(pulse)
        return EXPECTED_S

    def _waited(self, pulse: KernelPulse) -> float:
        self._looks += 1
        if self._looks < SILENT_LOOKS:
            return LOOK_S
        self.pulses.take(pulse)
        return IDLE_LOOK_S
