"""Pages of a list, newest first: a cursor says where the next one begins."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Annotated, Protocol, TypeVar

import msgspec
from msgspec import Meta

from appliance.errors import Malformed
from appliance.store.registry.database import Registry
from appliance.store.registry.rows import Cursor

Limit = Annotated[int, Meta(ge=1, le=500, description="rows of a page")]
CursorText = Annotated[
    str, Meta(max_length=128, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of a page before")
]


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parent of queries for a list."""

    limit: Limit = 100
    cursor: CursorText = ""


def read_cursor(text: str) -> Cursor | None:
    """Read a cursor; "" is the beginning.  Raises Malformed."""
    if not text:
        return None
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        created_us, name = msgspec.msgpack.decode(octets, type=tuple[int, str])
    except ValueError:  # of base64, msgpack or UTF-8
        raise Malformed("the cursor is not one of ours") from None
    if not -(1 << 62) < created_us < 1 << 62 or not name.isprintable() or len(name) > 64:
        raise Malformed("the cursor is not one of ours")
    return Cursor(created_us, name)


class Listed(Protocol):
    """A row of a list that goes by when its rows were created."""

    @property
    def created_us(self) -> int:
        """When it was created, in POSIX us."""

    @property
    def id(self) -> str:
        """Which it is among those of the same instant."""


Row = TypeVar("Row", bound=Listed)
Shown = TypeVar("Shown")


async def read_page(
    registry: Registry,
    find: Callable[..., list[Row]],
    wanted: object,
    query: PageQuery,
    show: Callable[[Row], Shown],
) -> tuple[list[Shown], str | None]:
    """Read the page that `query` asks for, and the cursor of the next, None behind the last.

    `find` takes a connection, the filter `wanted`, `after` and `limit`.  Raises Malformed for a
    cursor that is none.
    """
    after = read_cursor(query.cursor)
    rows = await registry.read(
        functools.partial(find, wanted=wanted, after=after, limit=query.limit)
    )
    more = next_cursor(rows[-1].created_us, rows[-1].id) if len(rows) == query.limit else None
    return list(map(show, rows)), more


def next_cursor(created_us: int, name: str) -> str:
    """Write the cursor that goes on behind a row."""
    octets = msgspec.msgpack.encode((created_us, name))
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
