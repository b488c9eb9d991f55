"""The states of users, activations, devices and tasks, each as one frozen table of steps.

The registry keeps the values as text.  A device's own truth is the signer's: what stands here is
what the registry has heard of it, and whether it is certified.
"""

from __future__ import annotations

import enum

from appliance.pki.states import make_machine


class UserState(enum.StrEnum):
    """Whether a user may be given activations and tasks."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class UserEvent(enum.Enum):
    """What befalls a user."""

    SUSPENDED = "nothing new is to be signed for a time"
    RESTORED = "the user may sign again"
    CLOSED = "the user has left; the number stays for the records"


_U, _UE = UserState, UserEvent

USER = make_machine(
    "user",
    _U.ACTIVE,
    (
        ((_U.ACTIVE,), _UE.SUSPENDED, _U.SUSPENDED),
        ((_U.SUSPENDED,), _UE.RESTORED, _U.ACTIVE),
        ((_U.ACTIVE, _U.SUSPENDED), _UE.CLOSED, _U.CLOSED),
    ),
)


class ActivationState(enum.StrEnum):
    """What an activation code is worth."""

    ASKED = "asked"
    CODE_ISSUED = "code_issued"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ActivationEvent(enum.Enum):
    """What befalls an activation."""

    CODE_ISSUED = "the signer has drawn the code, and it was told"
    USED = "a phone was enrolled with it"
    CANCELLED = "it is given up, or its code was lost on the way"
    LAPSED = "its hours are over"


_A, _AE = ActivationState, ActivationEvent

ACTIVATION = make_machine(
    "activation",
    _A.ASKED,
    (
        ((_A.ASKED,), _AE.CODE_ISSUED, _A.CODE_ISSUED),
        ((_A.ASKED, _A.CODE_ISSUED, _A.CANCELLED, _A.EXPIRED), _AE.USED, _A.USED),
        ((_A.ASKED, _A.CODE_ISSUED), _AE.CANCELLED, _A.CANCELLED),
        ((_A.ASKED, _A.CODE_ISSUED), _AE.LAPSED, _A.EXPIRED),
    ),
)
"""The signer decides whether a code was used in time; the registry may hear of it later."""


class DeviceState(enum.StrEnum):
    """What the registry knows of a device."""

    CERTIFYING = "certifying"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOCKED = "locked"
    NEEDS_REACTIVATION = "needs_reactivation"
    REVOKED = "revoked"


class DeviceEvent(enum.Enum):
    """What befalls a device."""

    CERTIFIED = "its certificate is there"
    SUSPENDED = "it answers nothing for a time"
    RESTORED = "it may sign again"
    LOCKED = "too many wrong PINs, or answers never finished"
    OVERTAKEN = "the box was restored to before its epoch"
    REVOKED = "its share is gone for ever"


_D, _DE = DeviceState, DeviceEvent
_LIVING_DEVICE = (_D.CERTIFYING, _D.ACTIVE, _D.SUSPENDED)

DEVICE = make_machine(
    "device",
    _D.CERTIFYING,
    (
        ((_D.CERTIFYING,), _DE.CERTIFIED, _D.ACTIVE),
        ((_D.CERTIFYING, _D.ACTIVE), _DE.SUSPENDED, _D.SUSPENDED),
        ((_D.SUSPENDED,), _DE.RESTORED, _D.ACTIVE),
        (_LIVING_DEVICE, _DE.LOCKED, _D.LOCKED),
        ((*_LIVING_DEVICE, _D.LOCKED), _DE.OVERTAKEN, _D.NEEDS_REACTIVATION),
        (
            (*_LIVING_DEVICE, _D.LOCKED, _D.NEEDS_REACTIVATION),
            _DE.REVOKED,
            _D.REVOKED,
        ),
    ),
)
"""A certificate that comes to a device which is no longer certifying is kept with it as it is."""


class TaskState(enum.StrEnum):
    """Whether a task still waits for anybody."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class TaskEvent(enum.Enum):
    """What befalls a task."""

    COMPLETED = "every item of it has its outcome"
    CANCELLED = "the application wants it no longer"
    LAPSED = "its time is over"


_T, _TE = TaskState, TaskEvent

TASK = make_machine(
    "task",
    _T.OPEN,
    (
        ((_T.OPEN,), _TE.COMPLETED, _T.DONE),
        ((_T.OPEN,), _TE.CANCELLED, _T.CANCELLED),
        ((_T.OPEN,), _TE.LAPSED, _T.EXPIRED),
    ),
)


class TaskItemState(enum.StrEnum):
    """How far one document of a task has come."""

    CREATED = "created"
    FETCHED = "fetched"
    SIGNED = "signed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


class TaskItemEvent(enum.Enum):
    """What befalls one document of a task."""

    FETCHED = "a phone of the user has it"
    SIGNED = "the signer has verified its signature"
    REJECTED = "the user will not sign it"
    CANCELLED = "the application wants it no longer"
    LAPSED = "its time is over"
    FAILED = "the signer will not have it signed"


_I, _IE = TaskItemState, TaskItemEvent
_LIVING_ITEM = (_I.CREATED, _I.FETCHED)

TASK_ITEM = make_machine(
    "task item",
    _I.CREATED,
    (
        ((_I.CREATED,), _IE.FETCHED, _I.FETCHED),
        ((*_LIVING_ITEM, _I.REJECTED, _I.CANCELLED, _I.EXPIRED), _IE.SIGNED, _I.SIGNED),
        (_LIVING_ITEM, _IE.REJECTED, _I.REJECTED),
        (_LIVING_ITEM, _IE.CANCELLED, _I.CANCELLED),
        (_LIVING_ITEM, _IE.LAPSED, _I.EXPIRED),
        (_LIVING_ITEM, _IE.FAILED, _I.FAILED),
    ),
)
"""A signature that was made before its item was given up exists, and so it is kept and shown."""

WAITING = TASK_ITEM.sources(TaskItemEvent.REJECTED)
"""The states of an item that somebody may still sign."""

MACHINES = (USER, ACTIVATION, DEVICE, TASK, TASK_ITEM)
