"""`shiyind`: one role in this process, or `run`, which supervises all of them.

This is the one module that imports the reactor.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet import reactor as twisted_reactor  # noqa: TID251  the one place
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from appliance.daemon.listeners import inherited
from appliance.daemon.logs import begin_log
from appliance.daemon.places import Places
from appliance.daemon.profiling import run_profiled
from appliance.daemon.roles.box import BoxRole
from appliance.daemon.roles.front import FrontRole
from appliance.daemon.roles.manager import ManagerRole
from appliance.daemon.roles.rig import RigRole
from appliance.daemon.roles.setting import Role, Setting
from appliance.daemon.roles.signer import SignerRole
from appliance.daemon.roles.timed import TimeRole
from appliance.daemon.supervision.claim import withdraw_ready
from appliance.daemon.supervision.lifeline import hold_lifeline
from appliance.daemon.supervision.notify import notify
from appliance.errors import ApplianceError
from appliance.settings import load_settings

ROLES: dict[str, Callable[[Setting], Role]] = {
    "run": BoxRole,
    "rig": RigRole,
    "timed": TimeRole,
    "signer": SignerRole,
    "manager": ManagerRole,
    "front": FrontRole,
}
"""What each role is made of; read its module to see the whole of a process."""

_log = Logger()


class Process:
    """One role's life in this process: start, serve, drain on TERM, end."""

    def __init__(self, setting: Setting, role: Role) -> None:
        self._reactor = setting.reactor
        self._role = role
        self._is_stopping = False
        self.exit_code = 0

    def run(self) -> int:
        """Run until told to stop; gives the exit code."""
        self._reactor.callWhenRunning(self._launch)
        run_profiled(os.environ, self._reactor.run)
        return self.exit_code

    def stop(self) -> None:
        """Drain and end."""
        if not self._is_stopping:
            self._is_stopping = True
            Deferred.fromCoroutine(self._drain())

    def _signalled(self, number: int, _frame: object) -> None:
        if self._is_stopping:
            os._exit(128 + number)  # a second TERM ends at once
        self._reactor.callFromThread(self.stop)

    def _launch(self) -> None:
        # After the reactor's own handlers, of which SIGCHLD's must stay.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        try:
            await self._role.start()
        except ApplianceError as error:
            self._give_up(str(error))
        except Exception:
            _log.failure("the role could not start")
            self._give_up("unexpected failure; see the log")
        else:
            notify(os.environ, "READY=1")

    def _give_up(self, why: str) -> None:
        _log.critical("not started: {why}", why=why)
        sys.stderr.write(f"shiyind: not started: {why}\n")
        self.exit_code = 1
        self.stop()

    async def _drain(self) -> None:
        try:
            await self._role.stop()
        except Exception:
            _log.failure("the role did not stop cleanly")
            self.exit_code = self.exit_code or 1
        self._reactor.stop()


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="shiyind", description="The daemon of a Shiyin box.")
    parser.add_argument("--state", type=Path, default=Path("/var/lib/shiyin"), metavar="DIR")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML")
    parser.add_argument("role", choices=ROLES, help="`run` supervises all the others")
    return parser.parse_intermixed_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role; the entry point of `shiyind`."""
    chosen = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    places = Places(chosen.state.resolve())
    config = chosen.config.resolve() if chosen.config else None
    try:
        settings = load_settings(config)
        settings.check()  # every role refuses what one of them could not serve
        setting = Setting(twisted_reactor, settings, places, inherited(os.environ), config)
        role = ROLES[chosen.role](setting)
    except ApplianceError as error:
        sys.stderr.write(f"shiyind: {error}\n")
        return 2
    places.make()
    # Unix sockets are named relative to this folder: their whole path may be too long (unix(7)).
    os.chdir(places.run)
    log_stream = None
    if chosen.role == "run":
        log_stream = (places.logs / "run.log").open("a", encoding="utf-8")
    begin_log(chosen.role, log_stream)
    process = Process(setting, role)
    supervisor = os.environ.get("SHIYIN_SUPERVISED")
    if supervisor and chosen.role != "run":

        def orphaned() -> None:
            withdraw_ready(places.ready, int(supervisor))
            process.stop()

        hold_lifeline(twisted_reactor, orphaned)
    return process.run()


if __name__ == "__main__":
    sys.exit(main())
