"""The interface under whatever a client may send: only statuses that its document tells of."""

import functools

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from kit.http import read_answers
from kit.logs import logged
from kit.rest import JSON, OCTETS, Cell, Interface, Things, render, token_of

from appliance.services.registration.accounts import Role
from appliance.wire.http.values import PROBLEM
from appliance.wire.rest.openapi import describe
from appliance.wire.rest.table import Operation, Table

OPERATIONS = Things().operations()
DOCUMENT = describe(Table(OPERATIONS), title="Things", version="1")
WORDS = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80),
    st.sampled_from(["limit", "cursor", "colour", "=", "&", "%", "%00", "%ff", "red", "1", "+"]),
)
QUERIES = st.lists(WORDS, max_size=6).map("".join)
SEGMENTS = st.one_of(
    st.sampled_from([f"{0:032x}", "x", "first", "imports", "%2e%2e", "..", ".", "~"]), WORDS
)
FIELD_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["Idempotency-Key", "X-Request-Id", "Content-Type", "Accept", "Expect", "Authorization"]
    ),
    st.one_of(
        FIELD_VALUES, st.sampled_from([JSON, OCTETS, *(f"Bearer {token_of(r)}" for r in Role)])
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "weight", "notes", "parts"]) | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    VALUES.map(msgspec.json.encode),
    st.builds(lambda name: msgspec.json.encode({"name": name}), st.text(max_size=70)),
)


def told(operation: Operation) -> set[int]:
    """Give the statuses that the document tells of."""
    path = DOCUMENT["paths"][operation.path]
    return {int(status) for status in path[operation.method.lower()]["responses"]} - {500}


@functools.cache
def interface() -> Interface:
    one = Interface(Things().operations())
    one.ask("POST", "/v1/things", {"name": "door"}, Role.OPERATOR)
    return one


@given(st.sampled_from(OPERATIONS), st.sampled_from(Role), QUERIES, FIELDS, BODIES, SEGMENTS)
def test_a_call_that_is_framed_well_gets_a_status_of_its_operation(
    operation, role, query, fields, body, segment
) -> None:
    segment = segment.replace("?", "").replace("#", "").replace("/", "")
    path = operation.path.format_map(dict.fromkeys(operation.parameters, segment))
    sent = {
        "Authorization": f"Bearer {token_of(role)}",
        "Content-Type": Cell(operation, role).media_type,
    }
    octets = render(operation.method, f"{path}?{query}", sent | fields, body)
    client = interface().connect()
    with logged() as events:
        client.send(octets)
    (answer,) = client.answers
    taken = interface().table.find(path)
    if taken is None:
        assert answer.status in {400, 404, 417}
    elif taken[0].get(operation.method) is operation:
        assert answer.status in told(operation), answer
    else:
        assert answer.status < 500
    assert not events
    if answer.status >= 400:
        assert answer.fields["content-type"] == PROBLEM
        assert msgspec.json.decode(answer.body)["status"] == answer.status


@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from(
            [
                b"\r\n",
                b" HTTP/1.1\r\nHost: b\r\n\r\n",
                b"GET /v1/things",
                b"POST /v1/things",
                b"Content-Length: 9\r\n",
                b"Transfer-Encoding: chunked\r\n",
            ]
        ),
        max_size=8,
    )
)
def test_octets_of_any_kind_get_no_status_of_a_fault(pieces) -> None:
    client = interface().connect()
    with logged() as events:
        for piece in pieces:
            client.send(piece)
    octets = client.transport.value().replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    for answer in read_answers(octets):
        assert answer.status in {200, 400, 401, 404, 405, 408, 411, 413, 415, 417, 431, 505}
    assert not events
