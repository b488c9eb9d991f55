"""Bulk renewal: one job for hundreds of certificates, which goes on where a crash stopped it."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs
from sqlalchemy import Connection

from appliance.errors import Conflict, Refused
from appliance.pki.states import (
    CERTIFICATE,
    CertificateEvent,
    ItemEvent,
    JobEvent,
    JobState,
    RequestState,
)
from appliance.quantities import SECONDS_PER_DAY, US_PER_S
from appliance.services.messages import BATCH_LIMIT
from appliance.services.registration.certificates import RENEWAL_DAYS
from appliance.services.registration.office import ID_OCTETS, Office
from appliance.services.registration.requests import RENEW, RequestDesk, Wish
from appliance.store.registry import certificates, jobs, requests
from appliance.store.registry.certificates import CertificateRow
from appliance.store.registry.jobs import ItemRow, JobRow, Outcome
from appliance.store.registry.requests import RequestRow

MAX_ITEMS = 20_000
SIGNER_RETRY_S = 1.0
_RENEWABLE = CERTIFICATE.sources(CertificateEvent.REPLACED)
_WAITING = "waits for a PKCS#10 request of the new key"


class RenewalDesk:
    """Makes renewal jobs and works them off, one after another."""

    def __init__(
        self, office: Office, desk: RequestDesk, pause: Callable[[float], Awaitable[object]]
    ) -> None:
        self._office = office
        self._desk = desk
        self._pause = pause
        self._is_working = False

    async def open(
        self,
        by: str,
        *,
        kind: str = RENEW,
        chosen: Sequence[str] = (),
        within_days: int = RENEWAL_DAYS,
        authority: str | None = None,
    ) -> JobRow:
        """Make a job for the certificates `chosen` by id, or for all that end `within_days`.

        `kind` is `renew` (same key, done at once) or `rekey` (each waits for its new key).  Raises
        NotFound, Conflict for one that is out of use, Refused for none or for over `MAX_ITEMS`.
        """
        now_us = self._office.now_us()
        before_us = now_us + within_days * SECONDS_PER_DAY * US_PER_S
        job_id = self._office.new_id()

        def make(connection: Connection) -> JobRow:
            found = (
                [certificates.get(connection, each) for each in dict.fromkeys(chosen)]
                if chosen
                else _due(connection, before_us, authority)
            )
            _require_renewable(found)
            items = [
                ItemRow(job_id, at, certificate_id=each.id, request_id=None)
                for at, each in enumerate(found)
            ]
            job = JobRow(
                id=job_id,
                kind=kind,
                total=len(items),
                parameters={"within_days": within_days, "authority": authority},
                created_by=by,
                created_us=now_us,
                updated_us=now_us,
            )
            jobs.insert(connection, job, items)
            return job

        return await self._office.registry.run(make)

    async def recover(self) -> list[str]:
        """Give back what a process that is gone had taken; to be called once, at the start."""
        now_us = self._office.now_us()
        return await self._office.registry.run(lambda connection: jobs.recover(connection, now_us))

    async def work(self) -> None:
        """Work off every queued job; does nothing when it is at work already."""
        if self._is_working:
            return
        self._is_working = True
        try:
            while queued := await self._queued():
                await self._run(queued[-1].id)  # listed newest first
        finally:
            self._is_working = False

    async def step(self, job_id: str, event: JobEvent) -> JobRow:
        """Pause, resume or cancel a job.  Raises NotFound, Conflict."""
        now_us = self._office.now_us()

        def move(connection: Connection) -> JobRow:
            job = jobs.get(connection, job_id)
            jobs.move(connection, job_id, (job.state, event), now_us)
            return jobs.get(connection, job_id)

        return await self._office.registry.run(move)

    async def report(self, job_id: str) -> bytes:
        """Write a row an item as CSV: position, certificates old and new, outcome.

        Raises NotFound.
        """
        items = await self._office.registry.read(lambda connection: _report(connection, job_id))
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("position", "owner", "old serial", "state", "new serial", "detail"))
        writer.writerows(items)
        return text.getvalue().encode()

    async def _queued(self) -> list[JobRow]:
        wanted = jobs.JobFilter(states=(JobState.QUEUED,))
        return await self._office.registry.read(lambda connection: jobs.find(connection, wanted))

    async def _run(self, job_id: str) -> None:
        await self.step(job_id, JobEvent.STARTED)
        registry = self._office.registry
        while items := await registry.run(
            lambda connection: jobs.claim(connection, job_id, BATCH_LIMIT)
        ):
            outcomes = await self._do(job_id, items)
            await registry.run(
                functools.partial(
                    jobs.settle, job_id=job_id, outcomes=outcomes, now_us=self._office.now_us()
                )
            )
        job = await registry.read(lambda connection: jobs.get(connection, job_id))
        if job.state is JobState.RUNNING:
            await self.step(job_id, JobEvent.FINISHED)

    async def _do(self, job_id: str, items: Sequence[ItemRow]) -> list[Outcome]:
        job = await self._office.registry.read(lambda connection: jobs.get(connection, job_id))
        ids = {item.position: self._request_id(job_id, item.position) for item in items}
        olds, kept = await self._office.registry.read(
            lambda connection: _look_up(connection, items, ids)
        )
        outcomes: list[Outcome] = []
        wishes: dict[int, Wish] = {}
        for item in items:
            old = olds[item.position]
            if item.position not in kept and old.state not in _RENEWABLE:
                detail = f"the certificate is {old.state.value}"
                outcomes.append(Outcome(item.position, ItemEvent.FAILED, detail))
            else:
                wish = _wish(old, job.kind, ids[item.position])
                road = self._desk.road_to(old.authority)
                wishes[item.position] = attrs.evolve(wish, road=road)
        rows = await self._desk.take(list(wishes.values()))
        while any(row.state is RequestState.SUBMITTED for row in rows):
            await self._pause(SIGNER_RETRY_S)  # the signer is away; it will be back
            rows = await self._desk.send(rows)
        pairs = zip(wishes, rows, strict=True)
        return [*outcomes, *(_outcome(position, row) for position, row in pairs)]

    def _request_id(self, job_id: str, position: int) -> str:
        """Name the request of an item: the same after a crash, so that it is asked once."""
        name = f"{job_id}/{position}".encode()
        return self._office.sm3(name)[:ID_OCTETS].hex()


def _wish(old: CertificateRow, kind: str, request_id: str) -> Wish:
    """Wish for the successor of a certificate; the signer knows the fields it was made from."""
    return Wish(
        id=request_id,
        authority=old.authority,
        template=old.template,
        owner_uid=old.owner_uid,
        device=old.device,
        kind=kind,
        renews=old.id,
    )


def _outcome(position: int, row: RequestRow) -> Outcome:
    if row.state is RequestState.ISSUED:
        return Outcome(position, ItemEvent.FINISHED)
    if row.state is RequestState.CSR_PENDING:
        return Outcome(position, ItemEvent.FINISHED, _WAITING)
    return Outcome(position, ItemEvent.FAILED, row.reason or row.state.value)


def _due(connection: Connection, before_us: int, authority: str | None) -> list[CertificateRow]:
    return certificates.find_due(connection, before_us, authority=authority, limit=MAX_ITEMS + 1)


def _require_renewable(found: Sequence[CertificateRow]) -> None:
    if not found:
        raise Refused("no certificate is due for renewal")
    if len(found) > MAX_ITEMS:
        raise Refused(f"a job renews at most {MAX_ITEMS} certificates")
    for row in found:
        if row.state not in _RENEWABLE:
            raise Conflict(f"the certificate {row.serial_number} is {row.state.value}")


def _look_up(
    connection: Connection, items: Sequence[ItemRow], ids: Mapping[int, str]
) -> tuple[dict[int, CertificateRow], frozenset[int]]:
    """Read the certificates of items, and tell which items have their request already."""
    olds = {
        item.position: certificates.get(connection, item.certificate_id or "") for item in items
    }
    kept = frozenset(at for at, each in ids.items() if requests.find_one(connection, each))
    return olds, kept


def _report(connection: Connection, job_id: str) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    jobs.get(connection, job_id)
    after = -1
    while items := jobs.find_items(connection, job_id, after=after, limit=500):
        for item in items:
            old = certificates.get(connection, item.certificate_id or "")
            new = certificates.get(connection, old.renewed_by) if old.renewed_by else None
            rows.append(
                (
                    item.position,
                    _harmless(old.owner_uid),
                    old.serial_number,
                    item.state.value,
                    new.serial_number if new else "",
                    _harmless(item.detail),
                )
            )
        after = items[-1].position
    return rows


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
