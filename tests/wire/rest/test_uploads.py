"""A large body is kept for as long as its sender may still turn out to be allowed."""

import gc

import pytest
from kit.logs import logged
from twisted.internet.defer import Deferred

from appliance.errors import Unavailable
from appliance.wire.rest.uploads import Upload


class Refusal:
    """What an admission gives in place of an account."""


class Gate:
    """An upload whose admission the test decides."""

    def __init__(self) -> None:
        self.verdict: Deferred[object] = Deferred()
        self.upload: Upload[object] = Upload(self._admit(), Refusal)
        self.upload.write(b"be")

    async def _admit(self) -> object:
        return await self.verdict


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_what_came_before_the_verdict_is_kept_with_what_follows(gate: Gate) -> None:
    gate.verdict.callback("an account")
    gate.upload.write(b"gun")
    assert gate.upload.finish() == b"begun"


def test_a_refusal_drops_what_came_and_what_follows(gate: Gate) -> None:
    gate.verdict.callback(Refusal())
    assert gate.upload.finish() == b""
    gate.upload.write(b"gun")
    assert gate.upload.finish() == b""


def test_an_admission_that_fails_drops_all_and_tells_who_waits(gate: Gate) -> None:
    gate.verdict.errback(Unavailable("the registry is away"))
    gate.upload.write(b"gun")
    assert gate.upload.finish() == b""
    failures: list[object] = []
    gate.upload.admission.addErrback(failures.append)
    assert len(failures) == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_a_failure_that_nobody_waits_for_is_not_logged(gate: Gate, *, is_late: bool) -> None:
    with logged() as events:
        if is_late:
            gate.upload.abandon()
        gate.verdict.errback(Unavailable("the registry is away"))
        gate.upload.abandon()
        assert gate.upload.finish() == b""
        del gate.verdict, gate.upload
        gc.collect()
    assert events == []
