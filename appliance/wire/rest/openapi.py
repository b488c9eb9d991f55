"""The OpenAPI 3.1 document of a table of operations."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
import msgspec

from appliance.wire.http.values import CODES, PROBLEM
from appliance.wire.rest.problems import Problem
from appliance.wire.rest.reading import media_types
from appliance.wire.rest.table import Kind, Octets, Operation, Table

VERSION = "3.1.0"
_REF = "#/components/schemas/{name}"
_PROBLEM_SAYS = {
    400: "what was sent is not what is asked for",
    401: "no account has this token",
    403: "the account's role may not do this",
    404: "there is no such thing",
    408: "the request took too long to come",
    409: "it is in another state than the call supposes, or under way",
    411: "the body has no Content-Length",
    413: "the body is too large, or none is taken",
    415: "the body is of another media type",
    417: "something else than 100-continue is expected",
    422: "a policy forbids it, or the Idempotency-Key was used for another call",
    429: "a limit is reached; it may be tried later",
    431: "the head of the request is too large",
    500: "the box is at fault",
    503: "it cannot be done now; Retry-After tells when to try again",
    505: "the request is not of HTTP/1.1",
}
_BEFORE_ALL = frozenset({408, 411, 417, 431, 505})
"""What the HTTP layer may answer before it knows what is asked."""


@attrs.frozen
class Problems:
    """How an interface tells of errors: the Struct of all, and what a status says there."""

    kind: type[msgspec.Struct] = Problem
    says: Mapping[int, str] = attrs.field(factory=dict)


def describe(
    table: Table, *, title: str, version: str, problems: Problems | None = None
) -> dict[str, Any]:
    """Make the document of every operation of `table`, as plain values."""
    problems = problems or Problems()
    types = _types(table, problems.kind)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in table.operations:
        verb = paths.setdefault(operation.path, {})
        verb[operation.method.lower()] = _operation(operation, by_type, components)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": _problems(by_type[problems.kind], problems.says),
            "securitySchemes": _security(table),
        },
    }


def _security(table: Table) -> dict[str, Any]:
    if all(operation.roles is None for operation in table.operations):
        return {}
    said = "the token of an account"
    return {"token": {"type": "http", "scheme": "bearer", "description": said}}


def _types(table: Table, problem: type[msgspec.Struct]) -> list[Any]:
    found: dict[Any, None] = {problem: None}
    for operation in table.operations:
        for each in (operation.query, operation.body, operation.gives):
            kind = each.schema if isinstance(each, Octets) else each
            if isinstance(kind, type):
                found[kind] = None
    return list(found)


def _operation(
    operation: Operation, schemas: Mapping[Any, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *(_path_parameter(name) for name in operation.parameters),
            *_query_parameters(schemas[operation.query], components),
        ],
        "responses": _responses(operation, schemas),
    }
    if operation.changes and operation.roles is not None:
        described["parameters"].append(_idempotency_key())
    if operation.roles is not None:
        described["security"] = [{"token": []}]
        described["x-roles"] = sorted(operation.roles)
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body, schemas)}
    return described


def _responses(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    problems = (operation.statuses() | _BEFORE_ALL) - {operation.status}
    responses = {
        str(status): {"$ref": f"#/components/responses/{CODES[status]}"}
        for status in sorted(problems)
    }
    success: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.gives is not None:
        success["content"] = _content(operation.gives, schemas)
    return {str(operation.status): success, **responses}


def _problems(schema: Any, says: Mapping[int, str]) -> dict[str, Any]:  # noqa: ANN401  a JSON value
    content = {PROBLEM: {"schema": schema}}
    return {
        CODES[status]: {"description": said, "content": content}
        for status, said in {**_PROBLEM_SAYS, **says}.items()
    }


def _content(kind: Kind, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {}}
    schema = schemas[kind.schema if isinstance(kind, Octets) else kind]
    return {media_type: {"schema": schema} for media_type in media_types(kind)}


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,128}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(
    schema: Mapping[str, Any], components: Mapping[str, Any]
) -> list[dict[str, Any]]:
    found = components[schema["$ref"].rpartition("/")[2]]
    required = found.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": each}
        for name, each in found["properties"].items()
    ]


def _idempotency_key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "a call sent again under its key is answered as before, and not done again",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }
