"""The simulated devices as a process of their own, in real time.

    python -m drivers.simulated --folder DIR --seed N [--scenario FILE]

It ends when its standard input ends, or at SIGTERM.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as twisted_reactor  # noqa: TID251  a process of its own
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from drivers.simulated.ptys import HostTime, PtyRig
from drivers.simulated.scenario import QUIET, BadScenario, read_scenario
from drivers.simulated.stage import REAL_TIME_CAST
from drivers.simulated.truth import Grade
from drivers.simulated.world import WorldSettings

QUICK_WARM_UP = 300.0
"""The oven warms in 6 s in place of half an hour; the demo says so."""

HOST_TIME = HostTime(
    realtime_ns=lambda: time.clock_gettime_ns(time.CLOCK_REALTIME),
    raw_ns=lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
)


class _UntilInputEnds(Protocol):
    """Ends the process with its standard input."""

    def __init__(self, reactor: Any) -> None:  # noqa: ANN401  Twisted does not type it
        self._reactor = reactor

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002  an end
        """Stop the reactor."""
        if self._reactor.running:
            self._reactor.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drivers.simulated", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the devices appear")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", type=Path, help="a TOML file of faults")
    parser.add_argument("--grade", choices=[each.value for each in Grade], default="typical")
    parser.add_argument("--cold", action="store_true", help="start with a cold oven")
    parser.add_argument("--warm-up-speed", type=float, default=QUICK_WARM_UP)
    return parser.parse_args()


def main() -> int:
    """Run the rig until its standard input ends; gives the exit code."""
    asked = _arguments()
    scenario = QUIET
    if asked.scenario:
        try:
            scenario = read_scenario(asked.scenario.read_text("utf-8"), REAL_TIME_CAST)
        except (OSError, BadScenario, UnicodeDecodeError) as error:
            print(f"{asked.scenario}: {error}", file=sys.stderr)  # noqa: T201  to the operator
            return 2
    settings = WorldSettings(
        seed=asked.seed,
        grade=Grade(asked.grade),
        is_cold=asked.cold,
        warm_up_speed=asked.warm_up_speed,
    )
    reactor: Any = twisted_reactor
    rig = PtyRig(asked.folder, settings, scenario, reactor=reactor, time=HOST_TIME)
    rig.start()
    reactor.addSystemEventTrigger("before", "shutdown", rig.stop)
    StandardIO(_UntilInputEnds(reactor))
    reactor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
