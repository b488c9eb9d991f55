"""The log of the devices: who is absent, silent or garbled, and who is back; a line a change."""

from __future__ import annotations

from twisted.logger import Logger

from drivers.api import DeviceChange, DeviceState, Reading, Sink


class DeviceLog:
    """A sink before the clock's: logs what becomes of devices and hands every reading on."""

    _log = Logger()

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._states: dict[str, DeviceState] = {}

    def __call__(self, reading: Reading) -> None:
        """Take a reading."""
        if isinstance(reading, DeviceChange):
            self._note(reading)
        self._sink(reading)

    def _note(self, change: DeviceChange) -> None:
        if self._states.get(change.source) is change.state:
            return
        self._states[change.source] = change.state
        say = self._log.info if change.state is DeviceState.PRESENT else self._log.warn
        say(
            "the device {source} is {state}",
            source=change.source,
            state=change.state.value,
            detail=change.detail,
        )
