"""Sockets bound once, by whoever supervises, and passed on by systemd's protocol.

The same environment variables carry them under `shiyind run` and under systemd
(sd_listen_fds(3)), so a role cannot tell the difference: LISTEN_FDS counts descriptors from 3,
LISTEN_FDNAMES names them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from appliance.errors import Fault, Malformed

FIRST_DESCRIPTOR = 3
BACKLOG = 1024


@attrs.frozen
class Listener:
    """A bound, listening socket and the name a role knows it by."""

    name: str
    socket: socket.socket


def bind_tcp(name: str, addresses: Sequence[str], port: int) -> list[Listener]:
    """Bind one port on several addresses; port 0 takes a free one and uses it for all.

    An address family this host lacks is left out; at least one address must be had.
    """
    bound: list[Listener] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listening = _bind(family, (address, port))
        except OSError as error:
            if bound or address != addresses[-1]:
                continue
            raise Fault(f"cannot listen on {address} port {port}: {error.strerror}") from error
        port = listening.getsockname()[1]
        bound.append(Listener(name, listening))
    return bound


def bind_unix(name: str, path: Path, mode: int = 0o600) -> Listener:
    """Bind a Unix socket relative to the present folder, in place of what a former run left."""
    path.unlink(missing_ok=True)
    mask = os.umask(0o777 & ~mode)
    try:
        return Listener(name, _bind(socket.AF_UNIX, str(path)))
    finally:
        os.umask(mask)


def _bind(family: int, address: tuple[str, int] | str) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if family != socket.AF_UNIX:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def inherited(environment: Mapping[str, str]) -> list[Listener]:
    """Take the listeners a supervisor passed.  Raises Malformed when the variables disagree."""
    count = int(environment.get("LISTEN_FDS", "0"))
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    pid = environment.get("LISTEN_PID")
    if count == 0 or (pid is not None and int(pid) != os.getpid()):
        return []
    if len(names) != count:
        raise Malformed("LISTEN_FDNAMES does not name every descriptor of LISTEN_FDS")
    return [
        Listener(name, socket.socket(fileno=FIRST_DESCRIPTOR + index))
        for index, name in enumerate(names)
    ]
