"""What goes in and out of the rooms of co-signing: one Struct a JSON object.

Instants are UTC in ISO 8601, digests and public keys hex, contents and signatures base64.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.asn1.sm2 import signature_to_der
from appliance.quantities import Utc
from appliance.services.cosigning.messages import Form
from appliance.services.registration.phones.activations import Activated
from appliance.services.registration.phones.tasks import Document, TaskStory
from appliance.store.registry.activations import ActivationRow
from appliance.store.registry.devices import DeviceRow
from appliance.store.registry.tasks import TaskItemRow, TaskRow
from appliance.store.registry.users import UserRow
from appliance.wire.rooms.bodies import Body, Fields, Name, View

ITEM_LIMIT = 500
DAY_S = 86_400

Number = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._~-]+$(?!\n)", min_length=1, max_length=64, description="staff number"
    ),
]
Shown = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Department = Annotated[str, Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Sm3 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SM3 in hex")]


# --- users ----------------------------------------------------------------------------------------


class Particulars(Body, frozen=True):
    """What is known of a user; `fields` fill certificate templates beside these."""

    name: Shown
    department: Department = ""
    fields: Fields = msgspec.field(default_factory=dict)


class NewUser(Particulars, frozen=True, kw_only=True):
    """A user to be taken in; the number is never changed."""

    uid: Number


class UserView(View, frozen=True):
    """A user as the registry knows it."""

    uid: str
    name: str
    department: str
    fields: dict[str, str]
    state: str
    created: str
    updated: str


def view_user(row: UserRow) -> UserView:
    """Show a user."""
    return UserView(
        uid=row.uid,
        name=row.name,
        department=row.department,
        fields=dict(row.fields),
        state=row.state.value,
        created=_instant(row.created_us),
        updated=_instant(row.updated_us),
    )


# --- activations ----------------------------------------------------------------------------------


class NewActivation(Body, frozen=True):
    """A code for a user; the phone will be certified by `authority` as `template` says."""

    uid: Number
    authority: Name = "issuing-sm2"
    template: Name = "device"
    usage: Literal["sign", "encrypt"] = "sign"


class ActivationView(View, frozen=True):
    """An activation without its code; `device` once a phone was enrolled."""

    id: str
    uid: str
    usage: str
    authority: str
    template: str
    state: str
    device: str | None
    created_by: str
    expires: str
    created: str


class CodeView(View, frozen=True):
    """A code, told this once; `qr` is the text of the QR code that says the same."""

    activation: ActivationView
    code: str
    qr: str


def view_activation(row: ActivationRow) -> ActivationView:
    """Show an activation."""
    return ActivationView(
        id=row.id,
        uid=row.uid,
        usage=row.usage,
        authority=row.authority,
        template=row.template,
        state=row.state.value,
        device=row.device,
        created_by=row.created_by,
        expires=_instant(row.expires_us),
        created=_instant(row.created_us),
    )


def view_code(activated: Activated) -> CodeView:
    """Show a code."""
    return CodeView(activation=view_activation(activated.row), code=activated.code, qr=activated.qr)


# --- devices --------------------------------------------------------------------------------------


class DeviceView(View, frozen=True):
    """A device; `request_id` is its request for a certificate, `certificate_id` what came of it."""

    id: str
    uid: str
    label: str
    state: str
    epoch: int
    public_key: str
    activation: str
    request_id: str
    certificate_id: str | None
    created: str
    updated: str


def view_device(row: DeviceRow) -> DeviceView:
    """Show a device."""
    return DeviceView(
        id=row.id,
        uid=row.uid,
        label=row.label,
        state=row.state.value,
        epoch=row.epoch,
        public_key=row.public.hex(),
        activation=row.activation,
        request_id=row.request_id,
        certificate_id=row.certificate_id,
        created=_instant(row.created_us),
        updated=_instant(row.updated_us),
    )


# --- tasks ----------------------------------------------------------------------------------------


class NewRawItem(Body, frozen=True, tag_field="form", tag="raw"):
    """A document that the phone shows whole and signs as it is."""

    name: Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
    content: Annotated[bytes, Meta(min_length=1, max_length=1 << 18)]


class NewCmsItem(Body, frozen=True, tag_field="form", tag="cms"):
    """A document that is elsewhere: its SM3 is signed in CMS signed attributes."""

    name: Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
    digest: Sm3


class NewTask(Body, frozen=True):
    """What a user is to sign, each item by itself."""

    uid: Number
    description: Annotated[str, Meta(min_length=1, max_length=1024)]
    items: Annotated[list[NewRawItem | NewCmsItem], Meta(min_length=1, max_length=ITEM_LIMIT)]
    mode: Literal["push"] = "push"
    expires_s: Annotated[int, Meta(ge=60, le=30 * DAY_S)] = DAY_S


class SignatureView(View, frozen=True):
    """A signature of SM2: r||s and the DER of the same, base64."""

    raw: str
    der: str


class ItemView(View, frozen=True):
    """One document and what became of it."""

    id: str
    name: str
    form: str
    digest: str
    state: str
    device: str | None
    certificate_id: str | None
    signature: SignatureView | None
    reason: str | None


class TaskView(View, frozen=True):
    """A task without its items."""

    id: str
    uid: str
    application: str
    description: str
    mode: str
    state: str
    expires: str
    created: str
    updated: str


class TaskStoryView(TaskView, frozen=True):
    """A task and its items in their order."""

    items: list[ItemView]


def read_items(items: Sequence[NewRawItem | NewCmsItem]) -> list[Document]:
    """Read the documents of a task."""
    return [
        Document(each.name, Form.RAW, each.content)
        if isinstance(each, NewRawItem)
        else Document(each.name, Form.CMS, bytes.fromhex(each.digest))
        for each in items
    ]


def view_task(row: TaskRow) -> TaskView:
    """Show a task."""
    return TaskView(**_task(row))


def view_story(story: TaskStory) -> TaskStoryView:
    """Show a task with its items."""
    return TaskStoryView(**_task(story.row), items=list(map(_view_item, story.items)))


def _task(row: TaskRow) -> dict[str, str]:
    return {
        "id": row.id,
        "uid": row.uid,
        "application": row.application,
        "description": row.description,
        "mode": row.mode,
        "state": row.state.value,
        "expires": _instant(row.expires_us),
        "created": _instant(row.created_us),
        "updated": _instant(row.updated_us),
    }


def _view_item(row: TaskItemRow) -> ItemView:
    return ItemView(
        id=row.id,
        name=row.name,
        form=row.form,
        digest=row.digest,
        state=row.state.value,
        device=row.device,
        certificate_id=row.certificate_id,
        signature=None if row.signature is None else _view_signature(row.signature),
        reason=row.reason,
    )


def _view_signature(raw: bytes) -> SignatureView:
    der = signature_to_der(raw)
    return SignatureView(raw=base64.b64encode(raw).decode(), der=base64.b64encode(der).decode())


def _instant(posix_us: int) -> str:
    return Utc(posix_us).isoformat()
