"""What waits for a user, opened at the signer for one device: items with their sessions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from appliance.cosign.codes import Code
from appliance.cosign.encoding import lp, u32, u64
from appliance.cosign.registry_states import (
    WAITING,
    DeviceState,
    TaskItemEvent,
    TaskItemState,
)
from appliance.services.cosigning.messages import CONTENT_LIMIT, Form, OpenItem
from appliance.services.registration.office import Office
from appliance.services.registration.phones.bells import Bells, of_task
from appliance.services.registration.phones.cosigner import CosignerDesk
from appliance.store.registry import devices, tasks
from appliance.store.registry.tasks import WaitingItem

LIMIT = 500
SHOWN_OCTETS = 1_900
"""A longer content is fetched by `document`."""
RESULT_OCTETS = 700_000
_OVERHEAD = 200
"""Identifiers, sid, com, instants and the lengths of all fields of a result."""


class WaitingDesk:
    """Finds what waits, has sessions opened for it, and writes it as a phone reads it."""

    def __init__(self, office: Office, cosigner: CosignerDesk, bells: Bells) -> None:
        self._office = office
        self._cosigner = cosigner
        self._bells = bells

    async def open(self, device_id: str, limit: int) -> list[bytes]:
        """Give results of the verb `tasks`, at most `limit` and as many as an answer holds.

        Nothing waits for a device that is not active.  Raises Unavailable without a signer.
        """
        found, contents = await self._find(device_id, max(1, min(limit, LIMIT)))
        if not found:
            return []
        asks = [OpenItem(one.id, Form(one.form), _to_open(one, contents[one.id])) for one in found]
        opened = await self._cosigner.open(device_id, asks)
        await self._note(found, opened.sessions)
        return [
            _result(one, contents[one.id], session, opened.epoch)
            for one, session in zip(found, opened.sessions, strict=True)
            if not isinstance(session, int)
        ]

    async def _find(self, device_id: str, limit: int) -> tuple[list[WaitingItem], dict[str, bytes]]:
        now_us = self._office.now_us()

        def find(connection: Connection) -> tuple[list[WaitingItem], dict[str, bytes]]:
            device = devices.get(connection, device_id)
            if device.state is not DeviceState.ACTIVE or device.certificate_id is None:
                return [], {}
            found = _fitting(tasks.find_waiting(connection, device.uid, now_us, limit))
            return found, tasks.contents_of(connection, [one.id for one in found])

        return await self._office.registry.read(find)

    async def _note(
        self, found: Sequence[WaitingItem], sessions: Sequence[tuple[bytes, bytes] | int]
    ) -> None:
        """Keep that a phone has items, and that the signer will not have some signed."""
        refused = Code.CONTENT_REFUSED.number
        pairs = list(zip(found, sessions, strict=True))
        bad = [one for one, session in pairs if session == refused]
        new = [
            one.id
            for one, session in pairs
            if not isinstance(session, int) and one.state is TaskItemState.CREATED
        ]
        if not bad and not new:
            return
        now_us = self._office.now_us()

        def note(connection: Connection) -> None:
            if new:
                tasks.note_fetched(connection, new, now_us)
            for one in bad:
                item = tasks.get_item(connection, one.id)
                if item.state in WAITING:
                    reason = "its content is of a kind that is not signed raw"
                    tasks.move_item(connection, item, TaskItemEvent.FAILED, now_us, reason=reason)

        await self._office.registry.run(note)
        self._bells.ring(of_task(one.task) for one in bad)


def _fitting(found: Sequence[WaitingItem]) -> list[WaitingItem]:
    """Take the first items, as many as one question and one answer hold; one always does."""
    to_open, to_show = CONTENT_LIMIT, RESULT_OCTETS
    taken: list[WaitingItem] = []
    for one in found:
        texts = len(one.name.encode()) + len(one.description.encode())
        to_open -= one.octets + (texts + _OVERHEAD if one.form == Form.CMS else 0)
        to_show -= texts + _OVERHEAD + min(one.octets, SHOWN_OCTETS)
        if taken and (to_open < 0 or to_show < 0):
            break
        taken.append(one)
    return taken


def _to_open(one: WaitingItem, content: bytes) -> bytes:
    """Write what M of an item is made from."""
    if one.form == Form.CMS:
        return lp(content, one.name.encode(), one.description.encode())
    return content


def _result(one: WaitingItem, content: bytes, session: tuple[bytes, bytes], epoch: int) -> bytes:
    """Write an item as a phone reads it; docs/protocol-cosign.md section 5."""
    sid, com = session
    return lp(
        one.task.encode(),
        one.id.encode(),
        one.form.encode(),
        one.name.encode(),
        one.description.encode(),
        content if len(content) <= SHOWN_OCTETS else b"",
        sid,
        com,
        u64(one.expires_us),
        u32(epoch),
    )
