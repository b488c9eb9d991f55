"""`timed`: the clock of the box, in its first form the host's own."""

from __future__ import annotations

from appliance.daemon.places import read_boot_id
from appliance.daemon.roles.setting import Setting
from appliance.quantities import NS_PER_US
from appliance.services.timekeeping import TimePublisher, judge_demo, judge_system
from appliance.store.time_page import TimePageFile


class TimeRole:
    """Publishes the TrustedTime page."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._publisher: TimePublisher | None = None

    async def start(self) -> None:
        """Write the first page and go on every second."""
        choice = self._setting.settings.time
        is_demo = choice.source == "demo"
        self._publisher = TimePublisher(
            TimePageFile.create(self._setting.places.time_page),
            judge_demo(choice.demo_bound_us * NS_PER_US) if is_demo else judge_system(),
            clock=self._setting.reactor,
            boot_id=read_boot_id(),
            utc_offset_s=choice.utc_offset_s,
        )
        self._publisher.start()

    async def stop(self) -> None:
        """Stop publishing."""
        if self._publisher is not None:
            self._publisher.stop()
