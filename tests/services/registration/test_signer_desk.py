"""Questions to the signer find their answers, and nobody waits for a signer that is gone."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from appliance.errors import Conflict, Fault, Unavailable
from appliance.services.certifying.messages import (
    AdminRefusal,
    Done,
    IssueAsk,
    Issued,
    IssueRefusal,
)
from appliance.services.registration.questions import PATIENCE_S
from appliance.services.registration.signer_desk import SignerDesk

ASK = IssueAsk(bytes(16), "issuing-sm2", "person", {})


class Line:
    """A desk with a signer that keeps what it is asked."""

    def __init__(self):
        self.clock = Clock()
        self.desk = SignerDesk(self.clock)
        self.sent = []
        self.results = []
        self.desk.signer_arrived(lambda frame: not self.sent.append(frame))

    def ask(self, work):
        Deferred.fromCoroutine(work).addBoth(self.results.append)

    def result(self):
        result = self.results.pop()
        if isinstance(result, Failure):
            result.raiseException()
        return result


def test_answers_find_their_questions_in_any_order():
    line = Line()
    line.ask(line.desk.issue([ASK]))
    line.ask(line.desk.templates())
    first, second = line.sent
    line.desk.answer_arrived(Done(second.batch, {"person": b"{}"}))
    assert line.result() == {"person": b"{}"}
    refusal = IssueRefusal("Refused", "no")
    line.desk.answer_arrived(Issued(first.batch, [refusal]))
    assert line.result() == [refusal]


@pytest.mark.parametrize(("kind", "error"), [("Conflict", Conflict), ("Surprise", Fault)])
def test_a_refusal_is_the_error_that_it_names(kind, error):
    line = Line()
    line.ask(line.desk.revoke("issuing-sm2", b"\x01", 1))
    line.desk.answer_arrived(AdminRefusal(line.sent[0].batch, kind, "already revoked"))
    with pytest.raises(error, match="already revoked"):
        line.result()


def test_without_a_signer_nothing_is_asked_and_nobody_waits():
    line = Line()
    line.ask(line.desk.authorities())
    line.desk.signer_left()
    for _ in range(2):
        with pytest.raises(Unavailable):
            line.result()
        line.ask(line.desk.authorities())
    assert len(line.sent) == 1


def test_a_signer_that_does_not_answer_is_given_up_and_its_late_answer_is_nobodys():
    line = Line()
    line.ask(line.desk.authorities())
    line.clock.advance(PATIENCE_S)
    with pytest.raises(Unavailable, match="in time"):
        line.result()
    line.desk.answer_arrived(Done(line.sent[0].batch, {}))
    assert line.results == []


def test_an_answer_of_another_kind_or_length_is_a_fault():
    line = Line()
    line.ask(line.desk.issue([ASK, ASK]))
    line.desk.answer_arrived(Issued(line.sent[0].batch, [b"one"]))
    with pytest.raises(Fault):
        line.result()
    line.ask(line.desk.sign_manifest(b"manifest"))
    line.desk.answer_arrived(Done(line.sent[1].batch, {"cms": "text"}))
    with pytest.raises(Fault):
        line.result()
