"""What was issued and what became of it: an index of the journal, in SQLite.

The journal is the truth and this only its shadow: `applied` tells how far it has come, and whoever
opens it lets it catch up.  Damaged or lost, it is made anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs

from appliance.pki.states import CertificateState
from appliance.store.ledger.chain import GENESIS
from appliance.store.ledger.segments import storage_errors

_SCHEMA_VERSION = 1
_SCHEMA = """
PRAGMA user_version = 1;
CREATE TABLE applied(seq INTEGER NOT NULL, chain BLOB NOT NULL) STRICT;
INSERT INTO applied VALUES (0, zeroblob(32));
CREATE TABLE certificates(
    authority TEXT NOT NULL,
    serial BLOB NOT NULL,
    request BLOB NOT NULL UNIQUE,
    wish BLOB NOT NULL,
    template TEXT NOT NULL,
    fields BLOB NOT NULL,
    spki_sm3 BLOB NOT NULL,
    not_after_us INTEGER NOT NULL,
    renewals INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    der BLOB NOT NULL,
    state TEXT NOT NULL,
    reason INTEGER,
    revoked_us INTEGER,
    invalid_since_us INTEGER,
    changed_seq INTEGER,
    PRIMARY KEY(authority, serial)
) STRICT;
CREATE INDEX by_change ON certificates(authority, changed_seq) WHERE changed_seq IS NOT NULL;
CREATE INDEX own ON certificates(authority, template, seq) WHERE substr(template, 1, 1) = '@';
CREATE INDEX by_key ON certificates(spki_sm3, authority);
CREATE INDEX compromised ON certificates(spki_sm3) WHERE reason = 1;
CREATE TABLE templates(name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE custodians(name TEXT PRIMARY KEY, spki BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE chains(name TEXT PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
CREATE TABLE lists(
    authority TEXT NOT NULL,
    number INTEGER NOT NULL,
    base_number INTEGER,
    this_update_us INTEGER NOT NULL,
    next_update_us INTEGER NOT NULL,
    covers_seq INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY(authority, number)
) STRICT;
"""
_LISTS_KEPT = 16
_APPLIED = "SELECT seq, chain FROM applied"


@attrs.frozen
class IssuedCertificate:
    """A certificate as it was issued; `fields` is msgpack, `wish` the digest of what was asked.

    `request` is the number of the wish, `renewals` how often its key was certified before.
    """

    authority: str
    serial: bytes
    request: bytes
    wish: bytes
    template: str
    fields: bytes = attrs.field(repr=False)
    spki_sm3: bytes
    not_after_us: int
    renewals: int
    seq: int
    der: bytes = attrs.field(repr=False)
    state: CertificateState = attrs.field(
        default=CertificateState.VALID, converter=CertificateState
    )
    reason: int | None = None
    revoked_us: int | None = None
    invalid_since_us: int | None = None
    changed_seq: int | None = None


@attrs.frozen
class Change:
    """What became of a certificate: its state from now on, and since when and why."""

    state: CertificateState
    reason: int | None
    revoked_us: int | None
    invalid_since_us: int | None
    seq: int


@attrs.frozen
class Withdrawn:
    """A certificate that a list tells of, perhaps only to take it back."""

    serial: bytes
    state: CertificateState = attrs.field(converter=CertificateState)
    reason: int | None
    revoked_us: int | None
    invalid_since_us: int | None


@attrs.frozen
class SignedList:
    """A revocation list that was signed: `covers_seq` is the last row of the journal it knows."""

    authority: str
    number: int
    base_number: int | None
    this_update_us: int
    next_update_us: int
    covers_seq: int
    digest: bytes


_CERTIFICATE = [field.name for field in attrs.fields(IssuedCertificate)]
_WITHDRAWN = [field.name for field in attrs.fields(Withdrawn)]
_LIST = [field.name for field in attrs.fields(SignedList)]


def _select(columns: list[str], rest: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {rest}"  # noqa: S608  our own names


def _insert(table: str, columns: list[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table}({', '.join(columns)}) VALUES ({places})"  # noqa: S608  as above


_ADD = _insert("certificates", _CERTIFICATE)
_ADD_LIST = _insert("lists", _LIST)
_BY_REQUEST = _select(_CERTIFICATE, "certificates WHERE request = ?")
_BY_SERIAL = _select(_CERTIFICATE, "certificates WHERE authority = ? AND serial = ?")
_OWN = _select(
    _CERTIFICATE,
    "certificates WHERE authority = ? AND template = ? AND substr(template, 1, 1) = '@'"
    " ORDER BY seq DESC LIMIT 1",
)
_CHANGED = _select(
    _WITHDRAWN,
    "certificates WHERE authority = ? AND changed_seq > ? AND not_after_us >= ?"
    " ORDER BY changed_seq",
)
_LAST_LIST = _select(
    _LIST, "lists WHERE authority = ? AND (base_number IS NULL OR ?) ORDER BY number DESC LIMIT 1"
)


class IssuedIndex:
    """The index in one file, used by one thread at a time.

    Changes are made within `applying`, whose end is one commit.  Reading raises Unavailable when
    the disk fails.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open it, or make it anew where it is not there, damaged or of another version."""
        with storage_errors("opening the index of certificates"):
            try:
                return cls(_connect(path))
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            return cls(_connect(path))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    # --- changes ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def applying(self) -> Iterator[None]:
        """Make the changes within one commit, or none of them."""
        with storage_errors("writing the index of certificates"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def mark(self, seq: int, chain: bytes) -> None:
        """Note how far the journal is applied."""
        self._connection.execute("UPDATE applied SET seq = ?, chain = ?", (seq, chain))

    def clear(self) -> None:
        """Forget all."""
        for table in ("certificates", "templates", "custodians", "chains", "lists"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  our own names
        self.mark(0, GENESIS)

    def add(self, certificate: IssuedCertificate) -> None:
        """Keep a certificate."""
        values = [getattr(certificate, name) for name in _CERTIFICATE]
        self._connection.execute(_ADD, values)

    def change(self, authority: str, serial: bytes, change: Change) -> None:
        """Note what became of a certificate."""
        self._connection.execute(
            "UPDATE certificates SET state = ?, reason = ?, revoked_us = ?, invalid_since_us = ?,"
            " changed_seq = ? WHERE authority = ? AND serial = ?",
            (*attrs.astuple(change), authority, serial),
        )

    def keep_template(self, name: str, body: bytes) -> None:
        """Keep a template; the newest of a name stands."""
        self._connection.execute("INSERT OR REPLACE INTO templates VALUES (?, ?)", (name, body))

    def keep_custodian(self, name: str, spki: bytes) -> None:
        """Keep a custodian, or with no key remove one."""
        if spki:
            self._connection.execute("INSERT INTO custodians VALUES (?, ?)", (name, spki))
        else:
            self._connection.execute("DELETE FROM custodians WHERE name = ?", (name,))

    def keep_chain(self, name: str, leaf: bytes) -> None:
        """Keep the present certificate of a key of this box."""
        self._connection.execute("INSERT OR REPLACE INTO chains VALUES (?, ?)", (name, leaf))

    def keep_list(self, signed: SignedList) -> None:
        """Keep what a list covers; lists long superseded are forgotten."""
        values = [getattr(signed, name) for name in _LIST]
        self._connection.execute(_ADD_LIST, values)
        self._connection.execute(
            "DELETE FROM lists WHERE authority = ?1 AND number < (SELECT max(number) FROM lists"
            " WHERE authority = ?1 AND base_number IS NULL) AND number NOT IN (SELECT number FROM"
            " lists WHERE authority = ?1 ORDER BY number DESC LIMIT ?2)",
            (signed.authority, _LISTS_KEPT),
        )

    # --- questions --------------------------------------------------------------------------------

    def applied(self) -> tuple[int, bytes]:
        """Tell the sequence and chain value of the last row of the journal that is applied."""
        with storage_errors("reading the index of certificates"):
            seq, chain = self._connection.execute(_APPLIED).fetchone()
        return seq, chain

    def find_request(self, request: bytes) -> IssuedCertificate | None:
        """Find what was issued for a wish."""
        return self._find(_BY_REQUEST, request)

    def find(self, authority: str, serial: bytes) -> IssuedCertificate | None:
        """Find a certificate by its number."""
        return self._find(_BY_SERIAL, authority, serial)

    def find_own(self, authority: str, template: str) -> IssuedCertificate | None:
        """Find the newest certificate that an authority gave to this box, by its `@` template."""
        return self._find(_OWN, authority, template)

    def withdrawn(
        self, authority: str, *, since_seq: int = 0, until_us: int = 0
    ) -> Iterator[Withdrawn]:
        """Tell the certificates changed after `since_seq` that hold until `until_us` or later."""
        cursor = self._connection.execute(_CHANGED, (authority, since_seq, until_us))
        with storage_errors("reading the index of certificates"):
            for row in cursor:
                yield Withdrawn(*row)

    def last_change(self, authority: str) -> int:
        """Tell the row of the journal that last changed the state of a certificate, or 0."""
        query = "SELECT max(changed_seq) FROM certificates WHERE authority = ?"
        return self._number(query, authority)

    def last_list(self, authority: str, *, with_deltas: bool = False) -> SignedList | None:
        """Give the newest list of an authority, full unless deltas count too."""
        with storage_errors("reading the index of certificates"):
            row = self._connection.execute(_LAST_LIST, (authority, with_deltas)).fetchone()
        return None if row is None else SignedList(*row)

    def count(self, authority: str) -> dict[str, int]:
        """Count the certificates of an authority by their state."""
        query = "SELECT state, count(*) FROM certificates WHERE authority = ? GROUP BY state"
        with storage_errors("reading the index of certificates"):
            return dict(self._connection.execute(query, (authority,)))

    def count_changed(self, authority: str) -> int:
        """Count the certificates of an authority whose state was ever changed."""
        query = "SELECT count(*) FROM certificates WHERE authority = ? AND changed_seq IS NOT NULL"
        return self._number(query, authority)

    def is_compromised(self, spki_sm3: bytes) -> bool:
        """Tell whether a certificate of this key was revoked as its key was no longer secret."""
        query = "SELECT EXISTS(SELECT 1 FROM certificates WHERE spki_sm3 = ? AND reason = 1)"
        return self._number(query, spki_sm3) > 0

    def count_of_key(self, authority: str, spki_sm3: bytes) -> int:
        """Count the certificates that an authority gave to one key."""
        query = "SELECT count(*) FROM certificates WHERE spki_sm3 = ? AND authority = ?"
        return self._number(query, spki_sm3, authority)

    def templates(self) -> dict[str, bytes]:
        """Give the templates that were added."""
        with storage_errors("reading the index of certificates"):
            return dict(self._connection.execute("SELECT name, body FROM templates ORDER BY name"))

    def custodians(self) -> dict[str, bytes]:
        """Give the custodians' keys as SubjectPublicKeyInfo."""
        with storage_errors("reading the index of certificates"):
            return dict(self._connection.execute("SELECT name, spki FROM custodians ORDER BY name"))

    def own_chain(self, name: str) -> bytes | None:
        """Give the present certificate of a key of this box, as far as the journal knows."""
        with storage_errors("reading the index of certificates"):
            query = "SELECT leaf FROM chains WHERE name = ?"
            row = self._connection.execute(query, (name,)).fetchone()
        return None if row is None else row[0]

    def _find(self, query: str, *values: object) -> IssuedCertificate | None:
        with storage_errors("reading the index of certificates"):
            row = self._connection.execute(query, values).fetchone()
        return None if row is None else IssuedCertificate(*row)

    def _number(self, query: str, *values: object) -> int:
        with storage_errors("reading the index of certificates"):
            row = self._connection.execute(query, values).fetchone()
        return int(row[0] or 0)


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file and see that it is ours; raises sqlite3.DatabaseError."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not _version(connection):
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version != _SCHEMA_VERSION or connection.execute(_APPLIED).fetchone() is None:
        raise sqlite3.DatabaseError(f"no index of version {_SCHEMA_VERSION}")
