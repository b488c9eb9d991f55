"""The device API in JSON: a path for each verb and each message of an enrolment.

docs/protocol-cosign.md section 11.  Octets are base64url without padding, strictly read.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from appliance.cosign.codes import Code
from appliance.cosign.requests import ITEM_LIMIT, UNDER_PIN, DeviceRequest, Text, Verb
from appliance.errors import ApplianceError, Malformed
from appliance.services.cosigning.messages import CodeAnswer, EnrolAnswer, ResultsAnswer
from appliance.wire.devices.forms import STEPS, check_enrolment, make_request
from appliance.wire.devices.relay import DeviceRelay
from appliance.wire.http.values import PROBLEM, Response
from appliance.wire.rest.dispatch import Asked, Dispatcher, Kept
from appliance.wire.rest.openapi import Problems, describe
from appliance.wire.rest.problems import Problem, problem_of
from appliance.wire.rest.table import Answer, Call, Caller, File, Operation, Table

BASE = "/v1/device"
TITLE = "Shiyin 时印: devices"
VERSION = "1"
BODY_LIMIT = 256 * 1024
ENROL_LIMIT = 8 * 1024
RETRY_AFTER = "Retry-After: 1"
_SYMBOLS = str.maketrans("+/", "-_")
_OCTETS = r"^[A-Za-z0-9_-]*$"

Mac = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{43})?$", description="32 octets, or none")]
Signature = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-]{86}$", description="r || s of the device's credential")
]
Item = Annotated[str, Meta(pattern=_OCTETS, max_length=2731, description="an item's octets")]
Epoch = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
Counter = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
MessageText = Annotated[str, Meta(pattern=_OCTETS, max_length=5462, description="M_i")]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parent of all that comes in."""


class RequestBody(_Body, frozen=True):
    """A request of an enrolled phone: docs/protocol-cosign.md section 5."""

    uid: Text
    device: Text
    epoch: Epoch
    ctr: Counter
    signature: Signature
    items: Annotated[list[Item], Meta(min_length=1, max_length=ITEM_LIMIT)]
    mac: Mac = ""


class EnrolBody(_Body, frozen=True):
    """Message 1, 3, 5 or 7 of an enrolment: docs/protocol-cosign.md section 3."""

    message: MessageText
    mac: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$", description="32 octets")]


class RefusedItem(msgspec.Struct, frozen=True):
    """Why one item has no result."""

    code: str


class ResultsView(msgspec.Struct, frozen=True):
    """A result for each item: LP of its fields in octets, or why there is none."""

    results: list[str | RefusedItem]


class EnrolView(msgspec.Struct, frozen=True):
    """Message 2, 4, 6 or 8 of an enrolment, and its mac."""

    message: str
    mac: str


class DeviceProblem(Problem, frozen=True):
    """An error; `code` is one of section 11, some tell the tries that are left or the epoch."""

    tries_left: int | UnsetType = UNSET
    epoch: int | UnsetType = UNSET


class Rejected(ApplianceError):
    """The signer or the manager, or this front in their place, refuses a whole call."""

    def __init__(self, answer: CodeAnswer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


# --- octets --------------------------------------------------------------------------------------


def write_octets(octets: bytes) -> str:
    """Render octets in base64url without padding (RFC 4648 clause 5)."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").decode().translate(_SYMBOLS)


def read_octets(text: str) -> bytes:
    """Read octets.  Raises Malformed for other symbols, padding and stray bits."""
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        raise Malformed("body: not base64url without padding") from None
    if write_octets(octets) != text:
        raise Malformed("body: base64url with other symbols or stray bits")
    return octets


# --- the operations ------------------------------------------------------------------------------


class DeviceRoom:
    """The operations of phones, and their description."""

    def __init__(self, relay: DeviceRelay, *, deadline_s: float) -> None:
        self._relay = relay
        self._deadline_s = deadline_s
        self._table = Table([*self._enrolments(), *self._requests(), self._description()])
        problems = Problems(DeviceProblem, _codes_by_status())
        document = describe(self._table, title=TITLE, version=VERSION, problems=problems)
        self._document = msgspec.json.encode(document)

    def dispatcher(self, draw: Callable[[int], bytes]) -> Dispatcher:
        """Make what finds and runs the operations; nobody has an account here."""
        return Dispatcher(
            self._table,
            authenticate=_know_nobody,
            memory=_NoMemory(),
            draw=draw,
            explain=explain,
        )

    def _enrolments(self) -> list[Operation]:
        codes = frozenset({Code.ACTIVATION_REJECTED.status, Code.DEVICE_UNKNOWN.status})
        return [
            Operation(
                method="POST",
                path=f"{BASE}/enrol/{step}",
                name=f"enrol_{step}",
                summary=f"Give message {step} of an enrolment and take message {step + 1}",
                handler=functools.partial(self._enrol, step),
                roles=None,
                body=EnrolBody,
                gives=EnrolView,
                fails=codes | {Code.TOO_MANY.status},
                body_limit=ENROL_LIMIT,
                deadline_s=self._deadline_s,
            )
            for step in STEPS
        ]

    def _requests(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path=f"{BASE}/{verb.value}",
                name=verb.value,
                summary=_SUMMARIES[verb] + (", under the PIN" if verb in UNDER_PIN else ""),
                handler=functools.partial(self._request, verb),
                roles=None,
                body=RequestBody,
                gives=ResultsView,
                fails=frozenset(code.status for code in Code),
                body_limit=BODY_LIMIT,
                deadline_s=self._deadline_s,
            )
            for verb in Verb
        ]

    def _description(self) -> Operation:
        return Operation(
            method="GET",
            path=f"{BASE}/openapi.json",
            name="describe",
            summary="This document",
            handler=self._describe,
            roles=None,
            gives="application/json",
        )

    async def _describe(self, _call: Call) -> Answer:
        return Answer(File(self._document))

    async def _enrol(self, step: int, call: Call) -> Answer:
        body: EnrolBody = call.body
        message, mac = read_octets(body.message), read_octets(body.mac)
        check_enrolment(step, message, mac)
        answer = await self._relay.enrol(step, message, mac, call.client)
        return Answer(show_enrolment(answer))

    async def _request(self, verb: Verb, call: Call) -> Answer:
        request = read_request(verb, call.body)
        return Answer(show_results(await self._relay.request(request, call.client)))


def read_request(verb: Verb, body: RequestBody) -> DeviceRequest:
    """Make the request of a body.  Raises Malformed."""
    return make_request(
        verb,
        body.uid,
        body.device,
        body.epoch,
        body.ctr,
        read_octets(body.mac),
        read_octets(body.signature),
        list(map(read_octets, body.items)),
    )


def show_results(answer: ResultsAnswer | CodeAnswer) -> ResultsView:
    """Make the body of an answer.  Raises Rejected."""
    if isinstance(answer, CodeAnswer):
        raise Rejected(answer)
    return ResultsView(
        [
            write_octets(each) if isinstance(each, bytes) else RefusedItem(Code.of(each).value)
            for each in answer.results
        ]
    )


def show_enrolment(answer: EnrolAnswer | CodeAnswer) -> EnrolView:
    """Make the body of an answer.  Raises Rejected."""
    if isinstance(answer, CodeAnswer):
        raise Rejected(answer)
    return EnrolView(write_octets(answer.message), write_octets(answer.mac))


def explain(error: ApplianceError, request_id: str) -> Response:
    """Tell of an error as problem+json with its code."""
    if not isinstance(error, Rejected):
        return problem_of(error, request_id)
    answer = error.answer
    status = answer.code.status
    body = DeviceProblem(
        status,
        HTTPStatus(status).phrase,
        answer.code.value,
        answer.detail,
        request_id,
        UNSET if answer.tries_left is None else answer.tries_left,
        UNSET if answer.epoch is None else answer.epoch,
    )
    lines = [f"X-Request-Id: {request_id}", "Cache-Control: no-store"]
    if answer.code in (Code.TOO_MANY, Code.UNAVAILABLE):
        lines.append(RETRY_AFTER)
    return Response(status, PROBLEM, msgspec.json.encode(body) + b"\n", fields=tuple(lines))


_SUMMARIES = {
    Verb.TASKS: "List the items that wait for this device",
    Verb.DOCUMENT: "Fetch the content of an item",
    Verb.REJECT: "Refuse items",
    Verb.CERTIFICATE: "Tell the state of this device and its certificate",
    Verb.SIGN: "Ask for the box's half of signatures",
    Verb.FINISH: "Hand in signatures",
    Verb.DECRYPT: "Ask for the box's half of decryptions",
    Verb.REFRESH: "Begin to renew the shares",
    Verb.REVEAL: "Go on to renew the shares",
    Verb.CONFIRM: "Put the renewed shares in force",
    Verb.REVOKE: "Give this device up",
}


def _codes_by_status() -> dict[int, str]:
    found: dict[int, list[str]] = {}
    for code in Code:
        found.setdefault(code.status, []).append(code.value)
    return {status: " or ".join(codes) for status, codes in found.items()}


async def _know_nobody(_token: str) -> Caller | None:
    return None


class _NoMemory:
    """No call here has an Idempotency-Key: requests have their own counters."""

    async def claim(self, asked: Asked) -> Kept | None:
        raise AssertionError(asked.path)

    async def settle(self, asked: Asked, status: int, body: bytes) -> None:
        raise AssertionError(asked.path, status, body)

    async def abandon(self, asked: Asked) -> None:
        raise AssertionError(asked.path)
