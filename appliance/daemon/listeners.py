"""Sockets bound once, by whoever supervises, and passed on by systemd's protocol.

The same environment variables carry them under `shiyind run` and under systemd
(sd_listen_fds(3)), so a role cannot tell the difference: LISTEN_FDS counts descriptors from 3,
LISTEN_FDNAMES names them.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from appliance.errors import Fault, Malformed

FIRST_DESCRIPTOR = 3
BACKLOG = 1024
SOCKET_MODE = 0o600

_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_DRAWS = 8


@attrs.frozen
class Listener:
    """A bound socket, listening if it is a stream's, and the name a role knows it by."""

    name: str
    socket: socket.socket


def bind_tcp(name: str, addresses: Sequence[str], port: int) -> list[Listener]:
    """Bind one port on several addresses; port 0 takes a free one and uses it for all.

    An address family this host lacks is left out; at least one address must be had.  Raises Fault
    when not, and when a port is taken.
    """
    return _bind_port(name, socket.SOCK_STREAM, addresses, port)


def bind_udp(name: str, addresses: Sequence[str], port: int) -> list[Listener]:
    """Bind one UDP port on several addresses, on the terms of `bind_tcp`.

    All fronts read the one socket.  With SO_REUSEPORT each would have its own, and what came for a
    front that has died would wait there unread; and systemd, too, passes one (ListenDatagram=).
    """
    return _bind_port(name, socket.SOCK_DGRAM, addresses, port)


def _bind_port(
    name: str, kind: socket.SocketKind, addresses: Sequence[str], port: int
) -> list[Listener]:
    draws_left = 1 if port else _DRAWS
    while True:
        draws_left -= 1
        try:
            return [Listener(name, bound) for bound in _bind_all(kind, addresses, port)]
        except OSError as error:
            # A number that one family had free may be taken in the other: draw again.
            if error.errno != errno.EADDRINUSE or not draws_left:
                where = f"{', '.join(addresses)} port {port}"
                raise Fault(f"cannot listen on {where}: {error.strerror}") from error


def _bind_all(kind: socket.SocketKind, addresses: Sequence[str], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    missing: OSError | None = None
    with ExitStack() as undo:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                listening = _bind(family, kind, (address, port))
            except OSError as error:
                if error.errno not in _NO_SUCH_FAMILY:
                    raise
                missing = error
                continue
            undo.callback(listening.close)
            port = listening.getsockname()[1]
            bound.append(listening)
        if missing is not None and not bound:
            raise missing
        undo.pop_all()
    return bound


def bind_unix(name: str, path: Path) -> Listener:
    """Bind a Unix socket relative to the present folder, in place of what a former run left."""
    path.unlink(missing_ok=True)
    mask = os.umask(0o777 & ~SOCKET_MODE)
    try:
        return Listener(name, _bind(socket.AF_UNIX, socket.SOCK_STREAM, str(path)))
    finally:
        os.umask(mask)


def _bind(family: int, kind: socket.SocketKind, address: tuple[str, int] | str) -> socket.socket:
    listening = socket.socket(family, kind)
    is_stream = kind == socket.SOCK_STREAM
    try:
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if is_stream and family != socket.AF_UNIX:  # of UDP, two could bind the port then
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        if is_stream:
            listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def inherited(environment: Mapping[str, str]) -> list[Listener]:
    """Take the listeners a supervisor passed.

    Raises Malformed when the variables disagree with one another or with what was passed.
    """
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    try:
        count = int(environment.get("LISTEN_FDS", "0"))
        pid = int(environment.get("LISTEN_PID", os.getpid()))
    except ValueError as error:
        raise Malformed("LISTEN_FDS and LISTEN_PID are numbers") from error
    if count == 0 or pid != os.getpid():
        return []
    if len(names) != count:
        raise Malformed("LISTEN_FDNAMES does not name every descriptor of LISTEN_FDS")
    return [Listener(name, _adopt(FIRST_DESCRIPTOR + at)) for at, name in enumerate(names)]


def _adopt(descriptor: int) -> socket.socket:
    try:
        listening = socket.socket(fileno=descriptor)
    except OSError as error:
        raise Malformed(f"descriptor {descriptor} of LISTEN_FDS is no socket") from error
    listening.setblocking(False)  # systemd passes blocking ones (systemd.service(5), NonBlocking=)
    return listening
