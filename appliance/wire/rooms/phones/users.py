"""Users: taken in, listed, changed, suspended and closed."""

from __future__ import annotations

import functools

from appliance.cosign.registry_states import UserEvent, UserState
from appliance.services.registration.accounts import Role
from appliance.services.registration.office import Office
from appliance.services.registration.phones.people import PeopleDesk, Person
from appliance.store.registry import users
from appliance.store.registry.users import UserFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import Answer, Call, Operation
from appliance.wire.rooms.bodies import View
from appliance.wire.rooms.phones.bodies import (
    Department,
    NewUser,
    Particulars,
    UserView,
    view_user,
)

KEEPERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})


class UserQuery(PageQuery, frozen=True, kw_only=True):
    """Which users are wanted."""

    department: Department | None = None
    state: UserState | None = None


class UserPage(View, frozen=True):
    """A page of users, newest first; `next` is null on the last."""

    items: list[UserView]
    next: str | None


class UserRoom:
    """The operations on users."""

    def __init__(self, office: Office, desk: PeopleDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="POST",
                path="/v1/users",
                name="createUser",
                summary="Take a user in",
                handler=self._create,
                roles=KEEPERS,
                body=NewUser,
                gives=UserView,
                status=201,
            ),
            Operation(
                method="GET",
                path="/v1/users",
                name="listUsers",
                summary="List users, newest first",
                handler=self._list,
                query=UserQuery,
                gives=UserPage,
            ),
            Operation(
                method="GET",
                path="/v1/users/{uid}",
                name="getUser",
                summary="Show a user",
                handler=self._get,
                gives=UserView,
            ),
            Operation(
                method="POST",
                path="/v1/users/{uid}/change",
                name="changeUser",
                summary="Note what is known of a user now; certificates stay as they are",
                handler=self._change,
                roles=KEEPERS,
                body=Particulars,
                gives=UserView,
            ),
            *(
                Operation(
                    method="POST",
                    path=f"/v1/users/{{uid}}/{verb}",
                    name=f"{verb}User",
                    summary=summary,
                    handler=functools.partial(self._step, event),
                    roles=KEEPERS,
                    gives=UserView,
                )
                for verb, summary, event in (
                    ("suspend", "Let a user sign nothing new for a time", UserEvent.SUSPENDED),
                    ("restore", "Let a user sign again", UserEvent.RESTORED),
                    ("close", "Note that a user has left", UserEvent.CLOSED),
                )
            ),
        ]

    async def _create(self, call: Call) -> Answer:
        body: NewUser = call.body
        return Answer(view_user(await self._desk.create(body.uid, _person(body))))

    async def _list(self, call: Call) -> Answer:
        query: UserQuery = call.query
        wanted = UserFilter(query.department, (query.state,) if query.state else ())
        items, more = await read_page(self._office.registry, users.find, wanted, query, view_user)
        return Answer(UserPage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        row = await self._office.registry.read(functools.partial(users.get, uid=call.path["uid"]))
        return Answer(view_user(row))

    async def _change(self, call: Call) -> Answer:
        return Answer(view_user(await self._desk.change(call.path["uid"], _person(call.body))))

    async def _step(self, event: UserEvent, call: Call) -> Answer:
        return Answer(view_user(await self._desk.step(call.path["uid"], event)))


def _person(body: Particulars) -> Person:
    return Person(body.name, body.department, body.fields)
