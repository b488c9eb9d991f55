"""Receivers: which of them may be believed now, and when their pulses are suspect."""

from __future__ import annotations

import enum

import attrs

from appliance.quantities import NS_PER_S
from appliance.timing.alarms import Alarm
from appliance.timing.sources.quarantine import is_drastic
from appliance.timing.sources.weeks import DateFault, Progress, judge_date
from drivers.api import Antenna, GnssEpoch

EPOCH_LIFE_NS = 3 * NS_PER_S
LABEL_RUN = 3
JAMMED = 3
SPOOFED = 2
JUDGE_EVERY_S = 60
_ALARM_OF = {
    DateFault.ROLLED: Alarm.WEEK_ROLLED,
    DateFault.IMPOSSIBLE: Alarm.DATE_WRONG,
    DateFault.WEEK: Alarm.DATE_WRONG,
    DateFault.STUCK: Alarm.RECEIVER_STUCK,
}


class Input(enum.IntEnum):
    """The comparator's pulse inputs, as places in a sample."""

    GPS = 0
    BEIDOU = 1


@attrs.define
class Receiver:
    """One constellation of one receiver; `place` is its pulse's input at the comparator."""

    place: int
    epoch: GnssEpoch
    is_usable: bool = False
    shift_s: int = 0
    label: int | None = None
    label_run: int = 0
    label_fault: bool = False
    date_fault: DateFault | None = None
    _progress: Progress = attrs.field(factory=Progress)
    _judge_at_s: int = 0

    @property
    def utc_s(self) -> int | None:
        """The POSIX second of the latest pulse, rolled weeks put right."""
        utc_s = self.epoch.utc_s
        return None if utc_s is None else utc_s + self.shift_s

    def take(self, epoch: GnssEpoch, earliest_s: int) -> bool:
        """Take an epoch; tell whether its health changed so that its pulses are suspect."""
        before, was_usable, self.epoch = self.epoch, self.is_usable, epoch
        if epoch.utc_s is not None:
            if not 0 <= epoch.utc_s - self._judge_at_s < JUDGE_EVERY_S:
                self._judge_date(epoch.utc_s, earliest_s)
            if not self._progress.take(epoch.utc_s, epoch.raw_ns):
                self.date_fault, self._judge_at_s = DateFault.STUCK, 0
            elif self.date_fault is DateFault.STUCK:
                self._judge_date(epoch.utc_s, earliest_s)
        self.is_usable = (
            epoch.is_valid
            and self.date_fault in (None, DateFault.ROLLED)
            and (epoch.jamming or 0) < JAMMED
            and (epoch.spoofing or 0) < SPOOFED
            and epoch.antenna not in (Antenna.OPEN, Antenna.SHORT)
        )
        return (
            self.is_usable is not was_usable
            or _became_other(before.antenna, epoch.antenna, Antenna.UNKNOWN)
            or _became_other(before.jamming, epoch.jamming, None)
            or _became_other(before.spoofing, epoch.spoofing, None)
            or epoch.is_valid is not before.is_valid
            or is_drastic(before.satellites, epoch.satellites)
        )

    def hear_label(self, label: int) -> None:
        """Count how often in a row the messages name the same second for a pulse."""
        self.label_run = self.label_run + 1 if label == self.label else 1
        self.label = label

    def hold_to(self, label: int | None) -> None:
        """Find fault with messages that steadily name another second than `label`, if any, does."""
        if label is None:
            self.label_fault = False
        elif self.label_run >= LABEL_RUN:
            self.label_fault = self.label != label

    def may_be_used(self, raw_ns: int) -> bool:
        """Tell whether its pulse may be believed at `raw_ns`."""
        return (
            self.is_usable and not self.label_fault and raw_ns - self.epoch.raw_ns <= EPOCH_LIFE_NS
        )

    def alarms(self, raw_ns: int) -> set[Alarm]:
        """List what an operator should know of it."""
        epoch = self.epoch
        found: set[Alarm] = set()
        if epoch.antenna in (Antenna.OPEN, Antenna.SHORT):
            found.add(Alarm.ANTENNA)
        if (epoch.jamming or 0) >= JAMMED:
            found.add(Alarm.JAMMING)
        if (epoch.spoofing or 0) >= SPOOFED:
            found.add(Alarm.SPOOFING)
        if self.date_fault:
            found.add(_ALARM_OF[self.date_fault])
        if self.label_fault:
            found.add(Alarm.SECOND_OFF)
        if raw_ns - epoch.raw_ns > EPOCH_LIFE_NS:
            found.add(Alarm.MESSAGES_MISSING)
        return found

    def _judge_date(self, utc_s: int, earliest_s: int) -> None:
        dating = judge_date(
            utc_s,
            earliest_s=earliest_s,
            gps_week=self.epoch.gps_week,
            beidou_week=self.epoch.beidou_week,
        )
        self.date_fault = dating.fault
        self.shift_s = 0 if dating.utc_s is None else dating.utc_s - utc_s
        self._judge_at_s = utc_s


def _became_other(before: object, now: object, untold: object) -> bool:
    """Tell whether a report changed; that one is told for the first time is no change."""
    return before not in (now, untold)
