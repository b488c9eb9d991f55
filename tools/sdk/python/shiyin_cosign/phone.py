"""An enrolled phone: what it does as a dialogue of requests and answers, without I/O.

Every method here gives a generator that yields a Request, is sent its results, and returns what
the caller asked for; whoever drives it does the sending (`driving`, `twisted_client`).  A refusal
of the whole request, and a box that is not reached, are thrown in.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from shiyin_cosign import certificate
from shiyin_cosign.arithmetic.api import Backend, Scalar
from shiyin_cosign.certificate import Certificate
from shiyin_cosign.codes import Code
from shiyin_cosign.encoding import lp, read_lp, sm3, text, u16
from shiyin_cosign.enrolment import Enrolled
from shiyin_cosign.errors import CosignError, Malformed, Rejected
from shiyin_cosign.pin import blind, require_good
from shiyin_cosign.profile import Place, Profile, Unfinished
from shiyin_cosign.refresh import Reason, Refresh
from shiyin_cosign.requests import ITEM_LIMIT, Request, Signatory, Verb
from shiyin_cosign.signing import Judged, Opening, Session, conclude, open_session
from shiyin_cosign.tasks import Task, read_task

Result = bytes | Code
"""One result: its fields as LP, or why there is none."""

_T = TypeVar("_T")
Dialogue = Generator[Request, Sequence[Result], _T]

LIST_LIMIT = 500
_TRY_LATER = (Code.UNAVAILABLE, Code.TOO_MANY)


class Keeper(Protocol):
    """Where a phone keeps what it must not lose; `store.Store` is one."""

    @property
    def profile(self) -> Profile:
        """What is kept."""

    def keep(self, new: Profile) -> None:
        """Keep another profile, durably, before anything goes on."""

    def next_counter(self) -> int:
        """Give a counter higher than any before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: a signature r||s, or an error; `state` is the box's last word."""

    item: str
    signature: bytes = b""
    state: str = ""
    error: CosignError | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the box says of this device, and its certificate once there is one."""

    state: str
    certificate: Certificate | None


class Phone:
    """One enrolled phone; a w of a session lives in this object alone and dies with it."""

    def __init__(self, keeper: Keeper, backend: Backend) -> None:
        self._keeper = keeper
        self._backend = backend
        profile = keeper.profile
        self._identity = profile.identity
        self._signatory = Signatory(self._identity, backend.credential(profile.credential))
        self._shifted = self._identity.shifted(backend)
        self._openings: dict[str, Opening] = {}

    @property
    def profile(self) -> Profile:
        """What is kept of this phone."""
        return self._keeper.profile

    # --- what waits ---------------------------------------------------------------------------

    def tasks(self, limit: int = LIST_LIMIT, wait_s: int = 0) -> Dialogue[list[Task]]:
        """List what waits; with `wait_s` the box waits so long for something."""
        results = yield self._ask(Verb.TASKS, [lp(u16(limit), u16(wait_s))])
        return [read_task(_required(result)) for result in results]

    def complete(self, task: Task) -> Dialogue[Task]:
        """Fetch the document of an item whose list entry came without it."""
        if task.is_whole:
            return task
        (result,) = yield self._ask(Verb.DOCUMENT, [lp(task.item.encode())])
        return task.with_content(b"".join(read_lp(_required(result))))

    def reject(self, item: str, reason: str) -> Dialogue[str]:
        """Decline an item; gives its state."""
        (result,) = yield self._ask(Verb.REJECT, [lp(item.encode(), reason.encode())])
        return _state(_required(result))

    def certificate(self, now: str) -> Dialogue[Standing]:
        """Ask for the device's state and its certificate, and check that against the root.

        `now` is `YYYYMMDDhhmmss` of UTC.
        """
        (result,) = yield self._ask(Verb.CERTIFICATE, [b""])
        state, *chain = read_lp(_required(result)) or [b""]
        if not chain:
            return Standing(text(state), None)
        profile = self.profile
        # Without a QR nobody named a root: the first one is kept, and its SM3 shown to be compared.
        root = profile.place.root or sm3(chain[-1])
        leaf = certificate.check_chain(self._backend, chain, self._identity.public, root, now)
        place = replace(profile.place, root=root)
        self._keeper.keep(replace(profile, place=place, chain=tuple(chain)))
        return Standing(text(state), leaf)

    # --- signing ------------------------------------------------------------------------------

    def prepare(self, tasks: Iterable[Task]) -> None:
        """Draw w and Q1 of these sessions ahead of the PIN, and drop those of any others.

        Raises Untrusted where an item must not be signed.
        """
        wanted = {task.item: self._session(task) for task in tasks}
        for item, opening in list(self._openings.items()):
            if wanted.get(item) != opening.session:
                self._openings.pop(item).close()
        for item, session in wanted.items():
            if item not in self._openings:
                self._openings[item] = open_session(self._backend, self._shifted, session)

    def sign(self, pin: str, tasks: Sequence[Task]) -> Dialogue[list[Outcome]]:
        """Sign items that were shown, all under one PIN entry; each has an outcome of its own.

        A wrong PIN is Rejected as a whole and has cost one try, however many items there are.
        """
        yield from self._settle(pin)
        refused, sound = self._judge(tasks)
        self.prepare(sound)
        outcomes = dict(refused)
        share = self.profile.shares[0].open(self._backend, pin)
        try:
            for start in range(0, len(sound), ITEM_LIMIT):
                part = sound[start : start + ITEM_LIMIT]
                outcomes |= yield from self._sign_part(share, part)
        finally:
            share.close()
        return [outcomes[task.item] for task in tasks]

    def finish(self) -> Dialogue[list[Outcome]]:
        """Hand in every signature that the box has not acknowledged."""
        waiting = self.profile.unfinished
        outcomes: list[Outcome] = []
        for start in range(0, len(waiting), ITEM_LIMIT):
            part = waiting[start : start + ITEM_LIMIT]
            results = yield self._ask(Verb.FINISH, [_finish_item(one) for one in part])
            pairs = list(zip(part, results, strict=True))
            outcomes += [_finished(one, result) for one, result in pairs]
            self._acknowledge({one for one, result in pairs if result not in _TRY_LATER})
        return outcomes

    def _acknowledge(self, done: set[Unfinished]) -> None:
        profile = self.profile
        rest = tuple(one for one in profile.unfinished if one not in done)
        self._keeper.keep(replace(profile, unfinished=rest))

    def confirm(self, pin: str) -> Dialogue[None]:
        """Confirm a refresh that was interrupted, if there is one, under the PIN that it gave."""
        yield from self._settle(pin)

    def _judge(self, tasks: Sequence[Task]) -> tuple[dict[str, Outcome], list[Task]]:
        refused, sound = {}, []
        for task in tasks:
            try:
                self._session(task)
            except CosignError as error:
                refused[task.item] = Outcome(task.item, error=error)
            else:
                sound.append(task)
        return refused, sound

    def _session(self, task: Task) -> Session:
        if not task.is_whole:
            raise Malformed("the document was not fetched")
        if task.epoch != self.profile.epoch:
            raise Rejected(Code.EPOCH_MISMATCH, "list the items anew", epoch=task.epoch)
        identity = self._identity
        e = task.document.digest(identity.uid, identity.public)
        return Session(task.item.encode(), task.sid, task.com, task.epoch, e)

    def _sign_part(self, share: Scalar, tasks: Sequence[Task]) -> Dialogue[dict[str, Outcome]]:
        openings = [self._openings.pop(task.item) for task in tasks]
        try:
            items = [opening.item_octets() for opening in openings]
            results = yield self._ask(Verb.SIGN, items, key=self._key(share))
            judged = self._conclude(share, openings, results)
        finally:
            for opening in openings:
                opening.close()
        names = [task.item for task in tasks]
        outcomes = {name: _signed(name, each) for name, each in zip(names, judged, strict=True)}
        made = tuple(Unfinished(name, o.signature) for name, o in outcomes.items() if o.signature)
        profile = self.profile
        self._keeper.keep(replace(profile, unfinished=profile.unfinished + made))
        return outcomes | (yield from self._hand_in(made))

    def _hand_in(self, made: Sequence[Unfinished]) -> Dialogue[dict[str, Outcome]]:
        """Finish; what was not handed in is kept for the next time and says so."""
        try:
            finished = yield from self.finish()
        except CosignError as error:
            return {one.item: Outcome(one.item, one.signature, error=error) for one in made}
        return {outcome.item: outcome for outcome in finished}

    def _conclude(
        self, share: Scalar, openings: Sequence[Opening], results: Sequence[Result]
    ) -> list[Judged]:
        pairs = list(zip(openings, results, strict=True))
        given = [(opening, result) for opening, result in pairs if isinstance(result, bytes)]
        made = iter(conclude(self._backend, self._identity, share, given))
        return [Rejected(result) if isinstance(result, Code) else next(made) for _, result in pairs]

    # --- the share ----------------------------------------------------------------------------

    def refresh(
        self, pin: str, new_pin: str | None = None, reason: Reason | None = None
    ) -> Dialogue[None]:
        """Change the shares, and the PIN where a new one is given; the key stays."""
        yield from self._settle(pin)
        profile = self.profile
        chosen = reason or (Reason.PIN if new_pin is not None else Reason.PERIOD)
        share = profile.shares[0].open(self._backend, pin)
        try:
            new = yield from self._new_share(share, chosen)
        finally:
            share.close()
        fresh = new_pin if new_pin is not None else pin
        try:
            blinded = blind(new, fresh, profile.epoch + 1)
        finally:
            new.close()
        # Counters may have been taken meanwhile: the profile is read again.
        self._keeper.keep(replace(self.profile, shares=(*profile.shares, blinded)))
        yield from self._settle(fresh)

    def revoke(self, pin: str) -> Dialogue[None]:
        """Revoke this device; the store is of no use afterwards."""
        yield from self._settle(pin)
        yield from self._under_pin(pin, Verb.REVOKE, b"")

    def _new_share(self, share: Scalar, reason: Reason) -> Dialogue[Scalar]:
        epoch = self.profile.epoch
        machine = Refresh(self._backend, self._identity, share, epoch)
        key = self._key(share)
        (theirs,) = yield self._ask(Verb.REFRESH, [machine.begin(reason)], key=key)
        item = machine.reveal(_required(theirs))
        (proof,) = yield self._ask(Verb.REVEAL, [item], key=key)
        return machine.conclude(_required(proof))

    def _settle(self, pin: str) -> Dialogue[None]:
        """Confirm a refresh that was interrupted, under the PIN that it gave."""
        if not self.profile.is_refreshing:
            return
        fresh = self.profile.shares[-1]
        share = fresh.open(self._backend, pin)
        try:
            key = self._identity.auth_key(share, fresh.epoch)
        finally:
            share.close()
        (result,) = yield self._ask(Verb.CONFIRM, [b""], epoch=fresh.epoch, key=key)
        _required(result)
        self._keeper.keep(replace(self.profile, shares=(fresh,)))
        self._drop_openings()

    def _under_pin(self, pin: str, verb: Verb, item: bytes) -> Dialogue[bytes]:
        share = self.profile.shares[0].open(self._backend, pin)
        try:
            key = self._key(share)
        finally:
            share.close()
        (result,) = yield self._ask(verb, [item], key=key)
        return _required(result)

    def _key(self, share: Scalar) -> bytes:
        return self._identity.auth_key(share, self.profile.epoch)

    def _ask(
        self,
        verb: Verb,
        items: Sequence[bytes],
        *,
        epoch: int | None = None,
        key: bytes | None = None,
    ) -> Request:
        ctr = self._keeper.next_counter()
        served = self.profile.epoch if epoch is None else epoch
        return self._signatory.request(verb, items, epoch=served, ctr=ctr, key=key)

    def _drop_openings(self) -> None:
        for opening in self._openings.values():
            opening.close()
        self._openings.clear()


def first_profile(enrolled: Enrolled, place: Place, pin: str) -> Profile:
    """Make what is kept before M7 of an enrolment goes out.  Raises Malformed for a bad PIN."""
    return Profile(
        place=place,
        identity=enrolled.identity,
        label=enrolled.label,
        subject=enrolled.subject,
        credential=enrolled.credential,
        shares=(blind(enrolled.share, require_good(pin), 1),),
    )


def _required(result: Result) -> bytes:
    if isinstance(result, Code):
        raise Rejected(result)
    return result


def _state(octets: bytes) -> str:
    fields = read_lp(octets)
    if not fields:
        raise Malformed("a result has no state")
    return text(fields[0])


def _finish_item(one: Unfinished) -> bytes:
    return lp(one.item.encode(), one.signature[:32], one.signature[32:])


def _finished(one: Unfinished, result: Result) -> Outcome:
    if isinstance(result, Code):
        return Outcome(one.item, one.signature, error=Rejected(result))
    return Outcome(one.item, one.signature, _state(result))


def _signed(item: str, judged: Judged) -> Outcome:
    if isinstance(judged, CosignError):
        return Outcome(item, error=judged)
    return Outcome(item, judged)
