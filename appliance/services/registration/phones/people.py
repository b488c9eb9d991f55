"""Users in the registry: those who sign, by a number that is theirs for ever."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import attrs
from sqlalchemy import Connection

from appliance.cosign.registry_states import UserEvent
from appliance.services.registration.office import Office
from appliance.store.registry import users
from appliance.store.registry.users import UserRow


@attrs.frozen
class Person:
    """What is known of a user beside the number; `fields` fill certificate templates."""

    name: str
    department: str = ""
    fields: Mapping[str, str] = attrs.field(factory=dict)


class PeopleDesk:
    """Takes users in and notes what changes."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def create(self, uid: str, person: Person) -> UserRow:
        """Take a user in.  Raises Conflict when the number is somebody's."""
        now_us = self._office.now_us()
        row = UserRow(uid, person.name, person.department, person.fields, now_us, now_us)
        await self._office.registry.run(functools.partial(users.insert, user=row))
        return row

    async def change(self, uid: str, person: Person) -> UserRow:
        """Note what is known of a user now; certificates stay as they are.  Raises NotFound."""
        now_us = self._office.now_us()

        def change(connection: Connection) -> UserRow:
            row = attrs.evolve(
                users.get(connection, uid),
                name=person.name,
                department=person.department,
                fields=dict(person.fields),
                updated_us=now_us,
            )
            users.change(connection, row)
            return row

        return await self._office.registry.run(change)

    async def step(self, uid: str, event: UserEvent) -> UserRow:
        """Suspend, restore or close a user.  Raises NotFound, Conflict."""
        now_us = self._office.now_us()

        def move(connection: Connection) -> UserRow:
            row = users.get(connection, uid)
            users.move(connection, uid, (row.state, event), now_us)
            return users.get(connection, uid)

        return await self._office.registry.run(move)


def template_fields(user: UserRow) -> dict[str, str]:
    """Give what a certificate template is filled with for a user."""
    known = {"uid": user.uid, "name": user.name, "department": user.department}
    return {**user.fields, **{name: text for name, text in known.items() if text}}
