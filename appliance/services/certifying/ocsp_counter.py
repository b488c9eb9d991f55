"""The front's half of OCSP: hands requests to the signer, and answers for one that is not there."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from appliance.asn1.status.ocsp import MAX_REQUEST_OCTETS, ResponseStatus
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.services.certifying.status_messages import OcspAsk, OcspReply
from appliance.services.reactor import Clock, DelayedCall

IN_FLIGHT_LIMIT = 1024
DEADLINE_S = 10.0

_TRY_LATER = encode_error(ResponseStatus.TRY_LATER)
_MALFORMED = encode_error(ResponseStatus.MALFORMED_REQUEST)

Replied = Callable[[bytes], None]


@attrs.frozen(eq=False)
class _Waiter:
    replied: Replied
    deadline: float


class OcspCounter:
    """Takes requests from the routes of `wire.ocsp_http`, whose `AskOcsp` is `submit`.

    `replied` is called exactly once, with an OCSPResponse, possibly at once: `tryLater` when the
    signer is away, too busy or late.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._send: Callable[[OcspAsk], bool] | None = None
        self._waiting: dict[int, _Waiter] = {}
        self._next = 0
        self._deadline_call: DelayedCall | None = None

    def signer_arrived(self, send: Callable[[OcspAsk], bool]) -> None:
        """Begin to use a signer that has greeted."""
        self._send = send

    def signer_left(self) -> None:
        """Answer all that was on its way."""
        self._send = None
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            waiter.replied(_TRY_LATER)

    def submit(self, request: bytes, replied: Replied) -> None:
        """Have a request answered."""
        if len(request) > MAX_REQUEST_OCTETS:
            replied(_MALFORMED)
            return
        if self._send is None or len(self._waiting) >= IN_FLIGHT_LIMIT:
            replied(_TRY_LATER)
            return
        number = self._next
        self._next += 1
        self._waiting[number] = _Waiter(replied, self._clock.seconds() + DEADLINE_S)
        if not self._send(OcspAsk(number, request)):
            del self._waiting[number]
            replied(_TRY_LATER)
            return
        self._watch()

    def reply_arrived(self, reply: OcspReply) -> None:
        """Hand the signer's answer to who waits; a late or unknown one is dropped."""
        waiter = self._waiting.pop(reply.batch, None)
        if waiter is not None:
            waiter.replied(reply.response)

    def _watch(self) -> None:
        if self._deadline_call is None:
            self._deadline_call = self._clock.callLater(1.0, self._expire)

    def _expire(self) -> None:
        self._deadline_call = None
        now = self._clock.seconds()
        late = [number for number, waiter in self._waiting.items() if waiter.deadline <= now]
        for number in late:
            self._waiting.pop(number).replied(_TRY_LATER)
        if self._waiting:
            self._watch()
