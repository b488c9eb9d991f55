"""The return from holdover: a fresh timeline beside the old one, and when the clock goes on."""

from __future__ import annotations

import enum

import attrs

from appliance.quantities import NS_PER_S
from appliance.timing.keeping.config import EnsembleConfig
from appliance.timing.keeping.states import Cause
from appliance.timing.keeping.tie import Instant


class Outcome(enum.Enum):
    """What to do now."""

    WAIT = enum.auto()
    CONTINUE = enum.auto()
    SWITCH = enum.auto()
    STUCK = enum.auto()


@attrs.define
class Return:
    """One try: since the reference came back, and since it has agreed with the prediction.

    Both agree when they lie within their bounds.  Past the deadline the gate widens by as much
    again for every deadline that passes, so that no unit stays in holdover for ever; but a
    reference that was rejected is taken back only inside the bounds, or by an operator.
    """

    config: EnsembleConfig
    cause: Cause
    since_ns: int
    agreed_ns: int | None = None
    is_confirmed: bool = False

    def judge(self, raw_ns: int, old: Instant, fresh: Instant, *, is_witnessed: bool) -> Outcome:
        """Compare prediction and reference at `raw_ns`."""
        if self.is_confirmed:
            return Outcome.SWITCH
        apart_ns = abs(fresh.tai_ns - old.tai_ns)
        allowed_ns = old.bound_ns + fresh.bound_ns
        is_late = raw_ns - self.since_ns > self.config.reacquire_deadline_s * NS_PER_S
        is_within = apart_ns <= allowed_ns
        if not is_within and not self._is_within_widened(raw_ns, apart_ns, allowed_ns):
            self.agreed_ns = None
            return Outcome.STUCK if is_late else Outcome.WAIT
        if self.agreed_ns is None:
            self.agreed_ns = raw_ns
        if raw_ns - self.agreed_ns < self._needed_s() * NS_PER_S:
            return Outcome.WAIT
        if is_within:
            return Outcome.CONTINUE
        return Outcome.SWITCH if is_witnessed else Outcome.STUCK

    def _is_within_widened(self, raw_ns: int, apart_ns: int, allowed_ns: int) -> bool:
        if self.cause is Cause.SPOOF:
            return False
        deadline_ns = self.config.reacquire_deadline_s * NS_PER_S
        factor = (raw_ns - self.since_ns) // deadline_ns
        return apart_ns <= allowed_ns * (1 + factor)

    def _needed_s(self) -> int:
        if self.cause is Cause.SPOOF:
            return self.config.reacquire_spoof_s
        return self.config.reacquire_s
