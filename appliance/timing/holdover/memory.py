"""What a discipline remembers over a reboot: MessagePack with a version, checked on the way in.

Whoever stores the octets adds a check sum.  Garbage is told from sense here nevertheless, so that a
damaged file costs what was learned and never the clock.
"""

from __future__ import annotations

import attrs
import msgspec

from appliance.errors import Malformed
from appliance.timing.holdover.oven import Oven
from appliance.timing.holdover.rehearsal import Pending, Score
from appliance.timing.holdover.suspicion import Alarm

VERSION = 1
STATES = 5
GREATEST = 1e15


@attrs.frozen
class FilterMemory:
    """One filter of the bank, with the logarithm of its weight."""

    log_weight: float
    age_s: float
    phase_s: float
    freq: float
    ageing: float
    tempco: float
    wander_s: float
    cov: tuple[float, ...]


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that outlives a reboot; the minutes of an open block do not."""

    version: int = VERSION
    prior: str
    learned_s: float
    oven: Oven
    epoch_s: float
    epoch_heat_ks: float
    white_var: float
    white_count: int
    filters: tuple[FilterMemory, ...]
    rehearsed_s: float | None
    pending: tuple[tuple[Pending, ...], ...]
    scores: tuple[Score, ...]
    alarm: Alarm | None


def encode(memory: Memory) -> bytes:
    """Write it as MessagePack."""
    return msgspec.msgpack.encode(memory)


def decode(octets: bytes) -> Memory:
    """Read it.  Raises Malformed for what cannot be a discipline's memory."""
    try:
        memory = msgspec.msgpack.decode(octets, type=Memory)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a discipline's memory: {error}") from None
    if memory.version != VERSION:
        raise Malformed(f"a discipline's memory of version {memory.version}")
    if not _is_finite(msgspec.to_builtins(memory)):
        raise Malformed("a discipline's memory with numbers beyond measure")
    if not _is_possible(memory) or not all(_is_definite(one) for one in memory.filters):
        raise Malformed("a discipline's memory with impossible figures")
    return memory


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, int | float) or abs(value) <= GREATEST


def _is_possible(memory: Memory) -> bool:
    return (
        memory.white_var > 0.0
        and memory.learned_s >= 0.0
        and memory.epoch_s <= memory.oven.t_s
        and all(one.age_s > 0.0 and one.log_weight <= 0.0 for one in memory.filters)
        and all(one.weight >= 0.0 and one.squares >= 0.0 for one in memory.scores)
    )


def _is_definite(one: FilterMemory) -> bool:
    """Tell whether the covariances are those of anything, by Cholesky's pivots."""
    if len(one.cov) != STATES * (STATES + 1) // 2:
        return False
    rest = list(one.cov)
    for size in range(STATES, 0, -1):
        pivot, *row = rest[:size]
        rest = rest[size:]
        if pivot <= 0.0:
            return False
        place = 0
        for index, left in enumerate(row):
            for right in row[index:]:
                rest[place] -= left * right / pivot
                place += 1
    return True
