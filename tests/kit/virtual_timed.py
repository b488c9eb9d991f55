"""The whole of `timed` in virtual time: simulated devices, the real drivers and ensemble, a signer.

    run = VirtualTimed.learned(days=5)
    run.go(120)                                   # seconds
    run.begin(Fault.ANTENNA_CUT, GNSS_A, GNSS_B)
    run.coast(hours=72)

Each second the rig's octets go through the product's framers, codecs and device classes into the
ensemble; its statement goes onto the page, is read as a signer reads it, and is held against the
truth.  Two stretches are thinned, and say so: `learned` feeds the discipline alone with means of a
minute, and `coast` lets the devices speak in one second of each minute.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import attrs

from appliance.quantities import NS_PER_S
from appliance.timing.alarms import Alarm
from appliance.timing.ensemble import Ensemble
from appliance.timing.holdover.discipline import Discipline
from appliance.timing.keeping.config import EnsembleConfig, EnsembleStatus, SetLabel, Statement
from appliance.timing.keeping.kept import Kept, KeptTimeline, encode_kept
from appliance.timing.keeping.report import find_alarms
from appliance.timing.keeping.states import Cause
from appliance.timing.sources.leap import COVERED_S
from appliance.timing.trusted import ClockState, TrustedTime
from drivers.api import DriverError, Reading
from drivers.oscillator.ocb import Verb
from drivers.pps.kernel import HostClocks, KernelPulse, Pulses, PulseSettings
from drivers.simulated.device import Said
from drivers.simulated.faults import Fault, Parameters
from drivers.simulated.stage import NTP_SERVERS, OCXO, PPS, Stage
from drivers.simulated.truth import GNSS_WHITE_S, GnssNoise
from drivers.simulated.world import WorldSettings
from kit.heap_clock import HeapClock
from kit.virtual_lines import VirtualLines
from kit.virtual_network import VirtualNetwork
from kit.virtual_signer import Truth, VirtualSigner

MINUTE_S = 60
DAY_S = 86_400
BEAT_NS = 450_000_000
"""`timed` beats so long after the TAI second."""

MOST_LATENCY_NS = 8_000
WATCH_EVERY_S = 5
KEEP_EVERY_S = 60
TOKEN_EVERY_S = 5


@attrs.frozen
class Beat:
    """What was stated in a second, and how far that was from the truth."""

    elapsed_s: int
    state: ClockState
    bound_ns: int
    error_ns: int


class VirtualTimed:
    """A host with its devices; `begin` and `end` bend them, `go` lets time pass."""

    def __init__(
        self, settings: WorldSettings | None = None, *, with_ntp: bool = False, **config: Any
    ) -> None:
        settings = settings or WorldSettings()
        self._with_ntp = with_ntp
        self.stage = Stage(settings)
        self.world = self.stage.world
        self.config = EnsembleConfig(board=OCXO, **config)
        self.signer = VirtualSigner()
        self.beats: list[Beat] = []
        self.outputs: list[Callable[[Statement], None]] = []
        self.states: list[tuple[int, ClockState]] = []
        self.raised: dict[Alarm, int] = {}
        self.kept: bytes | None = None
        self.token_every_s = TOKEN_EVERY_S
        self.is_pulse_wired = True
        self._heard: dict[tuple[str, type], int] = {}
        self._is_judged = True
        self._is_coasting = False
        self._boots = itertools.count(1)
        self._queue: list[tuple[int, int, Said]] = []
        self._count = itertools.count()
        self._now_ns = self.stage.now_tai_ns
        self._alarms: frozenset[Alarm] = frozenset()
        self._boot()

    @classmethod
    def learned(cls, days: float, settings: WorldSettings | None = None, **config: Any) -> Self:
        """Start with an oscillator learned for `days`, as after a short restart of the host.

        Thinned: minutes of the same truth go straight to the discipline, with the noise that a
        mean of sixty pulses has.
        """
        run = cls(settings, **config)
        run.kept = run._learn(round(days * DAY_S))
        run._boot()
        return run

    # --- what a test asks -------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> int:
        """Count the seconds since the world began."""
        return self.world.elapsed_s

    @property
    def state(self) -> ClockState:
        """Tell the state last stated."""
        return self.beats[-1].state

    @property
    def bound_ns(self) -> int:
        """Tell the bound last stated."""
        return self.beats[-1].bound_ns

    @property
    def error_ns(self) -> int:
        """Tell the error of what was last stated."""
        return self.beats[-1].error_ns

    @property
    def cause(self) -> Cause | None:
        """Tell the cause that stands beside the state."""
        return self.status.cause

    @property
    def status(self) -> EnsembleStatus:
        """Tell what an operator sees now."""
        return self.ensemble.status(self._raw_ns())

    @property
    def alarms(self) -> frozenset[Alarm]:
        """Tell the alarms that stand now."""
        return self.status.alarms

    def worst_error_ns(self, since_s: int) -> int:
        """Tell how far a statement was off at most since a second."""
        return max(abs(beat.error_ns) for beat in self.beats if beat.elapsed_s > since_s)

    def states_since(self, elapsed_s: int) -> set[ClockState]:
        """Tell the states there have been since a second."""
        return {beat.state for beat in self.beats if beat.elapsed_s > elapsed_s}

    def heard_of(self, source: str, kind: type) -> int:
        """Tell the second in which a source last gave a reading of a kind; -1 for never."""
        return self._heard.get((source, kind), -1)

    @property
    def raw_ns(self) -> int:
        """Read the host's raw clock."""
        return self._raw_ns()

    @property
    def truth(self) -> Truth:
        """Tell what only tests may know."""
        return self._truth()

    def read(self) -> TrustedTime:
        """Read the page now, as a signer does that finds time there."""
        time = self.signer.tell(self._raw_ns(), self._truth())
        assert isinstance(time, TrustedTime), time
        return time

    # --- what a test does -------------------------------------------------------------------------

    def begin(self, fault: Fault, *sources: str, parameters: Parameters | None = None) -> None:
        """Let devices suffer from a fault."""
        for source in sources:
            self.stage.devices[source].begin(fault, parameters or fault.takes())
            if fault is Fault.UNPLUG:
                self.lines.unplug(source)

    def end(self, fault: Fault, *sources: str) -> None:
        """Let them be well again."""
        for source in sources:
            self.stage.devices[source].end(fault)
            if fault is Fault.UNPLUG:
                self.lines.replug(source)

    def tell_ensemble(self, reading: Reading) -> None:
        """Let the ensemble have a reading of something that is not on the stage."""
        self._take(reading)

    @contextmanager
    def unjudged(self) -> Iterator[None]:
        """Let time pass without a signer, where nothing in the host can know the truth."""
        self._is_judged = False
        yield
        self._is_judged = True

    def go(self, seconds: int) -> None:
        """Let seconds pass, each with all that the devices say."""
        for _ in range(seconds):
            self._second()

    def go_until(self, state: ClockState, *, most_s: int) -> int:
        """Let seconds pass until the state is stated; tells how many."""
        for passed_s in range(1, most_s + 1):
            self._second()
            if self.beats and self.state is state:
                return passed_s
        raise AssertionError(f"not {state.name} after {most_s} s: {self.states}, {self.alarms}")

    def coast(self, hours: float, *, every_s: int = MINUTE_S) -> None:
        """Let hours pass, thinned to one second of each `every_s`."""
        self._is_coasting = True
        for _ in range(round(hours * 3600 / every_s)):
            self._skip(every_s - 1)
            self._second()
        self._is_coasting = False

    def reboot(self, down_s: int, kept: bytes | None = None) -> None:
        """Restart the host: it is off for so long, and `kept` (or what was kept) is restored."""
        self.lines.stop()
        self.begin(Fault.HOST_REBOOT, "host")
        self._queue.clear()
        for _ in range(down_s):
            self._now_ns = self.stage.now_tai_ns
            self.stage.tick()
        self.end(Fault.HOST_REBOOT, "host")
        self.kept = self.kept if kept is None else kept
        self._boot()

    # --- a second ---------------------------------------------------------------------------------

    def _second(self) -> None:
        said = self.stage.tick()
        if self._is_coasting:
            said = [self._in_time(each) for each in said]
        host = self.world.host
        if host.is_off:
            self._queue.clear()
            return
        self._say(said)
        if host.is_stalled:
            self._now_ns = self.stage.now_tai_ns
            return
        start_ns = self.world.tai_s * NS_PER_S
        self._deliver(start_ns + BEAT_NS)
        self._beat()
        self._deliver(start_ns + NS_PER_S // 2)
        if self._is_judged:
            # What the page says when it is read a little later must hold too.
            self.signer.tell(self._raw_ns(), self._truth())

    def _in_time(self, said: Said) -> Said:
        """Let no interrupt be late: the driver tells a late one by the pulses just before it."""
        if said.source != PPS:
            return said
        return said._replace(tai_ns=min(said.tai_ns, self.stage.board.pulse_ns + MOST_LATENCY_NS))

    def _say(self, said: Iterable[Said]) -> None:
        for each in said:
            heapq.heappush(self._queue, (each.tai_ns, next(self._count), each))

    def _deliver(self, until_ns: int) -> None:
        queue = self._queue
        while queue and queue[0][0] <= until_ns:
            said = heapq.heappop(queue)[2]
            self._pass(max(said.tai_ns, self._now_ns))
            if said.source == PPS:
                if not self.is_pulse_wired:
                    continue
                self._pulses.take(KernelPulse(int(said.octets), self._realtime_ns()))
            elif said.source in NTP_SERVERS:
                self.network.deliver(said.source, said.octets)
            else:
                self.lines.deliver(said.source, said.octets)
        self._pass(until_ns)

    def _pass(self, tai_ns: int) -> None:
        """Let the host live on to an instant."""
        raw_ns = self._raw_ns()
        self._now_ns = tai_ns
        self._reactor.advance((self._raw_ns() - raw_ns) / NS_PER_S)

    def _take(self, reading: Reading) -> None:
        self._heard[reading.source, type(reading)] = self.elapsed_s
        self.ensemble.take(reading)

    def _beat(self) -> None:
        raw_ns, truth = self._raw_ns(), self._truth()
        statement = self.ensemble.step(raw_ns)
        self.signer.write(statement)
        elapsed_s = self.elapsed_s
        self._note(elapsed_s, statement, truth)
        for output in self.outputs:
            output(statement)
        if not self._is_judged:
            pass
        elif elapsed_s % self.token_every_s == 0:
            self.signer.stamp(raw_ns, truth)
        else:
            self.signer.tell(raw_ns, truth)
        for command in self.ensemble.commands():
            self._obey(command)
        if self._with_ntp:
            self.network.second(elapsed_s)
        if elapsed_s % KEEP_EVERY_S == 0:
            self.kept = self.ensemble.snapshot()

    def _note(self, elapsed_s: int, statement: Statement, truth: Truth) -> None:
        error_ns = statement.tai_ns - truth.tai_ns
        is_change = not self.states or self.states[-1][1] is not statement.state
        if is_change:
            self.states.append((elapsed_s, statement.state))
        self.beats.append(Beat(elapsed_s, statement.state, statement.bound_ns, error_ns))
        if is_change or elapsed_s % WATCH_EVERY_S == 0:
            # Not the whole status: what it foretells costs more than the second itself.
            watched = self.ensemble
            alarms = find_alarms(watched._keeper, watched._standing, statement.raw_ns)
            for alarm in alarms - self._alarms:
                self.raised.setdefault(alarm, elapsed_s)
            self._alarms = alarms

    def _obey(self, command: SetLabel) -> None:
        answer = self.lines.board.ask(Verb.SET, command.tai_s)
        answer.addErrback(lambda failure: failure.trap(DriverError) and None)

    # --- the host ---------------------------------------------------------------------------------

    def _boot(self) -> None:
        self._reactor = HeapClock()
        self._alarms = frozenset()
        self.signer.reboot(next(self._boots).to_bytes(16, "big"))
        self.ensemble = Ensemble(self.config, self.kept)
        self.lines = VirtualLines(
            sink=self._take, reactor=self._reactor, raw_ns=self._raw_ns, write=self._write
        )
        self.lines.start()
        self.network = VirtualNetwork(
            sink=self._take,
            raw_ns=self._raw_ns,
            write=self._write,
            seed=self.world.settings.seed,
        )
        self._pulses = Pulses(
            PulseSettings(source=PPS),
            sink=self._take,
            clocks=HostClocks(self._realtime_ns, self._raw_ns),
            is_simulated=True,
        )

    def _realtime_ns(self) -> int:
        return self.world.utc_ns(self._now_ns) + self.world.host.realtime_offset_ns

    def _write(self, source: str, octets: bytes) -> None:
        self._say(self.stage.hear(source, octets, self._now_ns))

    def _raw_ns(self) -> int:
        return self.world.host.raw_at(self._now_ns)

    def _truth(self) -> Truth:
        now_ns = self._now_ns
        civil = self.world.civil(now_ns // NS_PER_S)
        return Truth(now_ns, self.world.utc_ns(now_ns), civil.is_leap)

    # --- thinned ----------------------------------------------------------------------------------

    def _skip(self, seconds: int) -> None:
        """Let the world go on in which no device speaks and the host waits."""
        world = self.world
        self._queue.clear()
        world.oscillator.restep(float(seconds))
        world.tai_s += seconds
        world.case_k = world.case.at(float(world.elapsed_s))
        world.oscillator.advance(world.case_k)
        world.oscillator.restep(1.0)
        world.host.advance(self.stage.now_tai_ns)
        self.stage.board.sequence += seconds
        self._now_ns = self.stage.now_tai_ns
        # A statement is meant for a second: its slew, kept up for longer, would overshoot.
        self.ensemble._clock.forget()

    def _learn(self, seconds: int) -> bytes:
        """Let a discipline learn at once what it would in so many seconds; gives what is kept."""
        world, board, discipline = self.world, self.stage.board, Discipline()
        noise = GnssNoise(
            world.settings.seed, float(MINUTE_S), white_s=GNSS_WHITE_S / MINUTE_S**0.5
        )
        world.oscillator.restep(float(MINUTE_S))
        board.sequence = 0
        base_s = world.phase_s
        for _ in range(seconds // MINUTE_S):
            world.tai_s += MINUTE_S
            before_s = world.phase_s
            world.oscillator.advance(world.case.at(float(world.elapsed_s)))
            middle_s = 0.5 * (before_s + world.phase_s) - base_s
            t_s = board.sequence + 29.5
            discipline.measure(
                t_s, middle_s + noise.advance(), world.case.at(world.elapsed_s - 30.0)
            )
            board.sequence += MINUTE_S
        world.oscillator.restep(1.0)
        world.host.advance(self.stage.now_tai_ns)
        self._now_ns = self.stage.now_tai_ns
        timeline = KeptTimeline(
            sequence=board.sequence,
            uptime_s=world.elapsed_s,
            label=world.tai_s - board.sequence,
            base_ps=round(base_s * 1e12),
            discipline=discipline.snapshot(),
        )
        tai_utc_s = world.settings.tai_utc_s
        kept = Kept(
            board=OCXO,
            tai_ns=world.tai_s * NS_PER_S,
            tai_utc_s=tai_utc_s,
            leap_covered_until_s=world.tai_s - tai_utc_s + COVERED_S,
            is_simulated=True,
            timeline=timeline,
        )
        return encode_kept(kept)
