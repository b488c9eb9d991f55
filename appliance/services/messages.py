"""What crosses between the processes: msgspec Structs, checked field by field when they arrive.

One socket carries one verb set; a frame that is not of the set ends the connection.  The first
frame on a connection is the server's Hello.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from drivers.api import NtpSample

PROTOCOL_VERSION = 1
FRAME_LIMIT = 1 << 20
BATCH_LIMIT = 128
"""Requests in a batch: as many responses of 4 KiB fit a frame twice over."""

Name = Annotated[str, Meta(max_length=64)]
RequestOctets = Annotated[bytes, Meta(max_length=4096)]
Number = Annotated[int, Meta(ge=0, lt=1 << 62)]
Client = Annotated[bytes, Meta(max_length=18)]


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """The parent of all frames: an array whose first element is the kind."""


class ProfileOffer(msgspec.Struct, frozen=True, array_like=True):
    """A TSP profile that the signer can serve now."""

    name: Name
    algorithm: Name


class Hello(Frame, frozen=True, array_like=True, tag="hello"):
    """The signer's greeting: the version it speaks and the profiles it serves, default first."""

    version: int
    profiles: tuple[ProfileOffer, ...]


class StampAsk(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One timestamp request as it came: profile, octets of the TimeStampReq, client address."""

    profile: Name
    request: RequestOctets
    client: Client


class StampBatch(Frame, frozen=True, array_like=True, tag="stamp"):
    """All that reached a front in one turn of its reactor."""

    batch: Number
    asks: Annotated[list[StampAsk], Meta(min_length=1, max_length=BATCH_LIMIT)]
    may_poll: bool = False


class PollState(enum.IntEnum):
    """What can be said of a poll reference when there is no answer to give."""

    WAITING = 0
    DELIVERED = 1
    UNKNOWN = 2


class PollAsk(Frame, frozen=True, array_like=True, tag="poll"):
    """A question for an answer that was late: its reference, and who asks."""

    batch: Number
    reference: Annotated[int, Meta(ge=0, lt=1 << 32)]
    client: Client


class PollReply(Frame, frozen=True, array_like=True, tag="polled"):
    """The TimeStampResp octets, or why there are none."""

    batch: int
    answer: bytes | PollState


class StampReplies(Frame, frozen=True, array_like=True, tag="stamped"):
    """The TimeStampResp octets of a batch, in the order of its asks.

    Where polling is allowed, a late answer is the reference under which it can be fetched.
    """

    batch: int
    responses: Sequence[bytes | int]


class StatusAsk(Frame, frozen=True, array_like=True, tag="status?"):
    """A question for the state of a role."""


class KeysAsk(Frame, frozen=True, array_like=True, tag="keys?"):
    """A question for the public side of the keys a signer holds."""


class TimeAsk(Frame, frozen=True, array_like=True, tag="time?"):
    """A question for what `timed` knows: sources, votes, state, bound, the holdover foreseen."""


class ConfirmTime(Frame, frozen=True, array_like=True, tag="confirm"):
    """An operator's word that satellites may be believed again, or old alarms be cleared."""


class OutsideReadings(Frame, frozen=True, array_like=True, tag="readings"):
    """What a front has read on the network for `timed`, which has no IP socket."""

    ntp: Annotated[list[NtpSample], Meta(max_length=64)] = msgspec.field(default_factory=list)


class Facts(Frame, frozen=True, array_like=True, tag="facts"):
    """An answer for people and dashboards: names and plain values."""

    facts: dict[str, object]


StampQuestion = StampBatch | PollAsk
StampAnswer = Hello | StampReplies | PollReply
ControlQuestion = StatusAsk | KeysAsk
ControlAnswer = Hello | Facts
TimeQuestion = TimeAsk | ConfirmTime
TimeReport = OutsideReadings
