"""`rig`: the simulated devices of a demo, in a process of their own, behind pseudo-terminals."""

from __future__ import annotations

from pathlib import Path

from appliance.daemon.roles.setting import Setting
from appliance.daemon.time.rack import open_rig


class RigRole:
    """Plays receivers, modem and oscillator for as long as it runs."""

    def __init__(self, setting: Setting) -> None:
        choice = setting.settings.time
        self._folder = setting.places.devices
        self._rig = open_rig(
            self._folder,
            seed=choice.seed,
            scenario=Path(choice.scenario) if choice.scenario else None,
            reactor=setting.reactor,
        )

    async def start(self) -> None:
        """Open the pseudo-terminals and begin to speak."""
        self._rig.start()

    async def stop(self) -> None:
        """Fall silent."""
        self._rig.stop()
