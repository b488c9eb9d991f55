"""The TLS identity that fronts show to phones: one key for all of them, certified by our own.

It lies in the fronts' own folder.  Any front may make it or have it renewed, one at a time; the
others look once a minute whether it has changed.
"""

from __future__ import annotations

import fcntl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from appliance.errors import ApplianceError, Unavailable
from appliance.quantities import Utc
from appliance.services.reactor import Clock, DelayedCall
from appliance.services.tls_store import TlsFiles, TlsStore
from appliance.wire.tls import TlsIdentity

Certify = Callable[[bytes], Awaitable[list[bytes]]]
"""Asks for a certificate: PKCS#10 in, the chain in DER, leaf first; empty while there is none."""

LOOK_S = 60.0
_FIRST_RETRY_S = 1.0


class DeviceIdentity:
    """Keeps `shown` up to date: made at once, certified soon, renewed before its end."""

    _log = Logger()

    def __init__(
        self,
        folder: Path,
        hosts: Sequence[str],
        certify: Certify,
        *,
        clock: Clock,
        now: Callable[[], Utc],
    ) -> None:
        self.shown = TlsIdentity()
        self._files = TlsFiles(folder)
        self._store = TlsStore(self._files, hosts)
        self._certify = certify
        self._clock = clock
        self._now = now
        self._loaded = b""
        self._is_renewing = self._is_stopped = False
        self._call: DelayedCall | None = None
        self._retry_s = _FIRST_RETRY_S

    def start(self) -> None:
        """Make what there must be before a port opens, and go on looking."""
        self._files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self._files.folder / "prepare.lock", wait=True):
            self._store.prepare(self._now())
        self.look()

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        self._cancel()

    def look(self) -> None:
        """Show what lies there now, and ask for a certificate where one is wanted."""
        self._look_in(LOOK_S)
        self._load()
        if not self._is_renewing and self._store.is_due(self._now()):
            self._is_renewing = True
            Deferred.fromCoroutine(self._renew()).addErrback(self._waits).addBoth(self._rest)

    def _load(self) -> None:
        chain = self._files.chain.read_bytes()
        if chain != self._loaded:
            self.shown.load(self._files.chain, self._files.key)
            self._loaded = chain

    async def _renew(self) -> None:
        with _alone(self._files.folder / "renewal.lock", wait=False):
            chain = await self._certify(self._store.csr)
            if not chain:
                raise Unavailable("there is no authority for it")
            self._store.install(chain)
        self._load()
        self._retry_s = _FIRST_RETRY_S
        self._log.info("phones are shown a new certificate")

    def _waits(self, failure: Failure) -> None:
        if failure.check(ApplianceError):
            why = failure.getErrorMessage()
            self._log.info("the certificate shown to phones waits", why=why)
        else:
            self._log.failure("the certificate shown to phones could not be renewed", failure)
        self._look_in(self._retry_s)
        self._retry_s = min(2 * self._retry_s, LOOK_S)

    def _look_in(self, seconds: float) -> None:
        self._cancel()
        if not self._is_stopped:
            self._call = self._clock.callLater(seconds, self.look)

    def _cancel(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _rest(self, _result: None) -> None:
        self._is_renewing = False


@contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock against the other fronts.  Raises Unavailable, unless told to wait for it."""
    with path.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("another front sees to it") from None
        yield
