"""Requests for certificates: from a wish to a certificate in the registry, by whatever road.

A request is durable before any authority hears of it, under the number that names it there for
ever; so `resume` asks again for what a crash interrupted, and nothing is issued twice.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import attrs
from sqlalchemy import Connection
from twisted.logger import Logger

from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import ApplianceError, Conflict, Malformed, NotFound, Refused
from appliance.pki.states import CERTIFICATE, CertificateEvent, RequestEvent, RequestState
from appliance.services.certifying.messages import IssueAsk, IssueRefusal
from appliance.services.messages import BATCH_LIMIT
from appliance.services.registration.office import Office
from appliance.services.registration.roads import Road
from appliance.store.registry import certificates, requests
from appliance.store.registry.certificates import CertificateRow
from appliance.store.registry.requests import RequestRow

BUILTIN, OFFLINE, EXTERNAL = "builtin", "offline", "external"
NEW, RENEW, REKEY = "new", "renew", "rekey"
_IN_USE = CERTIFICATE.sources(CertificateEvent.REPLACED)
_FINAL_REFUSALS = frozenset({"Malformed", "Refused", "NotFound", "Conflict"})


@attrs.frozen
class Wish:
    """What somebody wants: a certificate of `template` by `authority`, on `road`.

    `fields` fill the template, `uid` of the owner among them.  Without a PKCS#10 request in DER
    the request waits for one; a renewal has the key of the certificate it replaces, and its
    fields.
    """

    authority: str
    template: str
    owner_uid: str
    fields: Mapping[str, str] = attrs.field(factory=dict)
    csr: bytes | None = None
    device: str | None = None
    road: str = BUILTIN
    kind: str = NEW
    renews: str | None = None
    id: str | None = None


class RequestDesk:
    """Takes wishes in, sends them on, and keeps what comes of them."""

    _log = Logger()

    def __init__(self, office: Office, roads: Mapping[str, Road] = MappingProxyType({})) -> None:
        self._office = office
        self._roads = roads

    def road_to(self, authority: str) -> str:
        """Tell by which road an authority is asked on line."""
        return EXTERNAL if authority in self._roads else BUILTIN

    async def take(self, wishes: Sequence[Wish]) -> list[RequestRow]:
        """Keep wishes as requests and send on what can be; gives them as they are then.

        A wish whose `id` is kept already is not kept again.  Raises Conflict for a renewal of a
        certificate that is out of use, NotFound for one that is unknown.
        """
        rows = [self._row(wish) for wish in wishes]
        kept = await self._office.registry.run(lambda connection: _keep(connection, rows))
        return await self.send(kept)

    async def supply_csr(self, request_id: str, csr: bytes) -> RequestRow:
        """Give a request the PKCS#10 request it waits for, and send it on.

        Raises NotFound; Conflict for one that does not wait for any.
        """
        now_us = self._office.now_us()

        def supply(connection: Connection) -> RequestRow:
            row = requests.get(connection, request_id)
            step = (row.state, RequestEvent.CSR_ASKED)
            if row.state is RequestState.CSR_PENDING:
                step = (row.state, RequestEvent.SUBMITTED)
            if row.csr is not None or row.road == OFFLINE:
                raise Conflict("the request does not wait for a PKCS#10 request")
            requests.move(connection, request_id, step, now_us, csr=csr)
            return requests.get(connection, request_id)

        return (await self.send([await self._office.registry.run(supply)]))[0]

    async def certificate_of(self, row: RequestRow) -> bytes:
        """Give the certificate that a request was issued, in DER.  Raises NotFound."""
        if row.certificate_id is None:
            raise NotFound("the request has no certificate")
        found = await self._office.registry.read(
            functools.partial(certificates.get, certificate_id=row.certificate_id)
        )
        return found.der

    async def cancel(self, request_id: str) -> RequestRow:
        """Give a request up.  Raises NotFound; Conflict when its certificate may exist already."""
        now_us = self._office.now_us()

        def cancel(connection: Connection) -> RequestRow:
            row = requests.get(connection, request_id)
            step = (row.state, RequestEvent.CANCELLED)
            requests.move(connection, request_id, step, now_us)
            return requests.get(connection, request_id)

        return await self._office.registry.run(cancel)

    async def retry(self, request_id: str) -> RequestRow:
        """Send a request on once more whose road broke, under its own number.

        Raises NotFound, and Conflict for one that has not failed.
        """
        now_us = self._office.now_us()

        def again(connection: Connection) -> RequestRow:
            row = requests.get(connection, request_id)
            step = (row.state, RequestEvent.RETRIED)
            requests.move(connection, request_id, step, now_us, reason=None)
            return requests.get(connection, request_id)

        return (await self.send([await self._office.registry.run(again)]))[0]

    async def resume(self) -> int:
        """Send on what a crash left under way; tells how many."""
        count = 0
        while True:
            rows = await self._office.registry.read(
                lambda connection: requests.find_oldest(
                    connection, RequestState.SUBMITTED, (BUILTIN, EXTERNAL), BATCH_LIMIT
                )
            )
            if not rows:
                return count
            sent = await self.send(rows)
            count += len(sent)
            if any(row.state is RequestState.SUBMITTED for row in sent):
                return count  # the signer cannot be reached now

    async def send(self, rows: Sequence[RequestRow]) -> list[RequestRow]:
        """Send submitted requests to their authorities; gives all as they are then.

        Where the signer cannot be asked now, they stay submitted and `resume` goes on; where an
        authority outside cannot, the request has failed and can be tried again.
        """
        submitted = [row for row in rows if row.state is RequestState.SUBMITTED]
        ready = [row for row in submitted if row.road == BUILTIN]
        settled = {row.id: row for row in rows}
        for row in submitted:
            if row.road == EXTERNAL:
                result = await self._ask_outside(row)
                settled[row.id] = (await self.settle([row], [result]))[0]
        for at in range(0, len(ready), BATCH_LIMIT):
            part = ready[at : at + BATCH_LIMIT]
            try:
                results = await self._office.signer.issue(await self._asks(part))
            except ApplianceError as error:
                self._log.warn("requests wait for the signer", count=len(part), why=str(error))
                break
            settled.update({row.id: row for row in await self.settle(part, results)})
        return [settled[row.id] for row in rows]

    async def settle(
        self, rows: Sequence[RequestRow], results: Sequence[bytes | IssueRefusal]
    ) -> list[RequestRow]:
        """Keep what an authority answered to submitted requests, all in one transaction.

        One that was settled meanwhile, by whoever sent it on too, stays as it is.
        """
        office = self._office
        now_us = office.now_us()
        read = [
            result if isinstance(result, IssueRefusal) else decode_certificate(result)
            for result in results
        ]

        def keep(connection: Connection) -> list[RequestRow]:
            for row, result in zip(rows, read, strict=True):
                if requests.get(connection, row.id).state is not row.state:
                    continue
                if isinstance(result, IssueRefusal):
                    _refuse(connection, row, result, now_us)
                else:
                    made = self._certificate(row, result, now_us)
                    _issue(connection, row, made, now_us)
            return [requests.get(connection, row.id) for row in rows]

        return await office.registry.run(keep)

    async def _ask_outside(self, row: RequestRow) -> bytes | IssueRefusal:
        road = self._roads.get(row.authority)
        if road is None:
            return IssueRefusal("NotFound", f"no road leads to the authority {row.authority}")
        try:
            if row.renews is None:
                return await road.enrol(row.csr or b"")
            old = await self._office.registry.read(
                functools.partial(certificates.get, certificate_id=row.renews)
            )
            return await road.renew(old.der, row.csr)
        except (Refused, NotFound) as error:
            return IssueRefusal(type(error).__name__, str(error))
        except ApplianceError as error:
            return IssueRefusal("Unavailable", str(error))

    async def _asks(self, rows: Sequence[RequestRow]) -> list[IssueAsk]:
        renewed = [row.renews for row in rows if row.kind == RENEW and row.renews is not None]

        def look_up(connection: Connection) -> dict[str, bytes]:
            found = (certificates.get(connection, each) for each in renewed)
            return {each.id: bytes.fromhex(each.serial_number) for each in found}

        serials = await self._office.registry.read(look_up) if renewed else {}
        return [
            IssueAsk(
                request=bytes.fromhex(row.id),
                authority=row.authority,
                template=row.template,
                fields=dict(row.fields),
                csr=row.csr or b"",
                renews=serials.get(row.renews or "", b"") if row.kind == RENEW else b"",
            )
            for row in rows
        ]

    def _row(self, wish: Wish) -> RequestRow:
        now_us = self._office.now_us()
        if wish.kind != NEW and wish.renews is None:
            raise Malformed(f"a request of kind {wish.kind} names the certificate it replaces")
        return RequestRow(
            id=wish.id or self._office.new_id(),
            road=wish.road,
            kind=wish.kind,
            authority=wish.authority,
            template=wish.template,
            owner_uid=wish.owner_uid,
            fields={**wish.fields, "uid": wish.owner_uid},
            created_us=now_us,
            updated_us=now_us,
            device=wish.device,
            csr=wish.csr,
            renews=wish.renews,
        )

    def _certificate(
        self, row: RequestRow, certificate: Certificate, now_us: int
    ) -> CertificateRow:
        return CertificateRow(
            id=self._office.sm3(certificate.der)[:16].hex(),
            serial_number=serial_hex(certificate),
            authority=row.authority,
            template=row.template,
            owner_uid=row.owner_uid,
            device=row.device,
            subject=str(certificate.subject),
            spki_sm3=self._office.digest(certificate.spki),
            not_before_us=certificate.validity.not_before.posix_us,
            not_after_us=certificate.validity.not_after.posix_us,
            created_us=now_us,
            der=certificate.der,
        )


def _keep(connection: Connection, rows: Sequence[RequestRow]) -> list[RequestRow]:
    """Add requests that are not there, and let those that can be sent be so."""
    kept = []
    for row in rows:
        if requests.find_one(connection, row.id) is None:
            wanted = row if row.renews is None else _inherit(connection, row, row.renews)
            requests.insert(connection, [wanted])
            _begin(connection, wanted)
        kept.append(requests.get(connection, row.id))
    return kept


def _inherit(connection: Connection, row: RequestRow, renews: str) -> RequestRow:
    """Give a request the fields of the certificate it renews, where it does not say others."""
    old = certificates.get(connection, renews)
    _require_in_use(old)
    fields = requests.find_fields(connection, old.id, old.owner_uid)
    return attrs.evolve(row, fields={**fields, **row.fields})


def _begin(connection: Connection, row: RequestRow) -> None:
    if row.csr is None and row.kind != RENEW:
        event = RequestEvent.CSR_ASKED
    elif row.road != OFFLINE:
        event = RequestEvent.SUBMITTED
    else:
        return  # it leaves with a batch
    requests.move(connection, row.id, (RequestState.CREATED, event), row.created_us)


def _require_in_use(row: CertificateRow) -> None:
    """Raise Conflict unless a certificate can be renewed as it is."""
    if row.state not in _IN_USE:
        raise Conflict(f"the certificate {row.serial_number} is {row.state.value}")


def _issue(connection: Connection, row: RequestRow, made: CertificateRow, now_us: int) -> None:
    certificates.insert(connection, [made])
    step = (row.state, RequestEvent.ISSUED)
    requests.move(connection, row.id, step, now_us, certificate_id=made.id)
    if row.renews is not None:
        old = certificates.get(connection, row.renews)
        if old.state in _IN_USE:
            replaced = (old.state, CertificateEvent.REPLACED)
            certificates.move(connection, old.id, replaced, renewed_by=made.id)


def _refuse(connection: Connection, row: RequestRow, refusal: IssueRefusal, now_us: int) -> None:
    is_final = refusal.kind in _FINAL_REFUSALS
    event = RequestEvent.REFUSED if is_final else RequestEvent.FAILED
    requests.move(connection, row.id, (row.state, event), now_us, reason=refusal.detail)


def serial_hex(certificate: Certificate) -> str:
    """Write a serial number as the registry does: whole octets in hex."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex()
