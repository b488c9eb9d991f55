"""What the clock says of itself, in plain values for the control socket and for people."""

from __future__ import annotations

from appliance.quantities import NS_PER_S, NS_PER_US
from appliance.timing.keeping.config import EnsembleStatus


def status_facts(status: EnsembleStatus, raw_ns: int) -> dict[str, object]:
    """Tell the ensemble's status at `raw_ns`; bounds in microseconds, rounded up.

    What is not known is None.
    """
    return {
        "state": status.state.name,
        "cause": status.cause.value if status.cause else None,
        "since_s": max(0, raw_ns - status.since_raw_ns) // NS_PER_S,
        "provenance": status.provenance.name,
        "offset_ns": status.offset_ns,
        "reference_minus_told_ns": status.fresh_offset_ns,
        "bound_us": None if status.bound_ns is None else _up(status.bound_ns),
        "learned_h": round(status.learned_s / 3600, 2),
        "temperature_mk": status.temperature_mk,
        "sources": [
            {
                "name": source.name,
                "domain": source.domain,
                "is_used": source.is_used,
                "detail": source.detail,
                "offset_ns": source.offset_ns,
            }
            for source in status.sources
        ],
        "votes": {"agreeing": sorted(status.agreeing), "dissenting": sorted(status.dissenting)},
        "if_satellites_vanished_now": [
            {"hours": hours, "bound_us": _up(bound_ns)} for hours, bound_ns in status.vanished
        ],
        "alarms": [
            {"name": alarm.name, "english": alarm.english, "chinese": alarm.chinese}
            for alarm in sorted(status.alarms, key=lambda alarm: alarm.name)
        ],
    }


def _up(bound_ns: int) -> int:
    return -(-bound_ns // NS_PER_US)
