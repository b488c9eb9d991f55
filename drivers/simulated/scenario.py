"""Scenario files: what goes wrong when, for how long, with which device.

start = 2026-12-31T23:50:00Z   # a virtual world's start; a real-time rig begins now
[[fault]]
at = 600.0                     # seconds after the start
do = "spoof_ramp"              # a word of `faults.Fault`
for = 3600.0                   # absent: for ever
device = "gnss-a"              # absent: every device that it bends
rate = 1e-9                    # what the fault takes
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import attrs
import msgspec
from msgspec import Meta

from drivers.simulated.device import Device
from drivers.simulated.faults import Bends, Fault, Parameters
from drivers.simulated.world import WorldSettings

Seconds = Annotated[float, Meta(ge=0.0, le=1e9)]

_BY_WORD = {fault.word: fault for fault in Fault}
_NEEDS_DEVICE = Bends.LINE
_COMMON = ("at", "do", "for", "device")


class BadScenario(ValueError):
    """A scenario says what cannot be; the message names the place in the file."""


class _When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every fault has."""

    at: Seconds
    do: str
    lasts_s: Seconds | None = msgspec.field(name="for", default=None)
    device: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    start: dt.datetime | None = None
    about: str = ""
    fault: list[dict[str, Any]] = []


@attrs.frozen
class Injection:
    """A fault from `at_s` after the start on, for `lasts_s` (None: for ever), in `devices`."""

    fault: Fault
    at_s: float
    lasts_s: float | None
    devices: tuple[str, ...]
    parameters: Parameters


@attrs.frozen
class Scenario:
    """What goes wrong; `start_utc_s` is where a virtual world begins, None where it likes."""

    injections: tuple[Injection, ...] = ()
    start_utc_s: int | None = None
    about: str = ""


QUIET = Scenario()


def read_scenario(text: str, cast: Mapping[str, frozenset[Bends]]) -> Scenario:
    """Read a scenario for the devices of `cast`, named with what may bend them.

    Raises BadScenario.
    """
    try:
        told = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadScenario(str(error)) from error
    injections = [_injection(f"fault {n}", row, cast) for n, row in enumerate(told.fault, 1)]
    return Scenario(tuple(injections), _posix_s(told.start), told.about)


def begin_at(settings: WorldSettings, scenario: Scenario) -> WorldSettings:
    """Let a world begin where the scenario says, if it says so."""
    if scenario.start_utc_s is None:
        return settings
    return attrs.evolve(settings, start_utc_s=scenario.start_utc_s)


def _posix_s(start: dt.datetime | None) -> int | None:
    if start is None:
        return None
    if start.tzinfo is None:
        raise BadScenario("start: needs a time zone, such as Z")
    return int(start.timestamp())


def _injection(place: str, row: dict[str, Any], cast: Mapping[str, frozenset[Bends]]) -> Injection:
    try:
        when = msgspec.convert({key: row[key] for key in _COMMON if key in row}, _When)
        fault = _BY_WORD.get(when.do)
        if fault is None:
            raise BadScenario(f"{place}: no fault is called {when.do!r}")
        rest = {key: value for key, value in row.items() if key not in _COMMON}
        parameters = msgspec.convert(rest, fault.takes)
    except msgspec.ValidationError as error:
        raise BadScenario(f"{place}: {error}") from error
    devices = _devices(place, fault, when.device, cast)
    return Injection(fault, when.at, when.lasts_s, devices, parameters)


def _devices(
    place: str, fault: Fault, named: str | None, cast: Mapping[str, frozenset[Bends]]
) -> tuple[str, ...]:
    able = tuple(name for name, bends in cast.items() if fault.bends in bends)
    if not able:
        raise BadScenario(
            f"{place}: {fault.word} bends {fault.bends.value}, which is not simulated"
        )
    if named is None:
        if fault.bends is _NEEDS_DEVICE:
            raise BadScenario(f"{place}: {fault.word} needs `device`, one of {', '.join(able)}")
        return able
    if named not in able:
        raise BadScenario(f"{place}: {fault.word} bends {', '.join(able)}, not {named!r}")
    return (named,)


class Director:
    """Begins and ends the faults of a scenario as the world goes on."""

    def __init__(self, injections: Iterable[Injection], devices: Mapping[str, Device]) -> None:
        self._devices = devices
        self._to_begin = sorted(injections, key=lambda each: each.at_s, reverse=True)
        self._to_end: list[tuple[float, Injection]] = []

    def advance(self, elapsed_s: float) -> None:
        """Do what is due at so many seconds after the start; what ends does so first."""
        if self._to_end:
            self._end(elapsed_s)
        while self._to_begin and self._to_begin[-1].at_s <= elapsed_s:
            self.begin(self._to_begin.pop())

    def begin(self, injection: Injection) -> None:
        """Begin a fault now."""
        for name in injection.devices:
            self._devices[name].begin(injection.fault, injection.parameters)
        if injection.lasts_s is not None:
            self._to_end.append((injection.at_s + injection.lasts_s, injection))

    def _end(self, elapsed_s: float) -> None:
        due = [injection for end_s, injection in self._to_end if end_s <= elapsed_s]
        self._to_end = [(end_s, each) for end_s, each in self._to_end if end_s > elapsed_s]
        for injection in due:
            for name in injection.devices:
                self._devices[name].end(injection.fault)
