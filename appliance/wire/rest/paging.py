"""Pages of a list, newest first: a cursor says where the next one begins."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from appliance.errors import Malformed
from appliance.store.registry.rows import Cursor

Limit = Annotated[int, Meta(ge=1, le=500, description="rows of a page")]
CursorText = Annotated[
    str, Meta(max_length=128, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of a page before")
]


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


def cursor_after(rows: Sequence[Listed], limit: int) -> str | None:
    """Write the cursor of the page behind `rows`; None when they are fewer than asked for."""
    return next_cursor(rows[-1].created_us, rows[-1].id) if len(rows) == limit else None


def next_cursor(created_us: int, name: str) -> str:
    """Write the cursor that goes on behind a row."""
    octets = msgspec.msgpack.encode((created_us, name))
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
