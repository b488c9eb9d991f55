"""Devices: phones that hold a share, as the registry has heard of them from the signer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, Unpack

import attrs
from sqlalchemy import Connection, or_, select, update

from appliance.cosign.registry_states import DEVICE, DeviceEvent, DeviceState
from appliance.pki.states import CERTIFICATE, CertificateEvent, CertificateState, RequestState
from appliance.store.registry import rows
from appliance.store.registry.rows import Cursor
from appliance.store.registry.tables import certificates, requests
from appliance.store.registry.tables import devices as table

_REVOCABLE = CERTIFICATE.sources(CertificateEvent.REVOKED)


@attrs.frozen
class DeviceRow:
    """A device: `id` is the signer's name of it, `public` and `credential` are X||Y.

    `request_id` names its request for a certificate before there is one, `csr` is what it holds.
    """

    id: str
    uid: str
    activation: str
    label: str
    public: bytes
    credential: bytes
    csr: bytes = attrs.field(repr=False)
    request_id: str
    created_us: int
    updated_us: int
    certificate_id: str | None = None
    state: DeviceState = DeviceState.CERTIFYING
    epoch: int = 1


@attrs.frozen
class DeviceFilter:
    """Which devices are wanted; what is None asks nothing."""

    uid: str | None = None
    activation: str | None = None
    states: tuple[DeviceState, ...] = ()


class DeviceDetails(TypedDict, total=False):
    """What a step may change beside the state."""

    certificate_id: str
    epoch: int


def insert(connection: Connection, device: DeviceRow) -> None:
    """Add a device.  Ends in Conflict when its id is there."""
    rows.insert(connection, table, [device])


def get(connection: Connection, device_id: str) -> DeviceRow:
    """Read one.  Raises NotFound."""
    return rows.get(connection, table, device_id, DeviceRow)


def find_one(connection: Connection, device_id: str) -> DeviceRow | None:
    """Read one, if it is there."""
    query = select(table).where(table.c.id == device_id)
    return next(iter(rows.fetch(connection, query, DeviceRow)), None)


def find(
    connection: Connection,
    wanted: DeviceFilter,
    *,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[DeviceRow]:
    """List devices, newest first."""
    query = rows.page(table, rows.clauses(table, wanted), after, limit)
    return rows.fetch(connection, query, DeviceRow)


def certificates_of(connection: Connection, device_ids: Iterable[str]) -> dict[str, str | None]:
    """Tell the certificate of each device that there is."""
    query = select(table.c.id, table.c.certificate_id).where(table.c.id.in_(tuple(device_ids)))
    return {row.id: row.certificate_id for row in connection.execute(query)}


def find_uncertified(connection: Connection, limit: int = 100) -> list[DeviceRow]:
    """List devices whose request was not sent yet, or has its certificate: work to be done."""
    query = (
        select(table)
        .outerjoin(requests, requests.c.id == table.c.request_id)
        .where(
            table.c.certificate_id.is_(None),
            table.c.state != DeviceState.REVOKED,
            or_(requests.c.id.is_(None), requests.c.state == RequestState.ISSUED),
        )
        .order_by(table.c.created_us, table.c.id)
        .limit(limit)
    )
    return rows.fetch(connection, query, DeviceRow)


def find_to_revoke(connection: Connection, limit: int = 100) -> list[str]:
    """List certificates that still hold though their devices are revoked."""
    query = (
        select(certificates.c.id)
        .join(table, table.c.certificate_id == certificates.c.id)
        .where(table.c.state == DeviceState.REVOKED, certificates.c.state.in_(_REVOCABLE))
        .order_by(certificates.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def follow_renewals(connection: Connection) -> int:
    """Give devices the certificates that took the place of theirs; tells how many."""
    successor = select(certificates.c.renewed_by).where(certificates.c.id == table.c.certificate_id)
    renewed = select(certificates.c.id).where(
        certificates.c.state == CertificateState.RENEWED, certificates.c.renewed_by.is_not(None)
    )
    statement = (
        update(table)
        .where(table.c.certificate_id.in_(renewed))
        .values(certificate_id=successor.scalar_subquery())
    )
    return connection.execute(statement).rowcount


def keep_certificate(
    connection: Connection, device: DeviceRow, certificate_id: str, now_us: int
) -> None:
    """Note the first certificate of a device, which is active now if that is all it lacked."""
    if device.state is DeviceState.CERTIFYING:
        step = (device.state, DeviceEvent.CERTIFIED)
        move(connection, device.id, step, now_us, certificate_id=certificate_id)
        return
    values = {"certificate_id": certificate_id, "updated_us": now_us}
    connection.execute(update(table).where(table.c.id == device.id).values(values))


def set_epoch(connection: Connection, device_id: str, epoch: int, now_us: int) -> None:
    """Note the epoch of a device's shares."""
    values = {"epoch": epoch, "updated_us": now_us}
    connection.execute(update(table).where(table.c.id == device_id).values(values))


def move(
    connection: Connection,
    device_id: str,
    step: tuple[DeviceState, DeviceEvent],
    now_us: int,
    **details: Unpack[DeviceDetails],
) -> DeviceState:
    """Make a step from the state that was seen.  Raises Conflict, NotFound."""
    return rows.move(connection, table, DEVICE, device_id, step, {"updated_us": now_us, **details})
