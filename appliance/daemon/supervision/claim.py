"""One supervisor to a state folder: the lock it holds, and what is left when it was killed."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

import msgspec

from appliance.errors import Conflict

_PID_OCTETS = 20


class Claim:
    """A lock on a state folder, which ends with its process at the latest."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Lock the file at `path`, and write our process id into it for who comes later.

        Raises Conflict while another process holds it.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, _PID_OCTETS).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Conflict(
                f"process {holder or 'unknown'} runs a box on {path.parent.parent}: "
                "stop it first, or name another folder by --state"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        return cls(descriptor)

    def release(self) -> None:
        """Let another have the folder."""
        os.close(self._descriptor)


class _Ready(msgspec.Struct):
    """What ready.json tells of processes."""

    pids: dict[str, list[int]]


def withdraw_ready(path: Path, supervisor: int) -> None:
    """Remove the ready.json of a supervisor that is gone; that of its successor stays.

    A successor is not ready before it has started a whole box, far longer than from our look to our
    removal.
    """
    try:
        ready = msgspec.json.decode(path.read_bytes(), type=_Ready)
    except (FileNotFoundError, msgspec.DecodeError):
        return
    if ready.pids.get("supervisor") == [supervisor]:
        path.unlink(missing_ok=True)
