"""Carrying a phone's dialogues over a channel, one question at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from shiyin_cosign.enrolment import Enrolled, Enrolment, Message
from shiyin_cosign.errors import CosignError, Unreachable
from shiyin_cosign.phone import Dialogue, Result
from shiyin_cosign.requests import Request

ATTEMPTS = 3
_LAST_STEP = 7
_T = TypeVar("_T")
_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class Channel(Protocol):
    """A way to the box: HTTPS or DER over TLS.

    Both raise Rejected for a refusal of the whole, Unreachable where no answer came, and Malformed
    or Untrusted for one that does not decode.
    """

    def ask(self, request: Request) -> Sequence[Result]:
        """Send a request and give its results, one for each item."""

    def enrol(self, message: Message) -> Message:
        """Send a message of an enrolment and give the next one."""

    def close(self) -> None:
        """Let the connection go."""


def run(dialogue: Dialogue[_T], channel: Channel) -> _T:
    """Carry a dialogue to its end and give what it returns.

    A question whose answer was lost is sent again as it is: the box answers the same octets by the
    same answer.
    """
    try:
        request = next(dialogue)
        while True:
            try:
                results = _again(channel.ask, request)
            except CosignError as error:
                request = dialogue.throw(error)
            else:
                request = dialogue.send(results)
    except StopIteration as stop:
        value: _T = stop.value
        return value


def enrol(machine: Enrolment, channel: Channel, keep: Callable[[Enrolled], None]) -> None:
    """Enrol; `keep` stores the phone durably, before the message that uses up the code."""
    message = machine.begin()
    while message.step < _LAST_STEP:
        message = machine.take(_again(channel.enrol, message))
    keep(machine.result())
    machine.close(_again(channel.enrol, message))


def _again(ask: Callable[[_Question], _Answer], question: _Question) -> _Answer:
    for _ in range(ATTEMPTS - 1):
        try:
            return ask(question)
        except Unreachable:
            continue
    return ask(question)
