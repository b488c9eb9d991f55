"""GM/T 0033 over HTTP: `POST /tsa/stf/{operation}`, JSON in and out, octets as base64.

The operations are those of `tsp.stf` by the standard's names without `STF_`; a handle is not
needed.  Every answer that the standard has a number for is a 200 with that number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import attrs
import msgspec
from msgspec import Meta

from appliance.crypto.api import KeyAlgorithm
from appliance.services.timestamping import StampDesk
from appliance.services.verifying import TrustedRoots
from appliance.tsp import stf
from appliance.tsp.stf import StfCode
from appliance.wire.http.site import Request, Response, Route, problem
from appliance.wire.tsp.verification import JSON, is_json

BODY_LIMIT = 2 << 20
"""Data of 1.5 MiB in base64; who has more hashes it himself and asks for a timestamp directly."""

_NONCE_OCTETS = 8
_Number = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operation takes."""


class CreateTSRequest(_Body, frozen=True):
    """The arguments of STF_CreateTSRequest."""

    data: bytes
    req_type: Literal[0, 1] = stf.WITH_CERTIFICATE
    extension: bytes = b""
    hash_algorithm: _Number = stf.SGD_SM3


class CreateTSResponse(_Body, frozen=True):
    """The arguments of STF_CreateTSResponse."""

    request: bytes
    signature_algorithm: _Number = stf.SGD_SM3_SM2


class VerifyTSValidity(_Body, frozen=True):
    """The arguments of STF_VerifyTSValidity; `data` may be left out, as some headers do."""

    response: bytes
    hash_algorithm: _Number = stf.SGD_SM3
    signature_algorithm: _Number = stf.SGD_SM3_SM2
    certificate: bytes = b""
    data: bytes | None = None


class GetTSInfo(_Body, frozen=True):
    """The arguments of STF_GetTSInfo."""

    response: bytes


class GetTSDetail(_Body, frozen=True):
    """The arguments of STF_GetTSDetail."""

    response: bytes
    item: _Number


def stf_routes(
    desk: StampDesk,
    roots: TrustedRoots,
    profiles: Mapping[KeyAlgorithm, str],
    *,
    deadline_s: float,
) -> Mapping[str, Mapping[str, Route]]:
    """Give the route of the operations; `profiles` names the TSP profile for each kind of key."""
    counter = _Counter(desk, roots, profiles)
    route = Route(counter.handle, body_limit=BODY_LIMIT, deadline_s=deadline_s)
    return {"/tsa/stf/": {"POST": route}}


@attrs.frozen
class _Counter:
    """Where the operations are asked for."""

    desk: StampDesk
    roots: TrustedRoots
    profiles: Mapping[KeyAlgorithm, str]

    def handle(self, request: Request) -> None:
        """Answer one operation."""
        known = _OPERATIONS.get(request.parameter)
        if known is None:
            request.reply(problem(404, f"the operations are {', '.join(_OPERATIONS)}"))
            return
        if not is_json(request):
            request.reply(problem(415, f"send Content-Type: {JSON}"))
            return
        decoder, operation = known
        try:
            body = decoder.decode(request.body)
        except msgspec.MsgspecError as error:
            request.reply(problem(400, str(error)))
            return
        operation(self, body, request)

    def create_request(self, body: CreateTSRequest, request: Request) -> None:
        """Make a TimeStampReq with a random nonce."""
        made = stf.create_ts_request(
            self._environment(),
            body.data,
            body.req_type,
            body.extension,
            body.hash_algorithm,
            nonce=int.from_bytes(os.urandom(_NONCE_OCTETS), "big"),
        )
        _answer(request, made, "request")

    def create_response(self, body: CreateTSResponse, request: Request) -> None:
        """Pass a TimeStampReq to the signer."""
        signer = stf.SIGNERS.get(body.signature_algorithm)
        profile = None if signer is None else self.profiles.get(signer)
        if profile is None:
            _answer(request, StfCode.INVALID_ALG)
            return

        def replied(response: bytes) -> None:
            code = stf.response_code(response)
            _answer(request, response if code is StfCode.OK else code, "response")

        self.desk.submit(profile, body.request, request.client, replied)

    def verify(self, body: VerifyTSValidity, request: Request) -> None:
        """Verify a token."""
        code = stf.verify_ts_validity(
            self._environment(),
            body.response,
            body.hash_algorithm,
            body.signature_algorithm,
            body.certificate,
            data=body.data,
        )
        _answer(request, code)

    def info(self, body: GetTSInfo, request: Request) -> None:
        """Give the main facts of a token."""
        found = stf.get_ts_info(self._environment(), body.response)
        if isinstance(found, StfCode):
            _answer(request, found)
        else:
            _reply(request, StfCode.OK, {"issuer_name": found.issuer_name, "time": found.time})

    def detail(self, body: GetTSDetail, request: Request) -> None:
        """Give one fact of a token."""
        _answer(request, stf.get_ts_detail(self._environment(), body.response, body.item), "value")

    def _environment(self) -> stf.Environment:
        return stf.init_environment(self.roots.trust(), transport="http")


def _answer(request: Request, outcome: bytes | StfCode, name: str = "") -> None:
    if isinstance(outcome, StfCode):
        _reply(request, outcome, {})
    else:
        _reply(request, StfCode.OK, {name: outcome})


def _reply(request: Request, code: StfCode, fields: Mapping[str, object]) -> None:
    facts = {"code": f"0x{code:08X}", "name": f"STF_TS_{code.name}", **fields}
    request.reply(Response(200, JSON, msgspec.json.encode(facts) + b"\n"))


_Operation = Callable[[_Counter, _Body, Request], None]


def _operation(
    body: type[_Body], method: Callable[..., None]
) -> tuple[msgspec.json.Decoder[_Body], _Operation]:
    return msgspec.json.Decoder(body), method


_OPERATIONS = {
    "CreateTSRequest": _operation(CreateTSRequest, _Counter.create_request),
    "CreateTSResponse": _operation(CreateTSResponse, _Counter.create_response),
    "VerifyTSValidity": _operation(VerifyTSValidity, _Counter.verify),
    "GetTSInfo": _operation(GetTSInfo, _Counter.info),
    "GetTSDetail": _operation(GetTSDetail, _Counter.detail),
}
