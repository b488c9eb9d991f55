"""Certificates: listed, shown, downloaded, revoked, held and released, swept."""

from __future__ import annotations

import functools
from typing import Annotated

from msgspec import Meta

from appliance.asn1.status.crl import CrlReason
from appliance.pki.states import CertificateState
from appliance.services.registration.accounts import Role
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.office import Office
from appliance.store.registry import certificates
from appliance.store.registry.certificates import CertificateFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import PEOPLE, Answer, Call, File, Operation
from appliance.wire.rooms.bodies import (
    CertificateView,
    Name,
    Revocation,
    SweepView,
    Uid,
    View,
    view_certificate,
    view_sweep,
)

_WORKERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
_READERS = PEOPLE | {Role.APPLICATION}


class CertificateQuery(PageQuery, frozen=True, kw_only=True):
    """Which certificates are wanted."""

    owner_uid: Uid | None = None
    authority: Name | None = None
    template: Name | None = None
    state: CertificateState | None = None
    spki_sm3: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None


class CertificatePage(View, frozen=True):
    """A page of certificates, newest first; `next` is null on the last."""

    items: list[CertificateView]
    next: str | None


class CertificateRoom:
    """The operations on certificates."""

    def __init__(self, office: Office, desk: CertificateDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="GET",
                path="/v1/certificates",
                name="listCertificates",
                summary="List certificates, newest first",
                handler=self._list,
                roles=_READERS,
                query=CertificateQuery,
                gives=CertificatePage,
            ),
            Operation(
                method="GET",
                path="/v1/certificates/{id}",
                name="getCertificate",
                summary="Show a certificate",
                handler=self._get,
                roles=_READERS,
                gives=CertificateView,
            ),
            Operation(
                method="GET",
                path="/v1/certificates/{id}/der",
                name="downloadCertificate",
                summary="Download a certificate in DER",
                handler=self._download,
                roles=_READERS,
                gives="application/pkix-cert",
            ),
            Operation(
                method="POST",
                path="/v1/certificates/{id}/revoke",
                name="revokeCertificate",
                summary="Revoke a certificate for ever",
                handler=self._revoke,
                roles=_WORKERS,
                body=Revocation,
                gives=CertificateView,
            ),
            Operation(
                method="POST",
                path="/v1/certificates/{id}/hold",
                name="holdCertificate",
                summary="Put a certificate on hold",
                handler=functools.partial(self._step, CrlReason.CERTIFICATE_HOLD),
                roles=_WORKERS,
                gives=CertificateView,
            ),
            Operation(
                method="POST",
                path="/v1/certificates/{id}/release",
                name="releaseCertificate",
                summary="Take a certificate off hold",
                handler=functools.partial(self._step, CrlReason.REMOVE_FROM_CRL),
                roles=_WORKERS,
                gives=CertificateView,
            ),
            Operation(
                method="POST",
                path="/v1/certificates/sweep",
                name="sweepCertificates",
                summary="Mark certificates that are due for renewal, and those that lapsed",
                handler=self._sweep,
                roles=_WORKERS,
                gives=SweepView,
            ),
        ]

    async def _list(self, call: Call) -> Answer:
        query: CertificateQuery = call.query
        wanted = CertificateFilter(
            owner_uid=query.owner_uid,
            authority=query.authority,
            template=query.template,
            spki_sm3=query.spki_sm3,
            states=(query.state,) if query.state else (),
        )
        items, more = await read_page(
            self._office.registry, certificates.find, wanted, query, view_certificate
        )
        return Answer(CertificatePage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        return Answer(view_certificate(await self._row(call)))

    async def _download(self, call: Call) -> Answer:
        row = await self._row(call)
        return Answer(File(row.der, f"{row.serial_number}.cer"))

    async def _revoke(self, call: Call) -> Answer:
        return await self._step(CrlReason[call.body.reason.upper()], call)

    async def _step(self, reason: CrlReason, call: Call) -> Answer:
        return Answer(view_certificate(await self._desk.revoke(call.path["id"], reason)))

    async def _sweep(self, _call: Call) -> Answer:
        return Answer(view_sweep(await self._desk.sweep()))

    async def _row(self, call: Call) -> certificates.CertificateRow:
        return await self._office.registry.read(
            functools.partial(certificates.get, certificate_id=call.path["id"])
        )
