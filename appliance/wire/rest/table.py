"""What an operation of the REST interface is: one row tells all there is to know of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

from appliance.services.registration.accounts import Role

ANY_BODY_OCTETS = 64 * 1024


PEOPLE = frozenset({Role.ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR})
EVERYONE = PEOPLE | {Role.APPLICATION}


@attrs.frozen
class Caller:
    """An account that has shown its token."""

    id: str
    name: str
    role: Role


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query that asks nothing."""


@attrs.frozen
class Call:
    """One call as its operation gets it: checked, typed, from somebody who may.

    `body` is of the operation's type, or octets where it takes them, of `media_type`; `caller` is
    None where anyone may call.
    """

    caller: Caller | None
    path: Mapping[str, str]
    query: Any
    body: Any
    client: bytes
    media_type: str = ""


@attrs.frozen
class Octets:
    """What an operation reads or writes itself, in any of some media types; `schema` describes it.

    What does not fit the schema is the operation's to answer, in words of its own.
    """

    media_types: tuple[str, ...]
    schema: type[msgspec.Struct]


Kind = type[msgspec.Struct] | str | Octets
"""Of what an operation takes or gives: a Struct in JSON, or octets."""


@attrs.frozen
class File:
    """An answer that is no JSON: its octets, and the name to keep it under, if any.

    `media_type` is one of the operation's, where it has several.
    """

    octets: bytes
    name: str = ""
    media_type: str = ""


@attrs.frozen
class Answer:
    """What an operation gives: a Struct, a File or nothing."""

    body: msgspec.Struct | File | None = None


Handler = Callable[[Call], Awaitable[Answer]]


@attrs.frozen(kw_only=True)
class Operation:
    """One row: method and path, who may, what goes in and comes out, and what does it.

    `path` has its parameters in braces, each one segment.  `body` is a Struct type, or a media type
    or Octets, or None; one of more than ANY_BODY_OCTETS is kept only once its sender is known.
    `gives` is the like.  `roles` None lets anyone in.  `fails` are statuses beside those that the
    layer itself gives.  What `tells_secret`, as a token that is shown once, is not kept for a call
    that is sent again.  What `only_asks` changes nothing, and takes no Idempotency-Key.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    roles: frozenset[Role] | None = PEOPLE
    query: type[msgspec.Struct] = NoQuery
    body: Kind | None = None
    gives: Kind | None = None
    status: int = 200
    fails: frozenset[int] = frozenset()
    body_limit: int = ANY_BODY_OCTETS
    deadline_s: float = 30.0
    tells_secret: bool = False
    only_asks: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def changes(self) -> bool:
        """Whether the operation may change something, and so takes an Idempotency-Key."""
        return self.method != "GET" and not self.only_asks

    def statuses(self) -> frozenset[int]:
        """Tell every status the operation may answer with."""
        found = {self.status, 400, 413, 500, 503, *self.fails}
        if self.roles is not None:
            found |= {401, 403}
        if self.parameters:
            found.add(404)
        if self.body is not None:
            found.add(415)
        if self.changes:
            found |= {409, 422}
        return frozenset(found)


_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_ANY = "{}"
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,128}\Z")


class Table:
    """All operations of an interface, found by method and path."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = tuple(operations)
        self._paths: dict[tuple[str, ...], dict[str, Operation]] = {}
        names: set[str] = set()
        for operation in operations:
            key = tuple(_shape(part) for part in operation.path.split("/"))
            methods = self._paths.setdefault(key, {})
            assert operation.method not in methods, operation.path
            assert operation.name not in names, operation.name
            names.add(operation.name)
            methods[operation.method] = operation
        # A path that is written out goes before one that a parameter would fit.
        self._paths = dict(sorted(self._paths.items(), key=lambda each: each[0].count(_ANY)))

    def find(self, path: str) -> tuple[Mapping[str, Operation], tuple[str, ...]] | None:
        """Find the methods of a path and what stands for its parameters, in order."""
        parts = tuple(path.split("/"))
        for key, methods in self._paths.items():
            if len(key) == len(parts) and all(map(_fits, key, parts)):
                values = (part for shape, part in zip(key, parts, strict=True) if shape == _ANY)
                return methods, tuple(values)
        return None


def _shape(part: str) -> str:
    return _ANY if _PARAMETER.fullmatch(part) else part


def _fits(shape: str, part: str) -> bool:
    return bool(_SEGMENT.match(part)) if shape == _ANY else part == shape
