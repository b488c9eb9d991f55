"""Following the signer's ledger: what it says of devices and signatures becomes the registry's.

Each word is kept in one transaction with the number up to which words were taken in, so a process
that ends anywhere loses none and takes none in twice.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

from sqlalchemy import Connection
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from appliance.asn1.status.crl import CrlReason
from appliance.cosign.registry_states import (
    DEVICE,
    ActivationEvent,
    DeviceState,
)
from appliance.cosign.registry_states import DeviceEvent as Step
from appliance.errors import ApplianceError, NotFound
from appliance.pki.states import RequestState
from appliance.services.cosigning.messages import (
    CosignEvent,
    DeviceEvent,
    EnrolledEvent,
    Events,
    SignedEvent,
)
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.office import Office
from appliance.services.registration.phones.bells import Bells, of_task, of_user
from appliance.services.registration.phones.cosigner import CosignerDesk
from appliance.services.registration.requests import RequestDesk, Wish
from appliance.store.registry import activations, devices, followed, tasks
from appliance.store.registry.devices import DeviceRow
from appliance.store.registry.tasks import Signature

SOURCE = "cosign"
_LABEL_CHARACTERS = 64

_STEPS: Mapping[DeviceState, Step] = MappingProxyType(
    {
        DeviceState.ACTIVE: Step.RESTORED,
        DeviceState.SUSPENDED: Step.SUSPENDED,
        DeviceState.LOCKED: Step.LOCKED,
        DeviceState.NEEDS_REACTIVATION: Step.OVERTAKEN,
        DeviceState.REVOKED: Step.REVOKED,
    }
)
"""By which step a device comes to the state that the signer tells of."""


class EventDesk:
    """Takes in what the signer tells, and does what follows from it."""

    _log = Logger()

    def __init__(
        self,
        office: Office,
        cosigner: CosignerDesk,
        *,
        requests: RequestDesk,
        certificates: CertificateDesk,
        bells: Bells,
    ) -> None:
        self._office = office
        self._cosigner = cosigner
        self._requests = requests
        self._certificates = certificates
        self._bells = bells
        self._following = DeferredLock()
        self._settling = DeferredLock()

    async def follow(self) -> bool:
        """Take in all that has happened; tells whether anything has.

        Raises Unavailable without a signer.
        """
        await self._following.acquire()
        try:
            return await self._follow()
        finally:
            self._following.release()

    async def settle(self) -> None:
        """Have enrolled phones certified, note their certificates, revoke those of revoked ones."""
        await self._settling.acquire()
        try:
            await self._certify()
            await self._office.registry.run(devices.follow_renewals)
            await self._revoke()
        finally:
            self._settling.release()

    async def _follow(self) -> bool:
        registry = self._office.registry
        start = after = await registry.read(lambda connection: followed.get(connection, SOURCE))
        while (told := await self._cosigner.events(after)).last > after:
            keep = functools.partial(self._keep, told=told, after=after)
            self._bells.ring(await registry.run(keep))
            after = told.last
        return after > start

    def _keep(self, connection: Connection, told: Events, after: int) -> list[Hashable]:
        """Take events in; tells the bells to be rung."""
        if not followed.advance(connection, SOURCE, after, told.last):
            return []  # another took them in
        bells: list[Hashable] = []
        for is_signed, group in itertools.groupby(told.events, _is_signed):
            if is_signed:
                bells += self._signed(connection, cast("list[SignedEvent]", list(group)))
            else:
                bells += [bell for event in group for bell in self._take(connection, event)]
        return bells

    def _take(self, connection: Connection, event: CosignEvent) -> list[Hashable]:
        if isinstance(event, EnrolledEvent):
            return self._enrolled(connection, event)
        assert isinstance(event, DeviceEvent)
        return self._changed(connection, event)

    def _enrolled(self, connection: Connection, event: EnrolledEvent) -> list[Hashable]:
        now_us = self._office.now_us()
        try:
            activation = activations.get(connection, event.activation)
        except NotFound:
            self._log.error("a device of no activation of ours was enrolled", device=event.device)
            return []
        label = "".join(each for each in event.label if each.isprintable())
        row = DeviceRow(
            id=event.device,
            uid=activation.uid,
            activation=activation.id,
            label=label[:_LABEL_CHARACTERS],
            public=event.public,
            credential=event.credential,
            csr=event.csr,
            request_id=self._office.digest(b"device " + event.device.encode())[:32],
            created_us=now_us,
            updated_us=now_us,
        )
        devices.insert(connection, row)
        step = (activation.state, ActivationEvent.USED)
        activations.move(connection, activation.id, step, now_us, device=event.device)
        return [of_user(activation.uid)]

    def _signed(self, connection: Connection, events: Sequence[SignedEvent]) -> list[Hashable]:
        """Keep signatures; of two phones of a user the first is kept."""
        held = devices.certificates_of(connection, {event.device for event in events})
        told = {event.item: event for event in reversed(events) if event.device in held}
        signatures = [
            Signature(each.item, each.device, each.signature, held[each.device])
            for each in told.values()
        ]
        kept = tasks.keep_signatures(connection, signatures, self._office.now_us())
        for strange in {event.item for event in events} - kept.keys():
            self._log.error("something that is no task of ours was signed", item=strange)
        return [of_task(task) for task in set(kept.values())]

    def _changed(self, connection: Connection, event: DeviceEvent) -> list[Hashable]:
        device = devices.find_one(connection, event.device)
        if device is None:
            self._log.error(
                "the signer tells of a device that is none of ours", device=event.device
            )
            return []
        now_us = self._office.now_us()
        if event.epoch != device.epoch:
            devices.set_epoch(connection, device.id, event.epoch, now_us)
        step = _step(device.state, event.state)
        if step is not None:
            devices.move(connection, device.id, (device.state, step), now_us)
        return [of_user(device.uid)]

    async def _certify(self) -> None:
        """Send the requests of enrolled phones, once each, and note what was issued."""
        waiting = await self._office.registry.read(devices.find_uncertified)
        for device in waiting:
            try:
                await self._certify_one(device)
            except ApplianceError as error:
                self._log.warn(
                    "a phone waits for its certificate", device=device.id, why=str(error)
                )

    async def _certify_one(self, device: DeviceRow) -> None:
        registry = self._office.registry
        activation = await registry.read(
            lambda connection: activations.get(connection, device.activation)
        )
        wish = Wish(
            activation.authority,
            activation.template,
            device.uid,
            fields=activation.fields,
            csr=device.csr,
            device=device.id,
            road=self._requests.road_to(activation.authority),
            id=device.request_id,
        )
        (request,) = await self._requests.take([wish])
        certificate_id = request.certificate_id
        if request.state is not RequestState.ISSUED or certificate_id is None:
            return
        now_us = self._office.now_us()

        def keep(connection: Connection) -> None:
            now = devices.get(connection, device.id)
            if now.certificate_id is None:
                devices.keep_certificate(connection, now, certificate_id, now_us)

        await registry.run(keep)
        self._bells.ring([of_user(device.uid)])

    async def _revoke(self) -> None:
        for certificate_id in await self._office.registry.read(devices.find_to_revoke):
            try:
                await self._certificates.revoke(certificate_id, CrlReason.CESSATION_OF_OPERATION)
            except ApplianceError as error:
                self._log.warn("a certificate waits for its revocation", why=str(error))


def _is_signed(event: CosignEvent) -> bool:
    return isinstance(event, SignedEvent)


def _step(state: DeviceState, told: str) -> Step | None:
    """Find the step from a state to the one that is told of; None where it leads nowhere new."""
    try:
        target = DeviceState(told)
    except ValueError:
        return None  # as while it is refreshed, which is the signer's own business
    step = _STEPS.get(target)
    return step if step is not None and (state, step) in DEVICE.table else None
