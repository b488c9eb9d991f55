"""Waiting for something another process will do, with a guard against hanging."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_S = 0.02


def wait_until(look: Callable[[], T | None], *, guard_s: float, what: str) -> T:
    """Look until there is something true to see, and give it; a failure after `guard_s` seconds."""
    end = time.monotonic() + guard_s
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {guard_s:g} s"
        time.sleep(_PAUSE_S)
    return found
