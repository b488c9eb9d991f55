"""A small world with a known truth: an oscillator's board, satellites, a host's raw clock.

One second a step, deterministic by its seed; tests turn its knobs and compare what is stated with
what is true.
"""

from __future__ import annotations

import random  # noqa: TID251  (a seeded world)

from appliance.quantities import NS_PER_S
from appliance.timing.ensemble import Ensemble
from appliance.timing.keeping.config import EnsembleConfig, Statement
from appliance.timing.trusted import MAY_ISSUE
from drivers.api import (
    Antenna,
    BoardStatus,
    Constellation,
    GnssEpoch,
    LeapNotice,
    NtpSample,
    Oven,
    PhaseReading,
    PulseStamp,
)

START_TAI_S = 1_790_000_037
SATELLITES = tuple(f"G{number:02d}" for number in range(1, 11))


class Receiver:
    """One receiver's knobs."""

    def __init__(self, constellation: Constellation) -> None:
        self.constellation = constellation
        self.is_valid = True
        self.speaks = True
        self.pulses = True
        self.pulse_error_ns = 0.0
        self.second_error_s = 0
        self.tai_utc_s = 37
        self.leap = LeapNotice.NONE
        self.leap_at_utc_s: int | None = None
        self.satellites = SATELLITES
        self.antenna = Antenna.OK
        self.jamming = 1
        self.frozen_utc_s: int | None = None


class Sky:
    """The world; `advance` lives one second and gives the statement of the ensemble."""

    def __init__(self, config: EnsembleConfig | None = None, *, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.config = config or EnsembleConfig()
        self.ensemble = Ensemble(self.config)
        self.is_simulated = False
        self.tai_s = START_TAI_S
        self.utc_offset_s = 37
        self.phase_s = 0.123_456
        self.freq = 3e-10
        self.sequence = 1000
        self.uptime_s = 5000
        self.oven = Oven.READY
        self.board_speaks = True
        self.stamps = True
        self.raw_ns = 77 * NS_PER_S
        self.raw_freq = 12e-6
        self.ntp_error_ns: dict[str, int] = {}
        self.gps = Receiver(Constellation.GPS)
        self.beidou = Receiver(Constellation.BEIDOU)
        self.statement: Statement | None = None
        self.within_ns = 0
        self.worst_ratio = 0.0

    @property
    def true_ns(self) -> int:
        """TAI at the present raw instant."""
        return self.tai_s * NS_PER_S + self.within_ns

    def advance(self) -> Statement:
        """Live one second; readings first, then the step, 0.9 s after the oscillator's pulse."""
        self.sequence += 1
        self.uptime_s += 1
        self.phase_s += self.freq
        self.tai_s += 1
        # The oscillator's pulse falls at TAI tai_s - phase; the raw clock is told from there.
        self.raw_ns += round(NS_PER_S * (1 + self.raw_freq) * (1 - self.freq))
        self._board(self.raw_ns)
        for receiver in (self.gps, self.beidou):
            if receiver.speaks:
                self.ensemble.take(self._epoch(receiver))
        if self.tai_s % 16 == 0:
            self._network()
        return self._step()

    def run(self, seconds: int) -> Statement:
        """Live many seconds."""
        for _ in range(seconds - 1):
            self.advance()
        return self.advance()

    def restart_board(self, phase_s: float) -> None:
        """Let the board count anew, its pulses falling elsewhere."""
        self.raw_ns += round((self.phase_s - phase_s) * NS_PER_S * (1 + self.raw_freq))
        self.sequence, self.uptime_s, self.phase_s = 0, 0, phase_s

    def _step(self) -> Statement:
        step_raw_ns = self.raw_ns + 900_000_000
        self.within_ns = round(900_000_000 / (1 + self.raw_freq) - self.phase_s * NS_PER_S)
        statement = self.ensemble.step(step_raw_ns)
        before, self.statement = self.statement, statement
        if statement.state in MAY_ISSUE:
            error_ns = abs(statement.tai_ns - self.true_ns)
            self.worst_ratio = max(self.worst_ratio, error_ns / statement.bound_ns)
            if before is not None and before.state in MAY_ISSUE:
                elapsed_ns = statement.raw_ns - before.raw_ns
                told_ns = before.tai_ns + elapsed_ns + elapsed_ns * before.rate_e12 // 10**12
                assert statement.tai_ns >= told_ns
        return statement

    def _board(self, pulse_ns: int) -> None:
        if not self.board_speaks:
            return
        take, simulated = self.ensemble.take, self.is_simulated
        if self.stamps:
            stamped_ns = pulse_ns + round(self.random.gauss(0, 1000))
            take(
                PulseStamp(
                    source="pps",
                    raw_ns=stamped_ns,
                    is_simulated=simulated,
                    sequence=self.sequence,
                    uncertainty_ns=5000,
                )
            )
        line_ns = pulse_ns + 20_000_000 + round(abs(self.random.gauss(0, 200_000)))
        take(
            PhaseReading(
                source="oscillator",
                raw_ns=line_ns,
                is_simulated=simulated,
                sequence=self.sequence,
                tai_s=0,
                gps_ps=self._interval_ps(self.gps),
                beidou_ps=self._interval_ps(self.beidou),
                external_ps=None,
                flags=0,
            )
        )
        take(
            BoardStatus(
                source="oscillator",
                raw_ns=line_ns,
                is_simulated=simulated,
                sequence=self.sequence,
                oven=self.oven,
                current_ma=200,
                case_mk=298_150,
                board_mk=300_000,
                dac=0,
                efc_uv=0,
                uptime_s=self.uptime_s,
                alarms=0,
            )
        )

    def _interval_ps(self, receiver: Receiver) -> int | None:
        if not receiver.pulses:
            return None
        noise_s = self.random.gauss(0, 25e-9) + receiver.pulse_error_ns * 1e-9
        return round((self.phase_s + noise_s) * 1e12)

    def _epoch(self, receiver: Receiver) -> GnssEpoch:
        utc_s = self.tai_s - self.utc_offset_s + receiver.second_error_s
        utc_s += self.utc_offset_s - receiver.tai_utc_s
        if receiver.frozen_utc_s is not None:
            utc_s = receiver.frozen_utc_s
        # 100 ms after the satellites' pulse, which is `phase` after the oscillator's.
        raw_ns = self.raw_ns + round(self.phase_s * NS_PER_S) + 100_000_000
        return GnssEpoch(
            source=receiver.constellation.value,
            raw_ns=raw_ns,
            is_simulated=self.is_simulated,
            constellation=receiver.constellation,
            is_valid=receiver.is_valid,
            utc_s=utc_s,
            tai_utc_s=receiver.tai_utc_s,
            leap=receiver.leap,
            leap_at_utc_s=receiver.leap_at_utc_s,
            satellites=receiver.satellites,
            antenna=receiver.antenna,
            jamming=receiver.jamming,
        )

    def _network(self) -> None:
        for source, error_ns in self.ntp_error_ns.items():
            raw_ns = self.raw_ns + 500_000_000
            true_ns = self.tai_s * NS_PER_S + 500_000_000 - round(self.phase_s * NS_PER_S)
            self.ensemble.take(
                NtpSample(
                    source=source,
                    raw_ns=raw_ns,
                    is_simulated=self.is_simulated,
                    utc_ns=true_ns - self.utc_offset_s * NS_PER_S + error_ns,
                    delay_ns=20_000_000,
                    root_delay_ns=5_000_000,
                    root_dispersion_ns=2_000_000,
                    stratum=2,
                    leap=LeapNotice.NONE,
                )
            )
