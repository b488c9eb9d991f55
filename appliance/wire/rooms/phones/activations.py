"""Activations: codes given out, listed and taken back."""

from __future__ import annotations

import functools

from appliance.cosign.registry_states import ActivationState
from appliance.services.cosigning.messages import Usage
from appliance.services.registration.office import Office
from appliance.services.registration.phones.activations import ActivationDesk, ActivationWish
from appliance.store.registry import activations
from appliance.store.registry.activations import ActivationFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import Answer, Call, Operation
from appliance.wire.rooms.bodies import View
from appliance.wire.rooms.phones.bodies import (
    ActivationView,
    CodeView,
    NewActivation,
    Number,
    view_activation,
    view_code,
)
from appliance.wire.rooms.phones.users import KEEPERS


class ActivationQuery(PageQuery, frozen=True, kw_only=True):
    """Which activations are wanted."""

    uid: Number | None = None
    state: ActivationState | None = None


class ActivationPage(View, frozen=True):
    """A page of activations, newest first; `next` is null on the last."""

    items: list[ActivationView]
    next: str | None


class ActivationRoom:
    """The operations on activations."""

    def __init__(self, office: Office, desk: ActivationDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="POST",
                path="/v1/activations",
                name="createActivation",
                summary="Give out a code for a user's phone; it is told this once",
                handler=self._create,
                roles=KEEPERS,
                body=NewActivation,
                gives=CodeView,
                tells_secret=True,
                status=201,
                fails=frozenset({404}),
            ),
            Operation(
                method="GET",
                path="/v1/activations",
                name="listActivations",
                summary="List activations, newest first, without their codes",
                handler=self._list,
                query=ActivationQuery,
                gives=ActivationPage,
            ),
            Operation(
                method="GET",
                path="/v1/activations/{id}",
                name="getActivation",
                summary="Show an activation without its code",
                handler=self._get,
                gives=ActivationView,
            ),
            Operation(
                method="POST",
                path="/v1/activations/{id}/cancel",
                name="cancelActivation",
                summary="Let a code be worth nothing",
                handler=self._cancel,
                roles=KEEPERS,
                gives=ActivationView,
            ),
        ]

    async def _create(self, call: Call) -> Answer:
        assert call.caller is not None
        body: NewActivation = call.body
        wish = ActivationWish(body.uid, body.authority, body.template, Usage(body.usage))
        return Answer(view_code(await self._desk.issue(wish, call.caller.name)))

    async def _list(self, call: Call) -> Answer:
        query: ActivationQuery = call.query
        wanted = ActivationFilter(query.uid, (query.state,) if query.state else ())
        items, more = await read_page(
            self._office.registry, activations.find, wanted, query, view_activation
        )
        return Answer(ActivationPage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        get = functools.partial(activations.get, activation_id=call.path["id"])
        return Answer(view_activation(await self._office.registry.read(get)))

    async def _cancel(self, call: Call) -> Answer:
        return Answer(view_activation(await self._desk.cancel(call.path["id"])))
