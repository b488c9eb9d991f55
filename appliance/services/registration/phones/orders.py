"""Orders to devices: the signer obeys and tells of it; the registry takes in what it tells."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from appliance.cosign.registry_states import DEVICE, DeviceEvent
from appliance.services.cosigning.messages import DeviceOrder
from appliance.services.registration.office import Office
from appliance.services.registration.phones.cosigner import CosignerDesk
from appliance.services.registration.phones.events import EventDesk
from appliance.store.registry import devices
from appliance.store.registry.devices import DeviceRow

_STEPS: Mapping[DeviceOrder, DeviceEvent] = MappingProxyType(
    {
        DeviceOrder.REVOKE: DeviceEvent.REVOKED,
        DeviceOrder.SUSPEND: DeviceEvent.SUSPENDED,
        DeviceOrder.RESTORE: DeviceEvent.RESTORED,
    }
)


class OrderDesk:
    """Has something done to devices."""

    def __init__(self, office: Office, cosigner: CosignerDesk, events: EventDesk) -> None:
        self._office = office
        self._cosigner = cosigner
        self._events = events

    async def order(self, device_id: str, order: DeviceOrder) -> DeviceRow:
        """Revoke, suspend or restore a device; gives it as it is then.

        Raises NotFound; Conflict from a state that allows no such thing; Unavailable without a
        signer.
        """
        get = functools.partial(devices.get, device_id=device_id)
        row = await self._office.registry.read(get)
        DEVICE.after(row.state, _STEPS[order])  # refuse before the signer hears of it
        await self._cosigner.order(device_id, order)
        await self._events.follow()
        await self._events.settle()
        return await self._office.registry.read(get)
