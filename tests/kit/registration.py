"""A registration authority at hand: its registry in a file, its signer another library's."""

import datetime as dt
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection
from twisted.internet.defer import Deferred, execute
from twisted.python.failure import Failure

from appliance.errors import Unavailable
from appliance.quantities import US_PER_S, Utc
from appliance.services.certifying.messages import IssueAsk, IssueRefusal
from appliance.services.registration.office import Office
from appliance.store.registry.database import Database, open_database
from appliance.store.registry.migrations.upgrading import migrate

T = TypeVar("T")
START = Utc(1_790_000_000 * US_PER_S)


class DirectRegistry:
    """A registry whose transactions run at once, where they are called."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, work: Callable[[Connection], T]) -> Deferred[T]:
        """Do `work` in a transaction."""
        return execute(self.database.run, work)

    read = run


@attrs.define
class FakeSigner:
    """Issues what it is asked with P-256 keys of its own; remembers, and can be away.

    `dies_after` counts certificates until it raises `Killed`, having issued the last.
    """

    days: int = 365
    now: Callable[[], Utc] = lambda: START
    is_away: bool = False
    dies_after: int | None = None
    refusal: IssueRefusal | None = None
    issued: dict[bytes, bytes] = attrs.Factory(dict)
    revoked: list[tuple[str, bytes, int]] = attrs.Factory(list)
    _key: ec.EllipticCurvePrivateKey = attrs.Factory(
        lambda: ec.generate_private_key(ec.SECP256R1())
    )

    async def issue(self, asks: Sequence[IssueAsk]) -> list[bytes | IssueRefusal]:
        """Issue, each request once."""
        if self.is_away:
            raise Unavailable("the signer is away")
        return [self.refusal or self._one(ask) for ask in asks]

    async def revoke(
        self,
        authority: str,
        serial_number: bytes,
        reason: int,
        _invalid_since_us: int | None = None,
    ) -> dict[str, object]:
        """Remember."""
        if self.is_away:
            raise Unavailable("the signer is away")
        self.revoked.append((authority, serial_number, reason))
        return {}

    async def sign_manifest(self, manifest: bytes) -> tuple[bytes, bytes]:
        """Give something that stands for a signature and a chain."""
        return b"signed " + hashlib.sha256(manifest).digest(), b"chain"

    def _one(self, ask: IssueAsk) -> bytes:
        if ask.request not in self.issued:
            self.issued[ask.request] = self._make(ask)
            if self.dies_after is not None:
                self.dies_after -= 1
                if self.dies_after == 0:
                    raise Killed
        return self.issued[ask.request]

    def _make(self, ask: IssueAsk) -> bytes:
        if ask.csr:
            public = x509.load_der_x509_csr(ask.csr).public_key()
        else:
            public = self._old(ask.renews).public_key()
        start = dt.datetime.fromtimestamp(self.now().posix_us // US_PER_S, dt.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ask.fields.get("uid", "x"))])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ask.authority)]))
            .public_key(public)
            .serial_number(0x40 << 72 | len(self.issued) + 1)
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=self.days))
            .sign(self._key, SHA256())
            .public_bytes(Encoding.DER)
        )

    def _old(self, serial: bytes) -> x509.Certificate:
        number = int.from_bytes(serial, "big")
        olds = map(x509.load_der_x509_certificate, self.issued.values())
        return next(old for old in olds if old.serial_number == number)


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing of ours may catch it."""


@attrs.define
class Town:
    """An office with a clock that a test sets, on a database that outlives it."""

    database: Database
    signer: FakeSigner
    posix_us: int = START.posix_us
    drawn: int = 0

    def office(self) -> Office:
        """Make the office of a process that begins now."""
        return Office(
            registry=DirectRegistry(self.database),  # type: ignore[arg-type]
            signer=self.signer,
            now=lambda: Utc(self.posix_us),
            draw=self.draw,
            sm3=lambda octets: hashlib.new("sm3", octets).digest(),
        )

    def draw(self, octets: int) -> bytes:
        """Draw octets that never repeat."""
        self.drawn += 1
        return hashlib.shake_128(self.drawn.to_bytes(8, "big")).digest(octets)


def town(folder: Path) -> Town:
    """Make a registry in `folder` and a signer."""
    database = open_database(f"sqlite:///{folder}/registry.sqlite3")
    migrate(database, lambda: None)
    made = Town(database, FakeSigner())
    made.signer.now = lambda: Utc(made.posix_us)
    return made


def outcome(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end what waits for nothing; gives its result or raises its error."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    assert results, "it waits for something"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]  # type: ignore[no-any-return]


def csr(common_name: str = "x") -> bytes:
    """Make a PKCS#10 request with a P-256 key of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    return request.public_bytes(Encoding.DER)
