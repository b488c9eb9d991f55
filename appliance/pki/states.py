"""The states of certificates, requests, jobs and batches, each as one frozen table of steps.

The registry keeps the values of the states as text; docs/registry-states.md is made from here
and from `cosign.registry_states`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import attrs

from appliance.errors import Conflict

S = TypeVar("S", bound=enum.StrEnum)
E = TypeVar("E", bound=enum.Enum)


@attrs.frozen
class Machine(Generic[S, E]):
    """What `name` may become: its first state, and every lawful step."""

    name: str
    first: S
    table: Mapping[tuple[S, E], S]

    def after(self, state: S, event: E) -> S:
        """Tell the state after `event`.  Raises Conflict, naming both, when there is no row."""
        following = self.table.get((state, event))
        if following is None:
            raise Conflict(f"no row for {event.name} of a {self.name} that is {state.name}")
        return following

    def sources(self, event: E) -> tuple[S, ...]:
        """Tell in which states `event` may come."""
        return tuple(state for state, each in self.table if each is event)

    def is_final(self, state: S) -> bool:
        """Tell whether nothing leads out of `state`."""
        return all(old is not state for old, _ in self.table)

    def diagram(self) -> str:
        """Render the table as a Mermaid state diagram."""
        steps = self.table.items()
        rows = [f"    {old.name} --> {new.name}: {event.name}" for (old, event), new in steps]
        return "\n".join(["stateDiagram-v2", f"    [*] --> {self.first.name}", *rows]) + "\n"

    def markdown(self) -> str:
        """Render the events as a Markdown table: name, meaning, rows."""
        lines = ["| event | meaning | from | to |", "|---|---|---|---|"]
        for event in dict.fromkeys(event for _, event in self.table):
            olds = ", ".join(state.name for state in self.sources(event))
            news = {self.table[state, event].name: None for state in self.sources(event)}
            lines.append(f"| {event.name} | {event.value} | {olds} | {', '.join(news)} |")
        return "\n".join(lines) + "\n"


def make_machine(name: str, first: S, steps: Iterable[tuple[Iterable[S], E, S]]) -> Machine[S, E]:
    """Make a machine of rows: the states in which an event may come, and the one after it."""
    rows = {(old, event): new for olds, event, new in steps for old in olds}
    return Machine(name, first, MappingProxyType(rows))


class CertificateState(enum.StrEnum):
    """What a certificate is worth now."""

    PENDING = "pending"
    VALID = "valid"
    EXPIRING = "expiring"
    RENEWED = "renewed"
    ON_HOLD = "on_hold"
    REVOKED = "revoked"
    EXPIRED = "expired"


class CertificateEvent(enum.Enum):
    """What befalls a certificate."""

    ACCEPTED = "its owner, or the road that it came by, confirmed it"
    DUE = "its end is near enough to renew it"
    REPLACED = "another certificate took its place"
    HELD = "it is on hold for a time"
    RELEASED = "it is taken off hold"
    REVOKED = "it is revoked for ever"
    LAPSED = "its validity is over"


_C, _CE = CertificateState, CertificateEvent
_LIVING = (_C.VALID, _C.EXPIRING)

CERTIFICATE = make_machine(
    "certificate",
    _C.PENDING,
    (
        ((_C.PENDING,), _CE.ACCEPTED, _C.VALID),
        ((_C.VALID,), _CE.DUE, _C.EXPIRING),
        (_LIVING, _CE.REPLACED, _C.RENEWED),
        (_LIVING, _CE.HELD, _C.ON_HOLD),
        ((_C.ON_HOLD,), _CE.RELEASED, _C.VALID),
        ((_C.PENDING, *_LIVING, _C.RENEWED, _C.ON_HOLD), _CE.REVOKED, _C.REVOKED),
        ((_C.PENDING, *_LIVING, _C.RENEWED, _C.ON_HOLD), _CE.LAPSED, _C.EXPIRED),
    ),
)
"""A renewed certificate still holds until it lapses: it may be revoked, and is not held."""


class RequestState(enum.StrEnum):
    """How far a wish for a certificate has come."""

    CREATED = "created"
    CSR_PENDING = "csr_pending"
    SUBMITTED = "submitted"
    POLLING = "polling"
    ISSUED = "issued"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class RequestEvent(enum.Enum):
    """What befalls a request."""

    CSR_ASKED = "the holder of the key is to send a PKCS#10 request"
    SUBMITTED = "it is on its way to the authority"
    DEFERRED = "the authority answers later"
    RETRIED = "it is sent once more under the same number"
    ISSUED = "the certificate is there"
    FAILED = "the road broke; it can be sent once more"
    REFUSED = "a policy forbids it"
    CANCELLED = "it is no longer wanted"


_R, _RE = RequestState, RequestEvent

REQUEST = make_machine(
    "request",
    _R.CREATED,
    (
        ((_R.CREATED,), _RE.CSR_ASKED, _R.CSR_PENDING),
        ((_R.CREATED, _R.CSR_PENDING), _RE.SUBMITTED, _R.SUBMITTED),
        ((_R.SUBMITTED,), _RE.DEFERRED, _R.POLLING),
        ((_R.POLLING, _R.FAILED), _RE.RETRIED, _R.SUBMITTED),
        ((_R.SUBMITTED, _R.POLLING), _RE.ISSUED, _R.ISSUED),
        ((_R.SUBMITTED, _R.POLLING), _RE.FAILED, _R.FAILED),
        ((_R.CREATED, _R.CSR_PENDING, _R.SUBMITTED, _R.POLLING), _RE.REFUSED, _R.REFUSED),
        ((_R.CREATED, _R.CSR_PENDING, _R.POLLING, _R.FAILED), _RE.CANCELLED, _R.CANCELLED),
    ),
)
"""One that is submitted is not cancelled: its certificate may exist already."""


class JobState(enum.StrEnum):
    """Where a bulk job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobEvent(enum.Enum):
    """What befalls a job."""

    STARTED = "a worker took it"
    INTERRUPTED = "its worker is gone"
    PAUSED = "an operator stops it for now"
    RESUMED = "an operator lets it go on"
    FINISHED = "every item has its outcome"
    FAILED = "it cannot go on"
    CANCELLED = "an operator ends it; what is done stays done"


_J, _JE = JobState, JobEvent

JOB = make_machine(
    "job",
    _J.QUEUED,
    (
        ((_J.QUEUED,), _JE.STARTED, _J.RUNNING),
        ((_J.RUNNING,), _JE.INTERRUPTED, _J.QUEUED),
        ((_J.QUEUED, _J.RUNNING), _JE.PAUSED, _J.PAUSED),
        ((_J.PAUSED,), _JE.RESUMED, _J.QUEUED),
        ((_J.RUNNING,), _JE.FINISHED, _J.DONE),
        ((_J.RUNNING,), _JE.FAILED, _J.FAILED),
        ((_J.QUEUED, _J.RUNNING, _J.PAUSED), _JE.CANCELLED, _J.CANCELLED),
    ),
)


class ItemState(enum.StrEnum):
    """Where one item of a job stands."""

    WAITING = "waiting"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


class ItemEvent(enum.Enum):
    """What befalls an item of a job."""

    TAKEN = "a worker took it"
    GIVEN_BACK = "its worker is gone; it is done anew under the same numbers"
    FINISHED = "it is done"
    FAILED = "it cannot be done"
    RETRIED = "an operator has it tried once more"


_I, _IE = ItemState, ItemEvent

ITEM = make_machine(
    "job item",
    _I.WAITING,
    (
        ((_I.WAITING,), _IE.TAKEN, _I.STARTED),
        ((_I.STARTED,), _IE.GIVEN_BACK, _I.WAITING),
        ((_I.STARTED,), _IE.FINISHED, _I.DONE),
        ((_I.STARTED,), _IE.FAILED, _I.FAILED),
        ((_I.FAILED,), _IE.RETRIED, _I.WAITING),
    ),
)


class BatchState(enum.StrEnum):
    """Where an offline batch stands."""

    OPEN = "open"
    EXPORTED = "exported"
    PARTIAL = "partial"
    IMPORTED = "imported"
    CANCELLED = "cancelled"


class BatchEvent(enum.Enum):
    """What befalls an offline batch."""

    EXPORTED = "its manifest is signed and its file given out"
    PARTLY_IMPORTED = "some of its certificates came back"
    IMPORTED = "every request of it has its outcome"
    CANCELLED = "it is given up; late certificates are turned away"


_B, _BE = BatchState, BatchEvent

BATCH = make_machine(
    "batch",
    _B.OPEN,
    (
        ((_B.OPEN,), _BE.EXPORTED, _B.EXPORTED),
        ((_B.EXPORTED, _B.PARTIAL), _BE.PARTLY_IMPORTED, _B.PARTIAL),
        ((_B.EXPORTED, _B.PARTIAL), _BE.IMPORTED, _B.IMPORTED),
        ((_B.OPEN, _B.EXPORTED, _B.PARTIAL), _BE.CANCELLED, _B.CANCELLED),
    ),
)


class AccountState(enum.StrEnum):
    """Whether an account may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountEvent(enum.Enum):
    """What befalls an account."""

    SUSPENDED = "an administrator locks it for a time"
    RESTORED = "an administrator unlocks it"
    CLOSED = "it is shut for ever; its name stays for the records"


_A, _AE = AccountState, AccountEvent

ACCOUNT = make_machine(
    "account",
    _A.ACTIVE,
    (
        ((_A.ACTIVE,), _AE.SUSPENDED, _A.SUSPENDED),
        ((_A.SUSPENDED,), _AE.RESTORED, _A.ACTIVE),
        ((_A.ACTIVE, _A.SUSPENDED), _AE.CLOSED, _A.CLOSED),
    ),
)

MACHINES = (CERTIFICATE, REQUEST, JOB, ITEM, BATCH, ACCOUNT)

_HEAD = """# States of the registry
Made from `appliance/pki/states.py` and `appliance/cosign/registry_states.py`; a test compares.
"""


def page(machines: Iterable[Machine[Any, Any]]) -> str:
    """Render docs/registry-states.md: every machine as a diagram and a table."""
    parts = [_HEAD]
    for machine in machines:
        parts.append(f"\n## {machine.name.capitalize()}\n")
        parts.append(f"```mermaid\n{machine.diagram()}```\n\n{machine.markdown()}")
    return "".join(parts)
