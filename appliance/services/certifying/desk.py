"""Where the frames of `admin` and `status` reach the rooms that answer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from appliance.errors import ApplianceError, Refused
from appliance.services.certifying.certifier import Certifier, Facts
from appliance.services.certifying.messages import (
    AdminQuestion,
    AdminRefusal,
    AuthoritiesAsk,
    CeremonyApprove,
    CeremonyOpen,
    Done,
    IssueBatch,
    Issued,
    PublishLists,
    RevokeAsk,
    SignManifest,
    TemplateAdd,
    TemplatesAsk,
)
from appliance.services.certifying.revocation.status_room import TRY_LATER, StatusRoom
from appliance.services.certifying.status_messages import OcspAsk, OcspReply
from appliance.services.certifying.worker import Worker
from appliance.services.messages import Frame

_OCTETS_OF_WEIGHT = 8192


class Line(Protocol):
    """A connection that answers go back on."""

    def send(self, frame: Frame) -> bool:
        """Send a frame; False when it is too long or the other side is gone."""


def answer_admin(worker: Worker[Certifier], line: Line, question: AdminQuestion) -> None:
    """Have a manager's question answered, with its number."""
    number = question.batch
    if isinstance(question, IssueBatch):
        asks = question.asks

        def issue(room: Certifier) -> Frame:
            return Issued(number, room.issue(asks))

        ask: Callable[[Certifier], Frame] = issue
    else:

        def tell(room: Certifier) -> Frame:
            return Done(number, _facts(room, question))

        ask = tell

    def done(answer: Frame | ApplianceError) -> None:
        if isinstance(answer, ApplianceError):
            line.send(_refusal(number, answer))
        elif not line.send(answer):
            # Nothing is lost: a batch asked again, in parts, is answered with the same.
            line.send(_refusal(number, Refused("the answer is too long: ask for less at once")))

    worker.submit(ask, done, weight=_weight(question))


def answer_status(worker: Worker[StatusRoom], line: Line, question: OcspAsk) -> None:
    """Have an OCSPRequest answered."""

    def done(answer: bytes | ApplianceError) -> None:
        response = TRY_LATER if isinstance(answer, ApplianceError) else answer
        line.send(OcspReply(question.batch, response))

    worker.submit(lambda room: room.answer(question.request), done)


def _weight(question: AdminQuestion) -> int:
    """Tell what a question weighs while it waits: about 8 KiB are 1."""
    if isinstance(question, IssueBatch):
        return len(question.asks)
    if isinstance(question, SignManifest):
        return 1 + len(question.manifest) // _OCTETS_OF_WEIGHT
    return 1


def _refusal(number: int, error: ApplianceError) -> AdminRefusal:
    return AdminRefusal(number, type(error).__name__, str(error))


def _facts(room: Certifier, question: AdminQuestion) -> Facts:
    match question:
        case RevokeAsk():
            return room.revoke(question)
        case AuthoritiesAsk():
            return room.authorities()
        case TemplatesAsk():
            return room.templates()
        case TemplateAdd():
            return room.add_template(question.template)
        case PublishLists():
            return room.publish_list(question.authority, is_delta=question.is_delta)
        case SignManifest():
            return room.sign_manifest(question.manifest)
        case CeremonyOpen():
            return room.open_ceremony(question)
        case CeremonyApprove():
            return room.approve_ceremony(question)
        case IssueBatch():
            raise Refused("batches have an answer of their own")
