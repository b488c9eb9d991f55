"""The journal: what the authorities of this box did, as rows of a ledger of its own.

It is the truth; `store.issued` is an index of it.  A row is durable before anyone hears of it.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from appliance.errors import Fault
from appliance.pki.states import CertificateState
from appliance.store.issued import Change, IssuedCertificate, IssuedIndex, SignedList
from appliance.store.ledger.chain import GENESIS, Entry, Row
from appliance.store.ledger.ledger import Ledger

_ROWS_PER_COMMIT = 1000


class Kind(enum.IntEnum):
    """What a row records; the numbers are kept for ever."""

    START = 1
    ISSUED = 2  # under the certificate's serial number
    CHANGED = 3
    TEMPLATE = 4
    LIST = 5
    CEREMONY = 6
    AUTHORITY = 7
    CUSTODIAN = 8


class Happening(msgspec.Struct, frozen=True, array_like=True):
    """The parent of what rows hold."""


class Started(Happening, frozen=True, array_like=True):
    """The authorities began: the node's number and the random part of their serial numbers."""

    node: int
    start_random: bytes
    at_us: int


class IssuedRow(Happening, frozen=True, array_like=True):
    """A certificate; see `IssuedCertificate`.  `renews` is the number of the one it renews."""

    authority: str
    serial: bytes
    spki_sm3: bytes
    not_after_us: int
    request: bytes
    wish: bytes
    template: str
    fields: bytes
    renews: bytes
    renewals: int
    at_us: int
    der: bytes


class ChangedRow(Happening, frozen=True, array_like=True):
    """A certificate was revoked, held or released."""

    authority: str
    serial: bytes
    state: CertificateState
    reason: int | None
    invalid_since_us: int | None
    at_us: int


class TemplateRow(Happening, frozen=True, array_like=True):
    """A certificate template was added, or a newer one of its name."""

    name: str
    body: bytes
    at_us: int


class ListRow(Happening, frozen=True, array_like=True):
    """A revocation list was signed; see `SignedList`."""

    authority: str
    number: int
    base_number: int | None
    this_update_us: int
    next_update_us: int
    covers_seq: int
    digest: bytes


class CeremonyRow(Happening, frozen=True, array_like=True):
    """Custodians agreed to an act, which is done after this row: their statement and signatures."""

    statement: bytes
    approvals: list[tuple[str, bytes]]
    at_us: int


class AuthorityRow(Happening, frozen=True, array_like=True):
    """A key of this box has a certificate: the chain in DER, its own first."""

    name: str
    usage: str
    chain: list[bytes]
    at_us: int


class CustodianRow(Happening, frozen=True, array_like=True):
    """A custodian joined, or left where there is no key."""

    name: str
    spki: bytes
    at_us: int


_KINDS: dict[type[Happening], Kind] = {
    Started: Kind.START,
    IssuedRow: Kind.ISSUED,
    ChangedRow: Kind.CHANGED,
    TemplateRow: Kind.TEMPLATE,
    ListRow: Kind.LIST,
    CeremonyRow: Kind.CEREMONY,
    AuthorityRow: Kind.AUTHORITY,
    CustodianRow: Kind.CUSTODIAN,
}
_encode = msgspec.msgpack.Encoder().encode
_DECODERS = {kind: msgspec.msgpack.Decoder(type_) for type_, kind in _KINDS.items()}

R = TypeVar("R", bound=Happening)


def read_row(row: Row) -> Happening:
    """Read what a row holds.  Raises Fault for a row that this version never wrote."""
    try:
        return _DECODERS[Kind(row.kind)].decode(row.body)
    except (ValueError, msgspec.DecodeError) as error:
        raise Fault(f"row {row.seq} of the journal cannot be read") from error


def sm3(data: bytes) -> bytes:
    """Hash with SM3."""
    return hashlib.new("sm3", data).digest()


class Journal:
    """A ledger of happenings and the index that follows it, used by one thread at a time.

    Opening it heals an index that is behind, torn or of another journal.
    """

    def __init__(self, ledger: Ledger, index: IssuedIndex) -> None:
        self._ledger = ledger
        self.index = index
        self.catch_up()

    def append(self, happenings: Sequence[Happening]) -> int:
        """Keep happenings in one durable commit; returns the sequence of the first.

        Raises Unavailable when the disk fails: then nothing happened, unless `catch_up` tells
        otherwise.
        """
        self.catch_up()
        first = self._ledger.append([_entry(each) for each in happenings])
        self.catch_up()
        return first

    def catch_up(self) -> None:
        """Let the index know all that the ledger has."""
        last_seq, last_chain = self._ledger.last()
        seq, chain = self.index.applied()
        if (seq, chain) == (last_seq, last_chain):
            return
        if not self._has(seq, chain):
            with self.index.applying():
                self.index.clear()
            seq = 0
        while seq < last_seq:
            seq = self._apply_some(seq)

    def keep_head(self, monotonic_ns: int) -> None:
        """Write a signed head when one is due."""
        self._ledger.keep_head(monotonic_ns)

    def close(self) -> None:
        """Write a last head and close both."""
        self.index.close()
        self._ledger.write_head()
        self._ledger.close()

    def _has(self, seq: int, chain: bytes) -> bool:
        if seq == 0:
            return chain == GENESIS
        if seq > self._ledger.last()[0]:
            return False
        return next(self._ledger.rows(seq)).chain == chain

    def _apply_some(self, seq: int) -> int:
        with self.index.applying():
            for count, row in enumerate(self._ledger.rows(seq + 1), 1):
                _apply(self.index, row)
                if count == _ROWS_PER_COMMIT:
                    break
            self.index.mark(row.seq, row.chain)
        return row.seq


def _entry(happening: Happening) -> Entry:
    serial = happening.serial if isinstance(happening, IssuedRow) else None
    return Entry(_KINDS[type(happening)], _encode(happening), serial)


def serial_octets(number: int) -> bytes:
    """Give a positive serial number as octets without leading zeros."""
    return number.to_bytes(-(-number.bit_length() // 8), "big")


def _apply(index: IssuedIndex, row: Row) -> None:
    happening = read_row(row)
    if isinstance(happening, IssuedRow):
        index.add(_issued(happening, row.seq))
    elif isinstance(happening, ChangedRow):
        is_withdrawn = happening.state is not CertificateState.VALID
        change = Change(
            state=happening.state,
            reason=happening.reason,
            revoked_us=happening.at_us if is_withdrawn else None,
            invalid_since_us=happening.invalid_since_us,
            seq=row.seq,
        )
        index.change(happening.authority, happening.serial, change)
    elif isinstance(happening, TemplateRow):
        index.keep_template(happening.name, happening.body)
    elif isinstance(happening, CustodianRow):
        index.keep_custodian(happening.name, happening.spki)
    elif isinstance(happening, AuthorityRow):
        index.keep_chain(happening.name, happening.chain[0])
    elif isinstance(happening, ListRow):
        index.keep_list(SignedList(**msgspec.structs.asdict(happening)))


def _issued(issued: IssuedRow, seq: int) -> IssuedCertificate:
    return IssuedCertificate(
        authority=issued.authority,
        serial=issued.serial,
        request=issued.request,
        wish=issued.wish,
        template=issued.template,
        fields=issued.fields,
        spki_sm3=issued.spki_sm3,
        not_after_us=issued.not_after_us,
        renewals=issued.renewals,
        seq=seq,
        der=issued.der,
    )
