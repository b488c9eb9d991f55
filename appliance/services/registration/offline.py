"""Issuing off line: requests leave in one signed ZIP, certificates come back and find their key."""

from __future__ import annotations

import functools

import attrs
from sqlalchemy import Connection

from appliance.asn1.pkcs10 import decode_request
from appliance.asn1.x509 import Certificate
from appliance.errors import Conflict, Refused
from appliance.pki import batches as files
from appliance.pki.batches import Incoming, Outgoing
from appliance.pki.states import BATCH, BatchEvent, BatchState, RequestEvent, RequestState
from appliance.services.registration.office import Office
from appliance.services.registration.requests import OFFLINE, RequestDesk
from appliance.store.registry import batches, requests
from appliance.store.registry.batches import BatchFilter, BatchRow
from appliance.store.registry.requests import RequestFilter, RequestRow


@attrs.frozen
class ImportRow:
    """What became of one certificate of an import: its request, or why it has none."""

    file: str
    subject: str
    request_id: str
    fault: str


class OfflineDesk:
    """Gives batches out and takes certificates in."""

    def __init__(self, office: Office, desk: RequestDesk) -> None:
        self._office = office
        self._desk = desk

    async def export(self, authority: str) -> tuple[BatchRow, bytes]:
        """Put every off-line request for `authority` that waits into a batch: row and ZIP.

        A batch whose export a crash interrupted is given out first.  Raises Refused when nothing
        waits.
        """
        office = self._office
        batch = await office.registry.run(lambda connection: self._open(connection, authority))
        return await self.export_again(batch.id)

    async def export_again(self, batch_id: str) -> tuple[BatchRow, bytes]:
        """Give out the ZIP of a batch, as often as it is wanted.  Raises NotFound, Conflict."""
        registry = self._office.registry
        batch, rows = await registry.read(lambda connection: _contents(connection, batch_id))
        outgoing = [_outgoing(row) for row in rows]
        created = attrs.evolve(self._office.now(), posix_us=batch.created_us)
        manifest = files.make_manifest(batch.id, created, outgoing, self._office.sm3)
        signature, chain = await self._office.signer.sign_manifest(manifest)
        digest, now_us = self._office.digest(manifest), self._office.now_us()

        def mark(connection: Connection) -> BatchRow:
            if batch.state is BatchState.OPEN:
                step = (batch.state, BatchEvent.EXPORTED)
                batches.move(connection, batch.id, step, now_us, manifest_sm3=digest)
            return batches.get(connection, batch.id)

        return await registry.run(mark), files.pack(manifest, signature, chain, outgoing)

    async def take_in(self, name: str, octets: bytes) -> list[ImportRow]:
        """Match every certificate in a ZIP, PEM or DER file to a request by its key; row report.

        A certificate that came before is matched again and changes nothing.  Raises Malformed for
        a ZIP that cannot be read.
        """
        incoming = list(files.read_import(name, octets))
        waiting = await self._office.registry.read(_waiting)
        by_key: dict[bytes, RequestRow] = {}
        for row in waiting:
            by_key.setdefault(decode_request(row.csr or b"").spki, row)
        report: list[ImportRow] = []
        granted: dict[str, tuple[RequestRow, Certificate]] = {}
        for each in incoming:
            found = by_key.get(each.certificate.spki) if each.certificate else None
            report.append(_judge(each, found, granted))
            if found is not None and each.certificate is not None and not report[-1].fault:
                granted[found.id] = found, each.certificate
        await self._settle(list(granted.values()))
        return report

    async def _settle(self, granted: list[tuple[RequestRow, Certificate]]) -> None:
        fresh = [pair for pair in granted if pair[0].state is not RequestState.ISSUED]
        await self._desk.settle(
            [row for row, _ in fresh], [certificate.der for _, certificate in fresh]
        )
        now_us = self._office.now_us()
        for batch_id in dict.fromkeys(row.batch_id for row, _ in fresh if row.batch_id):
            await self._office.registry.run(
                functools.partial(_follow, batch_id=batch_id, now_us=now_us)
            )

    def _open(self, connection: Connection, authority: str) -> BatchRow:
        unfinished = batches.find(
            connection, BatchFilter(authority=authority, states=(BatchState.OPEN,)), limit=1
        )
        if unfinished:
            return unfinished[0]
        wanted = RequestFilter(authority=authority, road=OFFLINE, states=(RequestState.CREATED,))
        rows = requests.find(connection, wanted, limit=files.MAX_ROWS)
        if not rows:
            raise Refused(f"no off-line request for {authority} waits")
        now_us = self._office.now_us()
        batch = BatchRow(self._office.new_id(), authority, len(rows), now_us, now_us)
        batches.insert(connection, batch)
        for row in rows:
            step = (row.state, RequestEvent.SUBMITTED)
            requests.move(connection, row.id, step, now_us, batch_id=batch.id)
        return batch


def _contents(connection: Connection, batch_id: str) -> tuple[BatchRow, list[RequestRow]]:
    batch = batches.get(connection, batch_id)
    if batch.state is BatchState.CANCELLED:
        raise Conflict("the batch was cancelled")
    rows = requests.find(connection, RequestFilter(batch_id=batch_id), limit=files.MAX_ROWS)
    return batch, rows


def _waiting(connection: Connection) -> list[RequestRow]:
    """List off-line requests that a certificate may come for, those that have theirs included."""
    states = (RequestState.SUBMITTED, RequestState.POLLING, RequestState.ISSUED)
    wanted = RequestFilter(road=OFFLINE, states=states)
    return requests.find(connection, wanted, limit=2 * files.MAX_ROWS)


def _outgoing(row: RequestRow) -> Outgoing:
    opened = decode_request(row.csr or b"")
    return Outgoing(row.id, row.csr or b"", opened.spki, str(opened.subject), row.template)


def _judge(
    each: Incoming,
    found: RequestRow | None,
    granted: dict[str, tuple[RequestRow, Certificate]],
) -> ImportRow:
    if each.certificate is None:
        return ImportRow(each.file, "", "", each.fault)
    subject = str(each.certificate.subject)
    if found is None:
        return ImportRow(each.file, subject, "", "no request of this box has its key")
    fault = "another certificate for the same request came before" if found.id in granted else ""
    return ImportRow(each.file, subject, found.id, fault)


def _follow(connection: Connection, batch_id: str, now_us: int) -> None:
    """Let a batch follow what its requests have become."""
    batch = batches.get(connection, batch_id)
    counts = requests.count_by_state(connection, RequestFilter(batch_id=batch_id))
    is_whole = not counts.keys() & {RequestState.SUBMITTED, RequestState.POLLING}
    event = BatchEvent.IMPORTED if is_whole else BatchEvent.PARTLY_IMPORTED
    if (batch.state, event) in BATCH.table:
        batches.move(connection, batch_id, (batch.state, event), now_us)
