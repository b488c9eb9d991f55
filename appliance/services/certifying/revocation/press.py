"""Revocation lists as files: a full one an authority, and where that is long a delta beside it.

A list is journalled before it takes its name; one that a crash kept from it is made anew, under a
greater number.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import attrs

from appliance.asn1.status.crl import CrlReason
from appliance.crypto.api import DigestKey
from appliance.crypto.streaming import MessageSigner
from appliance.pki.lists import Edition, Entry, write_crl
from appliance.pki.states import CertificateState
from appliance.quantities import US_PER_S, Utc
from appliance.services.certifying.authority import Issuer
from appliance.services.certifying.journal import Journal, ListRow
from appliance.store.files import write_from
from appliance.store.issued import SignedList, Withdrawn

DELTA_FROM = 10_000
"""How many certificates a list tells of before a revocation is told by a delta list."""

_NODE_BITS = 8
_LEAST_US = US_PER_S
_SPOOL_OCTETS = 4 << 20


@attrs.frozen
class Edited:
    """A list that was published."""

    number: int
    is_delta: bool
    octets: int


class Press:
    """Signs and publishes the lists of all authorities, in the thread that owns the journal."""

    def __init__(
        self,
        journal: Journal,
        folder: Path,
        *,
        node: int,
        lifetime_s: int,
        delta_from: int = DELTA_FROM,
        address: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """`address` gives the URL of a file in `folder`, if it has one."""
        self._journal = journal
        self._folder = folder
        self._node = node
        self._lifetime_us = lifetime_s * US_PER_S
        self._delta_from = delta_from
        self._address = address
        self._seen: set[str] = set()

    def publish_due(self, issuer: Issuer, now: Utc) -> None:
        """Publish what has changed, what is half over, and what a crash kept back."""
        name = issuer.identity.name
        index = self._journal.index
        full, newest = index.last_list(name), index.last_list(name, with_deltas=True)
        if full is None or newest is None or self._is_half_over(full, now):
            self.publish(issuer, now)
        elif now.posix_us - newest.this_update_us < _LEAST_US:
            return  # what is revoked in a burst stands in one list
        elif index.last_change(name) > newest.covers_seq:
            self.publish(issuer, now, is_delta=self._has_deltas(name))
        elif name not in self._seen and not self._is_published(newest):
            self.publish(issuer, now, is_delta=newest.base_number is not None)
        self._seen.add(name)

    def publish(self, issuer: Issuer, now: Utc, *, is_delta: bool = False) -> Edited:
        """Sign a list and publish it; a delta to no full list is a full one.

        Raises Unavailable when the disk fails.
        """
        name = issuer.identity.name
        index = self._journal.index
        base = index.last_list(name) if is_delta else None
        covers_seq = index.applied()[0]
        freshest = self._address(_file_name(name, is_delta=True))
        edition = Edition(
            number=self._number(name, now),
            this_update=now,
            next_update=Utc(now.posix_us + self._lifetime_us),
            base_number=None if base is None else base.number,
            freshest=freshest if base is None and self._has_deltas(name) else None,
        )
        entries = self._entries(name, now, base)
        path = self._folder / _file_name(name, is_delta=base is not None)
        with write_from(path, mode=0o644) as file:
            octets, digest = self._write(issuer, edition, entries, file)
            self._journal.append([_row(name, edition, covers_seq, digest)])
        return Edited(edition.number, base is not None, octets)

    def _write(
        self, issuer: Issuer, edition: Edition, entries: Iterator[Entry], file: BinaryIO
    ) -> tuple[int, bytes]:
        signer = MessageSigner(cast("DigestKey", issuer.identity.key))
        output = _Hashing(file)
        with tempfile.SpooledTemporaryFile(_SPOOL_OCTETS, dir=str(self._folder)) as spool:
            octets = write_crl(
                issuer.name,
                edition,
                entries,
                signer,
                spool=cast("BinaryIO", spool),
                output=cast("BinaryIO", output),
            )
        return octets, output.hash.digest()

    def _entries(self, name: str, now: Utc, base: SignedList | None) -> Iterator[Entry]:
        """Tell what stands in a list; what expires stays for one more list (RFC 5280 3.3)."""
        index = self._journal.index
        found = index.withdrawn(
            name,
            since_seq=base.covers_seq if base else 0,
            until_us=now.posix_us - self._lifetime_us,
        )
        for each in found:
            if each.state is not CertificateState.VALID:
                yield _entry(each)
            elif base is not None:
                yield Entry(each.serial, now, CrlReason.REMOVE_FROM_CRL)

    def _number(self, name: str, now: Utc) -> int:
        """Give a number of seconds and node, above all that went before."""
        last = self._journal.index.last_list(name, with_deltas=True)
        after = 0 if last is None else (last.number >> _NODE_BITS) + 1
        return max(now.posix_us // US_PER_S, after) << _NODE_BITS | self._node

    def _has_deltas(self, name: str) -> bool:
        return self._journal.index.count_changed(name) >= self._delta_from

    def _is_half_over(self, full: SignedList, now: Utc) -> bool:
        return not 0 <= now.posix_us - full.this_update_us < self._lifetime_us // 2

    def _is_published(self, signed: SignedList) -> bool:
        path = self._folder / _file_name(signed.authority, is_delta=signed.base_number is not None)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() == signed.digest
        except FileNotFoundError:
            return False


class _Hashing:
    """A file that is hashed as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def write(self, octets: bytes) -> int:
        """Write and hash."""
        self.hash.update(octets)
        return self._file.write(octets)


def _file_name(authority: str, *, is_delta: bool) -> str:
    return f"{authority}-delta.crl" if is_delta else f"{authority}.crl"


def _entry(found: Withdrawn) -> Entry:
    reason = None if not found.reason else CrlReason(found.reason)
    since = found.invalid_since_us
    assert found.revoked_us is not None
    return Entry(found.serial, Utc(found.revoked_us), reason, None if since is None else Utc(since))


def _row(name: str, edition: Edition, covers_seq: int, digest: bytes) -> ListRow:
    return ListRow(
        authority=name,
        number=edition.number,
        base_number=edition.base_number,
        this_update_us=edition.this_update.posix_us,
        next_update_us=edition.next_update.posix_us,
        covers_seq=covers_seq,
        digest=digest,
    )
