"""Readiness by sd_notify(3), under systemd and under `shiyind run` alike."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(environment: Mapping[str, str], *lines: str) -> None:
    """Tell the supervisor, if there is one, e.g. `READY=1`; a supervisor gone is no error here."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return
    message = "\n".join((*lines, f"MAINPID={os.getpid()}"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(1.0)
        try:
            line.sendto(message.encode(), address.replace("@", "\0", 1))
        except OSError:
            return
