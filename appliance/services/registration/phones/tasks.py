"""Tasks: what an application wants signed by a user, kept until it is signed or given up."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import attrs
from sqlalchemy import Connection

from appliance.cosign.registry_states import TaskState, UserState
from appliance.errors import Malformed, NotFound, Refused
from appliance.quantities import US_PER_S
from appliance.services.cosigning.messages import ITEM_CONTENT_LIMIT, Form
from appliance.services.registration.office import Office
from appliance.services.registration.phones.bells import Bells, of_task, of_user
from appliance.store.registry import tasks, users
from appliance.store.registry.tasks import TaskItemRow, TaskRow

PUSH = "push"
DIGEST_OCTETS = 32
SWEEP_LIMIT = 500


@attrs.frozen
class Document:
    """One document to be signed: `content` is the document of a raw one, of a cms one its SM3."""

    name: str
    form: Form
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class TaskWish:
    """What an application wants of a user, and for how long."""

    uid: str
    description: str
    documents: Sequence[Document]
    expires_s: int
    mode: str = PUSH


@attrs.frozen
class TaskStory:
    """A task and what has become of its items."""

    row: TaskRow
    items: Sequence[TaskItemRow]


class TaskDesk:
    """Takes tasks in, tells what became of them, gives them up; rings for who waits."""

    def __init__(self, office: Office, bells: Bells) -> None:
        self._office = office
        self._bells = bells

    async def create(self, wish: TaskWish, application: str) -> TaskStory:
        """Take a task in.

        Raises NotFound for an unknown user, Refused for one who may not sign, Malformed for a
        document that is too long or a digest that is none.
        """
        for document in wish.documents:
            _check(document)
        task, items = self._rows(wish, application)

        def put(connection: Connection) -> None:
            user = users.get(connection, wish.uid)
            if user.state is not UserState.ACTIVE:
                raise Refused(f"the user is {user.state.value}")
            tasks.insert(connection, task, items)

        await self._office.registry.run(put)
        self._bells.ring([of_user(wish.uid)])
        return TaskStory(task, items)

    async def look(self, task_id: str, application: str | None, wait_s: float = 0) -> TaskStory:
        """Tell of a task, once something became of it or `wait_s` are over.

        `application` asks for its own alone, None for any.  Raises NotFound.
        """
        ear = self._bells.listen(of_task(task_id))
        try:
            story = await self._read(task_id, application)
            if wait_s and story.row.state is TaskState.OPEN:
                await ear.wait(wait_s)
                story = await self._read(task_id, application)
        finally:
            ear.close()
        return story

    async def cancel(self, task_id: str, application: str | None) -> TaskStory:
        """Give a task up.  Raises NotFound, and Conflict for one that is over."""
        now_us = self._office.now_us()

        def cancel(connection: Connection) -> TaskStory:
            _story(connection, task_id, application)
            tasks.cancel(connection, task_id, now_us)
            return _story(connection, task_id, application)

        story = await self._office.registry.run(cancel)
        self._bells.ring([of_task(task_id)])
        return story

    async def sweep(self) -> int:
        """Let tasks lapse whose time is over; tells how many."""
        now_us, count = self._office.now_us(), 0
        while lapsed := await self._office.registry.run(
            functools.partial(tasks.sweep, now_us=now_us, limit=SWEEP_LIMIT)
        ):
            self._bells.ring(map(of_task, lapsed))
            count += len(lapsed)
        return count

    async def _read(self, task_id: str, application: str | None) -> TaskStory:
        return await self._office.registry.read(
            lambda connection: _story(connection, task_id, application)
        )

    def _rows(self, wish: TaskWish, application: str) -> tuple[TaskRow, list[TaskItemRow]]:
        now_us = self._office.now_us()
        task = TaskRow(
            id=self._office.new_id(),
            uid=wish.uid,
            application=application,
            description=wish.description,
            mode=wish.mode,
            expires_us=now_us + wish.expires_s * US_PER_S,
            created_us=now_us,
            updated_us=now_us,
        )
        items = [
            TaskItemRow(
                task=task.id,
                position=position,
                id=self._office.new_id(),
                uid=wish.uid,
                name=document.name,
                form=document.form.value,
                content=document.content,
                octets=len(document.content),
                digest=self._digest(document),
                created_us=now_us,
                updated_us=now_us,
            )
            for position, document in enumerate(wish.documents)
        ]
        return task, items

    def _digest(self, document: Document) -> str:
        if document.form is Form.CMS:
            return document.content.hex()
        return self._office.digest(document.content)


def _check(document: Document) -> None:
    """Raise Malformed for a document that cannot be signed as it is."""
    if document.form is Form.CMS and len(document.content) != DIGEST_OCTETS:
        raise Malformed("a document of the form cms comes as its SM3, 32 octets")
    if document.form is Form.RAW and not 0 < len(document.content) <= ITEM_CONTENT_LIMIT:
        raise Malformed(f"a document of the form raw has 1 to {ITEM_CONTENT_LIMIT} octets")
    if document.form not in {Form.RAW, Form.CMS}:
        raise Malformed(f"no application has a {document.form.value} signed")


def _story(connection: Connection, task_id: str, application: str | None) -> TaskStory:
    row = tasks.get(connection, task_id)
    if application not in {None, row.application}:
        raise NotFound("nothing in tasks has this id")
    return TaskStory(row, tasks.items_of(connection, task_id))
