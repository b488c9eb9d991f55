"""Running an operation: who asks, may they, is it well-formed, was it asked before.

Nothing that a client sends ends in a 5xx; what fails inside is logged under the request's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

import attrs
import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from appliance.errors import ApplianceError, Malformed
from appliance.wire.http import Request, Response, Route
from appliance.wire.http_call import Routed
from appliance.wire.rest.problems import problem, problem_of
from appliance.wire.rest.table import Answer, Call, Caller, File, Operation, Table

_KEY_CHARACTERS = 255
_TOKEN_CHARACTERS = 512
_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


@attrs.frozen
class Asked:
    """A call as idempotency knows it: whose, under which key, and what."""

    account: str
    key: str
    method: str
    path: str
    body_sm3: str


@attrs.frozen
class Kept:
    """What is kept under a key: whether for the same call, and its answer once there is one."""

    is_same: bool
    status: int | None = None
    body: bytes = b""


class Memory(Protocol):
    """Remembers answers by their keys."""

    async def claim(self, asked: Asked) -> Kept | None:
        """Take a key, or tell what is kept under it."""

    async def settle(self, asked: Asked, status: int, body: bytes) -> None:
        """Keep an answer."""

    async def abandon(self, asked: Asked) -> None:
        """Free a key whose call had no effect."""


Authenticate = Callable[[str], Awaitable[Caller | None]]


class Dispatcher:
    """Finds operations for a Site and runs them."""

    _log = Logger()

    def __init__(
        self,
        table: Table,
        *,
        authenticate: Authenticate,
        memory: Memory,
        draw: Callable[[int], bytes],
    ) -> None:
        self._table = table
        self._authenticate = authenticate
        self._memory = memory
        self._draw = draw
        self._routes: dict[str, Route] = {
            operation.name: Route(
                self._handler(operation),
                body_limit=0 if operation.body is None else operation.body_limit,
                deadline_s=operation.deadline_s,
            )
            for operation in table.operations
        }

    def route(self, method: str, path: str) -> Routed | Response | None:
        """Find the route of a path; a Router."""
        found = self._table.find(path)
        if found is None:
            return None
        methods, values = found
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            allowed = ", ".join(sorted(methods))
            fields = {"Allow": allowed}
            answer = problem(405, "method", f"this path takes {allowed}", self._new_id(), fields)
            return msgspec.structs.replace(answer, close=True)
        return self._routes[operation.name], dict(zip(operation.parameters, values, strict=True))

    def _handler(self, operation: Operation) -> Callable[[Request], None]:
        def handle(request: Request) -> None:
            Deferred.fromCoroutine(self._run(operation, request))

        return handle

    async def _run(self, operation: Operation, request: Request) -> None:
        request_id = self._request_id(request)
        try:
            response = await self._respond(operation, request, request_id)
        except CancelledError:
            raise
        except ApplianceError as error:
            response = problem_of(error, request_id)
        except Exception:
            self._log.failure("an operation failed", operation=operation.name, id=request_id)
            response = problem(500, "fault", "the box is at fault; the log has more", request_id)
        request.reply(response)

    async def _respond(self, operation: Operation, request: Request, request_id: str) -> Response:
        caller = None
        if operation.roles is not None:
            caller = await self._caller(request)
            if caller is None:
                detail = "send an account's token as Authorization: Bearer"
                fields = {"WWW-Authenticate": "Bearer"}
                return problem(401, "unauthenticated", detail, request_id, fields)
            if caller.role not in operation.roles:
                detail = f"{operation.name} is not for the role {caller.role.value}"
                return problem(403, "forbidden", detail, request_id)
        fault = _media_fault(operation, request)
        if fault:
            return problem(415, "media-type", fault, request_id)
        call = Call(
            caller=caller,
            path=request.parameters,
            query=self._query(operation, request.query),
            body=_body(operation, request.body),
            client=request.client,
        )
        key = request.headers.get(b"idempotency-key", b"").decode("latin-1")
        if not key or not operation.changes or caller is None:
            return _render(operation, await operation.handler(call), request_id)
        return await self._once(operation, request, call, key, request_id)

    async def _once(
        self, operation: Operation, request: Request, call: Call, key: str, request_id: str
    ) -> Response:
        """Run a call under its key, or give the answer that the key has already."""
        if len(key) > _KEY_CHARACTERS or not key.isascii() or not key.isprintable():
            raise Malformed(f"an Idempotency-Key is at most {_KEY_CHARACTERS} printable characters")
        assert call.caller is not None
        path = operation.path.format_map(call.path)
        digest = hashlib.sha256(request.body + b"\0" + request.query.encode("latin-1")).hexdigest()
        asked = Asked(call.caller.id, key, operation.method, path, digest)
        kept = await self._memory.claim(asked)
        if kept is not None:
            return _replay(operation, kept, request_id)
        try:
            response = _render(operation, await operation.handler(call), request_id)
        except BaseException:
            await self._memory.abandon(asked)
            raise
        await self._memory.settle(asked, response.status, response.body)
        return response

    async def _caller(self, request: Request) -> Caller | None:
        scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not 0 < len(token) <= _TOKEN_CHARACTERS:
            return None
        return await self._authenticate(token.strip().decode("latin-1"))

    def _query(self, operation: Operation, query: str) -> Any:  # noqa: ANN401  of the operation's type
        try:
            pairs = parse_qsl(
                query,
                keep_blank_values=True,
                strict_parsing=bool(query),
                errors="strict",
                max_num_fields=64,
            )
        except ValueError:
            raise Malformed("the query is not well-formed") from None
        values: dict[str, str] = {}
        for name, value in pairs:
            if name in values:
                raise Malformed(f"the query names {name[:64]!r} twice")
            values[name] = value
        try:
            return msgspec.convert(values, operation.query, strict=False)
        except msgspec.ValidationError as error:
            raise Malformed(f"query: {error}") from None

    def _request_id(self, request: Request) -> str:
        told = request.headers.get(b"x-request-id", b"").decode("latin-1")
        is_fit = 0 < len(told) <= 64 and told.isascii() and told.replace("-", "").isalnum()
        return told if is_fit else self._new_id()

    def _new_id(self) -> str:
        return self._draw(8).hex()


def _media_fault(operation: Operation, request: Request) -> str:
    if operation.body is None:
        return ""
    wanted = operation.body if isinstance(operation.body, str) else _JSON
    sent = request.headers.get(b"content-type", b"").decode("latin-1")
    media_type = sent.partition(";")[0].strip().lower()
    if wanted in (media_type, "*/*"):
        return ""
    return f"the body is to be {wanted}"


def _body(operation: Operation, octets: bytes) -> Any:  # noqa: ANN401  of the operation's type
    if operation.body is None:
        return None
    if isinstance(operation.body, str):
        return octets
    try:
        return msgspec.json.decode(octets, type=operation.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"body: {error}") from None


def _render(operation: Operation, answer: Answer, request_id: str) -> Response:
    lines = {"X-Request-Id": request_id, "Cache-Control": "no-store"}
    if isinstance(answer.body, File):
        assert isinstance(operation.gives, str), operation.name
        media_type, octets = operation.gives, answer.body.octets
        if answer.body.name:
            lines["Content-Disposition"] = f'attachment; filename="{answer.body.name}"'
    else:
        media_type = _JSON
        octets = b"" if answer.body is None else _encode(answer.body) + b"\n"
    return Response(operation.status, media_type, octets, fields=_lines(lines))


def _replay(operation: Operation, kept: Kept, request_id: str) -> Response:
    if not kept.is_same:
        detail = "the Idempotency-Key was used for another call"
        return problem(422, "idempotency-key", detail, request_id)
    if kept.status is None:
        return problem(
            409,
            "in-progress",
            "the call of this key is under way",
            request_id,
            {"Retry-After": "1"},
        )
    media_type = operation.gives if isinstance(operation.gives, str) else _JSON
    lines = {"X-Request-Id": request_id, "Cache-Control": "no-store", "Idempotent-Replayed": "true"}
    return Response(kept.status, media_type, kept.body, fields=_lines(lines))


def _lines(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}: {value}" for name, value in fields.items())
