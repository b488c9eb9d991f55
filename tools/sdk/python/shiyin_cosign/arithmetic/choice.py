"""Which backend this process computes with: the best that loads, or the one that is asked for."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib import import_module

from shiyin_cosign.arithmetic.api import Backend
from shiyin_cosign.errors import Fault, Malformed

VARIABLE = "SHIYIN_COSIGN_BACKEND"


def _native() -> Backend:
    made: Backend = import_module("shiyin_cosign.arithmetic.native").NativeBackend()
    return made


def _openssl() -> Backend:
    made: Backend = import_module("shiyin_cosign.arithmetic.openssl").OpensslBackend()
    return made


def _python() -> Backend:
    made: Backend = import_module("shiyin_cosign.arithmetic.pure").PureBackend()
    return made


MAKERS: dict[str, Callable[[], Backend]] = {
    "native": _native,
    "openssl": _openssl,
    "python": _python,
}
"""By name, the best first."""


def make(name: str) -> Backend:
    """Make a backend by its name.  Raises Malformed for an unknown one, else ImportError, Fault."""
    if name not in MAKERS:
        raise Malformed(f"a backend is one of {', '.join(MAKERS)}")
    return MAKERS[name]()


@functools.cache
def backend() -> Backend:
    """Give the backend of this process, chosen once.

    SHIYIN_COSIGN_BACKEND names one; then no other is taken.
    """
    asked = os.environ.get(VARIABLE)
    if asked:
        return make(asked)
    for name in MAKERS:
        try:
            return make(name)
        except (ImportError, Fault):
            continue
    raise Fault("no backend loads")  # Python's integers always do
