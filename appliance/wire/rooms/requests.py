"""Requests for certificates: made, listed, given their PKCS#10, cancelled."""

from __future__ import annotations

import functools

from appliance.errors import Malformed
from appliance.pki.states import RequestState
from appliance.services.registration.accounts import Role
from appliance.services.registration.office import Office
from appliance.services.registration.requests import OFFLINE, RequestDesk, Wish
from appliance.store.registry import requests
from appliance.store.registry.requests import RequestFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import PEOPLE, Answer, Call, Operation
from appliance.wire.rooms.bodies import (
    CsrBody,
    Id,
    Name,
    NewRequest,
    RequestView,
    Uid,
    View,
    read_csr,
    view_request,
)

_WORKERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR, Role.APPLICATION})
_READERS = PEOPLE | {Role.APPLICATION}


class RequestQuery(PageQuery, frozen=True, kw_only=True):
    """Which requests are wanted."""

    owner_uid: Uid | None = None
    authority: Name | None = None
    batch_id: Id | None = None
    state: RequestState | None = None


class RequestPage(View, frozen=True):
    """A page of requests, newest first; `next` is null on the last."""

    items: list[RequestView]
    next: str | None


class RequestRoom:
    """The operations on requests."""

    def __init__(self, office: Office, desk: RequestDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="POST",
                path="/v1/requests",
                name="createRequest",
                summary="Ask for a certificate",
                handler=self._create,
                roles=_WORKERS,
                body=NewRequest,
                gives=RequestView,
                status=201,
                fails=frozenset({404}),
            ),
            Operation(
                method="GET",
                path="/v1/requests",
                name="listRequests",
                summary="List requests, newest first",
                handler=self._list,
                roles=_READERS,
                query=RequestQuery,
                gives=RequestPage,
            ),
            Operation(
                method="GET",
                path="/v1/requests/{id}",
                name="getRequest",
                summary="Show a request",
                handler=self._get,
                roles=_READERS,
                gives=RequestView,
            ),
            Operation(
                method="POST",
                path="/v1/requests/{id}/csr",
                name="supplyCsr",
                summary="Give a request the PKCS#10 request it waits for",
                handler=self._supply,
                roles=_WORKERS,
                body=CsrBody,
                gives=RequestView,
            ),
            Operation(
                method="POST",
                path="/v1/requests/{id}/retry",
                name="retryRequest",
                summary="Send a request on once more whose road broke",
                handler=self._retry,
                roles=_WORKERS,
                gives=RequestView,
            ),
            Operation(
                method="POST",
                path="/v1/requests/{id}/cancel",
                name="cancelRequest",
                summary="Give a request up",
                handler=self._cancel,
                roles=_WORKERS,
                gives=RequestView,
            ),
        ]

    async def _create(self, call: Call) -> Answer:
        body: NewRequest = call.body
        if body.kind != "new" and body.renews is None:
            raise Malformed("body: renews is missing: it names the certificate to be replaced")
        wish = Wish(
            authority=body.authority,
            template=body.template,
            owner_uid=body.owner_uid,
            fields=body.fields,
            csr=read_csr(body.csr),
            device=body.device,
            road=OFFLINE if body.road == "offline" else self._desk.road_to(body.authority),
            kind=body.kind,
            renews=body.renews,
        )
        (row,) = await self._desk.take([wish])
        return Answer(view_request(row))

    async def _list(self, call: Call) -> Answer:
        query: RequestQuery = call.query
        wanted = RequestFilter(
            owner_uid=query.owner_uid,
            authority=query.authority,
            batch_id=query.batch_id,
            states=(query.state,) if query.state else (),
        )
        items, more = await read_page(
            self._office.registry, requests.find, wanted, query, view_request
        )
        return Answer(RequestPage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        row = await self._office.registry.read(
            functools.partial(requests.get, request_id=call.path["id"])
        )
        return Answer(view_request(row))

    async def _supply(self, call: Call) -> Answer:
        csr = read_csr(call.body.csr)
        assert csr is not None
        return Answer(view_request(await self._desk.supply_csr(call.path["id"], csr)))

    async def _retry(self, call: Call) -> Answer:
        return Answer(view_request(await self._desk.retry(call.path["id"])))

    async def _cancel(self, call: Call) -> Answer:
        return Answer(view_request(await self._desk.cancel(call.path["id"])))
