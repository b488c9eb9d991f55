"""The registry's part in co-signing at hand: a signer that answers as told, phones that ask."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import attrs
from twisted.internet.task import Clock

from appliance.cosign.codes import Code
from appliance.cosign.encoding import lp, u16
from appliance.cosign.requests import CREDENTIAL_ID, DeviceRequest, Verb, credential_message
from appliance.crypto.api import KeyAlgorithm, Sm2Key
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.errors import NotFound, Unavailable
from appliance.pki.templates.template import TEMPLATES, encode_template
from appliance.services.cosigning.messages import (
    CodeAnswer,
    CosignEvent,
    DeviceEvent,
    DeviceOrder,
    EnrolledEvent,
    Events,
    Form,
    Opened,
    OpenItem,
    RequestAsk,
    ResultsAnswer,
    SignedEvent,
    Usage,
)
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.office import Office
from appliance.services.registration.phones.activations import (
    Activated,
    ActivationDesk,
    ActivationWish,
)
from appliance.services.registration.phones.bells import Bells
from appliance.services.registration.phones.events import EventDesk
from appliance.services.registration.phones.orders import OrderDesk
from appliance.services.registration.phones.people import PeopleDesk, Person
from appliance.services.registration.phones.portal import Portal
from appliance.services.registration.phones.tasks import Document, TaskDesk, TaskStory, TaskWish
from appliance.services.registration.phones.waiting import WaitingDesk
from appliance.services.registration.requests import RequestDesk
from appliance.store.registry import devices
from appliance.store.registry.devices import DeviceRow
from kit.authority import make_root
from kit.registration import Killed, Town, csr, outcome, town

AUTHORITY = "issuing-sm2"
CHAIN = [make_root(KeyAlgorithm.SM2).certificate.der, b"the root"]
"""What stands above certificates of phones; that the first is a root itself matters nowhere."""
APPLICATION = "ab" * 16
ENGINE = LibcryptoEngine()
OUTCOMES = {
    DeviceOrder.REVOKE: "revoked",
    DeviceOrder.SUSPEND: "suspended",
    DeviceOrder.RESTORE: "active",
}


@attrs.define
class FakeCosigner:
    """Stands for the signer behind a CosignerDesk: it keeps a ledger of events.

    `refused` maps items to the codes that their sessions are refused with; `dies_after` counts
    questions for events until the process that asked is gone.
    """

    is_away: bool = False
    events_told: list[CosignEvent] = attrs.Factory(list)
    subjects: dict[str, bytes] = attrs.Factory(dict)
    cancelled: list[str] = attrs.Factory(list)
    opened: list[OpenItem] = attrs.Factory(list)
    refused: dict[str, Code] = attrs.Factory(dict)
    page: int = 500

    async def activate(
        self, activation: str, _uid: str, subject: bytes, _usage: Usage, _expires_us: int
    ) -> str:
        """Draw a code."""
        self._require()
        self.subjects[activation] = subject
        return "0123-4567-89AB-CDEF"

    async def cancel(self, activation: str) -> None:
        """Forget a code."""
        self._require()
        if activation not in self.subjects:
            raise NotFound("no such activation")
        self.cancelled.append(activation)

    async def open(self, _device: str, items: Sequence[OpenItem]) -> Opened:
        """Open a session for each item."""
        self._require()
        self.opened += items
        return Opened(1, 1, [self._session(each.item) for each in items])

    async def order(self, device: str, order: DeviceOrder) -> None:
        """Obey, and tell of it."""
        self._require()
        self.change(device, OUTCOMES[order])

    async def events(self, after: int) -> Events:
        """Tell what has happened."""
        self._require()
        found = [each for each in self.events_told if each.seq > after][: self.page]
        return Events(1, found[-1].seq if found else after, list(found))

    def enrol(self, activation: str, uid: str, device: str, credential: bytes) -> None:
        """Let a phone be enrolled."""
        seq = self._seq()
        self.events_told.append(
            EnrolledEvent(
                seq, activation, uid, device, "phone\0", credential, b"p" * 64, csr(uid), seq
            )
        )

    def sign(self, device: str, item: str, signature: bytes = b"\x01" * 64) -> None:
        """Let an item have its signature."""
        seq = self._seq()
        self.events_told.append(SignedEvent(seq, device, item, signature, seq))

    def change(self, device: str, state: str, epoch: int = 1) -> None:
        """Let a device be in a state."""
        seq = self._seq()
        self.events_told.append(DeviceEvent(seq, device, state, epoch, seq))

    def _seq(self) -> int:
        return 3 * (len(self.events_told) + 1)

    def _session(self, item: str) -> tuple[bytes, bytes] | int:
        if item in self.refused:
            return self.refused[item].number
        digest = hashlib.sha256(item.encode()).digest()
        return digest[:16], digest

    def _require(self) -> None:
        if self.is_away:
            raise Unavailable("the signer is away")


class Authorities:
    """What the signer tells of authorities and templates."""

    async def authorities(self) -> dict[str, object]:
        """Tell of one authority."""
        return {"authorities": {AUTHORITY: {"chain": CHAIN}}}

    async def templates(self) -> dict[str, object]:
        """Tell the built-in templates."""
        return {name: encode_template(each) for name, each in TEMPLATES.items()}


@attrs.define
class Ward:
    """Every desk of one process, over a registry and a signer that outlive it."""

    town: Town
    signer: FakeCosigner
    clock: Clock = attrs.Factory(Clock)
    office: Office = attrs.field(init=False)
    people: PeopleDesk = attrs.field(init=False)
    activations: ActivationDesk = attrs.field(init=False)
    events: EventDesk = attrs.field(init=False)
    orders: OrderDesk = attrs.field(init=False)
    tasks: TaskDesk = attrs.field(init=False)
    portal: Portal = attrs.field(init=False)
    _numbers: itertools.count[int] = attrs.Factory(itertools.count)

    def __attrs_post_init__(self) -> None:
        """Begin as a process does."""
        self.begin()

    def begin(self) -> None:
        """Begin anew, as after a kill: what is not in the registry is gone."""
        office = self.office = self.town.office()
        bells, signer = Bells(self.clock), self.signer
        self.people = PeopleDesk(office)
        self.activations = ActivationDesk(
            office,
            signer,  # type: ignore[arg-type]
            Authorities(),
            lambda: "https://box:8444",
        )
        self.events = EventDesk(
            office,
            signer,  # type: ignore[arg-type]
            requests=RequestDesk(office),
            certificates=CertificateDesk(office),
            bells=bells,
        )
        self.orders = OrderDesk(office, signer, self.events)  # type: ignore[arg-type]
        self.tasks = TaskDesk(office, bells)
        self.portal = Portal(
            office,
            ENGINE,
            events=self.events,
            waiting=WaitingDesk(office, signer, bells),  # type: ignore[arg-type]
            bells=bells,
            issuers_of=_issuers_of,
        )

    def user(self, uid: str = "u-1", **fields: str) -> None:
        """Take a user in."""
        told = {"organization": "第一医院", **fields}
        outcome(self.people.create(uid, Person("张三", "内科", told)))

    def activate(self, uid: str = "u-1") -> Activated:
        """Give out a code."""
        return outcome(self.activations.issue(ActivationWish(uid, AUTHORITY, "device"), "op"))

    def phone(self, uid: str = "u-1", device: str = "d-1") -> Phone:
        """Give a user a phone that is enrolled and certified."""
        phone = Phone(self, uid, device, ENGINE.generate())
        self.signer.enrol(self.activate(uid).row.id, uid, device, phone.key.public)
        self.follow()
        return phone

    def follow(self) -> None:
        """Take in what the signer tells, and what follows."""
        outcome(self.events.follow())
        outcome(self.events.settle())

    def device(self, device: str = "d-1") -> DeviceRow:
        """Read a device."""
        return self.town.database.read(lambda connection: devices.get(connection, device))

    def post(self, *documents: Document, uid: str = "u-1", expires_s: int = 600) -> TaskStory:
        """Post a task of an application."""
        wish = TaskWish(uid, "处方", documents or (raw("a prescription"),), expires_s)
        return outcome(self.tasks.create(wish, APPLICATION))

    def look(self, story: TaskStory) -> TaskStory:
        """Look at a task now."""
        return outcome(self.tasks.look(story.row.id, None))


@attrs.define
class Phone:
    """An enrolled phone that asks the portal; `ctr` goes up with every request."""

    ward: Ward
    uid: str
    device: str
    key: Sm2Key
    ctr: int = 0

    def request(self, verb: Verb, *items: bytes, ctr: int | None = None) -> RequestAsk:
        """Make a request as the credential signs it."""
        self.ctr += 1
        bare = DeviceRequest(
            verb, self.uid, self.device, 1, ctr or self.ctr, b"", bytes(64), list(items)
        )
        message = credential_message(bare.octets(ENGINE.sm3), b"")
        digest = ENGINE.message_digest(self.key.public, message, CREDENTIAL_ID)
        signed = DeviceRequest(
            verb,
            self.uid,
            self.device,
            1,
            bare.ctr,
            b"",
            self.key.sign_digest(digest),
            list(items),
        )
        return RequestAsk(7, signed, b"")

    def ask(self, verb: Verb, *items: bytes) -> list[bytes | int]:
        """Ask what is answered at once, by results."""
        answer = outcome(self.ward.portal.answer(self.request(verb, *items)))
        assert isinstance(answer, ResultsAnswer), answer
        assert answer.number == 7
        return list(answer.results)

    def declined(self, verb: Verb, *items: bytes) -> Code:
        """Ask what is answered at once, by a code."""
        answer = outcome(self.ward.portal.answer(self.request(verb, *items)))
        assert isinstance(answer, CodeAnswer), answer
        return answer.code

    def tasks(self, limit: int = 500) -> list[bytes | int]:
        """Ask what waits, without waiting."""
        return self.ask(Verb.TASKS, lp(u16(limit), u16(0)))


def ward(folder: Path) -> Ward:
    """Make a ward on a registry in `folder`."""
    return Ward(town(folder), FakeCosigner())


def raw(text: str, name: str = "a.txt") -> Document:
    """Make a document that is signed as it is."""
    return Document(name, Form.RAW, text.encode())


async def _issuers_of(_authority: str) -> Sequence[bytes]:
    return CHAIN


__all__ = ["Killed", "Phone", "Ward", "raw", "ward"]
