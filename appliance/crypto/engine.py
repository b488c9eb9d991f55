"""The choice of an SM2 engine at start: native when it proves itself, else libcrypto, else none."""

from __future__ import annotations

import os
from collections.abc import Callable

import attrs

from appliance.crypto import self_test
from appliance.crypto.api import Sm2Engine
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.errors import Fault, Refused

NATIVE = "native"
LIBCRYPTO = "libcrypto"

EngineMaker = Callable[[], Sm2Engine]


@attrs.frozen
class EngineChoice:
    """The engine to sign with, and how it came to be chosen.

    `fallback_reason` is None unless another engine was wanted; the daemon logs it and alarms.
    `checks` names what the engine has passed, for the console.
    """

    engine: Sm2Engine
    fallback_reason: str | None
    checks: tuple[str, ...]

    @property
    def title(self) -> str:
        """What an operator reads: `native (bmi2-adx)`, `libcrypto`."""
        path = self.engine.path
        return f"{self.engine.name} ({path})" if path else self.engine.name


def make_native() -> Sm2Engine:
    """Make the native engine.  Raises ImportError where its extension was not built."""
    from appliance.crypto.native_engine import NativeEngine  # noqa: PLC0415  (optional extension)

    return NativeEngine()


def choose_engine(
    preferred: str | None = None,
    *,
    will_sign: bool = True,
    native: EngineMaker = make_native,
    libcrypto: EngineMaker = LibcryptoEngine,
    draw: self_test.Draw = os.urandom,
) -> EngineChoice:
    """Choose `native` (also by default) or `libcrypto`, by known answers and cross-checks.

    The native core also has to agree with libcrypto on 100 random signatures each way, 0.2 s that
    are spared where nothing will be signed; what fails falls back to libcrypto.  Raises Refused for
    an unknown name, Fault when libcrypto or the random source fails: then nothing may be signed.
    """
    if preferred not in (None, NATIVE, LIBCRYPTO):
        raise Refused(f"no SM2 engine is called {preferred!r}")
    _require(self_test.check_random(draw))
    reference = libcrypto()
    _require(self_test.first_failure(reference, self_test.KNOWN_ANSWERS))
    fallback = EngineChoice(reference, None, _names(self_test.KNOWN_ANSWERS))
    if preferred == LIBCRYPTO:
        return fallback
    try:
        candidate = native()
    except ImportError as error:
        return attrs.evolve(fallback, fallback_reason=f"no native SM2 core: {error}")
    crossed = (self_test.cross_check(reference, draw),) if will_sign else ()
    checks = (*self_test.KNOWN_ANSWERS, *crossed)
    reason = self_test.first_failure(candidate, checks)
    if reason is not None:
        return attrs.evolve(fallback, fallback_reason=f"native SM2 core rejected: {reason}")
    return EngineChoice(candidate, None, _names(checks))


def _require(reason: str | None) -> None:
    if reason is not None:
        raise Fault(f"no SM2 engine may sign: {reason}")


def _names(checks: tuple[self_test.Check, ...]) -> tuple[str, ...]:
    return tuple(check.name for check in checks)
