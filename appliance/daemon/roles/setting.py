"""What a role is: something that starts, stops after a drain, and was given its listeners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs
from twisted.internet.defer import maybeDeferred

from appliance.daemon.listeners import Listener
from appliance.daemon.places import Places
from appliance.services.reactor import ListeningPort
from appliance.settings import Settings


@attrs.frozen
class Setting:
    """What every role is made from.

    `reactor` has whatever interfaces Twisted's reactor has; each role hands on the narrowest.
    """

    reactor: Any
    settings: Settings
    places: Places
    listeners: Sequence[Listener]
    config: Path | None = None

    def sockets(self, name: str) -> list[Listener]:
        """Give the listeners of one name."""
        return [listener for listener in self.listeners if listener.name == name]


async def close_ports(ports: Sequence[ListeningPort]) -> None:
    """Close every port and wait until it is."""
    for port in ports:
        await maybeDeferred(port.stopListening)


class Role(Protocol):
    """A role in one process."""

    async def start(self) -> None:
        """Begin to serve; returns when it does."""

    async def stop(self) -> None:
        """Take no more, finish what is under way, close."""
