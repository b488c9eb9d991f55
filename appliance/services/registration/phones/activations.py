"""Activations: a code for a user, under which a phone is enrolled and certified."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import quote

import attrs
from sqlalchemy import Connection
from twisted.logger import Logger

from appliance.asn1 import oids
from appliance.asn1.x509 import decode_certificate
from appliance.cosign.registry_states import (
    ACTIVATION,
    ActivationEvent,
    ActivationState,
    UserState,
)
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import ApplianceError, NotFound, Refused
from appliance.pki.templates.subject_names import encode_subject
from appliance.pki.templates.template import decode_template
from appliance.quantities import US_PER_S
from appliance.services.cosigning.messages import Usage
from appliance.services.registration.office import Office
from appliance.services.registration.phones.cosigner import CosignerDesk
from appliance.services.registration.phones.people import template_fields
from appliance.store.registry import activations, users
from appliance.store.registry.activations import ActivationRow

LIFETIME_S = 72 * 3600


class Authorities(Protocol):
    """What the signer tells of its authorities and templates."""

    async def authorities(self) -> dict[str, object]:
        """Tell the authorities."""

    async def templates(self) -> dict[str, object]:
        """Tell the templates as JSON, by name."""


@attrs.frozen
class ActivationWish:
    """For whom a code is wanted, and how the phone is to be certified."""

    uid: str
    authority: str
    template: str
    usage: Usage = Usage.SIGN


@attrs.frozen
class Activated:
    """An activation and its code, which nobody can tell later; `qr` is the text of a QR code."""

    row: ActivationRow
    code: str = attrs.field(repr=False)
    qr: str = attrs.field(repr=False)


class ActivationDesk:
    """Has codes drawn by the signer; `device_url` tells where phones reach the box."""

    _log = Logger()

    def __init__(
        self,
        office: Office,
        cosigner: CosignerDesk,
        authorities: Authorities,
        device_url: Callable[[], str],
    ) -> None:
        self._office = office
        self._cosigner = cosigner
        self._authorities = authorities
        self._device_url = device_url

    async def issue(self, wish: ActivationWish, created_by: str) -> Activated:
        """Give out a code.

        Raises NotFound for an unknown user or template; Refused for a user who may not sign and for
        a template that lacks a field or SM2; Unavailable without a signer.
        """
        office = self._office
        user = await office.registry.read(lambda connection: users.get(connection, wish.uid))
        if user.state is not UserState.ACTIVE:
            raise Refused(f"the user is {user.state.value}")
        chain = await chain_of(self._authorities, wish.authority)
        fields = {**_organization(chain), **template_fields(user)}
        subject = await self._subject(wish.template, fields)
        now_us = office.now_us()
        row = ActivationRow(
            id=office.new_id(),
            uid=wish.uid,
            usage=wish.usage.value,
            authority=wish.authority,
            template=wish.template,
            fields=fields,
            expires_us=now_us + LIFETIME_S * US_PER_S,
            created_by=created_by,
            created_us=now_us,
            updated_us=now_us,
        )
        await office.registry.run(lambda connection: activations.insert(connection, row))
        try:
            code = await self._cosigner.activate(
                row.id, row.uid, subject, wish.usage, row.expires_us
            )
        except ApplianceError:
            await self._move(row.id, ActivationEvent.CANCELLED)
            raise
        issued = await self._move(row.id, ActivationEvent.CODE_ISSUED)
        root_sm3 = office.sm3(chain[-1]) if chain else b""
        return Activated(issued, code, qr_text(code, self._device_url(), root_sm3))

    async def cancel(self, activation_id: str) -> ActivationRow:
        """Have a code be worth nothing; the signer's word comes first, the registry follows.

        Raises NotFound, and Conflict for one that is used or over.
        """
        row = await self._office.registry.read(
            lambda connection: activations.get(connection, activation_id)
        )
        ACTIVATION.after(row.state, ActivationEvent.CANCELLED)
        try:
            await self._cosigner.cancel(activation_id)
        except NotFound:
            self._log.info("the signer never knew an activation", activation=activation_id)
        return await self._move(activation_id, ActivationEvent.CANCELLED)

    async def sweep(self) -> int:
        """Let those lapse whose hours are over; tells how many."""
        now_us = self._office.now_us()
        return await self._office.registry.run(
            lambda connection: activations.sweep(connection, now_us)
        )

    async def _subject(self, name: str, fields: dict[str, str]) -> bytes:
        octets = (await self._authorities.templates()).get(name)
        if not isinstance(octets, bytes):
            raise NotFound(f"there is no template {name}")
        template = decode_template(octets)
        if KeyAlgorithm.SM2 not in template.algorithms:
            raise Refused(f"the template {name} is not for SM2")
        return encode_subject(template.subject, fields)

    async def _move(self, activation_id: str, event: ActivationEvent) -> ActivationRow:
        now_us = self._office.now_us()

        def move(connection: Connection) -> ActivationRow:
            row = activations.get(connection, activation_id)
            if row.state is ActivationState.USED and event is ActivationEvent.CODE_ISSUED:
                return row  # a phone was quicker than our own answer
            activations.move(connection, activation_id, (row.state, event), now_us)
            return activations.get(connection, activation_id)

        return await self._office.registry.run(move)


async def chain_of(authorities: Authorities, name: str) -> list[bytes]:
    """Give the chain of an authority of this box in DER, its own first; empty for another's."""
    told = (await authorities.authorities())["authorities"]
    mine = told.get(name) if isinstance(told, dict) else None
    return list(mine["chain"]) if mine is not None else []


def _organization(chain: Sequence[bytes]) -> dict[str, str]:
    """Give what a user without an `organization` belongs to: that of the authority."""
    attributes = decode_certificate(chain[0]).subject.attributes if chain else ()
    found = [text for kind, text in attributes if kind == oids.ORGANIZATION]
    return {"organization": found[0]} if found else {}


def qr_text(code: str, url: str, root_sm3: bytes) -> str:
    """Write what the QR code of an activation says; docs/protocol-cosign.md section 2.

    Without the digest of a root the phone is to be told of it otherwise.
    """
    told = f"shiyin:1?a={code}&u={quote(url, safe=':/')}"
    if not root_sm3:
        return told
    return f"{told}&r={base64.urlsafe_b64encode(root_sm3).decode().rstrip('=')}"
