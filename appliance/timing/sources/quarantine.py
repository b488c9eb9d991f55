"""The delay line: samples wait 5 s, and those within 5 s of a change of health are dropped.

A large phase error comes in the very second in which a receiver loses its fix, often before it says
so; hence both sides of a change are suspect.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from appliance.quantities import NS_PER_S

HOLD_NS = 5 * NS_PER_S

Sample = tuple[int, int, list[int | None]]
"""Raw instant in ns, sequence, and one phase in ps an input (None: no pulse, or dropped)."""


def is_drastic(before: Collection[str], now: Collection[str]) -> bool:
    """Tell whether a set of satellites changed so much that its pulses are suspect.

    Drastic is the loss of all, of more than half, or the first ones after none; single satellites
    rise and set all day long.
    """
    if before == now:
        return False
    if not before or not now:
        return True
    return 2 * len(set(before) & set(now)) < len(before)


class DelayLine:
    """Holds the samples of `inputs` pulse inputs for 5 s."""

    def __init__(self, inputs: int) -> None:
        self._line: deque[Sample] = deque()
        self._barred_until_ns = [0] * inputs

    def push(self, raw_ns: int, sequence: int, phases_ps: list[int | None]) -> None:
        """Take a sample, without the inputs that changed within the last 5 s."""
        for place, until_ns in enumerate(self._barred_until_ns):
            if raw_ns < until_ns:
                phases_ps[place] = None
        self._line.append((raw_ns, sequence, phases_ps))

    def change(self, raw_ns: int, place: int) -> None:
        """Drop what the input at `place` gave around a change of its health at `raw_ns`."""
        self._barred_until_ns[place] = raw_ns + HOLD_NS
        for _, _, phases_ps in self._line:
            phases_ps[place] = None

    def pop(self, raw_ns: int) -> Sample | None:
        """Give the oldest sample once it is 5 s old at `raw_ns`."""
        if self._line and raw_ns - self._line[0][0] >= HOLD_NS:
            return self._line.popleft()
        return None

    def clear(self) -> None:
        """Forget all samples, as after a gap in the axis."""
        self._line.clear()
