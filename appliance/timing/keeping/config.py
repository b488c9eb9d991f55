"""What the ensemble is told, and what it tells: settings, statements, status, commands."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from appliance.quantities import Provenance
from appliance.timing.alarms import Alarm
from appliance.timing.keeping.states import Cause
from appliance.timing.sources.leap import LeapTable
from appliance.timing.sources.receivers import Input
from appliance.timing.trusted import ClockState, Leap

BUILD_UTC_S = 1_767_225_600
"""2026-01-01: no date before it can be."""


@attrs.frozen(kw_only=True)
class EnsembleConfig:
    """What an installer settles.

    `inputs` names the pulse input of a receiver; without an entry its constellation decides.
    `delays_ns` is what cables and receivers delay each input's pulse by, to be taken off.
    `operators` names who runs an NTP server: servers of one operator share a vote.
    `floor_ns` is the least bound told: 10 us where no PTP hardware clock ties the host.
    """

    board: str = "oscillator"
    inputs: Mapping[str, Input] = attrs.field(factory=dict)
    delays_ns: Mapping[Input, int] = attrs.field(factory=dict)
    operators: Mapping[str, str] = attrs.field(factory=dict)
    beidou_mandatory: bool = False
    floor_ns: int = 10_000
    limit_ns: int = 10_000_000
    calibration_ns: int = 100
    constellations_apart_ns: int = 150
    slew_ppm: int = 10
    tai_utc_s: int = 37
    leap_table: LeapTable | None = None
    earliest_utc_s: int = BUILD_UTC_S
    learned_s: float = 48 * 3600.0
    reference_life_s: int = 10
    reacquire_s: int = 60
    reacquire_spoof_s: int = 1800
    reacquire_deadline_s: int = 7200


@attrs.frozen
class Statement:
    """What is to be believed at `raw_ns`; the fields are PageSlot's, `tai_ns` 0 for none."""

    raw_ns: int
    tai_ns: int
    rate_e12: int
    bound_ns: int
    bound_growth_e12: int
    utc_offset_s: int
    leap: Leap
    leap_at_tai_ns: int
    state: ClockState
    provenance: Provenance


@attrs.frozen
class SourceStatus:
    """One source: what it is to the clock, and why it is not used."""

    name: str
    domain: str
    is_used: bool
    detail: str
    offset_ns: int | None = None


@attrs.frozen
class EnsembleStatus:
    """Everything an operator may see; `vanished` is (hours, bound in ns) without satellites.

    `bound_ns` is None without a time.  `temperature_mk` is the oscillator case's, in millikelvin.
    """

    state: ClockState
    cause: Cause | None
    since_raw_ns: int
    provenance: Provenance
    offset_ns: int | None
    bound_ns: int | None
    learned_s: float
    sources: tuple[SourceStatus, ...]
    agreeing: frozenset[str]
    dissenting: frozenset[str]
    vanished: tuple[tuple[int, int], ...]
    alarms: frozenset[Alarm]
    fresh_offset_ns: int | None = None
    temperature_mk: int | None = None


@attrs.frozen
class SetLabel:
    """Ask the board to label its next pulse `tai_s`."""

    board: str
    tai_s: int


Command = SetLabel
HORIZONS_H = (1, 6, 12, 24, 48, 72)
