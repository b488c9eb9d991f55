"""Calls sent again under their Idempotency-Key: answered as before, and not done again."""

import msgspec
import pytest
from kit.logs import logged
from kit.rest import Interface, Things, render, token_of
from twisted.internet.defer import Deferred

from appliance.errors import Fault, Refused, Unavailable
from appliance.services.registration.accounts import Role
from appliance.wire.rest.table import Answer, Operation

KEY = "a-key"
MAKE = "/v1/things"


class Bench:
    """The sample, and one operation whose end is the test's choice."""

    def __init__(self) -> None:
        self.things = Things()
        self.calls = 0
        self.end: Deferred[None] | Exception | None = None
        operation = Operation(
            method="POST", path="/v1/work", name="work", summary="Work", handler=self._work
        )
        self.interface = Interface([*self.things.operations(), operation])

    def make(self, name: str = "door", key: str = KEY, role: Role = Role.OPERATOR, query: str = ""):
        return self.interface.ask("POST", MAKE + query, {"name": name}, role, Idempotency_Key=key)

    def work(self, key: str = KEY):
        return self.interface.ask("POST", "/v1/work", role=Role.OPERATOR, Idempotency_Key=key)

    async def _work(self, _call):
        self.calls += 1
        if isinstance(self.end, Exception):
            raise self.end
        if self.end is not None:
            await self.end
        return Answer()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def code(answer) -> str:
    return msgspec.json.decode(answer.body)["code"]


def test_a_call_sent_again_is_answered_as_before(bench: Bench) -> None:
    first, again = bench.make(), bench.make()
    assert (first.status, first.body) == (201, again.body)
    assert again.status == 201
    assert "idempotent-replayed" not in first.fields
    assert again.fields["idempotent-replayed"] == "true"
    assert again.fields["x-request-id"] != first.fields["x-request-id"]
    assert len(bench.things.things) == 1


def test_without_a_key_a_call_is_done_again(bench: Bench) -> None:
    assert [bench.make(key=key).status for key in ("one", "two")] == [201, 409]


def test_a_key_is_for_one_body_one_query_and_one_path(bench: Bench) -> None:
    assert bench.make().status == 201
    others = [
        bench.make("window"),
        bench.interface.ask("POST", "/v1/things/x/paint", role=Role.OPERATOR, Idempotency_Key=KEY),
        bench.work(),
    ]
    assert [(answer.status, code(answer)) for answer in others] == [(422, "key-reused")] * 3
    assert (len(bench.things.things), bench.calls) == (1, 0)


def test_a_key_is_of_one_account(bench: Bench) -> None:
    assert bench.make("door").status == 201
    assert bench.make("window", role=Role.ADMINISTRATOR).status == 201


@pytest.mark.parametrize("error", [Refused("no"), Unavailable("later"), Fault("hm"), KeyError("a")])
def test_a_call_that_failed_frees_its_key(bench: Bench, error: Exception) -> None:
    bench.end = error
    with logged():
        assert bench.work().status >= 400
    bench.end = None
    assert bench.work().status == 200
    assert bench.calls == 2


def test_a_malformed_call_takes_no_key(bench: Bench) -> None:
    assert bench.make("").status == 400
    assert bench.make(query="?a=1").status == 400
    assert not bench.interface.memory.kept


def test_a_key_whose_call_is_under_way_is_told_so(bench: Bench) -> None:
    bench.end = Deferred()
    fields = {"Authorization": f"Bearer {token_of(Role.OPERATOR)}", "Idempotency-Key": KEY}
    slow = bench.interface.connect()
    slow.send(render("POST", "/v1/work", fields))
    again = bench.work()
    assert (again.status, code(again)) == (409, "under-way")
    assert again.fields["retry-after"] == "1"
    bench.end.callback(None)
    assert slow.statuses == [200]
    assert bench.work().fields["idempotent-replayed"] == "true"
    assert bench.calls == 1


def test_a_client_that_hung_up_finds_its_answer_under_the_key(bench: Bench) -> None:
    bench.end = Deferred()
    fields = {"Authorization": f"Bearer {token_of(Role.OPERATOR)}", "Idempotency-Key": KEY}
    gone = bench.interface.connect()
    gone.send(render("POST", "/v1/work", fields))
    gone.hang_up()
    bench.end.callback(None)
    assert bench.work().fields["idempotent-replayed"] == "true"
    assert bench.calls == 1


def test_a_secret_is_not_kept_to_be_told_again(bench: Bench) -> None:
    asked = [
        bench.interface.ask("POST", "/v1/tokens", role=Role.ADMINISTRATOR, Idempotency_Key=KEY)
        for _ in range(2)
    ]
    assert [answer.status for answer in asked] == [200, 409]
    assert code(asked[1]) == "told-once"
    assert [kept.body for _, kept in bench.interface.memory.kept.values()] == [b""]
    assert bench.things.tokens == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "a" * 256])
def test_a_key_that_is_none_is_malformed(bench: Bench, key: str) -> None:
    answer = bench.make(key=key)
    assert (answer.status, code(answer)) == (400, "malformed")
    assert not bench.things.things


def test_a_key_of_a_call_that_changes_nothing_is_left_alone(bench: Bench) -> None:
    for _ in range(2):
        answer = bench.interface.ask("GET", MAKE, role=Role.AUDITOR, Idempotency_Key="a b")
        assert answer.status == 200
    assert not bench.interface.memory.kept


@pytest.mark.parametrize("end", [None, Refused("no")])
def test_a_memory_that_fails_afterwards_leaves_the_answer_as_it_is(
    bench: Bench, end: Exception | None
) -> None:
    async def fail(*_arguments):
        raise Unavailable("the registry is away")

    bench.end = end
    bench.interface.memory.settle = bench.interface.memory.abandon = fail
    with logged() as events:
        assert bench.work().status == (422 if end else 200)
    assert len(events) == 1
    assert code(bench.work()) == "under-way"
    assert bench.calls == 1


def test_a_memory_that_is_away_lets_nothing_be_done(bench: Bench) -> None:
    async def fail(*_arguments):
        raise Unavailable("the registry is away")

    bench.interface.memory.claim = fail
    assert bench.work().status == 503
    assert bench.calls == 0
