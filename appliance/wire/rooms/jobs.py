"""Bulk work: renewal jobs and their reports, off-line batches out and in."""

from __future__ import annotations

import functools
from collections.abc import Callable

from appliance.pki.states import JobEvent, JobState
from appliance.services.registration.accounts import Role
from appliance.services.registration.office import Office
from appliance.services.registration.offline import OfflineDesk
from appliance.services.registration.renewing import RenewalDesk
from appliance.store.registry import batches, jobs
from appliance.store.registry.batches import BatchFilter
from appliance.store.registry.jobs import JobFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import Answer, Call, File, Operation
from appliance.wire.rooms.bodies import (
    BatchView,
    ImportView,
    JobView,
    NewBatch,
    NewRenewal,
    View,
    view_batch,
    view_import,
    view_job,
)

_WORKERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
_IMPORT_OCTETS = 32 << 20


class JobQuery(PageQuery, frozen=True, kw_only=True):
    """Which jobs are wanted."""

    state: JobState | None = None


class JobPage(View, frozen=True):
    """A page of jobs, newest first; `next` is null on the last."""

    items: list[JobView]
    next: str | None


class BatchQuery(PageQuery, frozen=True, kw_only=True):
    """Which off-line batches are wanted."""


class BatchPage(View, frozen=True):
    """A page of off-line batches, newest first; `next` is null on the last."""

    items: list[BatchView]
    next: str | None


class JobRoom:
    """The operations on bulk work; `begin` lets queued jobs be worked off."""

    def __init__(
        self,
        office: Office,
        renewals: RenewalDesk,
        offline: OfflineDesk,
        begin: Callable[[], None],
    ) -> None:
        self._office = office
        self._renewals = renewals
        self._offline = offline
        self._begin = begin

    def operations(self) -> list[Operation]:
        """List them."""
        return [*self._of_jobs(), *self._of_batches()]

    def _of_jobs(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/v1/jobs/renewals",
                name="createRenewal",
                summary="Renew certificates in bulk",
                handler=self._renew,
                roles=_WORKERS,
                body=NewRenewal,
                body_limit=1 << 20,
                gives=JobView,
                status=202,
                fails=frozenset({404}),
            ),
            Operation(
                method="GET",
                path="/v1/jobs",
                name="listJobs",
                summary="List jobs, newest first",
                handler=self._list,
                query=JobQuery,
                gives=JobPage,
            ),
            Operation(
                method="GET",
                path="/v1/jobs/{id}",
                name="getJob",
                summary="Show a job and how far it has come",
                handler=self._get,
                gives=JobView,
            ),
            Operation(
                method="GET",
                path="/v1/jobs/{id}/report",
                name="reportJob",
                summary="Download what became of each item, as CSV",
                handler=self._report,
                gives="text/csv",
            ),
            *(
                Operation(
                    method="POST",
                    path=f"/v1/jobs/{{id}}/{verb}",
                    name=f"{verb}Job",
                    summary=summary,
                    handler=functools.partial(self._step, event),
                    roles=_WORKERS,
                    gives=JobView,
                )
                for verb, summary, event in (
                    ("pause", "Stop a job for now", JobEvent.PAUSED),
                    ("resume", "Let a paused job go on", JobEvent.RESUMED),
                    ("cancel", "End a job; what is done stays done", JobEvent.CANCELLED),
                )
            ),
        ]

    def _of_batches(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/v1/batches",
                name="createBatch",
                summary="Put every off-line request that waits into a batch",
                handler=self._export,
                roles=_WORKERS,
                body=NewBatch,
                gives=BatchView,
                status=201,
            ),
            Operation(
                method="GET",
                path="/v1/batches",
                name="listBatches",
                summary="List off-line batches, newest first",
                handler=self._list_batches,
                query=BatchQuery,
                gives=BatchPage,
            ),
            Operation(
                method="GET",
                path="/v1/batches/{id}/file",
                name="downloadBatch",
                summary="Download a batch as a ZIP with its signed manifest",
                handler=self._download,
                roles=_WORKERS,
                gives="application/zip",
                fails=frozenset({409}),
            ),
            Operation(
                method="POST",
                path="/v1/batches/imports",
                name="importCertificates",
                summary="Take certificates in from a ZIP, PEM or DER file; they are matched by key",
                handler=self._import,
                roles=_WORKERS,
                body="application/octet-stream",
                body_limit=_IMPORT_OCTETS,
                deadline_s=120.0,
                gives=ImportView,
            ),
        ]

    async def _renew(self, call: Call) -> Answer:
        body: NewRenewal = call.body
        assert call.caller is not None
        job = await self._renewals.open(
            call.caller.name,
            kind=body.kind,
            chosen=body.certificates,
            within_days=body.within_days,
            authority=body.authority,
        )
        self._begin()
        return Answer(view_job(job))

    async def _list(self, call: Call) -> Answer:
        query: JobQuery = call.query
        wanted = JobFilter(states=(query.state,) if query.state else ())
        items, more = await read_page(self._office.registry, jobs.find, wanted, query, view_job)
        return Answer(JobPage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        row = await self._office.registry.read(functools.partial(jobs.get, job_id=call.path["id"]))
        return Answer(view_job(row))

    async def _report(self, call: Call) -> Answer:
        report = await self._renewals.report(call.path["id"])
        return Answer(File(report, "report.csv"))

    async def _step(self, event: JobEvent, call: Call) -> Answer:
        job = await self._renewals.step(call.path["id"], event)
        self._begin()
        return Answer(view_job(job))

    async def _export(self, call: Call) -> Answer:
        batch, _ = await self._offline.export(call.body.authority)
        return Answer(view_batch(batch))

    async def _list_batches(self, call: Call) -> Answer:
        query: BatchQuery = call.query
        items, more = await read_page(
            self._office.registry, batches.find, BatchFilter(), query, view_batch
        )
        return Answer(BatchPage(items=items, next=more))

    async def _download(self, call: Call) -> Answer:
        batch, octets = await self._offline.export_again(call.path["id"])
        return Answer(File(octets, f"batch-{batch.id}.zip"))

    async def _import(self, call: Call) -> Answer:
        return Answer(view_import(await self._offline.take_in("upload", call.body)))
