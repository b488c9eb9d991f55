"""What the roles of a box tell and ask for: ready.json's facts, the front's way to the signer."""

import socket
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from appliance.daemon.listeners import Listener, bind_tcp, bind_udp
from appliance.daemon.places import Places, read_boot_id
from appliance.daemon.roles.box import BoxRole
from appliance.daemon.roles.front import FrontRole
from appliance.daemon.roles.setting import Setting
from appliance.settings import Settings


def make_setting(state: Path, listeners: list[Listener] | None = None) -> Setting:
    return Setting(MemoryReactorClock(), Settings(), Places(state), listeners or [])


# --- the box --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "host"),
    [(("127.0.0.1", "::1"), "127.0.0.1"), (("::1", "127.0.0.1"), "[::1]"), (("::1",), "[::1]")],
)
def test_facts_name_the_first_address_as_a_url_spells_it(
    tmp_path: Path, addresses: tuple[str, ...], host: str
) -> None:
    http, tcp = bind_tcp("tsp_http", addresses, 0), bind_tcp("tsp_tcp", addresses, 0)
    ntp, api = bind_udp("ntp", addresses, 0), bind_tcp("api", addresses, 0)
    role = BoxRole(make_setting(tmp_path))
    role._listeners = [*ntp, *tcp, *http, *api]
    facts = role._facts()
    port, tcp_port, udp_port, api_port = (
        bound[0].socket.getsockname()[1] for bound in (http, tcp, ntp, api)
    )
    assert facts["tsp_http"] == f"http://{host}:{port}/tsa"
    assert facts["tsp_tcp"] == f"{host}:{tcp_port}"
    assert facts["ntp"] == f"{host}:{udp_port}"
    assert facts["api"] == f"https://{host}:{api_port}"
    for listener in (*http, *tcp, *ntp, *api):
        listener.socket.close()


def test_facts_name_the_ports_of_phones_where_there_are_any(tmp_path: Path) -> None:
    names = ("tsp_http", "tsp_tcp", "api", "device", "cosign_tcp")
    bound = [each for name in names for each in bind_tcp(name, ("127.0.0.1",), 0)]
    ntp = bind_udp("ntp", ("127.0.0.1",), 0)
    role = BoxRole(make_setting(tmp_path))
    role._listeners = [*bound, *ntp]
    facts = role._facts()
    device_port, cosign_port = (each.socket.getsockname()[1] for each in bound[3:])
    assert facts["device"] == f"https://127.0.0.1:{device_port}"
    assert facts["cosign_tcp"] == f"127.0.0.1:{cosign_port}"
    role._listeners = [*bound[:3], *ntp]
    assert not {"device", "cosign_tcp"} & set(role._facts())
    for listener in (*bound, *ntp):
        listener.socket.close()


def test_facts_name_one_certificate_for_each_algorithm(tmp_path: Path) -> None:
    bound = [
        *bind_tcp("tsp_http", ("127.0.0.1",), 0),
        *bind_tcp("tsp_tcp", ("127.0.0.1",), 0),
        *bind_tcp("api", ("127.0.0.1",), 0),
        *bind_udp("ntp", ("127.0.0.1",), 0),
    ]
    role = BoxRole(make_setting(tmp_path))
    role._listeners = bound
    facts = role._facts()
    public = tmp_path / "public"
    assert facts["tsa_certs"] == {
        kind: str(public / f"tsa-{kind}.pem") for kind in ("sm2", "p256", "rsa")
    }
    assert facts["ca_cert"] == str(public / "roots.pem")
    for listener in bound:
        listener.socket.close()


# --- the front ------------------------------------------------------------------------------------


def test_the_front_reaches_the_signer_however_deep_the_state_lies(tmp_path: Path) -> None:
    setting = make_setting(tmp_path / ("d" * 200))
    role = FrontRole(setting)
    Deferred.fromCoroutine(role.start())
    # Relative to the run folder, where every role stands (unix(7): 108 octets).
    assert [address for address, *_ in setting.reactor.unixClients] == [
        "stamp.sock",
        "status.sock",
    ]


def test_the_front_serves_every_socket_it_was_given(tmp_path: Path) -> None:
    bound = [
        *bind_tcp("tsp_http", ("127.0.0.1", "::1"), 0),
        *bind_tcp("tsp_tcp", ("127.0.0.1",), 0),
        *bind_udp("ntp", ("127.0.0.1", "::1"), 0),
        *bind_tcp("of another role", ("127.0.0.1",), 0),
    ]
    setting = make_setting(tmp_path, bound)
    adopted: list[tuple[int, int]] = []

    def adopt(descriptor: int, family: int, factory: object) -> None:
        adopted.append((descriptor, family))

    setting.reactor.adoptStreamPort = setting.reactor.adoptDatagramPort = adopt
    Deferred.fromCoroutine(FrontRole(setting).start())
    assert adopted == [(each.socket.fileno(), each.socket.family) for each in bound[:5]]
    ipv4, ipv6 = socket.AF_INET, socket.AF_INET6
    assert [family for _, family in adopted] == [ipv4, ipv6, ipv4, ipv4, ipv6]
    for listener in bound:
        listener.socket.close()


# --- places ---------------------------------------------------------------------------------------


def test_private_folders_are_for_their_owner(tmp_path: Path) -> None:
    places = Places(tmp_path / "state")
    places.make()
    places.make()
    private = (places.secret, places.keys, places.certificates, places.ledger, places.keys.parent)
    assert {folder.stat().st_mode & 0o777 for folder in private} == {0o700}


def test_the_boot_id_is_16_octets_and_stays() -> None:
    assert len(read_boot_id()) == 16
    assert read_boot_id() == read_boot_id()
