"""A running box as a hospital uses it: users, phones of the SDK, an application that asks."""

from __future__ import annotations

import base64
import itertools
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import attrs
from shiyin_cosign.activation import read_code
from shiyin_cosign.arithmetic import choice
from shiyin_cosign.driving import Channel, enrol, run
from shiyin_cosign.enrolment import Enrolled, Enrolment
from shiyin_cosign.https import HttpsChannel
from shiyin_cosign.phone import Outcome, Phone, first_profile
from shiyin_cosign.profile import Place, Profile
from shiyin_cosign.tls_tcp import TlsTcpChannel

from kit.api import Api
from kit.box import Box
from kit.polling import wait_until

PIN = "271828"
GUARD_S = 60.0
FORMS = ("json", "der")


class Memory:
    """A keeper that keeps in memory."""

    def __init__(self) -> None:
        self.kept: list[Profile] = []
        self._ctr = itertools.count(1)

    @property
    def profile(self) -> Profile:
        """What was kept last."""
        return self.kept[-1]

    def keep(self, new: Profile) -> None:
        """Keep another."""
        self.kept.append(new)

    def next_counter(self) -> int:
        """Give the next."""
        return next(self._ctr)


@attrs.frozen(eq=False)
class Ward:
    """One box and the accounts that run it; `numbers` count users."""

    box: Box
    operator: Api
    application: Api
    numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    @property
    def context(self) -> ssl.SSLContext:
        """What trusts the box's roots alone."""
        return ssl.create_default_context(cafile=str(self.box.roots))

    def address(self, name: str) -> tuple[str, int]:
        """Give host and port of an entry of ready.json."""
        host, _, port = str(self.box.facts[name]).removeprefix("https://").rpartition(":")
        return host, int(port)

    def channel(self, form: str) -> Channel:
        """Open a way to the box."""
        roots = self.box.roots.read_text("ascii")
        if form == "der":
            return TlsTcpChannel(str(self.box.facts["cosign_tcp"]), roots)
        return HttpsChannel(str(self.box.facts["device"]), roots)

    def is_certified(self) -> bool:
        """Tell whether the port of phones shows what chains to the box's own roots."""
        try:
            with (
                socket.create_connection(self.address("device"), GUARD_S) as plain,
                self.context.wrap_socket(plain, server_hostname="localhost"),
            ):
                return True
        except ssl.SSLCertVerificationError:
            return False

    def invite(self) -> tuple[str, str]:
        """Take a user in and give out a code; gives both."""
        uid = f"u-{next(self.numbers)}"
        self.operator.post("/v1/users", {"uid": uid, "name": f"Doctor {uid}"})
        return uid, self.operator.post("/v1/activations", {"uid": uid})["code"]

    def enrol(self, form: str = "json") -> Doctor:
        """Enrol a phone for a new user."""
        uid, code = self.invite()
        keeper, backend = Memory(), choice.make("openssl")

        def keep(enrolled: Enrolled) -> None:
            keeper.keep(first_profile(enrolled, Place(str(self.box.facts["device"])), PIN))

        with closing(self.channel(form)) as channel:
            enrol(Enrolment(backend, read_code(code), "a phone"), channel, keep)
        return Doctor(self, uid, Phone(keeper, backend))

    def post(self, uid: str, contents: Sequence[bytes]) -> dict[str, Any]:
        """Have documents signed; gives the task."""
        items = [
            {"form": "raw", "name": f"{at}.txt", "content": base64.b64encode(each).decode()}
            for at, each in enumerate(contents)
        ]
        body = {"uid": uid, "description": "a discharge", "items": items}
        task: dict[str, Any] = self.application.post("/v1/tasks", body)
        return task


@attrs.frozen(eq=False)
class Doctor:
    """A user with a phone."""

    ward: Ward
    uid: str
    phone: Phone

    def run(self, dialogue: Any, form: str = "json") -> Any:
        """Carry out a dialogue of the phone's."""
        with closing(self.ward.channel(form)) as channel:
            return run(dialogue, channel)

    def sign(self, contents: Sequence[bytes], form: str = "json", pin: str = PIN) -> list[Outcome]:
        """Be asked for signatures, and give them."""
        self.ward.post(self.uid, contents)
        tasks = self.run(self.phone.tasks(wait_s=10), form)
        whole = [self.run(self.phone.complete(task), form) for task in tasks]
        outcomes: list[Outcome] = self.run(self.phone.sign(pin, whole), form)
        return outcomes


@contextmanager
def ward_of(box: Box) -> Iterator[Ward]:
    """Open a ward once everything that certifies is there."""
    with (
        closing(Api.of(box.facts, "operator")) as operator,
        closing(Api.of(box.facts, "application")) as application,
    ):
        ward = Ward(box, operator, application)
        wait_until(ward.is_certified, guard_s=GUARD_S, what="a certificate of ours")
        yield ward
