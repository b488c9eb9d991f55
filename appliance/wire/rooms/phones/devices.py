"""Devices: listed, and ordered about; the signer obeys, and the registry hears of it."""

from __future__ import annotations

import functools

from appliance.cosign.registry_states import DeviceState
from appliance.services.cosigning.messages import DeviceOrder
from appliance.services.registration.office import Office
from appliance.services.registration.phones.orders import OrderDesk
from appliance.store.registry import devices
from appliance.store.registry.devices import DeviceFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import Answer, Call, Operation
from appliance.wire.rooms.bodies import View
from appliance.wire.rooms.phones.bodies import DeviceView, Number, view_device
from appliance.wire.rooms.phones.users import KEEPERS


class DeviceQuery(PageQuery, frozen=True, kw_only=True):
    """Which devices are wanted."""

    uid: Number | None = None
    state: DeviceState | None = None


class DevicePage(View, frozen=True):
    """A page of devices, newest first; `next` is null on the last."""

    items: list[DeviceView]
    next: str | None


class DeviceRoom:
    """The operations on devices."""

    def __init__(self, office: Office, desk: OrderDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="GET",
                path="/v1/devices",
                name="listDevices",
                summary="List devices, newest first",
                handler=self._list,
                query=DeviceQuery,
                gives=DevicePage,
            ),
            Operation(
                method="GET",
                path="/v1/devices/{id}",
                name="getDevice",
                summary="Show a device",
                handler=self._get,
                gives=DeviceView,
            ),
            *(
                Operation(
                    method="POST",
                    path=f"/v1/devices/{{id}}/{order.value}",
                    name=f"{order.value}Device",
                    summary=summary,
                    handler=functools.partial(self._order, order),
                    roles=KEEPERS,
                    gives=DeviceView,
                )
                for order, summary in (
                    (DeviceOrder.REVOKE, "Destroy a device's share; its certificate is revoked"),
                    (DeviceOrder.SUSPEND, "Let a device answer nothing for a time"),
                    (DeviceOrder.RESTORE, "Let a device sign again"),
                )
            ),
        ]

    async def _list(self, call: Call) -> Answer:
        query: DeviceQuery = call.query
        wanted = DeviceFilter(uid=query.uid, states=(query.state,) if query.state else ())
        items, more = await read_page(
            self._office.registry, devices.find, wanted, query, view_device
        )
        return Answer(DevicePage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        get = functools.partial(devices.get, device_id=call.path["id"])
        return Answer(view_device(await self._office.registry.read(get)))

    async def _order(self, order: DeviceOrder, call: Call) -> Answer:
        return Answer(view_device(await self._desk.order(call.path["id"], order)))
