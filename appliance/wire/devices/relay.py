"""From phones to who answers them: the signer, and the manager for what the registry knows.

Nothing is decided here but form, amounts and how often a source may try.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import attrs
from twisted.logger import Logger

from appliance.cosign.codes import Code
from appliance.cosign.requests import OF_MANAGER, DeviceRequest, Verb
from appliance.errors import Refused, Unavailable
from appliance.services.clients import source_of
from appliance.services.cosigning.messages import (
    CodeAnswer,
    EnrolAnswer,
    EnrolAsk,
    RequestAsk,
    ResultsAnswer,
    TlsAnswer,
    TlsAsk,
)
from appliance.services.messages import Frame
from appliance.services.reactor import Clock
from appliance.wire.devices.lane import Lane
from appliance.wire.rates import RateTable, Verdict

PATIENCE_S = 20.0
POLL_PATIENCE_S = 40.0
"""For `tasks`, which may wait 30 s for something to come."""

_OF_STRANGERS = frozenset({Code.CREDENTIAL_REJECTED, Code.ACTIVATION_REJECTED, Code.DEVICE_UNKNOWN})
"""What is answered to who has shown no right to anything; a phone in order hears none of these."""

SignerAnswer = EnrolAnswer | ResultsAnswer | CodeAnswer
ManagerAnswer = ResultsAnswer | CodeAnswer | TlsAnswer
_A = TypeVar("_A", bound=EnrolAnswer | ResultsAnswer | CodeAnswer | TlsAnswer)


@attrs.frozen
class DeviceRates:
    """How often a source may send messages of enrolments, and be told it has no right."""

    enrolments: RateTable
    rejections: RateTable


class DeviceRelay:
    """Takes what phones ask from every transport; answers are values, whatever goes wrong."""

    _log = Logger()

    def __init__(
        self,
        signer: Lane[SignerAnswer],
        manager: Lane[ManagerAnswer],
        rates: DeviceRates,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._manager = manager
        self._rates = rates
        self._clock = clock

    @property
    def is_busy(self) -> bool:
        """Tell whether a phone waits for the signer."""
        return self._signer.is_busy

    async def enrol(
        self, step: int, message: bytes, mac: bytes, client: bytes
    ) -> EnrolAnswer | CodeAnswer:
        """Pass on a message of an enrolment."""
        source, now_s = source_of(client), self._clock.seconds()
        if self._rates.enrolments.judge(source, now_s) is not Verdict.ANSWER:
            return _too_many("too many enrolments from this address")
        answer = await self._ask(
            self._signer,
            lambda number: EnrolAsk(number, step, message, mac, client),
            client,
            octets=len(message),
        )
        if isinstance(answer, EnrolAnswer | CodeAnswer):
            return answer
        return self._misanswered("an enrolment")

    async def request(self, request: DeviceRequest, client: bytes) -> ResultsAnswer | CodeAnswer:
        """Pass on a request of an enrolled phone."""
        # An item of nothing holds memory too.
        octets = sum(map(len, request.items)) + 64 * len(request.items)
        ask = functools.partial(RequestAsk, request=request, client=client)
        answer: EnrolAnswer | ResultsAnswer | CodeAnswer | TlsAnswer
        if request.verb in OF_MANAGER:
            patience_s = POLL_PATIENCE_S if request.verb is Verb.TASKS else PATIENCE_S
            answer = await self._ask(
                self._manager, ask, client, octets=octets, patience_s=patience_s
            )
        else:
            answer = await self._ask(self._signer, ask, client, octets=octets)
        if isinstance(answer, CodeAnswer):
            return answer
        if isinstance(answer, ResultsAnswer) and _fits(request, answer):
            return answer
        return self._misanswered(request.verb.value)

    async def certify(self, csr: bytes) -> list[bytes]:
        """Ask for a TLS certificate: the chain in DER, leaf first; empty while there is none.

        Raises Refused and Unavailable as `Lane.ask` does.
        """
        ask = functools.partial(TlsAsk, csr=csr)
        answer = await self._manager.ask(ask, b"", octets=len(csr), patience_s=PATIENCE_S)
        return answer.chain if isinstance(answer, TlsAnswer) else []

    async def _ask(
        self,
        lane: Lane[_A],
        make: Callable[[int], Frame],
        client: bytes,
        *,
        octets: int,
        patience_s: float = PATIENCE_S,
    ) -> _A | CodeAnswer:
        """Ask a lane for a client that has not been rejected too often."""
        source, rejections = source_of(client), self._rates.rejections
        if rejections.is_full(source, self._clock.seconds()):
            return _too_many("too many rejected requests from this address")
        try:
            answer = await lane.ask(make, client, octets=octets, patience_s=patience_s)
        except Refused as error:
            return _too_many(str(error))
        except Unavailable as error:
            return CodeAnswer(0, Code.UNAVAILABLE, str(error))
        if isinstance(answer, CodeAnswer) and answer.code in _OF_STRANGERS:
            rejections.judge(source, self._clock.seconds())
        return answer

    def _misanswered(self, what: str) -> CodeAnswer:
        self._log.error("an answer is none to what was asked", asked=what)
        return CodeAnswer(0, Code.UNAVAILABLE, "the answer was none to this question")


def _fits(request: DeviceRequest, answer: ResultsAnswer) -> bool:
    """Tell whether there is a result for each item; `tasks` gives as many as wait."""
    numbers = (each for each in answer.results if isinstance(each, int))
    is_full = request.verb is Verb.TASKS or len(answer.results) == len(request.items)
    return is_full and all(1 <= number <= len(Code) for number in numbers)


def _too_many(detail: str) -> CodeAnswer:
    return CodeAnswer(0, Code.TOO_MANY, detail)
