"""What an enrolled phone asks of the registry, through a front that is believed nothing.

The device's own credential signs every request (docs/protocol-cosign.md section 5); no PIN is asked
here, and no try is spent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

import attrs
from sqlalchemy import Connection

from appliance.cosign.codes import Code
from appliance.cosign.encoding import lp, read_fields
from appliance.cosign.registry_states import (
    WAITING,
    DeviceState,
    TaskItemEvent,
    TaskItemState,
    UserState,
)
from appliance.cosign.requests import (
    CREDENTIAL_ID,
    OF_MANAGER,
    DeviceRequest,
    Verb,
    credential_message,
)
from appliance.crypto.api import Sm2Engine
from appliance.errors import Malformed, Unavailable
from appliance.services.cosigning.messages import CodeAnswer, RequestAsk, ResultsAnswer
from appliance.services.registration.office import Office
from appliance.services.registration.phones.bells import Bells, Ear, of_task, of_user
from appliance.services.registration.phones.events import EventDesk
from appliance.services.registration.phones.waiting import WaitingDesk
from appliance.store.registry import certificates, devices, tasks, users
from appliance.store.registry.devices import DeviceRow

WAIT_S = 30
ANSWER_OCTETS = 800_000
"""Of results in an answer, whose frame may have 1 MiB."""
FIELD_OCTETS = 65_535
REASON_CHARACTERS = 500

_BARRED: Mapping[DeviceState, tuple[Code, str]] = MappingProxyType(
    {
        DeviceState.REVOKED: (Code.DEVICE_REVOKED, "this device is no more"),
        DeviceState.LOCKED: (Code.DEVICE_LOCKED, "a new activation is needed"),
        DeviceState.SUSPENDED: (Code.DEVICE_LOCKED, "this device is suspended"),
        DeviceState.NEEDS_REACTIVATION: (Code.NEEDS_REACTIVATION, "a new activation is needed"),
    }
)


class Declined(Exception):
    """A request or an item is answered by a code; never leaves this package."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@attrs.frozen
class _Seen:
    """The last request of a device: its number, and SM3 of what was signed."""

    ctr: int
    digest: bytes


@attrs.frozen
class _Phone:
    """Who asks: the device, and whether its user may sign."""

    device: DeviceRow
    is_user_active: bool


class Portal:
    """Answers phones; `issuers_of` gives the chain above a certificate of an authority, in DER."""

    def __init__(
        self,
        office: Office,
        engine: Sm2Engine,
        *,
        events: EventDesk,
        waiting: WaitingDesk,
        bells: Bells,
        issuers_of: Callable[[str], Awaitable[Sequence[bytes]]],
    ) -> None:
        self._office = office
        self._engine = engine
        self._events = events
        self._waiting = waiting
        self._bells = bells
        self._issuers_of = issuers_of
        self._seen: dict[str, _Seen] = {}
        self._ears: dict[str, Ear] = {}

    async def answer(self, ask: RequestAsk) -> ResultsAnswer | CodeAnswer:
        """Answer one request; nothing is raised for what a phone may send."""
        request = ask.request
        try:
            phone = await self._admit(request)
            return ResultsAnswer(ask.number, await self._perform(phone, request))
        except Declined as declined:
            return CodeAnswer(ask.number, declined.code, declined.detail)
        except Malformed as error:
            return CodeAnswer(ask.number, Code.MALFORMED, str(error))
        except Unavailable as error:
            return CodeAnswer(ask.number, Code.UNAVAILABLE, str(error))

    # --- who asks ---------------------------------------------------------------------------------

    async def _admit(self, request: DeviceRequest) -> _Phone:
        """Find out who asks, and whether it may; raises Declined."""
        if request.verb not in OF_MANAGER or request.mac:
            raise Declined(Code.MALFORMED, "nobody asks that here")
        phone = await self._find(request.device)
        if phone is None:
            await self._catch_up()
            phone = await self._find(request.device)
        if phone is None or phone.device.uid != request.uid:
            raise Declined(Code.DEVICE_UNKNOWN, "no such device")
        if request.verb is not Verb.CERTIFICATE:
            barred = _BARRED.get(phone.device.state)
            if barred is not None:
                raise Declined(*barred)
            if not phone.is_user_active:
                raise Declined(Code.DEVICE_LOCKED, "the user may not sign now")
        self._check(phone.device, request)
        return phone

    def _check(self, device: DeviceRow, request: DeviceRequest) -> None:
        """Raise Declined unless the credential signs a request that is new, or the last again."""
        engine = self._engine
        message = credential_message(request.octets(engine.sm3), request.mac)
        digest = engine.message_digest(device.credential, message, CREDENTIAL_ID)
        if not engine.verify_digest(device.credential, digest, request.signature):
            raise Declined(Code.CREDENTIAL_REJECTED, "the credential did not sign this")
        seen = self._seen.get(device.id)
        is_again = seen == _Seen(request.ctr, digest)
        if seen is not None and request.ctr <= seen.ctr and not is_again:
            raise Declined(Code.REPLAYED, "ctr was used")
        self._seen[device.id] = _Seen(request.ctr, digest)

    async def _find(self, device_id: str) -> _Phone | None:
        def find(connection: Connection) -> _Phone | None:
            device = devices.find_one(connection, device_id)
            if device is None:
                return None
            return _Phone(device, users.get(connection, device.uid).state is UserState.ACTIVE)

        return await self._office.registry.read(find)

    async def _catch_up(self) -> None:
        """Hear of a phone that was enrolled a moment ago."""
        try:
            await self._events.follow()
        except Unavailable:
            return  # then it is unknown for now

    # --- what is asked ----------------------------------------------------------------------------

    async def _perform(self, phone: _Phone, request: DeviceRequest) -> list[bytes | int]:
        if request.verb is Verb.TASKS:
            return await self._tasks(phone.device, request.items)
        if request.verb is Verb.DOCUMENT:
            return await self._documents(phone.device, request.items)
        results: list[bytes | int] = []
        for octets in request.items:
            try:
                if request.verb is Verb.REJECT:
                    results.append(await self._reject(phone.device, octets))
                else:
                    results.append(await self._certificate(phone.device, octets))
            except Declined as declined:
                results.append(declined.code.number)
        return results

    async def _tasks(self, device: DeviceRow, asked: Sequence[bytes]) -> list[bytes | int]:
        """Give what waits for the device's user, each with a session; wait a while for something.

        A later question of the same device ends the waiting of an earlier one.
        """
        if len(asked) != 1:
            raise Malformed("tasks has one item")
        limit, wait_s = (int.from_bytes(each, "big") for each in read_fields(asked[0], (2, 2)))
        ear = self._listen(device)
        try:
            found = await self._waiting.open(device.id, limit)
            if not found and wait_s:
                await ear.wait(min(wait_s, WAIT_S))
                found = await self._waiting.open(device.id, limit)
        finally:
            ear.close()
            if self._ears.get(device.id) is ear:
                del self._ears[device.id]
        return list(found)

    def _listen(self, device: DeviceRow) -> Ear:
        before = self._ears.pop(device.id, None)
        if before is not None:
            before.close()
        ear = self._ears[device.id] = self._bells.listen(of_user(device.uid))
        return ear

    async def _documents(self, device: DeviceRow, asked: Sequence[bytes]) -> list[bytes | int]:
        """Give contents, as many as an answer holds; the rest is to be asked for again."""
        results: list[bytes | int] = []
        left = ANSWER_OCTETS
        for octets in asked:
            result = await self._document(device, octets)
            if isinstance(result, bytes):
                left -= len(result)
                result = result if left >= 0 else Code.TOO_MANY.number
            results.append(result)
        return results

    async def _document(self, device: DeviceRow, octets: bytes) -> bytes | int:
        item_id = _text(read_fields(octets, (None,))[0])
        item = await self._office.registry.read(
            lambda connection: tasks.find_item(connection, item_id)
        )
        if item is None or item.uid != device.uid:
            return Code.ITEM_UNKNOWN.number
        content = item.content
        return lp(*(content[at : at + FIELD_OCTETS] for at in range(0, len(content), FIELD_OCTETS)))

    async def _reject(self, device: DeviceRow, octets: bytes) -> bytes:
        """Note that the user will not sign an item; said twice, the second changes nothing."""
        item_id, reason = map(_text, read_fields(octets, (None, None)))
        now_us = self._office.now_us()

        def reject(connection: Connection) -> str:
            item = tasks.find_item(connection, item_id)
            if item is None or item.uid != device.uid:
                raise Declined(Code.ITEM_UNKNOWN)
            if item.state is TaskItemState.REJECTED:
                return item.task
            if item.state not in WAITING:
                raise Declined(Code.ITEM_FINAL)
            tasks.move_item(
                connection,
                item,
                TaskItemEvent.REJECTED,
                now_us,
                device=device.id,
                reason=_plain(reason),
            )
            return item.task

        self._bells.ring([of_task(await self._office.registry.run(reject))])
        return lp(TaskItemState.REJECTED.value.encode())

    async def _certificate(self, device: DeviceRow, octets: bytes) -> bytes:
        """Tell the state of a device and its chain, of which there may be none yet."""
        read_fields(octets, ())
        chain: list[bytes] = []
        if device.certificate_id is not None:
            certificate_id = device.certificate_id
            row = await self._office.registry.read(
                lambda connection: certificates.get(connection, certificate_id)
            )
            chain = [row.der, *(await self._issuers_of(row.authority))]
        return lp(device.state.value.encode(), *chain)


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Malformed("a text is UTF-8") from None


def _plain(text: str) -> str:
    """Keep of a text what can be shown."""
    return "".join(each for each in text if each.isprintable())[:REASON_CHARACTERS]
