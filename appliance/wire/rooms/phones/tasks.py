"""Tasks: posted by applications, followed until they are signed, given up."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from appliance.cosign.registry_states import TaskState
from appliance.services.registration.accounts import Role
from appliance.services.registration.office import Office
from appliance.services.registration.phones.tasks import TaskDesk, TaskWish
from appliance.store.registry import tasks
from appliance.store.registry.tasks import TaskFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import EVERYONE, Answer, Call, NoQuery, Operation
from appliance.wire.rooms.bodies import View
from appliance.wire.rooms.phones.bodies import (
    NewTask,
    Number,
    TaskStoryView,
    TaskView,
    read_items,
    view_story,
    view_task,
)
from appliance.wire.rooms.phones.users import KEEPERS

BODY_OCTETS = 4 << 20
LONGEST_WAIT_S = 30
_DEADLINE_S = 45.0


class TaskQuery(PageQuery, frozen=True, kw_only=True):
    """Which tasks are wanted."""

    uid: Number | None = None
    state: TaskState | None = None


class WaitQuery(NoQuery, frozen=True, forbid_unknown_fields=True):
    """How many seconds the answer may wait for something to become of the task."""

    wait: Annotated[int, Meta(ge=0, le=LONGEST_WAIT_S)] = 0


class TaskPage(View, frozen=True):
    """A page of tasks, newest first; `next` is null on the last."""

    items: list[TaskView]
    next: str | None


class TaskRoom:
    """The operations on tasks; an application sees its own alone."""

    def __init__(self, office: Office, desk: TaskDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="POST",
                path="/v1/tasks",
                name="createTask",
                summary="Have a user sign documents on a phone",
                handler=self._create,
                roles=frozenset({Role.APPLICATION}),
                body=NewTask,
                body_limit=BODY_OCTETS,
                gives=TaskStoryView,
                status=201,
                fails=frozenset({404}),
            ),
            Operation(
                method="GET",
                path="/v1/tasks",
                name="listTasks",
                summary="List tasks, newest first",
                handler=self._list,
                roles=EVERYONE,
                query=TaskQuery,
                gives=TaskPage,
            ),
            Operation(
                method="GET",
                path="/v1/tasks/{id}",
                name="getTask",
                summary="Show a task with its signatures, at once or when something became of it",
                handler=self._get,
                roles=EVERYONE,
                query=WaitQuery,
                gives=TaskStoryView,
                deadline_s=_DEADLINE_S,
            ),
            Operation(
                method="POST",
                path="/v1/tasks/{id}/cancel",
                name="cancelTask",
                summary="Give a task up; what is signed stays signed",
                handler=self._cancel,
                roles=KEEPERS | {Role.APPLICATION},
                gives=TaskStoryView,
            ),
        ]

    async def _create(self, call: Call) -> Answer:
        assert call.caller is not None
        body: NewTask = call.body
        documents = read_items(body.items)
        wish = TaskWish(body.uid, body.description, documents, body.expires_s, body.mode)
        return Answer(view_story(await self._desk.create(wish, call.caller.id)))

    async def _list(self, call: Call) -> Answer:
        query: TaskQuery = call.query
        states = (query.state,) if query.state else ()
        wanted = TaskFilter(query.uid, _whose(call), states)
        items, more = await read_page(self._office.registry, tasks.find, wanted, query, view_task)
        return Answer(TaskPage(items=items, next=more))

    async def _get(self, call: Call) -> Answer:
        story = await self._desk.look(call.path["id"], _whose(call), call.query.wait)
        return Answer(view_story(story))

    async def _cancel(self, call: Call) -> Answer:
        return Answer(view_story(await self._desk.cancel(call.path["id"], _whose(call))))


def _whose(call: Call) -> str | None:
    """Tell whose tasks a caller may see: an application its own, people all."""
    assert call.caller is not None
    return call.caller.id if call.caller.role is Role.APPLICATION else None
