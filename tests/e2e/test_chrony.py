"""NTP with outside engines: the real chronyd follows us and serves; it and ntplib ask our port."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs
import ntplib
import pytest
from kit.box import Box
from kit.chrony import Chronyd, Nts, chrony_client, chrony_folder, free_port, running_chronyd
from kit.ntp import refid_text
from kit.polling import wait_until

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clock.chrony_feed import ChronyFeed
from appliance.services.clock.following import carry_on
from appliance.services.clock.ntp_serving import utc_ns
from appliance.services.clocks import read_host_clock
from appliance.store.time_page import TimePageReader
from appliance.timing.keeping.config import Statement
from appliance.timing.page import choose
from appliance.timing.trusted import ClockState, TrustedTime
from drivers.ntp.chrony_sock import TIERS, ChronySockets, chrony_lines

pytestmark = pytest.mark.e2e

SHOWN = Path(__file__).parents[2] / "config" / "chrony.conf"
SHIFT_NS = 50_000_000
"""What the fed time is ahead of the box's by: what follows it cannot be the host's own clock.

Above 100 ms chronyd would step, and under -x forget what it has stepped by.
"""

BOUND_NS = 20_000
"""Demo time is the host's clock, so its error is only that of reading it."""


@attrs.define
class Offset:
    """Trusted time minus the host's clock, and its bound, in seconds."""

    offset_s: float
    bound_s: float


class Feeder:
    """Feeds chronyd from a box's page each second, shifted, until it is stopped."""

    def __init__(self, box: Box, folder: Path) -> None:
        self.changes: dict[str, object] = {}
        self._page = TimePageReader(box.state / "run" / "trusted-time.page")
        self._sockets = ChronySockets(folder)
        self._feed = ChronyFeed(self._sockets, provenances=frozenset({Provenance.SIMULATED}))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._sockets.close()

    def state(self) -> Statement:
        """State what the page says, shifted."""
        slot = choose(self._page.read())
        assert slot is not None
        names = [field.name for field in attrs.fields(Statement)]
        statement = Statement(**{name: getattr(slot, name) for name in names})
        return attrs.evolve(
            statement, tai_ns=slot.tai_ns + SHIFT_NS, **{"bound_ns": BOUND_NS, **self.changes}
        )

    def offset(self) -> Offset:
        """Compare trusted time with the host's clock now."""
        host = read_host_clock()
        time = carry_on(self.state(), host.raw_ns)
        assert isinstance(time, TrustedTime)
        bound_ns = time.bound_ns + host.sandwich_ns
        return Offset((utc_ns(time) - host.posix_ns) / NS_PER_S, bound_ns / NS_PER_S)

    def _run(self) -> None:
        while not self._over.wait(1.0):
            self._feed(self.state())


@attrs.frozen
class Served:
    """A chronyd that is fed, and the port on which it serves."""

    chronyd: Chronyd
    feeder: Feeder
    port: int
    nts: Nts


@pytest.fixture(scope="module")
def served(box: Box) -> Iterator[Served]:
    with chrony_folder() as folder:
        port, nts = free_port(socket.SOCK_DGRAM), Nts.make(folder)
        text = SHOWN.read_text("utf-8")
        for path, place in (
            ("/run/shiyin/chrony", folder),
            ("/run/chrony", folder / "control"),
            ("/var/lib/chrony", folder),
            ("/var/log/chrony", folder),
            ("/etc/chrony/nts.key", nts.key),
            ("/etc/chrony/nts.pem", nts.certificate),
            ("ntsport 4460", f"ntsport {nts.port}"),
        ):
            text = text.replace(path, str(place))
        text = re.sub(r"(?m)^# (nts\w+ /|ntsport )", r"\1", text)
        text = re.sub(r"(?m)^port 123$", f"port {port}\nbindaddress 127.0.0.1", text)
        with (
            running_chronyd(folder, [text]) as chronyd,
            Feeder(box, folder) as feeder,
        ):
            assert chronyd.wait_selected() == "GNSS"
            yield Served(chronyd, feeder, port, nts)


# --- chrony fed by us -----------------------------------------------------------------------------


def test_the_shown_configuration_has_the_tiers_of_the_product() -> None:
    shown = [line for line in SHOWN.read_text("utf-8").splitlines() if line.startswith("refclock")]
    assert shown == chrony_lines("/run/shiyin/chrony").splitlines()
    assert len(shown) == len(TIERS)


def test_chronyd_follows_our_clock_and_not_the_hosts(served: Served) -> None:
    tracking = served.chronyd.tracking()
    trusted = served.feeder.offset()
    assert (tracking.reference_id, tracking.stratum, tracking.leap) == ("GNSS", 1, "Normal")
    assert abs(trusted.offset_s - SHIFT_NS / NS_PER_S) < 0.01
    assert abs(tracking.offset_s - trusted.offset_s) <= trusted.bound_s + tracking.distance_s
    # What it claims covers what is true.
    assert tracking.distance_s >= trusted.bound_s


def test_ntplib_sees_trusted_time_at_chronyds_port(served: Served) -> None:
    reply = ntplib.NTPClient().request("127.0.0.1", port=served.port, version=4)
    trusted = served.feeder.offset()
    distance_s = reply.root_delay / 2 + reply.root_dispersion
    assert refid_text(reply) == "GNSS"
    assert reply.stratum == 1
    assert abs(reply.offset - trusted.offset_s) <= trusted.bound_s + reply.delay / 2 + distance_s


def test_a_chrony_client_sees_trusted_time_at_chronyds_port(served: Served) -> None:
    with chrony_client("127.0.0.1", served.port) as client:
        client.wait_selected()
        tracking, trusted = client.tracking(), served.feeder.offset()
    assert tracking.stratum == 2
    assert abs(tracking.offset_s - trusted.offset_s) <= trusted.bound_s + tracking.distance_s


def test_in_holdover_another_tier_is_fed(served: Served) -> None:
    assert served.chronyd.reach("HLD2") == 0
    served.feeder.changes = {"state": ClockState.HOLDOVER, "bound_ns": 72_000}
    try:
        wait_until(
            lambda: served.chronyd.reach("HLD2") & 1, guard_s=30.0, what="samples of the tier"
        )
        assert served.chronyd.reach("HLD1") == served.chronyd.reach("HLD3") == 0
    finally:
        served.feeder.changes = {}


def test_a_client_gets_trusted_time_authenticated_by_nts(served: Served) -> None:
    with chrony_client("localhost", served.port, nts=served.nts) as client:
        client.wait_selected()
        tracking, trusted = client.tracking(), served.feeder.offset()
        (row,) = client.ask("authdata")
    mode, cookies = row[1], int(row[8])
    assert mode == "NTS"
    assert cookies > 0
    assert abs(tracking.offset_s - trusted.offset_s) <= trusted.bound_s + tracking.distance_s


# --- our own port ---------------------------------------------------------------------------------


def port_of(box: Box) -> int:
    return int(str(box.facts["ntp"]).rpartition(":")[2])


def test_ntplib_sees_the_time_of_the_box_at_its_port(box: Box) -> None:
    reply = ntplib.NTPClient().request("127.0.0.1", port=port_of(box), version=4)
    # Demo time is the host's clock within its bound, which is the root dispersion.
    assert abs(reply.offset) <= reply.delay / 2 + reply.root_dispersion
    assert (refid_text(reply), reply.stratum, reply.leap) == ("SIM", 1, 0)
    assert 0.0005 <= reply.root_dispersion < 0.0006


def test_a_chrony_client_follows_the_box_at_its_port(box: Box) -> None:
    with chrony_client("127.0.0.1", port_of(box)) as client:
        client.wait_selected()
        tracking = client.tracking()
    assert tracking.stratum == 2
    assert abs(tracking.offset_s) <= tracking.distance_s
