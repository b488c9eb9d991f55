"""A small REST interface in memory, and what any table of operations is tried with."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import attrs
import msgspec
from msgspec import Meta
from twisted.internet.task import Clock

from appliance.errors import Conflict, NotFound, Refused
from appliance.services.registration.accounts import Role
from appliance.store.registry.rows import Cursor
from appliance.wire.http.site import Site
from appliance.wire.rest.dispatch import Asked, Dispatcher, Kept
from appliance.wire.rest.paging import PageQuery, next_cursor, read_cursor
from appliance.wire.rest.table import EVERYONE, PEOPLE, Answer, Call, Caller, File, Operation, Table
from kit.http import WALL_S, Client
from kit.http import Answer as Heard

JSON = "application/json"
OCTETS = "application/octet-stream"
LARGE = 1 << 20
WRONG = "a token that nobody has"

Colour = Literal["red", "green"]


class ThingQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which things are wanted."""

    colour: Colour | None = None


class NewThing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    weight: Annotated[int, Meta(ge=0, le=1000)] = 0
    notes: dict[str, str] = msgspec.field(default_factory=dict)
    parts: list[NewThing] = msgspec.field(default_factory=list)


class Thing(msgspec.Struct, frozen=True):
    """A thing as it is."""

    id: str
    name: str
    weight: int
    colour: Colour
    created_us: int


class ThingPage(msgspec.Struct, frozen=True):
    """A page of things, newest first."""

    items: list[Thing]
    next: str | None


class Size(msgspec.Struct, frozen=True):
    """How large something is."""

    octets: int


class Things:
    """A room of things; every name may be had once, `forbidden` never."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self.tokens = 0

    def operations(self) -> list[Operation]:
        """List them: each way of asking and answering once."""
        makers = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
        return [
            Operation(
                method="GET",
                path="/v1/things",
                name="listThings",
                summary="List things",
                handler=self._list,
                roles=EVERYONE,
                query=ThingQuery,
                gives=ThingPage,
            ),
            Operation(
                method="POST",
                path="/v1/things",
                name="makeThing",
                summary="Make a thing",
                handler=self._make,
                roles=makers,
                body=NewThing,
                gives=Thing,
                status=201,
            ),
            Operation(
                method="GET",
                path="/v1/things/{id}",
                name="getThing",
                summary="Show a thing",
                handler=self._get,
                roles=PEOPLE,
                gives=Thing,
            ),
            Operation(
                method="POST",
                path="/v1/things/{id}/paint",
                name="paintThing",
                summary="Paint a red thing green",
                handler=self._paint,
                roles=makers,
                gives=Thing,
            ),
            Operation(
                method="GET",
                path="/v1/things/{id}/file",
                name="fetchThing",
                summary="Give a thing as a file",
                handler=self._file,
                roles=frozenset({Role.AUDITOR}),
                gives=OCTETS,
            ),
            Operation(
                method="POST",
                path="/v1/things/imports",
                name="importThings",
                summary="Take octets in",
                handler=self._import,
                roles=makers,
                body=OCTETS,
                body_limit=LARGE,
                gives=Size,
            ),
            Operation(
                method="POST",
                path="/v1/tokens",
                name="makeToken",
                summary="Tell a token once",
                handler=self._token,
                roles=frozenset({Role.ADMINISTRATOR}),
                gives=Size,
                tells_secret=True,
            ),
            Operation(
                method="GET",
                path="/v1/things/first",
                name="getFirst",
                summary="Count things, for anyone",
                handler=self._count,
                roles=None,
                gives=Size,
            ),
        ]

    async def _list(self, call: Call) -> Answer:
        query: ThingQuery = call.query
        after = read_cursor(query.cursor) or Cursor(1 << 62, "")
        newest = sorted(self.things, key=lambda thing: (thing.created_us, thing.id), reverse=True)
        found = [
            thing
            for thing in newest
            if Cursor(thing.created_us, thing.id) < after and query.colour in (None, thing.colour)
        ][: query.limit]
        is_full = len(found) == query.limit
        more = next_cursor(found[-1].created_us, found[-1].id) if is_full else None
        return Answer(ThingPage(found, more))

    async def _make(self, call: Call) -> Answer:
        body: NewThing = call.body
        if body.name == "forbidden":
            raise Refused("this name is not given")
        if any(thing.name == body.name for thing in self.things):
            raise Conflict("there is a thing of this name")
        number = len(self.things)
        thing = Thing(f"{number:032x}", body.name, body.weight, "red", number // 3)
        self.things.append(thing)
        return Answer(thing)

    async def _get(self, call: Call) -> Answer:
        return Answer(self._find(call))

    async def _paint(self, call: Call) -> Answer:
        thing = self._find(call)
        if thing.colour == "green":
            raise Conflict("the thing is green")
        painted = msgspec.structs.replace(thing, colour="green")
        self.things[self.things.index(thing)] = painted
        return Answer(painted)

    async def _file(self, call: Call) -> Answer:
        return Answer(File(self._find(call).name.encode(), "thing.bin"))

    async def _import(self, call: Call) -> Answer:
        return Answer(Size(len(call.body)))

    async def _token(self, _call: Call) -> Answer:
        self.tokens += 1
        return Answer(Size(self.tokens))

    async def _count(self, _call: Call) -> Answer:
        return Answer(Size(len(self.things)))

    def _find(self, call: Call) -> Thing:
        for thing in self.things:
            if thing.id == call.path["id"]:
                return thing
        raise NotFound("there is no such thing")


class DictMemory:
    """Remembers answers in a dict; see `dispatch.Memory`."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[Asked, Kept]] = {}

    async def claim(self, asked: Asked) -> Kept | None:
        """Take a key, or tell what is kept under it."""
        place = (asked.account, asked.key)
        if place not in self.kept:
            self.kept[place] = (asked, Kept(is_same=True))
            return None
        before, kept = self.kept[place]
        return attrs.evolve(kept, is_same=before == asked)

    async def settle(self, asked: Asked, status: int, body: bytes) -> None:
        """Keep an answer."""
        self.kept[asked.account, asked.key] = (asked, Kept(is_same=True, status=status, body=body))

    async def abandon(self, asked: Asked) -> None:
        """Free a key."""
        del self.kept[asked.account, asked.key]


def token_of(role: Role) -> str:
    """Give the token of the one account of a role."""
    return f"token-of-{role.value}"


async def authenticate(token: str) -> Caller | None:
    """Tell whose token it is."""
    return next(
        (Caller(f"id-{role.value}", role.value, role) for role in Role if token_of(role) == token),
        None,
    )


class Interface:
    """A table behind HTTP in memory."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.table = Table(list(operations))
        self.memory = DictMemory()
        self.clock = Clock()
        numbers = itertools.count()
        dispatcher = Dispatcher(
            self.table,
            authenticate=authenticate,
            memory=self.memory,
            draw=lambda size: next(numbers).to_bytes(size, "big"),
        )
        self.site = Site({}, clock=self.clock, wall_s=lambda: WALL_S, router=dispatcher.route)

    def connect(self) -> Client:
        """Open a connection."""
        return Client(self.site.connect(b""))  # type: ignore[arg-type]

    def ask(
        self, method: str, target: str, body: object = None, role: Role | None = None, **fields: str
    ) -> Heard:
        """Make a call and read its answer; `fields` are HTTP fields, `_` standing for `-`."""
        sent = {name.replace("_", "-"): value for name, value in fields.items()}
        octets = b""
        if isinstance(body, bytes):
            octets = body
        elif body is not None:
            octets = msgspec.json.encode(body)
            sent.setdefault("Content-Type", JSON)
        if role is not None:
            sent["Authorization"] = f"Bearer {token_of(role)}"
        client = self.connect()
        client.send(render(method, target, sent, octets))
        (answer,) = client.answers
        return answer


def render(method: str, target: str, fields: Mapping[str, str], body: bytes = b"") -> bytes:
    """Make the octets of a request."""
    lines = [f"{name}: {value}" for name, value in fields.items()]
    head = [f"{method} {target} HTTP/1.1", "Host: box", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


# --- what any table is tried with -----------------------------------------------------------------


@attrs.frozen
class Cell:
    """An operation asked under a role, or without an account: by no token, or a wrong one."""

    operation: Operation
    role: Role | None
    is_wrong: bool = False

    def __str__(self) -> str:
        """Name the cell, as an id of a test."""
        who = self.role.value if self.role else "wrong" if self.is_wrong else "nobody"
        return f"{self.operation.name}-{who}"

    def token(self, tokens: Mapping[Role, str]) -> str | None:
        """Choose what to show, of the tokens that there are."""
        return tokens[self.role] if self.role else WRONG if self.is_wrong else None

    @property
    def target(self) -> str:
        """A path that is well-formed, and of nothing that there is."""
        return self.operation.path.format_map(dict.fromkeys(self.operation.parameters, "f" * 32))

    @property
    def media_type(self) -> str:
        """The media type of the body; "" for none."""
        body = self.operation.body
        return "" if body is None else body if isinstance(body, str) else JSON

    @property
    def body(self) -> bytes:
        """A body of the right type, with nothing in it."""
        return b"{}" if self.media_type == JSON else b""

    def holds(self, status: int) -> bool:
        """Tell whether a status is what the table says of this cell."""
        allowed = self.operation.roles
        if allowed is None or self.role in allowed:
            return status in self.operation.statuses() - {401, 403, 500}
        return status == (403 if self.role else 401)


def matrix(operations: Iterable[Operation]) -> list[Cell]:
    """Make every cell of role and operation, and two of nobody for each operation."""
    return [
        cell
        for operation in operations
        for cell in (
            *(Cell(operation, role) for role in Role),
            Cell(operation, None),
            Cell(operation, None, is_wrong=True),
        )
    ]
