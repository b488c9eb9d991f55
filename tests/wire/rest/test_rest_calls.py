"""One call of the interface: who may, what must be right about it, and how it is answered."""

import attrs
import msgspec
import pytest
from kit.logs import logged
from kit.rest import JSON, LARGE, OCTETS, Interface, Things, matrix, render, token_of
from twisted.internet.defer import CancelledError, Deferred

from appliance.errors import (
    Conflict,
    Fault,
    Malformed,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from appliance.services.registration.accounts import Role
from appliance.wire.rest.table import Answer, File, Operation

THING = {"name": "door"}
CELLS = matrix(Things().operations())


@pytest.fixture
def interface() -> Interface:
    return Interface(Things().operations())


def make(interface: Interface, name: str = "door") -> str:
    answer = interface.ask("POST", "/v1/things", {"name": name}, Role.OPERATOR)
    return msgspec.json.decode(answer.body)["id"]


def operation(handler, **changes) -> Operation:
    plain = Operation(
        method="GET", path="/v1/x", name="x", summary="x", handler=handler, roles=None
    )
    return attrs.evolve(plain, **changes)


def code(answer) -> str:
    return msgspec.json.decode(answer.body)["code"]


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_operation_is_for_its_roles_alone(interface: Interface, cell) -> None:
    token = cell.token({role: token_of(role) for role in Role})
    fields = {} if token is None else {"Authorization": f"Bearer {token}"}
    if cell.media_type:
        fields["Content-Type"] = cell.media_type
    answer = interface.ask(cell.operation.method, cell.target, cell.body, **fields)
    assert cell.holds(answer.status)
    if answer.status == 401:
        assert answer.fields["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {token_of(Role.AUDITOR)}",
        f"{token_of(Role.AUDITOR)}",
        f"Bearer {token_of(Role.AUDITOR)}é",
        f"Bearer {token_of(Role.AUDITOR)}, Bearer x",
        "Bearer " + "x" * 4000,
    ],
)
def test_what_is_no_token_of_an_account_is_answered_401(interface: Interface, shown: str) -> None:
    answer = interface.ask("GET", "/v1/things", Authorization=shown)
    assert (answer.status, code(answer)) == (401, "unauthenticated")


def test_the_scheme_of_a_token_may_be_written_in_any_case(interface: Interface) -> None:
    shown = f"bEARER {token_of(Role.AUDITOR)}"
    assert interface.ask("GET", "/v1/things", Authorization=shown).status == 200


# --- what is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/things/",
        "/v1/things/a/b",
        "/v1/things/%61",
        "/v1/things/%00",
        "/v1//things",
        "/v1/things/" + "a" * 129,
        "/v1/things/a%2Fb",
        "/v1/things/%C3%A9",
        "/v1/things/x/paint/",
    ],
)
def test_a_path_that_is_none_is_not_found(interface: Interface, path: str) -> None:
    answer = interface.ask("GET", path, role=Role.AUDITOR)
    assert (answer.status, code(answer)) == (404, "not-found")


def test_the_longest_id_is_looked_for(interface: Interface) -> None:
    answer = interface.ask("GET", "/v1/things/" + "a" * 128, role=Role.AUDITOR)
    assert (answer.status, code(answer)) == (404, "not-found")
    assert answer.fields["cache-control"] == "no-store"


def test_a_path_that_is_written_out_goes_before_one_with_a_parameter(interface: Interface) -> None:
    assert interface.ask("GET", "/v1/things/first").body == b'{"octets":0}\n'


def test_a_method_that_a_path_does_not_take_is_told_those_that_it_takes(
    interface: Interface,
) -> None:
    for method in ("DELETE", "OPTIONS", "PUT", "PATCH"):
        answer = interface.ask(method, "/v1/things", role=Role.AUDITOR)
        assert (answer.status, code(answer)) == (405, "method")
        assert answer.fields["allow"] == "GET, HEAD, POST"


def test_head_is_answered_as_get_without_its_body(interface: Interface) -> None:
    client = interface.connect()
    client.send(render("HEAD", "/v1/things/first", {}))
    head, _, rest = client.transport.value().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Length: 13" in head
    assert rest == b""


def test_a_body_where_none_is_taken_is_too_large(interface: Interface) -> None:
    for method, path in (("GET", "/v1/things"), ("POST", "/v1/things/x/paint")):
        answer = interface.ask(method, path, b"{}", Role.OPERATOR)
        assert (answer.status, code(answer)) == (413, "too-large")


def test_a_body_above_the_limit_is_too_large(interface: Interface) -> None:
    client = interface.connect()
    client.send(b"POST /v1/things HTTP/1.1\r\nHost: box\r\nContent-Length: 65537\r\n\r\n")
    assert client.statuses == [413]
    assert client.is_ended


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/json-patch+json", "", "*/*", "é", "a/b, " + JSON]
)
def test_a_body_of_another_media_type_is_answered_415(
    interface: Interface, media_type: str
) -> None:
    answer = interface.ask("POST", "/v1/things", THING, Role.OPERATOR, Content_Type=media_type)
    assert (answer.status, code(answer)) == (415, "media-type")


def test_the_media_type_may_have_parameters_and_any_case(interface: Interface) -> None:
    told = "Application/JSON; charset=utf-8"
    made = interface.ask("POST", "/v1/things", THING, Role.OPERATOR, Content_Type=told)
    assert made.status == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"name": 1}',
        b'{"name": ""}',
        b'{"name": "a", "other": 1}',
        b'{"name": "a\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}',
        b'{"name": "a", "notes": {"\\u0000": "b"}}',
        b'{"name": "a", "weight": 1e999}',
        b'{"name": "a", "weight": NaN}',
        b'{"name": "a", "weight": ' + b"9" * 5000 + b"}",
        b'{"name": "a", "name": "b"}',
        b'{"name": "a", "notes": {"b": "c", "b": "d"}}',
        b'{"name": "a"} {"name": "b"}',
        b"[" * 60_000,
        b'{"name":"a","parts":[' * 2_900,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_not_what_is_asked_for_is_malformed(
    interface: Interface, body: bytes
) -> None:
    answer = interface.ask("POST", "/v1/things", body, Role.OPERATOR, Content_Type=JSON)
    assert (answer.status, code(answer)) == (400, "malformed")
    assert len(answer.body) < 1000


@pytest.mark.parametrize(
    "query",
    [
        "a",
        "&",
        "=",
        "é",
        "other=1",
        "limit",
        "limit=",
        "limit=0",
        "limit=501",
        "limit=1&limit=1",
        "limit=%D9%A1",
        "limit=" + "9" * 5000,
        "colour=blue",
        "colour=red%00",
        "cursor=%",
        "cursor=%ff",
        "cursor=a%20b",
        "cursor=AAAA",
        "&".join(f"a{number}=1" for number in range(100)),
    ],
    ids=lambda query: query[:30],
)
def test_a_query_that_is_not_what_is_asked_for_is_malformed(
    interface: Interface, query: str
) -> None:
    answer = interface.ask("GET", f"/v1/things?{query}", role=Role.AUDITOR)
    assert (answer.status, code(answer)) == (400, "malformed")
    assert len(answer.body) < 1000


def test_an_empty_query_is_none(interface: Interface) -> None:
    assert interface.ask("GET", "/v1/things?", role=Role.AUDITOR).status == 200


def test_a_query_where_nothing_is_asked_is_malformed(interface: Interface) -> None:
    make(interface)
    target = f"/v1/things/{0:032x}?a=1"
    assert interface.ask("GET", target, role=Role.AUDITOR).status == 400


# --- how it is answered ---------------------------------------------------------------------------


def test_a_thing_is_made_shown_and_painted_once(interface: Interface) -> None:
    thing = make(interface)
    shown = interface.ask("GET", f"/v1/things/{thing}", role=Role.AUDITOR)
    assert msgspec.json.decode(shown.body)["name"] == "door"
    paint = f"/v1/things/{thing}/paint"
    asked = [interface.ask("POST", paint, role=Role.OPERATOR).status for _ in range(2)]
    assert asked == [200, 409]


def test_a_file_comes_as_what_it_is_with_its_name(interface: Interface) -> None:
    thing = make(interface)
    answer = interface.ask("GET", f"/v1/things/{thing}/file", role=Role.AUDITOR)
    assert (answer.fields["content-type"], answer.body) == (OCTETS, b"door")
    assert answer.fields["content-disposition"] == 'attachment; filename="thing.bin"'


def test_the_id_of_a_request_is_that_of_the_client_where_a_log_can_bear_it(
    interface: Interface,
) -> None:
    for told, is_kept in (("a-1", True), ("a b", False), ("", False), ("a" * 65, False)):
        answer = interface.ask("GET", "/v1/things/x", role=Role.AUDITOR, X_Request_Id=told)
        given = msgspec.json.decode(answer.body)["request_id"]
        assert answer.fields["x-request-id"] == given
        assert (given == told) is is_kept


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (Malformed("so"), 400, "malformed"),
        (Unauthenticated("so"), 401, "unauthenticated"),
        (NotFound("so"), 404, "not-found"),
        (Conflict("so"), 409, "conflict"),
        (Refused("so"), 422, "refused"),
        (Unavailable("so", retry_after_s=7), 503, "unavailable"),
    ],
)
def test_an_error_of_ours_is_told_by_its_kind(error, status: int, word: str) -> None:
    async def fail(_call):
        raise error

    answer = Interface([operation(fail)]).ask("GET", "/v1/x")
    told = msgspec.json.decode(answer.body)
    assert (answer.status, told["status"], told["code"], told["detail"]) == (
        status,
        status,
        word,
        "so",
    )
    assert answer.fields.get("retry-after") == ("7" if status == 503 else None)


@pytest.mark.parametrize("error", [Fault("key 42"), ValueError("key 42")])
def test_what_fails_inside_is_logged_under_the_id_and_not_told(error) -> None:
    async def fail(_call):
        raise error

    with logged() as events:
        answer = Interface([operation(fail)]).ask("GET", "/v1/x", X_Request_Id="a-1")
    assert (answer.status, code(answer)) == (500, "fault")
    assert b"42" not in answer.body
    assert [(event["id"], event["operation"]) for event in events] == [("a-1", "x")]


def test_words_that_are_no_unicode_are_told_all_the_same() -> None:
    async def fail(_call):
        raise Malformed("\ud800" + "a" * 10_000)

    answer = Interface([operation(fail)]).ask("GET", "/v1/x")
    assert (answer.status, code(answer)) == (400, "malformed")
    assert len(answer.body) < 1000


def test_an_operation_that_is_cancelled_is_answered() -> None:
    async def fail(_call):
        raise CancelledError

    answer = Interface([operation(fail)]).ask("GET", "/v1/x")
    assert (answer.status, code(answer)) == (503, "unavailable")


def test_a_status_that_an_operation_does_not_tell_of_is_logged() -> None:
    async def fail(_call):
        raise Conflict("so")

    with logged() as events:
        assert Interface([operation(fail)]).ask("GET", "/v1/x").status == 409
        told = operation(fail, fails=frozenset({409}))
        assert Interface([told]).ask("GET", "/v1/x").status == 409
    assert [event["status"] for event in events] == [409]


def test_a_name_of_a_file_that_would_end_the_header_is_a_fault() -> None:
    async def give(_call):
        return Answer(File(b"", 'a"\r\nSet-Cookie: b'))

    with logged():
        answer = Interface([operation(give, gives=OCTETS)]).ask("GET", "/v1/x")
    assert answer.status == 500
    assert "set-cookie" not in answer.fields


def test_a_client_that_hangs_up_leaves_its_operation_to_end() -> None:
    waiting: Deferred[None] = Deferred()
    ended = []

    async def wait(_call):
        await waiting
        ended.append(True)
        return Answer()

    interface = Interface([operation(wait)])
    client = interface.connect()
    client.send(render("GET", "/v1/x", {}))
    client.hang_up()
    waiting.callback(None)
    assert ended == [True]
    assert client.transport.value() == b""
    assert not interface.site.connections


def test_answers_of_many_ids_are_not_all_remembered(interface: Interface) -> None:
    for number in range(300):
        interface.ask("GET", "/v1/things/first", X_Request_Id=str(number))
    assert len(interface.site._heads) <= 128


# --- large bodies ---------------------------------------------------------------------------------


def test_a_large_body_comes_whole(interface: Interface) -> None:
    answer = interface.ask(
        "POST", "/v1/things/imports", bytes(LARGE), Role.OPERATOR, Content_Type=OCTETS
    )
    assert answer.body == b'{"octets":1048576}\n'


def test_a_large_body_of_nobody_is_dropped_as_it_comes(interface: Interface) -> None:
    client = interface.connect()
    octets = render("POST", "/v1/things/imports", {"Content-Type": OCTETS}, bytes(LARGE))
    client.send(octets[: len(octets) // 2])
    _, sink = client.connection._current[0], client.connection._current[0].sink
    assert sink.finish() == b""
    client.send(octets[len(octets) // 2 :])
    assert client.statuses == [401]


def test_a_large_body_that_breaks_off_leaves_nothing(interface: Interface) -> None:
    client = interface.connect()
    fields = {"Content-Type": OCTETS, "Authorization": f"Bearer {token_of(Role.OPERATOR)}"}
    octets = render("POST", "/v1/things/imports", fields, bytes(LARGE))
    client.send(octets[:-1])
    sink = client.connection._current[0].sink
    client.hang_up()
    assert sink.finish() == b""
