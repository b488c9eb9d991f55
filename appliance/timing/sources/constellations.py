"""All receivers together: whose pulses count, which second they name, what they say of leaps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from appliance.timing.alarms import Alarm
from appliance.timing.sources.leap import Broadcast, LeapWatch
from appliance.timing.sources.receivers import EPOCH_LIFE_NS, LABEL_RUN, Input, Receiver
from appliance.timing.trusted import Leap
from drivers.api import Constellation, GnssEpoch, LeapNotice

EDGE_S = 0.01
"""So near to a pulse, which second a message means is not certain."""

REPEAT_S = 60
PS_PER_S = 1e12
_LEAPS = {
    LeapNotice.NONE: Leap.NONE,
    LeapNotice.INSERT: Leap.INSERT,
    LeapNotice.DELETE: Leap.DELETE,
    LeapNotice.UNKNOWN: Leap.UNKNOWN,
}
Key = tuple[str, Constellation]


class Constellations:
    """The receivers by name and constellation; `inputs` names the pulse input of some."""

    def __init__(self, inputs: Mapping[str, Input], leaps: LeapWatch, earliest_s: int) -> None:
        self._inputs = inputs
        self._leaps = leaps
        self._told: dict[Constellation, tuple[int, int | None, LeapNotice, int | None]] = {}
        self.receivers: dict[Key, Receiver] = {}
        self.earliest_s = earliest_s

    def take(self, epoch: GnssEpoch) -> tuple[Receiver, bool]:
        """Take an epoch; tell its receiver and whether its pulses became suspect."""
        key = (epoch.source, epoch.constellation)
        receiver = self.receivers.get(key)
        is_suspect = False
        if receiver is None:
            receiver = self.receivers[key] = Receiver(self._place(epoch), epoch)
            receiver.take(epoch, self.earliest_s)
        else:
            is_suspect = receiver.take(epoch, self.earliest_s)
        if receiver.is_usable:
            self._hear_leap(epoch, receiver.utc_s)
        return receiver, is_suspect

    def hear_label(self, receiver: Receiver, reading_s: float, phase_ps: int) -> None:
        """Find the second that a message names: it came at the oscillator's reading `reading_s`.

        The pulse it means is the input's latest; those fall `phase_ps` after whole readings.
        """
        utc_s = receiver.utc_s
        if utc_s is None:
            return
        since_s = reading_s - phase_ps / PS_PER_S
        pulse = math.floor(since_s)
        if EDGE_S < since_s - pulse < 1 - EDGE_S:
            told_s = receiver.epoch.tai_utc_s
            tai_utc_s = self._leaps.tai_utc_s if told_s is None else told_s
            receiver.hear_label(utc_s + tai_utc_s - pulse)

    def usable_places(self, raw_ns: int) -> set[int]:
        """Tell which inputs have a receiver to vouch for them at `raw_ns`, and none to warn."""
        good = {each.place for each in self.receivers.values() if each.may_be_used(raw_ns)}
        bad = {
            each.place
            for each in self.receivers.values()
            if not each.is_usable and raw_ns - each.epoch.raw_ns <= EPOCH_LIFE_NS
            if Alarm.SPOOFING in each.alarms(raw_ns) or Alarm.JAMMING in each.alarms(raw_ns)
        }
        return good - bad

    def labels(self, raw_ns: int) -> dict[int, list[Receiver]]:
        """List the labels that usable receivers name steadily, and who does."""
        found: dict[int, list[Receiver]] = {}
        for receiver in self.receivers.values():
            if (
                receiver.label is not None
                and receiver.label_run >= LABEL_RUN
                and receiver.is_usable
                and raw_ns - receiver.epoch.raw_ns <= EPOCH_LIFE_NS
            ):
                found.setdefault(receiver.label, []).append(receiver)
        return found

    def forget_labels(self) -> None:
        """Start anew with labels, as after the board restarted."""
        for receiver in self.receivers.values():
            receiver.label, receiver.label_run, receiver.label_fault = None, 0, False

    def forget(self, sources: Iterable[str]) -> None:
        """Drop the receivers of devices that are gone."""
        gone = set(sources)
        self.receivers = {key: each for key, each in self.receivers.items() if key[0] not in gone}

    def _place(self, epoch: GnssEpoch) -> int:
        if epoch.source in self._inputs:
            return int(self._inputs[epoch.source])
        is_beidou = epoch.constellation is Constellation.BEIDOU
        return int(Input.BEIDOU if is_beidou else Input.GPS)

    def _hear_leap(self, epoch: GnssEpoch, utc_s: int | None) -> None:
        """Pass on what is broadcast, when it changes and once a minute."""
        if utc_s is None or (epoch.tai_utc_s is None and epoch.leap is LeapNotice.UNKNOWN):
            return
        told = (utc_s // REPEAT_S, epoch.tai_utc_s, epoch.leap, epoch.leap_at_utc_s)
        if self._told.get(epoch.constellation) != told:
            self._told[epoch.constellation] = told
            broadcast = Broadcast(utc_s, epoch.tai_utc_s, _LEAPS[epoch.leap], epoch.leap_at_utc_s)
            self._leaps.hear(epoch.constellation.value, broadcast)
