"""The front's half of timestamping: admission, and the batch that one turn of the reactor makes.

Requests that arrive together cross to the signer together, are signed together and made durable
in one commit.  Whatever goes wrong on the way is answered as a TimeStampResp with systemFailure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.logger import Logger

from appliance.asn1.tsp import encode_rejection
from appliance.services.messages import (
    BATCH_LIMIT,
    Hello,
    ProfileOffer,
    StampAsk,
    StampBatch,
    StampReplies,
)
from appliance.services.reactor import Clock, DelayedCall
from appliance.tsp.request import PKIFailureInfo

Done = Callable[[bytes], None]

REQUEST_LIMIT = 4096
IN_FLIGHT_LIMIT = 8192
DEADLINE_S = 10.0

_OVERSIZE = encode_rejection(PKIFailureInfo.badDataFormat, "a TimeStampReq may have 4096 octets")
_NO_SIGNER = encode_rejection(PKIFailureInfo.systemFailure, "the signer is not available")
_OVERLOAD = encode_rejection(PKIFailureInfo.systemFailure, "overload: too many requests in flight")
_LATE = encode_rejection(PKIFailureInfo.systemFailure, "the signer did not answer in time")
_LOST = encode_rejection(PKIFailureInfo.systemFailure, "the signer went away; ask again")


@attrs.define(eq=False)
class _Crossing:
    """A batch at the signer: who waits for it, and until when."""

    waiting: list[Done]
    deadline: float


class StampDesk:
    """Takes requests from every transport and gives them to the signer in batches.

    `submit` calls `done` exactly once with the octets of a TimeStampResp, possibly at once.
    """

    _log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._send: Callable[[StampBatch], bool] | None = None
        self._asks: list[StampAsk] = []
        self._waiting: list[Done] = []
        self._crossings: dict[int, _Crossing] = {}
        self._in_flight = 0
        self._next_batch = 0
        self._flush_call: DelayedCall | None = None
        self._deadline_call: DelayedCall | None = None
        self.profiles: tuple[ProfileOffer, ...] = ()

    @property
    def is_open(self) -> bool:
        """Tell whether a signer is there to take requests."""
        return self._send is not None

    @property
    def is_busy(self) -> bool:
        """Tell whether requests are under way."""
        return self._in_flight > 0

    def signer_arrived(self, hello: Hello, send: Callable[[StampBatch], bool]) -> None:
        """Begin to use a signer that has greeted."""
        self.profiles = hello.profiles
        self._send = send

    def signer_left(self) -> None:
        """Answer all that was on its way: recorded or not, no token of it has left."""
        self._send = None
        crossings, self._crossings = self._crossings, {}
        for crossing in crossings.values():
            self._settle(crossing, [_LOST] * len(crossing.waiting))

    def submit(self, profile: str, request: bytes, client: bytes, done: Done) -> None:
        """Ask for a timestamp; `client` is the packed address and port, for the ledger."""
        if len(request) > REQUEST_LIMIT:
            done(_OVERSIZE)
            return
        if self._send is None:
            done(_NO_SIGNER)
            return
        if self._in_flight >= IN_FLIGHT_LIMIT:
            done(_OVERLOAD)
            return
        self._in_flight += 1
        self._asks.append(StampAsk(profile, request, client))
        self._waiting.append(done)
        if len(self._asks) >= BATCH_LIMIT:
            self._flush()
        elif self._flush_call is None:
            # Zero delay: the call comes when everything this turn's poll brought has been read.
            self._flush_call = self._clock.callLater(0, self._flush)

    def replies_arrived(self, replies: StampReplies) -> None:
        """Hand the signer's answers to those who wait; a late or unknown batch is dropped."""
        crossing = self._crossings.pop(replies.batch, None)
        if crossing is not None:
            self._settle(crossing, replies.responses)

    def _flush(self) -> None:
        if self._flush_call is not None and self._flush_call.active():
            self._flush_call.cancel()
        self._flush_call = None
        asks, self._asks = self._asks, []
        waiting, self._waiting = self._waiting, []
        if not asks:
            return
        crossing = _Crossing(waiting, self._clock.seconds() + DEADLINE_S)
        batch = self._next_batch
        self._next_batch += 1
        if self._send is None or not self._send(StampBatch(batch, asks)):
            self._settle(crossing, [_LOST] * len(waiting))
            return
        self._crossings[batch] = crossing
        if self._deadline_call is None:
            self._deadline_call = self._clock.callLater(1.0, self._expire)

    def _settle(self, crossing: _Crossing, responses: Sequence[bytes]) -> None:
        self._in_flight -= len(crossing.waiting)
        if len(responses) != len(crossing.waiting):
            self._log.error("the signer answered another number of requests than it was asked")
            responses = [_LOST] * len(crossing.waiting)
        for done, response in zip(crossing.waiting, responses, strict=True):
            done(response)

    def _expire(self) -> None:
        self._deadline_call = None
        now = self._clock.seconds()
        late = [number for number, crossing in self._crossings.items() if crossing.deadline <= now]
        for number in late:
            crossing = self._crossings.pop(number)
            self._settle(crossing, [_LATE] * len(crossing.waiting))
        if self._crossings:
            self._deadline_call = self._clock.callLater(1.0, self._expire)
