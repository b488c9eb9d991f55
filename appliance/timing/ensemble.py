"""The clock ensemble: readings in, once a second a statement of trusted time out.

Pure: instants are CLOCK_MONOTONIC_RAW ns given by the caller.  `keeping/keeper` knows,
`sources` judges what comes in, `keeping/states` has the table that this walks.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import Conflict
from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.alarms import Alarm
from appliance.timing.keeping.config import Command, EnsembleConfig, EnsembleStatus, Statement
from appliance.timing.keeping.keeper import Keeper
from appliance.timing.keeping.reacquire import Outcome, Return
from appliance.timing.keeping.report import past_alarms, report
from appliance.timing.keeping.states import Cause, Event, Standing, after
from appliance.timing.keeping.tie import Instant, TrustedClock
from appliance.timing.trusted import MAY_ISSUE, ClockState
from drivers.api import Reading

BACK_SAMPLES = 10
FIX_SAMPLES = 3
UNKNOWN_BOUND_NS = 10**18
CHECK_EVERY_NS = 8 * NS_PER_S
REJECTED_RUN = 3
_FOLLOWING = (ClockState.LOCKED, ClockState.READY, ClockState.DEGRADED)


class Ensemble:
    """Turns readings into trusted time; `restored` is what `snapshot` gave before a restart."""

    def __init__(self, config: EnsembleConfig, restored: bytes | None = None) -> None:
        self._config = config
        self._keeper = Keeper(config, restored)
        self._clock = TrustedClock(config.slew_ppm)
        self._standing = Standing()
        self._return: Return | None = None
        self._checked_ns = 0
        self._found: Instant | None = None
        self._found_ns = 0
        self._alarms: set[Alarm] = set()
        self._moves: dict[ClockState, Callable[[int], None]] = {
            ClockState.COLD: self._in_cold,
            ClockState.WARMUP: self._in_warmup,
            ClockState.ACQUIRE: self._in_acquire,
            ClockState.LOCKED: self._following,
            ClockState.READY: self._following,
            ClockState.DEGRADED: self._following,
            ClockState.HOLDOVER: self._in_holdover,
            ClockState.REACQUIRE: self._in_reacquire,
            ClockState.UNTRUSTED: self._in_untrusted,
        }
        self.take: Callable[[Reading], None] = self._keeper.take

    def step(self, raw_ns: int) -> Statement:
        """Go on to `raw_ns` and state the time."""
        keeper = self._keeper
        if not self._standing.since_raw_ns:
            self._standing = Standing(since_raw_ns=raw_ns)
        keeper.drain(raw_ns)
        if keeper.is_oscillator_lost(raw_ns):
            self._lose_oscillator(raw_ns)
        self._moves[self._standing.state](raw_ns)
        return self._state(raw_ns)

    def confirm(self) -> frozenset[Alarm]:
        """Believe the reference that is there, on an operator's word; else clear old alarms.

        While no time is told it may begin behind what was stated before.  Where neither waits, the
        alarms of what is over are cleared, and named.  Raises Conflict when there are none.
        """
        if self._return is not None:
            self._return.is_confirmed = True
        elif self._clock.has_stated and self._standing.state not in MAY_ISSUE:
            self._clock.forget()
        else:
            return self._clear_past()
        return frozenset()

    def _clear_past(self) -> frozenset[Alarm]:
        past = past_alarms(self._keeper)
        if not past:
            raise Conflict("nothing waits for a confirmation")
        self._keeper.forget_past()
        return past

    def status(self, raw_ns: int) -> EnsembleStatus:
        """Tell everything an operator may see at `raw_ns`."""
        keeper, standing = self._keeper, self._standing
        found = keeper.instant(raw_ns) or self._found
        told_ns = self._clock.stated_ns(raw_ns) if standing.state in MAY_ISSUE else None
        if told_ns is None and found is not None:
            told_ns = found.tai_ns
        return report(keeper, standing, found, told_ns, self._provenance(), self._alarms, raw_ns)

    def snapshot(self) -> bytes:
        """Render what is to survive a restart of the host."""
        return self._keeper.snapshot(self._found)

    def commands(self) -> tuple[Command, ...]:
        """Tell what the board should be asked for now: a label, where its own is wrong."""
        return self._keeper.commands() if self._standing.state in _FOLLOWING else ()

    def _go(self, event: Event, raw_ns: int, cause: Cause | None = None) -> None:
        self._standing = Standing(after(self._standing.state, event), raw_ns, cause)

    def _lose_oscillator(self, raw_ns: int) -> None:
        """Carry on by the raw clock where there is a time to carry, else start again."""
        state, keeper = self._standing.state, self._keeper
        if state in (ClockState.WARMUP, ClockState.ACQUIRE):
            self._go(Event.BOARD_LOST, raw_ns)
        elif state in MAY_ISSUE:
            if self._standing.cause is not Cause.BOARD or state is not ClockState.HOLDOVER:
                self._go(Event.BOARD_LOST, raw_ns, Cause.BOARD)
            if keeper.must_fly and self._found is not None:
                keeper.fly(self._found_ns, self._found)
        keeper.hold()
        self._return = None

    def _in_cold(self, raw_ns: int) -> None:
        if self._keeper.resume():
            self._go(Event.RESUMED, raw_ns, Cause.RESTART)
        elif self._keeper.board.is_heard(raw_ns):
            self._go(Event.BOARD_HEARD, raw_ns)

    def _in_warmup(self, raw_ns: int) -> None:
        if self._keeper.board.is_oven_ready:
            self._go(Event.OVEN_READY, raw_ns)

    def _in_acquire(self, raw_ns: int) -> None:
        keeper = self._keeper
        if not keeper.board.is_oven_ready:
            self._go(Event.OVEN_COLD, raw_ns)
        elif not keeper.board.tie.is_stamped:
            # By lines alone the bound would pass its limit, and be within it again, at random.
            return
        elif keeper.fresh_samples(raw_ns) >= FIX_SAMPLES and keeper.vote(raw_ns):
            keeper.adopt()
            is_checked = keeper.is_checked()
            self._go(Event.FIXED if is_checked else Event.FIXED_UNCHECKED, raw_ns)
            self._checked_ns = raw_ns

    def _following(self, raw_ns: int) -> None:
        keeper, state = self._keeper, self._standing.state
        if keeper.is_contradicted or keeper.rejected_run >= REJECTED_RUN:
            self._alarms.add(Alarm.REFERENCE_REJECTED)
            self._hold(Event.REFERENCE_REJECTED, raw_ns, Cause.SPOOF)
        elif keeper.is_reference_lost(raw_ns):
            self._hold(Event.REFERENCE_LOST, raw_ns, Cause.LOST)
        elif state is not ClockState.READY and keeper.is_learned:
            self._go(Event.LEARNED, raw_ns)
        elif raw_ns - self._checked_ns >= CHECK_EVERY_NS and keeper.is_reference_fresh(raw_ns):
            self._checked_ns = raw_ns
            is_outvoted = not keeper.vote(raw_ns) and keeper.verdict.interval is not None
            is_checked = keeper.is_checked()
            if is_outvoted and not keeper.is_learned:
                self._distrust(raw_ns)
            elif state is ClockState.LOCKED and not is_checked:
                self._go(Event.UNCHECKED, raw_ns)
            elif state is ClockState.DEGRADED and is_checked:
                self._go(Event.CHECKED, raw_ns)

    def _hold(self, event: Event, raw_ns: int, cause: Cause | None) -> None:
        self._go(event, raw_ns, cause)
        self._return = None
        self._keeper.hold()

    def _distrust(self, raw_ns: int) -> None:
        self._go(Event.TRUST_LOST, raw_ns)
        self._return = None
        self._keeper.abandon()

    def _in_holdover(self, raw_ns: int) -> None:
        keeper = self._keeper
        if keeper.fresh_samples(raw_ns) >= BACK_SAMPLES and keeper.board.is_oven_ready:
            cause = self._standing.cause or Cause.LOST
            self._go(Event.REFERENCE_BACK, raw_ns, cause)
            self._return = Return(self._config, cause, raw_ns)

    def _in_reacquire(self, raw_ns: int) -> None:
        keeper, cause = self._keeper, self._standing.cause
        fresh, attempt = keeper.fresh_instant(raw_ns), self._return
        if fresh is None or attempt is None or not keeper.fresh_samples(raw_ns):
            self._hold(Event.REFERENCE_LOST, raw_ns, cause)
            return
        old = keeper.instant(raw_ns)
        if old is None:
            outcome = Outcome.SWITCH
        else:
            outcome = attempt.judge(raw_ns, old, fresh, is_witnessed=keeper.is_witnessed(raw_ns))
        if outcome is Outcome.STUCK:
            self._alarms.add(Alarm.REACQUIRE_STUCK)
        elif outcome is not Outcome.WAIT:
            if outcome is Outcome.SWITCH or keeper.current is None:
                keeper.adopt()
            else:
                keeper.go_on()
            self._return = None
            self._alarms -= {Alarm.REACQUIRE_STUCK, Alarm.REFERENCE_REJECTED}
            self._checked_ns = raw_ns
            self._go(Event.AGREED, raw_ns)

    def _in_untrusted(self, raw_ns: int) -> None:
        if self._keeper.fresh_samples(raw_ns) >= BACK_SAMPLES:
            self._go(Event.START_OVER, raw_ns)

    def _state(self, raw_ns: int) -> Statement:
        found, self._found_ns = self._keeper.instant(raw_ns), raw_ns
        self._found = found
        if found is None or self._standing.state not in MAY_ISSUE:
            told = found or Instant(0, 0, UNKNOWN_BOUND_NS, 0)
            return self._statement(raw_ns, told)
        told = self._clock.state(raw_ns, found)
        if told.bound_ns > self._config.limit_ns:
            self._alarms.add(Alarm.BOUND_EXCEEDED)
            if told.tai_ns > found.tai_ns + self._config.limit_ns:
                self._alarms.add(Alarm.CLOCK_AHEAD)
            self._distrust(raw_ns)
        else:
            self._alarms -= {Alarm.BOUND_EXCEEDED, Alarm.CLOCK_AHEAD}
        return self._statement(raw_ns, told)

    def _statement(self, raw_ns: int, told: Instant) -> Statement:
        belief = self._keeper.leap_at(told.tai_ns)
        return Statement(
            raw_ns=raw_ns,
            tai_ns=told.tai_ns,
            rate_e12=told.rate_e12,
            bound_ns=max(told.bound_ns, self._config.floor_ns),
            bound_growth_e12=told.growth_e12,
            utc_offset_s=belief.tai_utc_s,
            leap=belief.leap,
            leap_at_tai_ns=belief.leap_at_tai_s * NS_PER_S,
            state=self._standing.state,
            provenance=self._provenance(),
        )

    def _provenance(self) -> Provenance:
        return Provenance.SIMULATED if self._keeper.is_simulated else Provenance.HARDWARE
