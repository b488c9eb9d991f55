"""Running an operation: who asks, may they, is it well-formed, was it asked before.

Nothing that a client sends ends in a 5xx; what fails inside is logged under the request's id.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

import attrs
import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from appliance.errors import ApplianceError
from appliance.store.ledger.chain import sm3_hash
from appliance.wire.http.call import Routed
from appliance.wire.http.site import Request, Response, Route
from appliance.wire.rest.problems import fault, problem, problem_of
from appliance.wire.rest.reading import (
    JSON,
    media_fault,
    media_types,
    read_body,
    read_key,
    read_media_type,
    read_query,
    read_request_id,
    read_token,
)
from appliance.wire.rest.table import (
    ANY_BODY_OCTETS,
    Answer,
    Call,
    Caller,
    File,
    Octets,
    Operation,
    Table,
)
from appliance.wire.rest.uploads import Upload

_FILE_NAME = re.compile(r"[A-Za-z0-9._~-]{1,255}\Z")
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
Explain = Callable[[ApplianceError, str], Response]
"""Makes the answer of an error, for a call of this id."""


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
        explain: Explain = problem_of,
    ) -> None:
        self._table = table
        self._explain = explain
        self._authenticate = authenticate
        self._memory = memory
        self._draw = draw
        self._sm3 = sm3_hash()
        self._routes = {operation.name: self._route(operation) for operation in table.operations}

    def route(self, method: str, path: str) -> Routed | Response:
        """Find the route of a path, or the answer that says why there is none; a Router."""
        found = self._table.find(path)
        if found is None:
            return _ending(problem(404, "no such path here", self._new_id()))
        methods, values = found
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
            detail = f"this path takes {allowed}"
            return _ending(problem(405, detail, self._new_id(), {"Allow": allowed}))
        return self._routes[operation.name], dict(zip(operation.parameters, values, strict=True))

    def _route(self, operation: Operation) -> Route:
        limit = 0 if operation.body is None else operation.body_limit

        def handle(request: Request) -> None:
            Deferred.fromCoroutine(self._run(operation, request))

        def open_upload(request: Request) -> Upload[Caller | Response | None]:
            return Upload(self._admit(operation, request, self._id_of(request)), Response)

        return Route(
            handle,
            body_limit=limit,
            deadline_s=operation.deadline_s,
            open_sink=open_upload if limit > ANY_BODY_OCTETS else None,
        )

    async def _run(self, operation: Operation, request: Request) -> None:
        request_id = self._id_of(request)
        try:
            response = await self._respond(operation, request, request_id)
        except CancelledError:  # of something that the operation waited for: we are never cancelled
            response = problem(503, "it was broken off", request_id, {"Retry-After": "1"})
        except ApplianceError as error:
            response = self._explain(error, request_id)
            if response.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                self._log.failure("an operation failed", operation=operation.name, id=request_id)
        except Exception:
            response = fault(request_id)
            self._log.failure("an operation failed", operation=operation.name, id=request_id)
        if response.status not in operation.statuses():
            self._log.error(
                "an operation gives a status that it does not tell of",
                operation=operation.name,
                status=response.status,
            )
        request.reply(response)

    async def _respond(self, operation: Operation, request: Request, request_id: str) -> Response:
        upload = request.sink if isinstance(request.sink, Upload) else None
        admitted = await (
            self._admit(operation, request, request_id) if upload is None else upload.admission
        )
        if isinstance(admitted, Response):
            return admitted
        octets = request.body if upload is None else upload.finish()
        call = Call(
            caller=admitted,
            path=request.parameters,
            query=read_query(operation, request.query),
            body=read_body(operation, octets),
            client=request.client,
            media_type=read_media_type(request),
        )
        key = read_key(request) if operation.changes else ""
        if not key or admitted is None:
            return _render(operation, await operation.handler(call), request_id)
        asked = Asked(
            admitted.id,
            key,
            operation.method,
            operation.path.format_map(call.path),
            self._sm3(request.query.encode("latin-1") + b"\0" + octets).hex(),
        )
        return await self._once(operation, call, asked, request_id)

    async def _admit(
        self, operation: Operation, request: Request, request_id: str
    ) -> Caller | Response | None:
        """Tell who asks, None where anyone may; or the answer that lets them not."""
        caller = None
        if operation.roles is not None:
            token = read_token(request)
            caller = await self._authenticate(token) if token else None
            if caller is None:
                detail = "send an account's token as Authorization: Bearer"
                return problem(401, detail, request_id, {"WWW-Authenticate": "Bearer"})
            if caller.role not in operation.roles:
                detail = f"{operation.name} is not for the role {caller.role.value}"
                return problem(403, detail, request_id)
        detail = media_fault(operation, request)
        return problem(415, detail, request_id) if detail else caller

    async def _once(
        self, operation: Operation, call: Call, asked: Asked, request_id: str
    ) -> Response:
        """Run a call under its key, or give the answer that the key has already."""
        kept = await self._memory.claim(asked)
        if kept is not None:
            return _replay(operation, kept, request_id)
        try:
            response = _render(operation, await operation.handler(call), request_id)
        except Exception:
            await self._try(self._memory.abandon(asked), request_id)
            raise
        body = b"" if operation.tells_secret else response.body
        await self._try(self._memory.settle(asked, response.status, body), request_id)
        return response

    async def _try(self, work: Awaitable[None], request_id: str) -> None:
        """Write to the memory; where that fails the key stays under way: nothing is done twice."""
        try:
            await work
        except ApplianceError:
            self._log.failure("a key could not be settled", id=request_id)

    def _id_of(self, request: Request) -> str:
        return read_request_id(request) or self._new_id()

    def _new_id(self) -> str:
        return self._draw(8).hex()


def _ending(response: Response) -> Response:
    """Let the connection end with an answer, as the body of its request is not read."""
    return msgspec.structs.replace(response, close=True)


def _render(operation: Operation, answer: Answer, request_id: str) -> Response:
    lines = {"X-Request-Id": request_id, "Cache-Control": "no-store"}
    if isinstance(answer.body, File):
        assert isinstance(operation.gives, (str, Octets)), operation.name
        possible = media_types(operation.gives)
        media_type, octets = answer.body.media_type or possible[0], answer.body.octets
        assert media_type in possible, operation.name
        if answer.body.name:
            assert _FILE_NAME.match(answer.body.name), operation.name
            lines["Content-Disposition"] = f'attachment; filename="{answer.body.name}"'
    else:
        media_type = JSON
        octets = b"" if answer.body is None else _encode(answer.body) + b"\n"
    return Response(operation.status, media_type, octets, fields=_lines(lines))


def _replay(operation: Operation, kept: Kept, request_id: str) -> Response:
    if not kept.is_same:
        detail = "the Idempotency-Key was used for another call"
        return problem(422, detail, request_id, code="key-reused")
    if kept.status is None:
        detail = "the call of this Idempotency-Key is under way"
        return problem(409, detail, request_id, {"Retry-After": "1"}, code="under-way")
    if operation.tells_secret:
        detail = "the call of this Idempotency-Key was done, and its answer is told once"
        return problem(409, detail, request_id, code="told-once")
    media_type = operation.gives if isinstance(operation.gives, str) else JSON
    lines = {"X-Request-Id": request_id, "Cache-Control": "no-store", "Idempotent-Replayed": "true"}
    return Response(kept.status, media_type, kept.body, fields=_lines(lines))


def _lines(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}: {value}" for name, value in fields.items())
