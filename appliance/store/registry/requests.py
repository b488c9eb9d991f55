"""Wishes for a certificate, by whatever road; a request's id names it at the authority too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

import attrs
from sqlalchemy import Connection, select

from appliance.pki.states import REQUEST, RequestEvent, RequestState
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import requests as table


@attrs.frozen
class RequestRow:
    """A request: `road` builtin, external or offline; `kind` new, renew or rekey.

    `fields` fill the template; `renews` is the certificate that it is to take the place of.
    """

    id: str
    road: str
    kind: str
    authority: str
    template: str
    owner_uid: str
    fields: Mapping[str, str]
    created_us: int
    updated_us: int
    device: str | None = None
    csr: bytes | None = None
    renews: str | None = None
    state: RequestState = RequestState.CREATED
    certificate_id: str | None = None
    reason: str | None = None
    batch_id: str | None = None


@attrs.frozen
class RequestFilter:
    """Which requests are wanted; what is None asks nothing."""

    owner_uid: str | None = None
    device: str | None = None
    authority: str | None = None
    road: str | None = None
    batch_id: str | None = None
    states: tuple[RequestState, ...] = ()


class RequestDetails(TypedDict, total=False):
    """What a step may change beside the state."""

    csr: bytes
    certificate_id: str
    reason: str | None
    batch_id: str | None


def insert(connection: Connection, requests: Sequence[RequestRow]) -> None:
    """Add requests.  Ends in Conflict when an id is there."""
    rows.insert(connection, table, requests)


def get(connection: Connection, request_id: str) -> RequestRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, request_id, RequestRow)


def find_one(connection: Connection, request_id: str) -> RequestRow | None:
    """Read one, if it is there."""
    query = select(table).where(table.c.id == request_id)
    return next(iter(rows.fetch(connection, query, RequestRow)), None)


def find(
    connection: Connection,
    wanted: RequestFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[RequestRow]:
    """List requests, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, RequestRow)


def find_fields(connection: Connection, certificate_id: str, owner_uid: str) -> dict[str, str]:
    """Read what a certificate of an owner was made from; empty when no request made it."""
    query = select(table.c.fields).where(
        table.c.owner_uid == owner_uid, table.c.certificate_id == certificate_id
    )
    found: dict[str, str] | None = connection.execute(query).scalar()
    return found or {}


def find_oldest(
    connection: Connection, state: RequestState, roads: Sequence[str], limit: int = 100
) -> list[RequestRow]:
    """List those of some roads that have been in a state longest: work to be done."""
    query = select(table).where(table.c.state == state, table.c.road.in_(roads))
    query = query.order_by(table.c.created_us, table.c.id).limit(limit)
    return rows.fetch(connection, query, RequestRow)


def move(
    connection: Connection,
    request_id: str,
    step: tuple[RequestState, RequestEvent],
    now_us: int,
    **details: Unpack[RequestDetails],
) -> RequestState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    changes = {"updated_us": now_us, **details}
    return rows.move(connection, table, REQUEST, request_id, step, changes)


def count_by_state(
    connection: Connection, wanted: RequestFilter | None = None
) -> dict[RequestState, int]:
    """Count requests in each state that has any."""
    conditions = rows.clauses(table, wanted or RequestFilter())
    return rows.count_by_state(connection, table, conditions)
