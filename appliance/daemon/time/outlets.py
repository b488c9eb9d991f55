"""Opens what follows the clock, as the settings name it: chronyd's sockets and serial lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from appliance.services.clock.chrony_feed import ChronyFeed
from appliance.services.clock.disciplining import Output
from appliance.services.clock.following import LatestStatement
from appliance.services.clock.serial_outputs import USUAL_BAUD, serial_output
from appliance.settings import Time
from drivers.ntp.chrony_sock import ChronySockets
from drivers.serial_line import LinePlace, SerialLine


@attrs.frozen
class Outlets:
    """What is fed each statement (`outputs`), and the lines and sockets behind it."""

    outputs: Sequence[Output]
    lines: Sequence[SerialLine[bytes]]
    chrony: ChronySockets | None

    def start(self) -> None:
        """Open the lines."""
        for line in self.lines:
            line.start()

    def stop(self) -> None:
        """Close everything."""
        for line in self.lines:
            line.stop()
        if self.chrony is not None:
            self.chrony.close()


def open_outlets(
    choice: Time,
    *,
    reactor: Any,  # noqa: ANN401  Twisted's reactor
    raw_ns: Callable[[], int],
) -> Outlets:
    """Make the outlets of a clock, ready to be started."""
    latest = LatestStatement()
    lines = [
        serial_output(
            table.kind,
            LinePlace(table.name, table.path, table.baud or USUAL_BAUD),
            latest,
            reactor=reactor,
            raw_ns=raw_ns,
        )
        for table in choice.output
    ]
    sockets = ChronySockets(Path(choice.chrony)) if choice.chrony else None
    outputs: list[Output] = [latest, *([] if sockets is None else [ChronyFeed(sockets)])]
    return Outlets(outputs, lines, sockets)
