"""Requests and answers in JSON, octets in base64url without padding.  Section 11."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shiyin_cosign import base64url
from shiyin_cosign.codes import Code
from shiyin_cosign.enrolment import Message
from shiyin_cosign.errors import Malformed, Rejected
from shiyin_cosign.phone import Result
from shiyin_cosign.requests import Request

BASE = "/v1/device"


def request_path(request: Request) -> str:
    """Give the path that a request is posted to."""
    return f"{BASE}/{request.verb.value}"


def enrol_path(message: Message) -> str:
    """Give the path that a message of an enrolment is posted to."""
    return f"{BASE}/enrol/{message.step}"


def encode_request(request: Request) -> bytes:
    """Render a request."""
    return _dump(
        {
            "uid": request.uid,
            "device": request.device,
            "epoch": request.epoch,
            "ctr": request.ctr,
            "mac": base64url.encode(request.mac),
            "signature": base64url.encode(request.signature),
            "items": [base64url.encode(item) for item in request.items],
        }
    )


def encode_message(message: Message) -> bytes:
    """Render a message of an enrolment."""
    return _dump(
        {"message": base64url.encode(message.octets), "mac": base64url.encode(message.mac)}
    )


def decode_results(body: bytes) -> list[Result]:
    """Read the answer to a request.  Raises Malformed."""
    results = _load(body).get("results")
    if not isinstance(results, list):
        raise Malformed("an answer has no results")
    return [_result(result) for result in results]


def decode_message(step: int, body: bytes) -> Message:
    """Read the answer to a message of an enrolment.  Raises Malformed."""
    fields = _load(body)
    return Message(step, _octets(fields, "message"), _octets(fields, "mac"))


def rejection(status: int, body: bytes) -> Rejected:
    """Read problem+json; what tells no code is named after the status."""
    try:
        fields = _load(body)
    except Malformed:
        fields = {}
    code, detail = fields.get("code"), fields.get("detail")
    return Rejected(
        Code.named(code) if isinstance(code, str) else _code_of(status),
        detail if isinstance(detail, str) else "",
        tries_left=_number(fields, "tries_left"),
        epoch=_number(fields, "epoch"),
    )


def _code_of(status: int) -> Code:
    return {429: Code.TOO_MANY, 503: Code.UNAVAILABLE}.get(status, Code.MALFORMED)


def _result(result: object) -> Result:
    if isinstance(result, str):
        return base64url.decode(result)
    if isinstance(result, dict) and isinstance(result.get("code"), str):
        return Code.named(result["code"])
    raise Malformed("a result is neither octets nor a code")


def _dump(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _load(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise Malformed("an answer is no JSON") from error
    if not isinstance(fields, dict):
        raise Malformed("an answer is no JSON object")
    return fields


def _octets(fields: Mapping[str, Any], name: str) -> bytes:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Malformed(f"an answer has no {name}")
    return base64url.decode(value)


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
