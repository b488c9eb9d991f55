"""The keeper of timelines: all that the ensemble knows, without the states it is in.

`current` tells the time, `fresh` is learned beside it while there is none or it coasts.  Where the
oscillator itself is lost, the raw clock carries the time (`fly`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.errors import Malformed
from appliance.quantities import NS_PER_S
from appliance.timing.holdover.discipline import Discipline
from appliance.timing.keeping.board import Board
from appliance.timing.keeping.config import Command, EnsembleConfig, SetLabel
from appliance.timing.keeping.kept import Kept, KeptTimeline, decode_kept, encode_kept
from appliance.timing.keeping.reference import PS_PER_NS, Reference
from appliance.timing.keeping.tie import DEFAULT_WANDER_PPM, Instant
from appliance.timing.keeping.timeline import Timeline
from appliance.timing.sources.constellations import Constellations
from appliance.timing.sources.leap import LeapBelief, LeapWatch
from appliance.timing.sources.receivers import Input
from appliance.timing.sources.vote import Claim, Verdict, elect, overlaps
from appliance.timing.sources.witnesses import Witnesses
from appliance.timing.trusted import Leap
from drivers.api import (
    BoardStatus,
    DeviceChange,
    DeviceState,
    GnssEpoch,
    ModemReport,
    NtpSample,
    PhaseReading,
    PulseStamp,
    Reading,
)

GNSS = "gnss"
OSCILLATOR = "oscillator"
FRESH_LIFE_NS = 16 * NS_PER_S
LABEL_HALF_NS = 1_000_000
QUARANTINE_S = 6
LEAP_EVERY_S = 5
RESUME_SLACK_S = 3
STRANGE_RUN = 10
_E12 = 10**12
_NO_VERDICT = Verdict(None, frozenset(), frozenset())


class Keeper:
    """Takes readings and keeps the timelines; see the module."""

    def __init__(self, config: EnsembleConfig, restored: bytes | None) -> None:
        self.config = config
        self.board = Board()
        self.leaps = LeapWatch(config.tai_utc_s)
        self.leaps.table = config.leap_table
        self.constellations = Constellations(config.inputs, self.leaps, config.earliest_utc_s)
        self.witnesses = Witnesses(config.operators)
        self.reference = Reference(
            config.constellations_apart_ns, beidou_mandatory=config.beidou_mandatory
        )
        self.current: Timeline | None = None
        self.fresh: Timeline | None = None
        self.flight: tuple[int, Instant] | None = None
        self.verdict = _NO_VERDICT
        self.belief = LeapBelief(config.tai_utc_s, Leap.UNKNOWN)
        self.is_simulated = False
        self.is_kept_corrupt = False
        self.is_outvoted = False
        self.rejected_run = 0
        self._breaks_seen = 0
        self._is_holding = True
        self._delays_ps = [config.delays_ns.get(place, 0) * PS_PER_NS for place in Input]
        self._accepted_ns = self._fresh_ns = 0
        self._residual_ps: float | None = None
        self._strange_run = 0
        self._judge_leap_at_s = 0
        self._kept: KeptTimeline | None = None
        self._takers: dict[type, Callable[[Any], None]] = {
            GnssEpoch: self._take_epoch,
            PhaseReading: self._take_phase,
            PulseStamp: self.board.take_stamp,
            BoardStatus: self.board.take_status,
            NtpSample: self.witnesses.take_ntp,
            ModemReport: self.witnesses.take_modem,
            DeviceChange: self._take_change,
        }
        if restored is not None:
            self._restore(restored)

    def take(self, reading: Reading) -> None:
        """Take any reading; a simulated one taints for good.

        But a sample of network time is a stranger's word: one that says it is simulated is dropped
        by a clock whose devices are not, for else any server could spoil it.
        """
        if not isinstance(reading, DeviceChange) and reading.is_simulated:
            if isinstance(reading, NtpSample) and not self.is_simulated:
                return
            self.is_simulated = True
        self._takers[type(reading)](reading)

    def drain(self, raw_ns: int) -> None:
        """Use the samples that have served their quarantine."""
        while sample := self.board.pop(raw_ns):
            self._use(*sample)
        if self.fresh is not None and raw_ns - self._fresh_ns > FRESH_LIFE_NS:
            self.fresh = None

    # What the ensemble asks.

    @property
    def is_telling(self) -> bool:
        """Whether there is a time to tell, by the oscillator or the raw clock."""
        return self.current is not None or self.flight is not None

    @property
    def must_fly(self) -> bool:
        """Whether the oscillator is no longer the one that the timeline was learned from."""
        is_lost = self.board.breaks != self._breaks_seen or not self.board.is_oven_ready
        return self.current is not None and is_lost

    @property
    def is_learned(self) -> bool:
        """Whether the oscillator is known well enough to be a domain of its own."""
        current = self.current
        return current is not None and current.discipline.learned_s >= self.config.learned_s

    @property
    def is_label_contested(self) -> bool:
        """Whether the reference that is back names other seconds than the time that is told."""
        current, fresh = self.current, self.fresh
        return current is not None and fresh is not None and fresh.label != current.label

    @property
    def is_contradicted(self) -> bool:
        """Whether minutes of the reference move as the oscillator cannot."""
        current = self.current
        return current is not None and current.is_mature and current.is_contradicted

    def is_oscillator_lost(self, raw_ns: int) -> bool:
        """Tell whether the oscillator cannot carry the time at `raw_ns`."""
        return self.board.is_silent(raw_ns) or self.must_fly

    def is_reference_lost(self, raw_ns: int) -> bool:
        """Tell whether no sample was accepted for long, quarantine allowed for."""
        life_s = self.config.reference_life_s + QUARANTINE_S
        return raw_ns - self._accepted_ns > life_s * NS_PER_S

    def is_reference_fresh(self, raw_ns: int) -> bool:
        """Tell whether a sample that left quarantine just now was accepted."""
        return raw_ns - self._accepted_ns <= QUARANTINE_S * NS_PER_S

    def is_checked(self) -> bool:
        """Tell whether anything but one constellation stands behind the time, by the last vote."""
        return self.reference.is_cross_checked or len(self.verdict.agreeing) > 1

    def is_witnessed(self, raw_ns: int) -> bool:
        """Tell whether another domain allows what the fresh timeline says."""
        fresh = self.fresh_instant(raw_ns)
        if fresh is None:
            return False
        claims = self.witnesses.claims(raw_ns, self.leaps.tai_utc_s)
        return any(overlaps(each.interval, _interval(fresh)) for each in claims)

    def fresh_samples(self, raw_ns: int) -> int:
        """Tell how many seconds the fresh timeline stands on, 0 when they are old."""
        if self.fresh is None or raw_ns - self._fresh_ns > FRESH_LIFE_NS:
            return 0
        return self.fresh.coarse.count

    def fresh_instant(self, raw_ns: int) -> Instant | None:
        """Estimate TAI by the fresh timeline."""
        return None if self.fresh is None else self._estimate(self.fresh, raw_ns)

    def reference_ns(self, raw_ns: int, found: Instant) -> int | None:
        """Tell TAI by the reference: followed, it is `found` with its last second's residual."""
        fresh = self.fresh_instant(raw_ns)
        if fresh is not None:
            return fresh.tai_ns
        is_followed = not self._is_holding and self.is_reference_fresh(raw_ns)
        if self._residual_ps is None or not is_followed:
            return None
        return found.tai_ns + round(self._residual_ps / PS_PER_NS)

    def instant(self, raw_ns: int) -> Instant | None:
        """Estimate TAI by what tells the time now; None when nothing does."""
        if self.current is not None:
            return self._estimate(self.current, raw_ns)
        if self.flight is None:
            return None
        since_ns, told = self.flight
        elapsed_ns = raw_ns - since_ns
        wander_e12 = round(max(DEFAULT_WANDER_PPM, self.board.tie.wander_ppm) * 1e6)
        return Instant(
            told.tai_ns + elapsed_ns + elapsed_ns * told.rate_e12 // _E12,
            told.rate_e12,
            told.bound_ns + elapsed_ns * wander_e12 // _E12,
            wander_e12,
        )

    def vote(self, raw_ns: int) -> bool:
        """Let the domains vote on what is told, or is about to be; tell whether it was elected."""
        timeline = self.fresh if self._is_holding else self.current
        instant = None if timeline is None else self._estimate(timeline, raw_ns)
        if instant is None:
            return False
        claims = self.witnesses.claims(raw_ns, self.leaps.tai_utc_s)
        claims.append(Claim(GNSS, GNSS, _interval(instant)))
        if self.is_learned:
            claims.append(Claim(OSCILLATOR, OSCILLATOR, _interval(instant)))
        self.verdict = elect(claims, OSCILLATOR)
        self.is_outvoted = GNSS not in self.verdict.agreeing
        return not self.is_outvoted

    def leap_at(self, tai_ns: int) -> LeapBelief:
        """Tell what is believed of leap seconds at an instant."""
        tai_s = tai_ns // NS_PER_S
        belief = self.belief
        is_due = not 0 <= tai_s - self._judge_leap_at_s < LEAP_EVERY_S
        if tai_s and (is_due or abs(tai_s - belief.leap_at_tai_s) <= LEAP_EVERY_S):
            self._judge_leap_at_s = tai_s
            self.belief = self.leaps.judge(tai_s - self.leaps.tai_utc_s)
        return self.belief

    def commands(self) -> tuple[Command, ...]:
        """Ask for a label where the board's own differs from the timeline's."""
        phase, current = self.board.phase, self.current
        if phase is None or current is None or phase.tai_s == phase.sequence + current.label:
            return ()
        return (SetLabel(phase.source, phase.sequence + 1 + current.label),)

    # What the ensemble has it do.

    def adopt(self) -> None:
        """Tell the time by the fresh timeline from now on."""
        self.current, self.flight = self.fresh, None
        self.go_on()

    def go_on(self) -> None:
        """Follow the reference by the current timeline."""
        self.fresh, self._is_holding, self._residual_ps = None, False, None
        self.rejected_run, self._accepted_ns = 0, self._fresh_ns
        if self.current is not None and self.current.is_contradicted:
            self.current.discipline.accept()
            self.current.is_contradicted = False

    def hold(self) -> None:
        """Coast; what comes in is learned anew beside."""
        self.fresh, self._is_holding = None, True

    def fly(self, raw_ns: int, found: Instant) -> None:
        """Carry `found` on by the raw clock; the oscillator's phase is lost."""
        self.flight, self.current = (raw_ns, found), None
        self._forget_phase()

    def abandon(self) -> None:
        """Believe neither oscillator nor raw clock any more."""
        self.current = self.flight = self.fresh = None
        self._is_holding = True

    def resume(self) -> bool:
        """Take up the kept timeline, if the board ran on; tell whether it does."""
        kept, phase, status = self._kept, self.board.phase, self.board.status
        if kept is None or phase is None or status is None or not self.board.tie.is_set:
            return False
        self._kept = None
        ran_s = phase.sequence - kept.sequence
        if ran_s < 0 or abs(ran_s - status.uptime_s + kept.uptime_s) > RESUME_SLACK_S:
            return False
        try:
            discipline = Discipline.restore(kept.discipline)
        except Malformed:
            self.is_kept_corrupt = True
            return False
        self.current = Timeline(kept.label, kept.base_ps, discipline)
        self.current.foretell(phase.sequence, self.board.temp_k)
        return self.board.is_oven_ready

    def forget_past(self) -> None:
        """Forget what was amiss with board, host and memory, and is over."""
        self.board.restarts = self.board.tie.tears = 0
        self.is_kept_corrupt = False

    def snapshot(self, told: Instant | None) -> bytes:
        """Render what is to survive; `told` is the last estimate."""
        current, phase, status = self.current, self.board.phase, self.board.status
        timeline = self._kept
        if current is not None and current.is_mature and phase is not None and status is not None:
            timeline = KeptTimeline(
                phase.sequence,
                status.uptime_s,
                current.label,
                current.base_ps,
                current.discipline.snapshot(),
            )
        return encode_kept(
            Kept(
                board=self.config.board,
                tai_ns=told.tai_ns if told else 0,
                tai_utc_s=self.leaps.tai_utc_s,
                leap_covered_until_s=self.leaps.covered_until_s,
                is_simulated=self.is_simulated,
                timeline=timeline,
            )
        )

    def _restore(self, octets: bytes) -> None:
        try:
            kept = decode_kept(octets)
        except Malformed:
            self.is_kept_corrupt = True
            return
        self.is_simulated = kept.is_simulated
        self.leaps.tai_utc_s = kept.tai_utc_s
        self.leaps.covered_until_s = kept.leap_covered_until_s
        kept_s = kept.tai_ns // NS_PER_S - kept.tai_utc_s
        self.constellations.earliest_s = max(self.config.earliest_utc_s, kept_s)
        self._kept = kept.timeline if kept.board == self.config.board else None

    def _take_epoch(self, epoch: GnssEpoch) -> None:
        receiver, is_suspect = self.constellations.take(epoch)
        if is_suspect:
            self.board.line.change(epoch.raw_ns, receiver.place)
        phase = self.board.phase
        if phase is None or not self.board.tie.is_set or not receiver.is_usable:
            return
        phase_ps = phase.beidou_ps if receiver.place == Input.BEIDOU else phase.gps_ps
        if phase_ps is not None:
            sequence, since_ns = self.board.tie.at(epoch.raw_ns)
            self.constellations.hear_label(receiver, sequence + since_ns / NS_PER_S, phase_ps)
            held = self.fresh if self._is_holding else self.current
            receiver.hold_to(None if held is None else held.label)

    def _take_phase(self, reading: PhaseReading) -> None:
        self.board.take_phase(reading, self.constellations.usable_places(reading.raw_ns))
        if self.board.breaks != self._breaks_seen and self.current is None:
            self._forget_phase()

    def _take_change(self, change: DeviceChange) -> None:
        if change.state is DeviceState.ABSENT:
            self.constellations.forget([change.source])
            self.witnesses.forget(change.source)

    def _forget_phase(self) -> None:
        self._breaks_seen = self.board.breaks
        self.fresh, self._is_holding = None, True
        self.constellations.forget_labels()

    def _use(self, raw_ns: int, sequence: int, phases_ps: list[int | None]) -> None:
        current = self.current
        expected_ps: float | None = None
        if current is not None:
            current.tick(sequence, self.board.temp_k)
            expected_ps = current.expected_ps(sequence)
        if self.fresh is not None:
            self.fresh.tick(sequence, self.board.temp_k)
        for place, delay_ps in enumerate(self._delays_ps):
            phase_ps = phases_ps[place]
            if phase_ps is not None:
                phases_ps[place] = phase_ps - delay_ps
        is_learned = current is not None and current.is_mature
        phase_ps = self.reference.combine(phases_ps, expected_ps if is_learned else None)
        if phase_ps is None:
            return
        if self._is_holding or current is None:
            self._learn_fresh(raw_ns, sequence, phase_ps)
        elif current.accepts(sequence, phase_ps):
            current.add(sequence, phase_ps)
            self.rejected_run, self._accepted_ns = 0, raw_ns
            self._residual_ps = None if expected_ps is None else expected_ps - phase_ps
        else:
            self.rejected_run += 1

    def _learn_fresh(self, raw_ns: int, sequence: int, phase_ps: int) -> None:
        if not self.board.is_oven_ready:
            return
        if self.fresh is None:
            label = self._find_label(raw_ns)
            if label is None:
                return
            self.fresh, self._strange_run = Timeline(label, phase_ps), 0
        if self.fresh.accepts(sequence, phase_ps):
            self.fresh.add(sequence, phase_ps)
            self._fresh_ns, self._strange_run = raw_ns, 0
            return
        self._strange_run += 1
        if self._strange_run >= STRANGE_RUN:
            self.fresh = None

    def _find_label(self, raw_ns: int) -> int | None:
        """Find the label that receivers agree on, or that a majority of domains stands behind."""
        labels = self.constellations.labels(raw_ns)
        if self.current is not None and self.current.label in labels:
            return self.current.label
        sequence, since_ns = self.board.tie.at(raw_ns)
        witnesses = self.witnesses.claims(raw_ns, self.leaps.tai_utc_s)
        found = []
        for label in labels:
            middle_ns = (sequence + label) * NS_PER_S + round(since_ns)
            # The phase, up to half a second, is not in it.
            half_ns = NS_PER_S // 2 + LABEL_HALF_NS
            claim = Claim(GNSS, GNSS, (middle_ns - half_ns, middle_ns + half_ns))
            agreeing = elect([claim, *witnesses]).agreeing
            if GNSS in agreeing and (len(labels) == 1 or len(agreeing) > 1):
                found.append(label)
        return found[0] if len(found) == 1 else None

    def _estimate(self, timeline: Timeline, raw_ns: int) -> Instant | None:
        if not self.board.tie.is_set:
            return None
        return timeline.instant(raw_ns, self.board.tie, self.config.calibration_ns)


def _interval(instant: Instant) -> tuple[int, int]:
    return instant.tai_ns - instant.bound_ns, instant.tai_ns + instant.bound_ns
