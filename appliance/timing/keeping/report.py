"""What an operator sees of the ensemble: sources, votes, alarms, the table of holdover."""

from __future__ import annotations

import math
from collections.abc import Collection

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.alarms import Alarm
from appliance.timing.keeping.config import HORIZONS_H, EnsembleStatus, SourceStatus
from appliance.timing.keeping.keeper import GNSS, Keeper
from appliance.timing.keeping.states import Standing
from appliance.timing.keeping.tie import Instant
from appliance.timing.sources.leap import LeapFault
from appliance.timing.sources.receivers import Input
from appliance.timing.sources.vote import overlaps
from appliance.timing.sources.witnesses import CELLULAR
from appliance.timing.trusted import ClockState, Leap
from drivers.api import Oven

HOUR_S = 3600
_ALARM_OF_LEAP = {
    LeapFault.COUNT: Alarm.LEAP_COUNT,
    LeapFault.WARNING: Alarm.LEAP_WARNING,
    LeapFault.FILE_EXPIRED: Alarm.LEAP_FILE_EXPIRED,
    LeapFault.FILE_DIFFERS: Alarm.LEAP_FILE_DIFFERS,
}


def report(
    keeper: Keeper,
    standing: Standing,
    found: Instant | None,
    told_ns: int | None,
    provenance: Provenance,
    raised: Collection[Alarm],
    raw_ns: int,
) -> EnsembleStatus:
    """Tell what the ensemble is in at `raw_ns`.

    `found` is the estimate, `told_ns` the TAI that readers reckon; `raised` are the alarms that
    stand by themselves.  `offset_ns` is the oscillator's reading less TAI, `fresh_offset_ns` what
    the reference says less what is told.
    """
    current = keeper.current
    reference_ns = None if found is None else keeper.reference_ns(raw_ns, found)
    return EnsembleStatus(
        state=standing.state,
        cause=standing.cause,
        since_raw_ns=standing.since_raw_ns,
        provenance=provenance,
        offset_ns=None if current is None else _offset_ns(keeper, raw_ns),
        bound_ns=found.bound_ns if found else None,
        learned_s=current.discipline.learned_s if current else 0.0,
        sources=tuple(_sources(keeper, found, raw_ns)),
        agreeing=keeper.verdict.agreeing,
        dissenting=keeper.verdict.dissenting,
        vanished=_vanished(keeper, raw_ns),
        alarms=frozenset(raised) | find_alarms(keeper, standing, raw_ns),
        fresh_offset_ns=reference_ns - told_ns if reference_ns and told_ns else None,
        temperature_mk=keeper.board.status.case_mk if keeper.board.status else None,
    )


def find_alarms(keeper: Keeper, standing: Standing, raw_ns: int) -> frozenset[Alarm]:
    """List the alarms that follow from what is known at `raw_ns`."""
    found = _alarms_of_board(keeper, raw_ns) | _alarms_of_inputs(keeper, raw_ns)
    found |= past_alarms(keeper)
    found |= {_ALARM_OF_LEAP[fault] for fault in keeper.belief.faults}
    for receiver in keeper.constellations.receivers.values():
        found |= receiver.alarms(raw_ns)
    dissenting = keeper.verdict.dissenting
    standing_alarms = {
        Alarm.LEAP_UNKNOWN: keeper.is_telling and keeper.belief.leap is Leap.UNKNOWN,
        Alarm.SECOND_OFF: keeper.is_label_contested,
        Alarm.CELLULAR_DIFFERS: CELLULAR in dissenting,
        Alarm.NETWORK_DIFFERS: bool(dissenting - {CELLULAR, GNSS}),
        Alarm.VOTE_LOST: keeper.is_outvoted,
        Alarm.CONSTELLATIONS_DIFFER: keeper.reference.differ,
        Alarm.REFERENCE_LOST: standing.state is ClockState.HOLDOVER,
    }
    found |= {alarm for alarm, stands in standing_alarms.items() if stands}
    return frozenset(found)


def past_alarms(keeper: Keeper) -> frozenset[Alarm]:
    """List the alarms of what is over, which stand until an operator clears them."""
    tie = keeper.board.tie
    past = {
        Alarm.BOARD_RESTARTED: keeper.board.restarts > 0,
        Alarm.HOST_CLOCK_TORN: tie.tears > 0 and not tie.torn_ns,
        Alarm.STATE_CORRUPT: keeper.is_kept_corrupt,
    }
    return frozenset(alarm for alarm, stands in past.items() if stands)


def _alarms_of_board(keeper: Keeper, raw_ns: int) -> set[Alarm]:
    board, found = keeper.board, set[Alarm]()
    if board.is_silent(raw_ns):
        found.add(Alarm.BOARD_SILENT)
    elif board.tie.is_set and not board.tie.is_stamped:
        found.add(Alarm.PULSE_UNTIED)
    if board.tie.torn_ns:
        found.add(Alarm.HOST_CLOCK_TORN)
    if board.status is not None:
        if board.status.alarms:
            found.add(Alarm.BOARD_ALARM)
        if board.status.oven is Oven.FAULT:
            found.add(Alarm.OVEN_FAULT)
        elif board.status.oven is not Oven.READY:
            found.add(Alarm.OVEN_COLD)
    return found


def _alarms_of_inputs(keeper: Keeper, raw_ns: int) -> set[Alarm]:
    """Find receivers without pulses, while the board speaks."""
    phase = keeper.board.phase
    if phase is None or keeper.board.is_silent(raw_ns):
        return set()
    phases = {Input.GPS: phase.gps_ps, Input.BEIDOU: phase.beidou_ps}
    usable = keeper.constellations.usable_places(raw_ns)
    is_missing = any(phase_ps is None for place, phase_ps in phases.items() if place in usable)
    return {Alarm.PULSE_MISSING} if is_missing else set()


def _offset_ns(keeper: Keeper, raw_ns: int) -> int | None:
    current = keeper.current
    assert current is not None
    sequence, since_ns = keeper.board.tie.at(raw_ns)
    fix = current.fix(sequence + since_ns / NS_PER_S)
    return None if fix is None else round(current.base_ps / 1000 + fix.phase_s * NS_PER_S)


def _vanished(keeper: Keeper, raw_ns: int) -> tuple[tuple[int, int], ...]:
    """Tell the bound in ns after so many hours, if the satellites vanished at `raw_ns`."""
    current = keeper.current
    if current is None:
        return ()
    sequence, _ = keeper.board.tie.at(raw_ns)
    rows = []
    for hours in HORIZONS_H:
        forecast = current.discipline.forecast(
            float(sequence + hours * HOUR_S), keeper.board.temp_k
        )
        if math.isfinite(forecast.bound_s):
            bound_ns = math.ceil(forecast.bound_s * NS_PER_S) + keeper.config.calibration_ns
            rows.append((hours, max(bound_ns, keeper.config.floor_ns)))
    return tuple(rows)


def _sources(keeper: Keeper, found: Instant | None, raw_ns: int) -> list[SourceStatus]:
    rows = []
    for (name, constellation), receiver in keeper.constellations.receivers.items():
        is_used = receiver.may_be_used(raw_ns)
        detail = ", ".join(sorted(each.english for each in receiver.alarms(raw_ns)))
        if not is_used and not detail:
            detail = "no valid fix"
        rows.append(SourceStatus(name, f"{GNSS}:{constellation.value}", is_used, detail))
    for claim in keeper.witnesses.claims(raw_ns, keeper.leaps.tai_utc_s):
        if found is None:
            rows.append(SourceStatus(claim.source, claim.domain, False, "nothing to compare with"))
            continue
        middle_ns = (claim.interval[0] + claim.interval[1]) // 2
        told = (found.tai_ns - found.bound_ns, found.tai_ns + found.bound_ns)
        agrees = overlaps(claim.interval, told)
        detail = "" if agrees else "disagrees"
        offset_ns = middle_ns - found.tai_ns
        rows.append(SourceStatus(claim.source, claim.domain, agrees, detail, offset_ns))
    return rows
