"""/dev/ppsN: the kernel's stamps of a pulse (RFC 2783, as Linux has it), fetched in a thread.

The driver only reads.  What the kernel stamps is the assert edge; its interrupt comes late by some
microseconds, which `irq_allowance_ns` allows for.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from typing import Protocol

import attrs

from drivers.api import DeviceChange, DeviceState, Garbled, PulseStamp, Reading, Sink
from drivers.pps.tie import PulseTie, Refusal, take_sandwich

PPS_FETCH = 0xC00870A4  # _IOWR('p', 0xa4, struct pps_fdata *): the size is the pointer's
FDATA = struct.Struct("=II qiI qiI i4x qiI")
"""linux/pps.h struct pps_fdata: sequences, assert and clear time, mode, padding, timeout."""

WAIT_S = 2
RETRY_S = 5.0


@attrs.frozen(kw_only=True)
class PulseSettings:
    """Where pulses come from; a `path` without a slash is a name below /dev."""

    source: str
    path: str = "/dev/pps0"
    irq_allowance_ns: int = 10_000

    @property
    def device(self) -> str:
        """Give the path in full."""
        return self.path if "/" in self.path else f"/dev/{self.path}"


@attrs.frozen
class KernelPulse:
    """The latest assert edge: its number, and CLOCK_REALTIME in ns."""

    sequence: int
    real_ns: int


def encode_question(wait_s: int) -> bytes:
    """Write the structure that asks for the next pulse, waiting for at most `wait_s`."""
    return FDATA.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, wait_s, 0, 0)


def decode_answer(octets: bytes) -> KernelPulse:
    """Read the structure that the kernel filled in.  Raises Garbled."""
    if len(octets) != FDATA.size:
        raise Garbled("not a struct pps_fdata")
    sequence, _, second, nanosecond, *_ = FDATA.unpack(octets)
    if second < 0 or not 0 <= nanosecond < 1_000_000_000:
        raise Garbled("no time of a pulse")
    return KernelPulse(sequence, second * 1_000_000_000 + nanosecond)


class CallFromThread(Protocol):
    """The reactor, as another thread may use it."""

    def callFromThread(self, function: Callable[..., object], /, *args: object) -> None:
        """Call `function` in the reactor's thread."""


def fetch(descriptor: int) -> KernelPulse | None:
    """Wait for the next pulse; None when none came.  Raises OSError, Garbled."""
    octets = bytearray(encode_question(WAIT_S))
    try:
        fcntl.ioctl(descriptor, PPS_FETCH, octets)
    except OSError as error:
        if error.errno in {errno.ETIMEDOUT, errno.EINTR}:
            return None
        raise
    return decode_answer(bytes(octets))


def real_ns() -> int:
    """Read CLOCK_REALTIME."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def raw_ns() -> int:
    """Read CLOCK_MONOTONIC_RAW."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


@attrs.frozen
class HostClocks:
    """The two clocks of a sandwich."""

    real_ns: Callable[[], int] = real_ns
    raw_ns: Callable[[], int] = raw_ns


class Pulses:
    """Makes PulseStamp and DeviceChange of pulses and their absence; told by one thread only."""

    def __init__(
        self, settings: PulseSettings, *, sink: Sink, clocks: HostClocks, is_simulated: bool
    ) -> None:
        self.refused: dict[Refusal, int] = dict.fromkeys(Refusal, 0)
        self._settings = settings
        self._sink = sink
        self._clocks = clocks
        self._is_simulated = is_simulated
        self._tie = PulseTie(settings.irq_allowance_ns)
        self._state: DeviceState | None = None
        self._sequence: int | None = None

    def take(self, pulse: KernelPulse) -> None:
        """Tie a pulse that was fetched just now; one that was told before is silence."""
        sandwich = take_sandwich(self._clocks.real_ns, self._clocks.raw_ns)
        if pulse.sequence == self._sequence:
            self.change(DeviceState.SILENT, "no pulse")
            return
        self._sequence = pulse.sequence
        tied = self._tie.tie(pulse.real_ns, sandwich)
        if isinstance(tied, Refusal):
            self.refused[tied] += 1
            return
        self.change(DeviceState.PRESENT)
        self._sink(
            PulseStamp(
                source=self._settings.source,
                raw_ns=tied.raw_ns,
                is_simulated=self._is_simulated,
                sequence=pulse.sequence,
                uncertainty_ns=tied.uncertainty_ns,
            )
        )

    def change(self, state: DeviceState, detail: str = "") -> None:
        """Tell that the device came, went or fell silent, once."""
        if state is self._state:
            return
        self._state = state
        self._sink(
            DeviceChange(
                source=self._settings.source,
                raw_ns=self._clocks.raw_ns(),
                state=state,
                detail=detail,
            )
        )


class KernelPulses:
    """Fetches pulses in a thread of its own, and hands the readings to the reactor's."""

    def __init__(
        self,
        settings: PulseSettings,
        *,
        sink: Sink,
        reactor: CallFromThread,
        fetch: Callable[[int], KernelPulse | None] = fetch,
        clocks: HostClocks | None = None,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._reactor = reactor
        self._fetch = fetch
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=settings.source, daemon=True)
        self.pulses = Pulses(
            settings, sink=self._hand_over, clocks=clocks or HostClocks(), is_simulated=False
        )

    def start(self) -> None:
        """Begin to fetch."""
        self._thread.start()

    def stop(self) -> None:
        """Fetch no more; the thread ends within two seconds, and nothing is told any more."""
        self._stopped.set()

    def _hand_over(self, reading: Reading) -> None:
        self._reactor.callFromThread(self._tell, reading)

    def _tell(self, reading: Reading) -> None:
        if not self._stopped.is_set():
            self._sink(reading)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except (OSError, Garbled) as error:
                self.pulses.change(DeviceState.ABSENT, str(error))
                self._stopped.wait(RETRY_S)

    def _follow(self) -> None:
        """Fetch until the device is gone.  Raises OSError, Garbled."""
        descriptor = os.open(self._settings.device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while not self._stopped.is_set():
                pulse = self._fetch(descriptor)
                if pulse is None:
                    self.pulses.change(DeviceState.SILENT, "no pulse")
                else:
                    self.pulses.take(pulse)
        finally:
            os.close(descriptor)
