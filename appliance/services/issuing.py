"""The signer's half of timestamping: judge, sign, record, and only then answer.

The reactor's thread judges requests and assigns serial and genTime.  Each key has a lane of two
threads that take turns: one signs a batch, without the GIL where the engine allows it, while the
other makes its own durable, in one commit, and only then releases the replies: no token leaves
without its row.  A slow RSA key never holds up SM2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, Protocol, TypeVar

import attrs
from twisted.logger import Logger

from appliance.asn1.tsp import encode_rejection
from appliance.crypto.api import SigningKey
from appliance.services.messages import StampAsk
from appliance.services.reactor import ThreadedReactor
from appliance.timing.trusted import NoTime, TrustedTime
from appliance.tsp.authority import Ask, Authority, Prepared
from appliance.tsp.record import Stamp
from appliance.tsp.request import PKIFailureInfo, Rejection

LANE_BATCH = 256
THREADS_PER_LANE = 2
QUEUE_LIMIT = 8192
LANE_LIMIT = QUEUE_LIMIT // 2
"""A key that is slow leaves room for the others."""

_OVERLOAD = encode_rejection(PKIFailureInfo.systemFailure, "overload: the signer's queue is full")
_CLOSED = encode_rejection(PKIFailureInfo.systemFailure, "the signer is stopping")
_NOT_SIGNED = encode_rejection(PKIFailureInfo.systemFailure, "the token could not be signed")
_NOT_KEPT = encode_rejection(PKIFailureInfo.systemFailure, "the ledger could not be written")

Item = TypeVar("Item")


@attrs.define(eq=False)
class _Job:
    """A batch of one front: its answers as they come, and whom to tell when all are there."""

    responses: list[bytes]
    missing: int
    done: Callable[[Sequence[bytes]], None]
    lanes: Counter[Channel[_Work]]


@attrs.frozen
class _Work:
    """One token to sign: where it belongs and what to sign."""

    job: _Job
    index: int
    prepared: Prepared
    client: bytes


class Channel(Generic[Item]):
    """A queue of batches between threads, whose readers empty it many at a time."""

    def __init__(self) -> None:
        self._batches: SimpleQueue[Sequence[Item] | None] = SimpleQueue()

    def put(self, items: Sequence[Item]) -> None:
        """Add a batch at the end."""
        self._batches.put(items)

    def take(self, most: int, timeout_s: float | None = None) -> list[Item] | None:
        """Wait for a batch and take what follows it, until there are `most` items or no more.

        None after closing, empty when the time is over.
        """
        taken: list[Item] = []
        while len(taken) < most:
            try:
                batch = self._batches.get(block=not taken, timeout=timeout_s)
            except Empty:
                return taken
            if batch is None:
                self._batches.put(None)  # for the next reader, and for this one's next call
                return taken or None
            taken += batch
        return taken

    def close(self) -> None:
        """Let the readers finish what is there and then stop."""
        self._batches.put(None)


class StampLedger(Protocol):
    """Where stamps are kept; used by one thread at a time."""

    def keep(self, stamps: Sequence[Stamp]) -> None:
        """Make the stamps durable in one commit; raises and keeps none otherwise."""

    def rest(self) -> None:
        """Do what is due from time to time, as writing a signed head."""

    def close(self) -> None:
        """Write what is still owed and close."""


class Recorder:
    """The ledger as the lanes share it: one at a time, opened when needed, complained of once."""

    _log = Logger()

    def __init__(self, open_ledger: Callable[[], StampLedger]) -> None:
        self._open_ledger = open_ledger
        self._turn = Lock()
        self._ledger: StampLedger | None = None
        self._is_failing = False
        self._is_head_failing = False

    def keep(self, stamps: Sequence[Stamp]) -> bool:
        """Make stamps durable; False when they are not, and then none of them is."""
        with self._turn:
            try:
                self._ledger = self._ledger or self._open_ledger()
                if stamps:
                    self._ledger.keep(stamps)
            except Exception:
                # Said once: a full disk fails thousands of batches, and has no room for a log.
                if not self._is_failing:
                    self._log.failure("the ledger fails; what is not kept is not released")
                self._is_failing = True
                return False
            if self._is_failing:
                self._is_failing = False
                self._log.info("the ledger can be written again")
            return True

    def rest(self) -> None:
        """Do what the ledger has to do from time to time."""
        with self._turn:
            if self._ledger is None:
                return
            try:
                self._ledger.rest()
            except Exception:
                if not self._is_head_failing:
                    self._log.failure("heads of the ledger cannot be written")
                self._is_head_failing = True
            else:
                self._is_head_failing = False

    def close(self) -> None:
        """Close the ledger."""
        with self._turn:
            if self._ledger is not None:
                try:
                    self._ledger.close()
                except Exception:
                    self._log.failure("the ledger did not close cleanly")
                self._ledger = None


class Issuer:
    """Turns the batches of fronts into durable, signed answers.

    `submit` belongs to the reactor's thread; `done` is called there, once, with as many answers as
    there were asks.  `stop` lets what is under way finish.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: ThreadedReactor,
        authority: Authority,
        keys: Mapping[str, SigningKey],
        *,
        open_ledger: Callable[[], StampLedger],
        read_clock: Callable[[], TrustedTime | NoTime],
    ) -> None:
        """`keys` maps the name of a profile to the key it signs with."""
        self._reactor = reactor
        self._authority = authority
        self._read_clock = read_clock
        self._recorder = Recorder(open_ledger)
        lanes: dict[int, Channel[_Work]] = {id(key): Channel() for key in keys.values()}
        self._lanes = {name: lanes[id(key)] for name, key in keys.items()}
        self._threads = [
            Thread(target=self._serve, args=(key, lanes[id(key)]), name=f"lane-{name}-{turn}")
            for name, key in {id(key): (name, key) for name, key in keys.items()}.values()
            for turn in range(THREADS_PER_LANE)
        ]
        self._queued = 0
        self._queued_of: Counter[Channel[_Work]] = Counter()
        self._is_closed = False

    def start(self) -> None:
        """Open the ledger, or say that it fails, and start the threads."""
        self._recorder.keep(())
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Refuse what comes from now on; what is queued goes on."""
        self._is_closed = True

    def stop(self) -> None:
        """Finish what is queued and end the threads; blocks until then.  Call off the reactor."""
        for lane in self._lanes.values():
            lane.close()
        for thread in self._threads:
            thread.join()
        self._recorder.close()

    def submit(self, asks: Sequence[StampAsk], done: Callable[[Sequence[bytes]], None]) -> None:
        """Answer every ask; `done` gets the TimeStampResp octets in the same order."""
        if self._is_closed:
            done([_CLOSED] * len(asks))
            return
        lanes = Counter(self._lanes[ask.profile] for ask in asks if ask.profile in self._lanes)
        if self._queued + len(asks) > QUEUE_LIMIT or any(
            self._queued_of[lane] + count > LANE_LIMIT for lane, count in lanes.items()
        ):
            done([_OVERLOAD] * len(asks))
            return
        outcomes = self._authority.prepare(
            [Ask(ask.profile, ask.request) for ask in asks], self._read_clock
        )
        job = _Job([b""] * len(asks), 0, done, lanes)
        work: dict[str, list[_Work]] = {}
        for index, (ask, outcome) in enumerate(zip(asks, outcomes, strict=True)):
            if isinstance(outcome, Rejection):
                job.responses[index] = outcome.response
            else:
                work.setdefault(ask.profile, []).append(_Work(job, index, outcome, ask.client))
                job.missing += 1
        if not job.missing:
            done(job.responses)
            return
        self._queued += job.missing
        self._queued_of += lanes
        for profile, items in work.items():
            self._lanes[profile].put(items)

    def _serve(self, key: SigningKey, lane: Channel[_Work]) -> None:
        """Sign and record batch after batch; the life of one thread."""
        while (works := lane.take(LANE_BATCH, timeout_s=1.0)) is not None:
            if works:
                self._release(self._answer(key, works))
            self._recorder.rest()

    def _answer(self, key: SigningKey, works: Sequence[_Work]) -> list[tuple[_Job, int, bytes]]:
        """Give each work its answer, a token's once it is durable."""
        try:
            signatures = key.sign_many([work.prepared.signed_attributes for work in works])
            signed = list(zip(works, signatures, strict=True))
            answers = [
                (work.job, work.index, work.prepared.response(signature))
                for work, signature in signed
            ]
            stamps = [work.prepared.record(signature, work.client) for work, signature in signed]
        except Exception:
            self._log.failure("a batch could not be signed")
            return [(work.job, work.index, _NOT_SIGNED) for work in works]
        if self._recorder.keep(stamps):
            return answers
        return [(work.job, work.index, _NOT_KEPT) for work in works]

    def _release(self, answers: list[tuple[_Job, int, bytes]]) -> None:
        self._reactor.callFromThread(self._deliver, answers)

    def _deliver(self, answers: list[tuple[_Job, int, bytes]]) -> None:
        self._queued -= len(answers)
        for job, index, response in answers:
            job.responses[index] = response
            job.missing -= 1
            if not job.missing:
                self._queued_of -= job.lanes
                job.done(job.responses)
