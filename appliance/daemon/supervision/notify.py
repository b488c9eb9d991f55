"""Readiness by sd_notify(3), under systemd and under `shiyind run` alike."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from appliance.wire.ipc import socket_address


def notify(environment: Mapping[str, str], *lines: str) -> None:
    """Tell the supervisor, if there is one, e.g. `READY=1`; a supervisor gone is no error here."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return
    message = "\n".join((*lines, f"MAINPID={os.getpid()}"))
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(1.0)
        if address.startswith("@"):  # an abstract name (unix(7))
            line.sendto(message.encode(), "\0" + address[1:])
            return
        with socket_address(Path(address)) as reachable:
            line.sendto(message.encode(), reachable)
