"""The clock's states as one frozen table; the diagram in docs/clock-states.md is made from it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from appliance.errors import Conflict
from appliance.timing.trusted import ClockState as S


class Event(enum.Enum):
    """What moves the clock from one state to another."""

    BOARD_HEARD = "the board speaks"
    BOARD_LOST = "the board's pulses stop"
    OVEN_READY = "the oven is ready"
    OVEN_COLD = "the oven is cold"
    FIXED = "phase and label are agreed and checked"
    FIXED_UNCHECKED = "phase and label are agreed, nothing checks them"
    CHECKED = "a second witness agrees"
    UNCHECKED = "the last second witness is gone"
    LEARNED = "the oscillator is learned"
    REFERENCE_LOST = "no reference is accepted any more"
    REFERENCE_REJECTED = "the reference contradicts the oscillator"
    REFERENCE_BACK = "a reference holds again"
    AGREED = "reference and prediction agree"
    RESUMED = "the host is back and the board ran on"
    TRUST_LOST = "the bound is beyond its limit"
    START_OVER = "time is to be acquired anew"


class Cause(enum.Enum):
    """Why the clock is in holdover."""

    LOST = "no satellites"
    SPOOF = "the reference contradicts the oscillator"
    BOARD = "the board is gone"
    RESTART = "the host was restarted"


@attrs.frozen
class Standing:
    """Where the clock stands: since the raw instant `since_raw_ns`, and in holdover why."""

    state: S = S.COLD
    since_raw_ns: int = 0
    cause: Cause | None = None


_FOLLOWING = (S.LOCKED, S.READY, S.DEGRADED)
_TELLING = (*_FOLLOWING, S.HOLDOVER, S.REACQUIRE)

TABLE: Mapping[tuple[S, Event], S] = MappingProxyType(
    {
        (S.COLD, Event.BOARD_HEARD): S.WARMUP,
        (S.COLD, Event.RESUMED): S.HOLDOVER,
        (S.WARMUP, Event.OVEN_READY): S.ACQUIRE,
        (S.WARMUP, Event.BOARD_LOST): S.COLD,
        (S.ACQUIRE, Event.OVEN_COLD): S.WARMUP,
        (S.ACQUIRE, Event.BOARD_LOST): S.COLD,
        (S.ACQUIRE, Event.FIXED): S.LOCKED,
        (S.ACQUIRE, Event.FIXED_UNCHECKED): S.DEGRADED,
        (S.LOCKED, Event.LEARNED): S.READY,
        (S.LOCKED, Event.UNCHECKED): S.DEGRADED,
        (S.DEGRADED, Event.CHECKED): S.LOCKED,
        (S.DEGRADED, Event.LEARNED): S.READY,
        **{(state, Event.REFERENCE_LOST): S.HOLDOVER for state in (*_FOLLOWING, S.REACQUIRE)},
        **{(state, Event.REFERENCE_REJECTED): S.HOLDOVER for state in (*_FOLLOWING, S.REACQUIRE)},
        **{(state, Event.BOARD_LOST): S.HOLDOVER for state in _TELLING},
        (S.HOLDOVER, Event.REFERENCE_BACK): S.REACQUIRE,
        (S.REACQUIRE, Event.AGREED): S.LOCKED,
        **{(state, Event.TRUST_LOST): S.UNTRUSTED for state in _TELLING},
        (S.UNTRUSTED, Event.START_OVER): S.COLD,
    }
)
"""Every lawful step; what has no row is refused."""


def after(state: S, event: Event) -> S:
    """Tell the state after `event`.  Raises Conflict, naming both, when the table has no row."""
    following = TABLE.get((state, event))
    if following is None:
        raise Conflict(f"no row for {event.name} in {state.name}")
    return following


def diagram() -> str:
    """Render the table as a Mermaid state diagram."""
    rows = [f"    {old.name} --> {new.name}: {event.name}" for (old, event), new in TABLE.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> COLD", *rows]) + "\n"


def table() -> str:
    """Render the events as a Markdown table: name, meaning, rows."""
    lines = ["| event | meaning | from | to |", "|---|---|---|---|"]
    for event in Event:
        rows = {old: new for (old, each), new in TABLE.items() if each is event}
        olds = ", ".join(state.name for state in rows)
        news = ", ".join(dict.fromkeys(state.name for state in rows.values()))
        lines.append(f"| {event.name} | {event.value} | {olds} | {news} |")
    return "\n".join(lines) + "\n"
