"""The application and admin interface in memory: its rooms on a registry in a file, real HTTP."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
from twisted.internet.task import Clock

from appliance.cli.certificates.api_client import Api, Reply
from appliance.cli.context import Context, Exit
from appliance.cli.main import make_parser
from appliance.services.registration.accounts import AccountDesk, Role
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.offline import OfflineDesk
from appliance.services.registration.renewing import RenewalDesk
from appliance.services.registration.requests import RequestDesk
from appliance.wire.http.site import Site
from appliance.wire.rest.dispatch import Dispatcher
from appliance.wire.rest.table import Caller, Table
from appliance.wire.rooms.accounts import AccountRoom
from appliance.wire.rooms.certificates import CertificateRoom
from appliance.wire.rooms.jobs import JobRoom
from appliance.wire.rooms.memory import RegistryMemory
from appliance.wire.rooms.phones.activations import ActivationRoom
from appliance.wire.rooms.phones.devices import DeviceRoom
from appliance.wire.rooms.phones.tasks import TaskRoom
from appliance.wire.rooms.phones.users import UserRoom
from appliance.wire.rooms.requests import RequestRoom
from kit.http import WALL_S, Client
from kit.phones import FakeCosigner, Ward
from kit.registration import Town, outcome, town

Perform = Callable[[Api, Context, argparse.Namespace], Exit]


@attrs.frozen
class Interface:
    """The interface, and an account of each role that may use it.

    Renewals are worked off while a client pauses between two looks.
    """

    town: Town
    accounts: AccountDesk
    site: Site
    renewals: RenewalDesk
    tokens: Mapping[Role, str]
    ward: Ward

    def api(self, role: Role) -> Api:
        """Act under a role."""
        return Api(self._exchange, self.tokens[role], pause=lambda _: outcome(self.renewals.work()))

    def run(self, perform: Perform, role: Role, *words: str, is_json: bool = True) -> Exit:
        """Run a verb as its words say."""
        chosen = make_parser().parse_args(list(words))
        return perform(self.api(role), Context(Path("unused"), is_json), chosen)

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        octets = body or b""
        fields = {"Host": "box", "Content-Length": str(len(octets)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        client = Client(self.site.connect(b""))  # type: ignore[arg-type]
        client.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + octets)
        (answer,) = client.answers
        return Reply(answer.status, answer.body)


def interface(folder: Path) -> Interface:
    """Make the interface on a registry in `folder`."""
    place = town(folder)
    office = place.office()
    requests, accounts = RequestDesk(office), AccountDesk(office)
    renewals = RenewalDesk(office, requests, _never)
    ward = Ward(place, FakeCosigner())
    rooms = (
        CertificateRoom(office, CertificateDesk(office)),
        RequestRoom(office, requests),
        JobRoom(office, renewals, OfflineDesk(office, requests), lambda: None),
        AccountRoom(office, accounts),
        UserRoom(office, ward.people),
        ActivationRoom(office, ward.activations),
        DeviceRoom(office, ward.orders),
        TaskRoom(office, ward.tasks),
    )

    async def authenticate(token: str) -> Caller | None:
        row = await accounts.authenticate(token)
        return None if row is None else Caller(row.id, row.name, Role(row.role))

    dispatcher = Dispatcher(
        Table([operation for room in rooms for operation in room.operations()]),
        authenticate=authenticate,
        memory=RegistryMemory(office),
        draw=place.draw,
    )
    site = Site({}, clock=Clock(), wall_s=lambda: WALL_S, router=dispatcher.route)
    tokens = {role: outcome(accounts.open(f"the {role.value}", role))[1] for role in Role}
    return Interface(place, accounts, site, renewals, tokens, ward)


async def _never(_seconds: float) -> None:
    raise AssertionError("the signer is there")
