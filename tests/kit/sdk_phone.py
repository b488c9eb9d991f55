"""A phone of the package before the double: in memory, over the package's own JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shiyin_cosign import json_form
from shiyin_cosign.activation import read_code
from shiyin_cosign.arithmetic.api import Backend
from shiyin_cosign.driving import enrol, run
from shiyin_cosign.enrolment import Enrolled, Enrolment, Message
from shiyin_cosign.errors import Unreachable
from shiyin_cosign.phone import Phone, Result, first_profile
from shiyin_cosign.profile import Place, Profile
from shiyin_cosign.requests import Request

from kit.sdk_signer import Item, SignerDouble, post

PIN = "135791"
PLACE = Place("https://box.example:8444")


class Memory:
    """A keeper that keeps in memory, and every profile that it was ever given."""

    def __init__(self) -> None:
        self.kept: list[Profile] = []
        self.ctr = 0

    @property
    def profile(self) -> Profile:
        return self.kept[-1]

    def keep(self, new: Profile) -> None:
        self.kept.append(new)

    def next_counter(self) -> int:
        self.ctr += 1
        return self.ctr


class DoubleChannel:
    """The way to the double; `lose` names paths whose next answer is lost on its way back."""

    def __init__(self, double: SignerDouble) -> None:
        self.double = double
        self.lose: list[str] = []
        self.sent: list[bytes] = []

    def ask(self, request: Request) -> Sequence[Result]:
        body = self._post(json_form.request_path(request), json_form.encode_request(request))
        return json_form.decode_results(body)

    def enrol(self, message: Message) -> Message:
        body = self._post(json_form.enrol_path(message), json_form.encode_message(message))
        return json_form.decode_message(message.step + 1, body)

    def close(self) -> None:
        """Nothing is open."""

    def _post(self, path: str, body: bytes) -> bytes:
        self.sent.append(body)
        status, answer = post(self.double, path, body)
        if path.rpartition("/")[2] in self.lose:
            self.lose.remove(path.rpartition("/")[2])
            raise Unreachable("lost")
        if status != 200:
            raise json_form.rejection(status, answer)
        return answer


class Desk:
    """An enrolled phone, its keeper, its channel and its box."""

    def __init__(self, double: SignerDouble, backend: Backend, pin: str = PIN) -> None:
        self.double = double
        self.backend = backend
        self.keeper = Memory()
        self.channel = DoubleChannel(double)

        def keep(enrolled: Enrolled) -> None:
            self.keeper.keep(first_profile(enrolled, PLACE, pin))

        enrol(Enrolment(backend, read_code(double.code), "my phone"), self.channel, keep)
        self.phone = Phone(self.keeper, backend)

    def restarted(self) -> Phone:
        """Give the same phone in another process: only what was kept is left."""
        self.phone = Phone(self.keeper, self.backend)
        return self.phone

    def trust(self, root: bytes) -> None:
        """Name the root that the certificate must chain to."""
        place = replace(self.keeper.profile.place, root=root)
        self.keeper.keep(replace(self.keeper.profile, place=place))

    def give(self, *names: str) -> None:
        """Let raw documents wait."""
        for name in names:
            content = f"document {name}".encode()
            self.double.add(Item(name, "raw", content, content))

    def sign_all(self, pin: str = PIN) -> dict[str, bytes]:
        """Sign all that waits; gives the signatures by item."""
        tasks = run(self.phone.tasks(), self.channel)
        outcomes = run(self.phone.sign(pin, tasks), self.channel)
        return {outcome.item: outcome.signature for outcome in outcomes}
