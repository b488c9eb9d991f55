"""The front's half of timestamping: admission, and the batch that one turn of the reactor makes.

Requests that arrive together cross to the signer together, are signed together and made durable
in one commit.  Whatever goes wrong on the way is answered as a TimeStampResp with systemFailure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import attrs
from twisted.logger import Logger

from appliance.asn1.tsp import encode_rejection
from appliance.services.clients import source_of
from appliance.services.messages import (
    BATCH_LIMIT,
    Hello,
    PollAsk,
    PollReply,
    PollState,
    ProfileOffer,
    StampAsk,
    StampBatch,
    StampReplies,
)
from appliance.services.reactor import Clock, DelayedCall
from appliance.tsp.request import PKIFailureInfo

Done = Callable[[bytes], None]
DoneOrLate = Callable[[bytes | int], None]
"""Takes a TimeStampResp, or the reference of one that is late."""
Polled = Callable[[bytes | PollState], None]
Send = Callable[[StampBatch | PollAsk], bool]

REQUEST_LIMIT = 4096
IN_FLIGHT_LIMIT = 8192
PROFILE_LIMIT = IN_FLIGHT_LIMIT // 2
"""A profile with a slow key leaves room for the others."""
SOURCE_LIMIT = IN_FLIGHT_LIMIT // 4
"""A client that asks for more than can be done leaves room for the others."""
CROSSINGS_PER_QUEUE = 2
"""One batch is signed while the next is read: more would only make them smaller."""
DEADLINE_S = 10.0

_OVERSIZE = encode_rejection(PKIFailureInfo.badDataFormat, "a TimeStampReq may have 4096 octets")
_NO_SIGNER = encode_rejection(PKIFailureInfo.systemFailure, "the signer is not available")
_OVERLOAD = encode_rejection(PKIFailureInfo.systemFailure, "overload: too many requests in flight")
_LATE = encode_rejection(PKIFailureInfo.systemFailure, "the signer did not answer in time")
_LOST = encode_rejection(PKIFailureInfo.systemFailure, "the signer went away; ask again")


_Waiter = tuple[DoneOrLate, bytes]
"""Who waits for an answer, and the source that asked."""


@attrs.frozen(eq=False)
class _Crossing:
    """A batch at the signer: whose requests, who waits for them, and until when."""

    queue: _Queue
    waiting: list[_Waiter]
    deadline: float


@attrs.define(eq=False)
class _Queue:
    """The requests of one profile: those not sent yet, and how many batches are at the signer."""

    may_poll: bool
    asks: list[StampAsk] = attrs.Factory(list)
    waiting: list[_Waiter] = attrs.Factory(list)
    crossings: int = 0
    in_flight: int = 0


@attrs.frozen(eq=False)
class _Poll:
    """A poll at the signer."""

    done: Polled
    deadline: float


class StampDesk:
    """Takes requests from every transport and gives them to the signer in batches.

    While two batches of a profile are at the signer, its next one gathers here: under load batches
    grow by themselves, without it nothing waits.  A profile with a slow key holds up no other.
    `submit` calls `done` exactly once with the octets of a TimeStampResp, possibly at once.
    """

    _log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._send: Send | None = None
        self._queues: dict[tuple[str, bool], _Queue] = {}
        self._polls: dict[int, _Poll] = {}
        self._crossings: dict[int, _Crossing] = {}
        self._in_flight = 0
        self._in_flight_of: dict[bytes, int] = {}
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

    def signer_arrived(self, hello: Hello, send: Send) -> None:
        """Begin to use a signer that has greeted."""
        self.profiles = hello.profiles
        self._send = send

    def signer_left(self) -> None:
        """Answer all that was on its way: recorded or not, no token of it has left."""
        self._send = None
        crossings, self._crossings = self._crossings, {}
        queues, self._queues = self._queues, {}
        polls, self._polls = self._polls, {}
        for crossing in crossings.values():
            self._settle(crossing.queue, crossing.waiting, [_LOST] * len(crossing.waiting))
        for queue in queues.values():
            self._settle(queue, queue.waiting, [_LOST] * len(queue.waiting))
        for poll in polls.values():
            poll.done(PollState.UNKNOWN)

    def submit(self, profile: str, request: bytes, client: bytes, done: Done) -> None:
        """Ask for a timestamp; `client` is the packed address and port, for the ledger."""
        # Where polling is not allowed the signer never answers by a reference.
        self._submit((profile, False), request, client, cast("DoneOrLate", done))

    def submit_patiently(
        self, profile: str, request: bytes, client: bytes, done: DoneOrLate
    ) -> None:
        """Ask as `submit` does, for a client that can come back for a late answer."""
        self._submit((profile, True), request, client, done)

    def poll(self, reference: int, client: bytes, done: Polled) -> None:
        """Ask for the answer that was late under `reference`."""
        number = self._next_batch
        self._next_batch += 1
        if (
            self._send is None
            or len(self._polls) >= IN_FLIGHT_LIMIT
            or not self._send(PollAsk(number, reference, client))
        ):
            done(PollState.WAITING)
            return
        self._polls[number] = _Poll(done, self._clock.seconds() + DEADLINE_S)
        self._watch()

    def _submit(
        self, key: tuple[str, bool], request: bytes, client: bytes, done: DoneOrLate
    ) -> None:
        if len(request) > REQUEST_LIMIT:
            done(_OVERSIZE)
            return
        if self._send is None:
            done(_NO_SIGNER)
            return
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(key[1])
        source = source_of(client)
        of_source = self._in_flight_of.get(source, 0)
        if (
            self._in_flight >= IN_FLIGHT_LIMIT
            or queue.in_flight >= PROFILE_LIMIT
            or of_source >= SOURCE_LIMIT
        ):
            done(_OVERLOAD)
            return
        self._in_flight += 1
        self._in_flight_of[source] = of_source + 1
        queue.in_flight += 1
        queue.asks.append(StampAsk(key[0], request, client))
        queue.waiting.append((done, source))
        if self._flush_call is None and queue.crossings < CROSSINGS_PER_QUEUE:
            # Zero delay: the call comes when everything this turn's poll brought has been read.
            self._flush_call = self._clock.callLater(0, self._flush)

    def poll_answered(self, reply: PollReply) -> None:
        """Hand the signer's answer to whoever polled."""
        poll = self._polls.pop(reply.batch, None)
        if poll is not None:
            poll.done(reply.answer)

    def replies_arrived(self, replies: StampReplies) -> None:
        """Hand the signer's answers to those who wait; a late or unknown batch is dropped."""
        crossing = self._crossings.pop(replies.batch, None)
        if crossing is None:
            return
        crossing.queue.crossings -= 1
        self._cross(crossing.queue)
        responses = replies.responses
        if len(responses) != len(crossing.waiting):
            self._log.error("the signer answered another number of requests than it was asked")
            responses = [_LOST for _ in crossing.waiting]
        self._settle(crossing.queue, crossing.waiting, responses)

    def _flush(self) -> None:
        self._flush_call = None
        for queue in list(self._queues.values()):  # whoever is answered may ask again at once
            self._cross(queue)

    def _cross(self, queue: _Queue) -> None:
        """Send what a queue holds, as far as its batches at the signer leave room."""
        while queue.asks and queue.crossings < CROSSINGS_PER_QUEUE:
            asks, queue.asks = queue.asks[:BATCH_LIMIT], queue.asks[BATCH_LIMIT:]
            waiting, queue.waiting = queue.waiting[:BATCH_LIMIT], queue.waiting[BATCH_LIMIT:]
            batch = self._next_batch
            self._next_batch += 1
            if self._send is None or not self._send(StampBatch(batch, asks, queue.may_poll)):
                self._settle(queue, waiting, [_LOST] * len(waiting))
                continue
            queue.crossings += 1
            self._crossings[batch] = _Crossing(queue, waiting, self._clock.seconds() + DEADLINE_S)
            self._watch()

    def _watch(self) -> None:
        if self._deadline_call is None:
            self._deadline_call = self._clock.callLater(1.0, self._expire)

    def _settle(
        self, queue: _Queue, waiting: Sequence[_Waiter], responses: Sequence[bytes | int]
    ) -> None:
        self._in_flight -= len(waiting)
        queue.in_flight -= len(waiting)
        of_source = self._in_flight_of
        for _, source in waiting:
            left = of_source[source] - 1
            if left:
                of_source[source] = left
            else:
                del of_source[source]
        for (done, _), response in zip(waiting, responses, strict=True):
            done(response)

    def _expire(self) -> None:
        self._deadline_call = None
        now = self._clock.seconds()
        late = [number for number, crossing in self._crossings.items() if crossing.deadline <= now]
        for number in late:
            crossing = self._crossings.pop(number)
            queue = crossing.queue
            queue.crossings -= 1
            # What gathered behind a late batch has waited as long.
            waiting, queue.waiting, queue.asks = [*crossing.waiting, *queue.waiting], [], []
            self._settle(queue, waiting, [_LATE] * len(waiting))
        for number in [number for number, poll in self._polls.items() if poll.deadline <= now]:
            self._polls.pop(number).done(PollState.WAITING)
        if self._crossings or self._polls:
            self._watch()
