"""What goes in and out of the rooms of certificates: one Struct a JSON object.

Instants are UTC in ISO 8601, serial numbers and digests hex, DER base64.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.asn1 import pem
from appliance.quantities import Utc
from appliance.services.registration.accounts import Role
from appliance.services.registration.certificates import Swept
from appliance.services.registration.offline import ImportRow
from appliance.store.registry.accounts import AccountRow
from appliance.store.registry.batches import BatchRow
from appliance.store.registry.certificates import CertificateRow
from appliance.store.registry.jobs import JobRow
from appliance.store.registry.requests import RequestRow

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Uid = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="16 octets in hex")]
Fields = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)],
        Annotated[str, Meta(max_length=256)],
    ],
    Meta(max_length=32),
]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parent of all that comes in."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The parent of all that goes out."""


class NewRequest(Body, frozen=True):
    """A wish for a certificate.

    `csr` is a PKCS#10 request as PEM; without it the request waits for one.  `fields` fill the
    template's places; `renews` names the certificate that a `renew` or `rekey` replaces.
    """

    authority: Name
    template: Name
    owner_uid: Uid
    fields: Fields = msgspec.field(default_factory=dict)
    csr: Annotated[str, Meta(max_length=16_384)] | None = None
    device: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    road: Literal["online", "offline"] = "online"
    kind: Literal["new", "renew", "rekey"] = "new"
    renews: Id | None = None


class CsrBody(Body, frozen=True):
    """A PKCS#10 request as PEM, for a request that waits for one."""

    csr: Annotated[str, Meta(max_length=16_384)]


class RequestView(View, frozen=True):
    """A request as it is now; `reason` tells why it was refused or failed."""

    id: str
    state: str
    road: str
    kind: str
    authority: str
    template: str
    owner_uid: str
    fields: dict[str, str]
    device: str | None
    renews: str | None
    certificate_id: str | None
    batch_id: str | None
    reason: str | None
    created: str
    updated: str


class CertificateView(View, frozen=True):
    """A certificate as the registry knows it, with its PEM."""

    id: str
    state: str
    serial_number: str
    authority: str
    template: str
    owner_uid: str
    device: str | None
    subject: str
    spki_sm3: str
    not_before: str
    not_after: str
    renewed_by: str | None
    reason: int | None
    revoked: str | None
    created: str
    certificate: str


class Revocation(Body, frozen=True):
    """Why a certificate is revoked (RFC 5280 5.3.1)."""

    reason: Literal[
        "unspecified",
        "key_compromise",
        "affiliation_changed",
        "superseded",
        "cessation_of_operation",
        "privilege_withdrawn",
    ] = "unspecified"


class NewRenewal(Body, frozen=True):
    """A bulk renewal: of `certificates`, or of all that end `within_days`."""

    kind: Literal["renew", "rekey"] = "renew"
    certificates: Annotated[list[Id], Meta(max_length=20_000)] = msgspec.field(default_factory=list)
    within_days: Annotated[int, Meta(ge=0, le=3660)] = 30
    authority: Name | None = None


class JobView(View, frozen=True):
    """A job and how far it has come."""

    id: str
    kind: str
    state: str
    total: int
    done: int
    failed: int
    created_by: str
    created: str
    updated: str


class NewBatch(Body, frozen=True):
    """An off-line batch of all that waits for `authority`."""

    authority: Name


class BatchView(View, frozen=True):
    """An off-line batch; `manifest_sm3` once it was given out."""

    id: str
    authority: str
    state: str
    count: int
    manifest_sm3: str | None
    created: str


class ImportRowView(View, frozen=True):
    """What became of one certificate of an import; `fault` empty when it found its request."""

    file: str
    subject: str
    request_id: str
    fault: str


class ImportView(View, frozen=True):
    """What became of an import, row by row."""

    matched: int
    rows: list[ImportRowView]


class SweepView(View, frozen=True):
    """How many certificates a sweep found due for renewal, and lapsed."""

    due: int
    lapsed: int


class NewAccount(Body, frozen=True):
    """An account to be opened; it has one role."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    role: Role


class AccountView(View, frozen=True):
    """An account without its token."""

    id: str
    name: str
    role: str
    state: str
    created: str
    expires: str | None


class TokenView(View, frozen=True):
    """A token, told this once."""

    account: AccountView
    token: str


def read_csr(text: str | None) -> bytes | None:
    """Take a PKCS#10 request out of PEM.  Raises Malformed."""
    return None if text is None else pem.read_one(text.encode(), "CERTIFICATE REQUEST")


def view_request(row: RequestRow) -> RequestView:
    """Show a request."""
    return RequestView(
        id=row.id,
        state=row.state.value,
        road=row.road,
        kind=row.kind,
        authority=row.authority,
        template=row.template,
        owner_uid=row.owner_uid,
        fields=dict(row.fields),
        device=row.device,
        renews=row.renews,
        certificate_id=row.certificate_id,
        batch_id=row.batch_id,
        reason=row.reason,
        created=_instant(row.created_us),
        updated=_instant(row.updated_us),
    )


def view_certificate(row: CertificateRow) -> CertificateView:
    """Show a certificate."""
    return CertificateView(
        id=row.id,
        state=row.state.value,
        serial_number=row.serial_number,
        authority=row.authority,
        template=row.template,
        owner_uid=row.owner_uid,
        device=row.device,
        subject=row.subject,
        spki_sm3=row.spki_sm3,
        not_before=_instant(row.not_before_us),
        not_after=_instant(row.not_after_us),
        renewed_by=row.renewed_by,
        reason=row.reason,
        revoked=None if row.revoked_us is None else _instant(row.revoked_us),
        created=_instant(row.created_us),
        certificate=pem.write("CERTIFICATE", row.der).decode(),
    )


def view_job(row: JobRow) -> JobView:
    """Show a job."""
    return JobView(
        id=row.id,
        kind=row.kind,
        state=row.state.value,
        total=row.total,
        done=row.done,
        failed=row.failed,
        created_by=row.created_by,
        created=_instant(row.created_us),
        updated=_instant(row.updated_us),
    )


def view_batch(row: BatchRow) -> BatchView:
    """Show an off-line batch."""
    return BatchView(
        id=row.id,
        authority=row.authority,
        state=row.state.value,
        count=row.count,
        manifest_sm3=row.manifest_sm3,
        created=_instant(row.created_us),
    )


def view_import(rows: list[ImportRow]) -> ImportView:
    """Show what became of an import."""
    return ImportView(
        matched=sum(not row.fault for row in rows),
        rows=[
            ImportRowView(
                file=row.file, subject=row.subject, request_id=row.request_id, fault=row.fault
            )
            for row in rows
        ],
    )


def view_sweep(swept: Swept) -> SweepView:
    """Show what a sweep found."""
    return SweepView(due=swept.due, lapsed=swept.lapsed)


def view_account(row: AccountRow) -> AccountView:
    """Show an account."""
    return AccountView(
        id=row.id,
        name=row.name,
        role=row.role,
        state=row.state.value,
        created=_instant(row.created_us),
        expires=None if row.expires_us is None else _instant(row.expires_us),
    )


def _instant(posix_us: int) -> str:
    return Utc(posix_us).isoformat()
