"""What a front opens for phones: TLS on both ports, but where loopback may do without."""

from pathlib import Path

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from appliance.daemon.devices import DevicePart
from appliance.daemon.listeners import Listener, bind_tcp
from appliance.daemon.places import Places
from appliance.daemon.roles.front import cosign_limits, http_limits
from appliance.daemon.roles.setting import Setting
from appliance.settings import Cosign, Settings
from appliance.wire.devices.tcp import CosignTcpFactory
from appliance.wire.tls import TlsDoor


class Reactor(MemoryReactorClock):
    """Keeps what was to listen, by the descriptor of its socket."""

    def __init__(self) -> None:
        super().__init__()
        self.adopted: dict[int, Factory] = {}

    def adoptStreamPort(self, fileno: int, _family: int, factory: Factory) -> object:  # noqa: N802  Twisted's name
        self.adopted[fileno] = factory
        return object()


def part(state: Path, settings: Settings, listeners: list[Listener]) -> tuple[DevicePart, Reactor]:
    reactor = Reactor()
    setting = Setting(reactor, settings, Places(state), listeners)
    return DevicePart(setting, http_limits(settings), cosign_limits(settings)), reactor


def test_a_front_without_ports_for_phones_begins_nothing(tmp_path: Path) -> None:
    made, reactor = part(tmp_path, Settings(), [])
    made.start()
    assert (reactor.adopted, reactor.unixClients, list(tmp_path.iterdir())) == ({}, [], [])


def test_a_front_looks_for_the_signer_and_the_manager(tmp_path: Path) -> None:
    listeners = bind_tcp("device", ("127.0.0.1",), 0)
    made, reactor = part(tmp_path, Settings(), listeners)
    made.start()
    assert [address for address, *_ in reactor.unixClients] == ["devices.sock", "portal.sock"]
    listeners[0].socket.close()


@pytest.mark.parametrize(
    ("name", "address", "choice", "shown"),
    [
        ("cosign_tcp", "127.0.0.1", Cosign(plain_on_loopback=True), CosignTcpFactory),
        ("cosign_tcp", "127.0.0.1", Cosign(), TlsDoor),
        ("cosign_tcp", "0.0.0.0", Cosign(plain_on_loopback=True), TlsDoor),
        ("device", "127.0.0.1", Cosign(plain_on_loopback=True), TlsDoor),
    ],
)
def test_tls_is_left_off_the_tcp_port_of_loopback_alone_and_only_where_it_is_asked(
    tmp_path: Path, name: str, address: str, choice: Cosign, shown: type[Factory]
) -> None:
    listeners = bind_tcp(name, (address,), 0)
    made, reactor = part(tmp_path, Settings(cosign=choice), listeners)
    made.start()
    (factory,) = reactor.adopted.values()
    assert isinstance(factory, shown)
    listeners[0].socket.close()
