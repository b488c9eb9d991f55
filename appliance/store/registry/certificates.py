"""Certificates as people see them; the signer's own index is what a status answer is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import attrs
from sqlalchemy import Connection, select, tuple_, update

from appliance.errors import NotFound
from appliance.pki.states import CERTIFICATE, CertificateEvent, CertificateState
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import certificates as table


@attrs.frozen
class CertificateRow:
    """A certificate: `serial_number` in hex, instants in POSIX us, `reason` of RFC 5280 5.3.1."""

    id: str
    serial_number: str
    authority: str
    template: str
    owner_uid: str
    device: str | None
    subject: str
    spki_sm3: str
    not_before_us: int
    not_after_us: int
    created_us: int
    der: bytes = attrs.field(repr=False)
    state: CertificateState = CertificateState.VALID
    renewed_by: str | None = None
    reason: int | None = None
    revoked_us: int | None = None


@attrs.frozen
class CertificateFilter:
    """Which certificates are wanted; what is None asks nothing."""

    owner_uid: str | None = None
    device: str | None = None
    authority: str | None = None
    template: str | None = None
    spki_sm3: str | None = None
    states: tuple[CertificateState, ...] = ()


class CertificateDetails(TypedDict, total=False):
    """What a step may change beside the state."""

    renewed_by: str
    reason: int | None
    revoked_us: int | None


@attrs.frozen
class Swept:
    """A certificate that a sweep moved."""

    id: str
    authority: str
    serial_number: str
    old: CertificateState
    new: CertificateState


def insert(connection: Connection, certificates: Sequence[CertificateRow]) -> None:
    """Add certificates.  Ends in Conflict when an id or a serial of an authority is there."""
    rows.insert(connection, table, certificates)


def get(connection: Connection, certificate_id: str) -> CertificateRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, certificate_id, CertificateRow)


def get_by_serial(connection: Connection, authority: str, serial_number: str) -> CertificateRow:
    """Read the one that `authority` numbered so.  Raises NotFound."""
    query = select(table).where(
        table.c.authority == authority, table.c.serial_number == serial_number
    )
    found = rows.fetch(connection, query, CertificateRow)
    if not found:
        raise NotFound(f"{authority} has no certificate of this serial number")
    return found[0]


def find(
    connection: Connection,
    wanted: CertificateFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[CertificateRow]:
    """List certificates, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, CertificateRow)


def find_due(
    connection: Connection,
    before_us: int,
    *,
    authority: str | None = None,
    after: tuple[int, str] | None = None,
    limit: int = 100,
) -> list[CertificateRow]:
    """List those in use whose validity ends before `before_us`, the earliest end first.

    `after` is the (not_after_us, id) that was last seen.
    """
    place = tuple_(table.c.not_after_us, table.c.id)
    query = select(table).where(
        table.c.state.in_(CERTIFICATE.sources(CertificateEvent.REPLACED)),
        table.c.not_after_us < before_us,
    )
    if authority is not None:
        query = query.where(table.c.authority == authority)
    if after is not None:
        query = query.where(place > tuple_(*after))
    query = query.order_by(table.c.not_after_us, table.c.id).limit(limit)
    return rows.fetch(connection, query, CertificateRow)


def move(
    connection: Connection,
    certificate_id: str,
    step: tuple[CertificateState, CertificateEvent],
    **details: Unpack[CertificateDetails],
) -> CertificateState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    return rows.move(connection, table, CERTIFICATE, certificate_id, step, details)


def sweep(
    connection: Connection, event: CertificateEvent, before_us: int, limit: int = 1000
) -> list[Swept]:
    """Let `event` (DUE or LAPSED) come over certificates that end before `before_us`.

    Of each state at most `limit`, the earliest end first; call again until it gives nothing.
    """
    swept: list[Swept] = []
    for old in CERTIFICATE.sources(event):
        new = CERTIFICATE.after(old, event)
        chosen = (
            select(table.c.id)
            .where(table.c.state == old, table.c.not_after_us < before_us)
            .order_by(table.c.not_after_us, table.c.id)
            .limit(limit)
        )
        moved = connection.execute(
            update(table)
            .where(table.c.id.in_(chosen))
            .values(state=new)
            .returning(table.c.id, table.c.authority, table.c.serial_number)
        )
        swept += [Swept(row.id, row.authority, row.serial_number, old, new) for row in moved]
    return swept


def count_by_state(
    connection: Connection, wanted: CertificateFilter | None = None
) -> dict[CertificateState, int]:
    """Count certificates in each state that has any."""
    conditions = rows.clauses(table, wanted or CertificateFilter())
    return rows.count_by_state(connection, table, conditions)
