"""What a call brings, checked and typed: its query, its body, its request id.

Each raises Malformed naming what is wrong, whatever a client may send.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from appliance.errors import Malformed
from appliance.wire.http.site import Request
from appliance.wire.rest.table import Kind, Octets, Operation

JSON = "application/json"
_QUERY_FIELDS = 64
# RFC 3986 2.1 and 3.4; `+` is a space here, as forms have it.
_QUERY = re.compile(r"(?:[A-Za-z0-9!$&'()*+,;=:@/?._~-]|%[0-9A-Fa-f]{2})*\Z")
_KEY = re.compile(r"[!-~]{1,255}\Z")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}\Z")


def read_query(operation: Operation, query: str) -> Any:  # noqa: ANN401  of the operation's type
    """Read the query of an operation; a name may come once."""
    if not _QUERY.match(query):
        raise Malformed("query: not percent-encoded (RFC 3986)")
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=_QUERY_FIELDS,
        )
    except ValueError:
        raise Malformed("query: not of the form name=value&name=value in UTF-8") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise Malformed(f"query: {name[:64]!r} comes twice")
        if "\0" in value:
            raise Malformed(f"query: {name[:64]!r} has U+0000, which has no place in a text")
        values[name] = value
    try:
        return msgspec.convert(values, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(f"query: {error}") from None


def media_fault(operation: Operation, request: Request) -> str:
    """Tell what is wrong with the media type of a body; "" for nothing."""
    if operation.body is None:
        return ""
    wanted = media_types(operation.body)
    return "" if read_media_type(request) in wanted else f"the body is to be {' or '.join(wanted)}"


def media_types(kind: Kind) -> tuple[str, ...]:
    """Tell the media types of what an operation takes or gives."""
    if isinstance(kind, Octets):
        return kind.media_types
    return (kind if isinstance(kind, str) else JSON,)


def read_media_type(request: Request) -> str:
    """Read the media type of a body, without parameters; "" for none."""
    sent = request.headers.get(b"content-type", b"").decode("latin-1")
    return sent.partition(";")[0].strip().lower()


def read_body(operation: Operation, octets: bytes) -> Any:  # noqa: ANN401  of the operation's type
    """Read a body; it stays octets where the operation takes them."""
    if operation.body is None:
        return None
    if isinstance(operation.body, (str, Octets)):
        return octets
    if b"\\u0000" in octets:  # PostgreSQL keeps no such text, and nobody has it in a name
        raise Malformed("body: U+0000 has no place in a text")
    try:
        read = msgspec.json.decode(octets, type=operation.body)
        # msgspec takes the last of two members of one name, others the first (RFC 8259 4).
        json.loads(octets, object_pairs_hook=_check_names)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"body: {error}") from None
    return read


def read_key(request: Request) -> str:
    """Read the Idempotency-Key; "" for none."""
    told = request.headers.get(b"idempotency-key")
    if told is None:
        return ""
    key = told.decode("latin-1")
    if not _KEY.match(key):
        raise Malformed("an Idempotency-Key is 1 to 255 characters of ASCII, without spaces")
    return key


def read_token(request: Request) -> str:
    """Read the token of an account (RFC 6750 2.1); "" for none."""
    scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
    token = token.strip()
    is_fit = scheme.lower() == b"bearer" and len(token) <= 512 and token.isascii()
    return token.decode("ascii") if is_fit else ""


def read_request_id(request: Request) -> str:
    """Read the id that the client gives its request; "" for none, or none that a log can bear."""
    told = request.headers.get(b"x-request-id", b"").decode("latin-1")
    return told if _REQUEST_ID.match(told) else ""


def _check_names(members: Sequence[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise Malformed("body: an object has two members of one name")
