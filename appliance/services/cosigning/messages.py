"""The verb sets of co-signing: fronts ask `devices` and `portal`, the manager asks `cosign`.

`devices` and `cosign` are sockets of the signer, `portal` is one of the manager.  Every question
carries a number of the asker's choice, which its answer repeats.  The signer believes a front
nothing and the manager no more than what a task is.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.cosign.codes import Code
from appliance.cosign.requests import DeviceRequest, Text
from appliance.services.messages import Client, Frame, Hello, Name, Number

MESSAGE_LIMIT = 4096
CONTENT_LIMIT = 1 << 19
"""Octets of contents in one frame of sessions to open."""

ITEM_CONTENT_LIMIT = 1 << 18

Message = Annotated[bytes, Meta(max_length=MESSAGE_LIMIT)]


# --- devices: a front asks the signer -------------------------------------------------------------


class EnrolAsk(Frame, frozen=True, array_like=True, tag="enrol"):
    """Message 1, 3, 5 or 7 of an enrolment and its mac."""

    number: Number
    step: Annotated[int, Meta(ge=1, le=7)]
    message: Message
    mac: Annotated[bytes, Meta(min_length=32, max_length=32)]
    client: Client


class RequestAsk(Frame, frozen=True, array_like=True, tag="request"):
    """A request of an enrolled phone."""

    number: Number
    request: DeviceRequest
    client: Client


class EnrolAnswer(Frame, frozen=True, array_like=True, tag="enrolled"):
    """Message 2, 4, 6 or 8 and its mac."""

    number: int
    message: bytes
    mac: bytes


class ResultsAnswer(Frame, frozen=True, array_like=True, tag="results"):
    """For each item its result, LP of the fields in section 5, or the number of a code."""

    number: int
    results: list[bytes | int]


class CodeAnswer(Frame, frozen=True, array_like=True, tag="code"):
    """The whole question is refused: `tries_left` and `epoch` where the code tells them."""

    number: int
    code: Code
    detail: str = ""
    tries_left: int | None = None
    epoch: int | None = None


DeviceQuestion = EnrolAsk | RequestAsk
DeviceAnswer = Hello | EnrolAnswer | ResultsAnswer | CodeAnswer


# --- portal: a front asks the manager -------------------------------------------------------------


class TlsAsk(Frame, frozen=True, array_like=True, tag="tls"):
    """A front wants a TLS server certificate for its PKCS#10 request in DER."""

    number: Number
    csr: Annotated[bytes, Meta(max_length=8192)]


class TlsAnswer(Frame, frozen=True, array_like=True, tag="certified"):
    """The chain in DER, leaf first; empty while there is no authority for it."""

    number: int
    chain: list[bytes]


PortalQuestion = RequestAsk | TlsAsk
PortalAnswer = Hello | ResultsAnswer | CodeAnswer | TlsAnswer


# --- cosign: the manager asks the signer ----------------------------------------------------------


class Usage(enum.StrEnum):
    """What a device's key is for; none is for both."""

    SIGN = "sign"
    ENCRYPT = "encrypt"


class ActivateAsk(Frame, frozen=True, array_like=True, tag="activate"):
    """A code is wanted: for a user, with the subject of the certificate as a Name in DER."""

    number: Number
    activation: Text
    uid: Text
    subject: Annotated[bytes, Meta(max_length=1024)]
    usage: Usage
    expires_us: Number


class CancelActivation(Frame, frozen=True, array_like=True, tag="deactivate"):
    """A code is worth nothing from now on."""

    number: Number
    activation: Text


class ActivationCode(Frame, frozen=True, array_like=True, tag="activation"):
    """The code, told this once."""

    number: int
    code: str


class Form(enum.StrEnum):
    """What is signed; docs/protocol-cosign.md section 6."""

    RAW = "raw"
    CMS = "cms"
    LOGIN = "login"
    GRANT = "grant"


class OpenItem(msgspec.Struct, frozen=True, array_like=True):
    """One item to open: `content` is M of a raw one, else the LP of what M is made from.

    cms: LP(digest, name, description); login: LP(origin, challenge, uid); grant: as in section 6.
    """

    item: Text
    form: Form
    content: Annotated[bytes, Meta(max_length=ITEM_CONTENT_LIMIT)]


class OpenAsk(Frame, frozen=True, array_like=True, tag="open"):
    """Sessions are wanted for items of one device; the same content together in one frame."""

    number: Number
    device: Text
    items: Annotated[list[OpenItem], Meta(min_length=1, max_length=500)]


class Opened(Frame, frozen=True, array_like=True, tag="opened"):
    """For each item its sid and com, or the number of a code; and the epoch they belong to."""

    number: int
    epoch: int
    sessions: list[tuple[bytes, bytes] | int]


class DeviceOrder(enum.StrEnum):
    """What an operator does to a device."""

    REVOKE = "revoke"
    SUSPEND = "suspend"
    RESTORE = "restore"


class OrderAsk(Frame, frozen=True, array_like=True, tag="order"):
    """Do something to a device."""

    number: Number
    device: Text
    order: DeviceOrder


class EventsAsk(Frame, frozen=True, array_like=True, tag="events?"):
    """What has happened after a row of the signer's ledger; at most `limit` events."""

    number: Number
    after: Number
    limit: Annotated[int, Meta(ge=1, le=1000)] = 500


class EnrolledEvent(msgspec.Struct, frozen=True, array_like=True, tag="enrolled"):
    """A phone has its share: its request in DER is to be certified."""

    seq: int
    activation: str
    uid: str
    device: str
    label: str
    credential: bytes
    public: bytes
    csr: bytes
    at_us: int


class SignedEvent(msgspec.Struct, frozen=True, array_like=True, tag="signed"):
    """An item has its signature r||s, verified."""

    seq: int
    device: str
    item: str
    signature: bytes
    at_us: int


class DeviceEvent(msgspec.Struct, frozen=True, array_like=True, tag="device"):
    """A device is now in a state, by name of `cosign.states.DeviceState`, in an epoch."""

    seq: int
    device: str
    state: str
    epoch: int
    at_us: int


CosignEvent = EnrolledEvent | SignedEvent | DeviceEvent


class Events(Frame, frozen=True, array_like=True, tag="events"):
    """Events in their order; `last` is the row up to which nothing else happened."""

    number: int
    last: int
    events: list[CosignEvent]


class Happened(Frame, frozen=True, array_like=True, tag="happened"):
    """Told unasked: there are events up to this row."""

    last: int


class Done(Frame, frozen=True, array_like=True, tag="done"):
    """It is done."""

    number: int


class Declined(Frame, frozen=True, array_like=True, tag="declined"):
    """It is not done: the name of an error class of `errors`, a sentence."""

    number: int
    kind: Name
    detail: str


CosignQuestion = ActivateAsk | CancelActivation | OpenAsk | OrderAsk | EventsAsk
CosignAnswer = Hello | ActivationCode | Opened | Events | Happened | Done | Declined
