"""The installer's choices: one TOML file, read at start into frozen Structs.

Absent means the default, unknown means refusal.  `config/appliance.toml` shows every default.
Demo mode works with no file at all; production has no default policy and refuses to start without
one.
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused
from appliance.tsp.policy import Policy, Profile, TokenForm

Port = Annotated[int, Meta(ge=0, le=65535)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*\Z", max_length=32)]
Oid = Annotated[
    str,
    # Under 0 and 1 the second arc ends at 39 (X.660 A.2): 1.40 would be written as 2.0.
    Meta(pattern=r"^([01]\.[1-3]?[0-9]|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*\Z", max_length=64),
]
Seconds = Annotated[float, Meta(ge=0.1, le=3600.0)]
_PORT = "6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}"
_SERVER = rf"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:({_PORT}))?"
_HOST = "([0-9A-Za-z._-]+)"  # it goes into a command between quotes
Server = Annotated[str, Meta(pattern=rf"^{_SERVER}\Z", max_length=255)]
"""HOST or HOST:PORT; an IPv6 address stands in brackets."""

EXAMPLE_ARC = "2.999"
"""joint-iso-itu-t(2) example(999): the arc for examples, which nobody can rely upon."""

DEMO_POLICY = f"{EXAMPLE_ARC}.1.1"

TAINTED_SOURCES = ("simulated", "demo")
"""Sources of time that no token of value may come from."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML table."""


class Listen(_Table, frozen=True):
    """Where clients connect.  A port of 0 takes any free one, the same for all addresses."""

    addresses: tuple[str, ...] = ("127.0.0.1", "::1")
    tsp_http_port: Port = 3180
    tsp_tcp_port: Port = 3318
    api_port: Port = 8443
    ntp_port: Port = 11123
    device_port: Port = 8444
    cosign_tcp_port: Port = 3319


class Position(_Table, frozen=True):
    """Where a receiver's antenna is: WGS 84, the height over the ellipsoid."""

    latitude_deg: Annotated[float, Meta(ge=-90, le=90)]
    longitude_deg: Annotated[float, Meta(ge=-180, le=180)]
    height_m: Annotated[float, Meta(ge=-1000, le=10_000)]
    accuracy_mm: Annotated[int, Meta(ge=1, le=100_000)] = 1000


class TimeDevice(_Table, frozen=True):
    """A device of time: its name, kind, path (a name that udev gives, or a path) and speed.

    `baud` 0 means what the kind is used to.  A receiver has the `constellation` that its pulse
    follows and the `family` that it is configured as; all receivers together are one vote.
    `cable_delay_ns` is what the antenna's cable adds; "mixed" is the board's GPS input, as "gps".
    A receiver without `position` surveys for `survey_s`, and until it knows its place within
    `survey_accuracy_mm`.  A modem asks `ntp_server` itself, "" for none; a pulse's interrupt may be
    `irq_allowance_ns` late.
    """

    name: Name
    kind: Literal["gnss", "board", "modem", "pps"]
    path: Annotated[str, Meta(min_length=1, max_length=200)]
    baud: Annotated[int, Meta(ge=0, le=4_000_000)] = 0
    family: Literal["nmea", "ubx", "casic"] = "nmea"
    constellation: Literal["gps", "beidou", "mixed"] = "mixed"
    cable_delay_ns: Annotated[int, Meta(ge=0, le=100_000)] = 0
    position: Position | None = None
    survey_s: Annotated[int, Meta(ge=60, le=604_800)] = 86_400
    survey_accuracy_mm: Annotated[int, Meta(ge=1, le=100_000)] = 2000
    ntp_server: Annotated[str, Meta(pattern=rf"^{_HOST}?\Z", max_length=127)] = ""
    irq_allowance_ns: Annotated[int, Meta(ge=0, le=1_000_000)] = 10_000


class TimeOutput(_Table, frozen=True):
    """A serial line on which time goes out each second: 1PPS+TOD frames or NMEA's ZDA.

    `baud` 0 means 9600, what both are used to.
    """

    name: Name
    kind: Literal["tod", "zda"]
    path: Annotated[str, Meta(min_length=1, max_length=200)]
    baud: Annotated[int, Meta(ge=0, le=4_000_000)] = 0


class Time(_Table, frozen=True):
    """What the clock is made of.

    `source` is `simulated` (simulated devices behind the real drivers; tokens are tainted),
    `hardware` (the devices listed), `system` (the host's clock under the kernel's own error
    estimate; opt-in) or `demo` (the host's clock under a fixed, labelled bound; tainted).
    `ntp` are servers and `gpsd` a daemon, as HOST or HOST:PORT, asked by the front; `floor_us` is
    the least error bound that is ever stated; `scenario` is a file of faults for the simulated
    devices.  `chrony` is the folder of chronyd's SOCK sockets, "" for none.
    """

    source: Literal["simulated", "hardware", "system", "demo"] = "simulated"
    device: tuple[TimeDevice, ...] = ()
    output: tuple[TimeOutput, ...] = ()
    ntp: Annotated[tuple[Server, ...], Meta(max_length=16)] = ()
    gpsd: Annotated[str, Meta(pattern=rf"^({_SERVER})?\Z", max_length=255)] = ""
    chrony: Annotated[str, Meta(max_length=90)] = ""
    floor_us: Annotated[int, Meta(ge=1, le=1000)] = 10
    beidou_mandatory: bool = False
    seed: Annotated[int, Meta(ge=0, lt=1 << 32)] = 1
    scenario: str = ""
    demo_bound_us: Annotated[int, Meta(ge=1, le=1_000_000)] = 500
    utc_offset_s: Annotated[int, Meta(ge=0, le=100)] = 37


class TspPolicy(_Table, frozen=True):
    """A time-stamping policy: its OID and the widest error bound it stamps under."""

    oid: Oid
    max_bound_us: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000


class TspProfile(_Table, frozen=True):
    """A TSP profile: `name` is the URL's last part, `key` the key's name, `policies` OIDs."""

    name: Name
    key: Name
    algorithm: Literal["sm2", "p256", "rsa"]
    policies: Annotated[tuple[Oid, ...], Meta(min_length=1)]
    form: Literal["cms", "gmt"] = "cms"
    chain: bool = False


DEMO_PROFILES = (
    TspProfile(name="sm2", key="tsa-sm2", algorithm="sm2", policies=(DEMO_POLICY,)),
    TspProfile(name="p256", key="tsa-p256", algorithm="p256", policies=(DEMO_POLICY,)),
    TspProfile(name="rsa", key="tsa-rsa", algorithm="rsa", policies=(DEMO_POLICY,)),
    TspProfile(name="gmt", key="tsa-sm2", algorithm="sm2", policies=(DEMO_POLICY,), form="gmt"),
)


class Tsp(_Table, frozen=True):
    """What is stamped under: profiles, the first being the default, and their policies.

    Empty lists mean the demo's four profiles under 2.999 in demo mode, and no start in production.
    The TCP transport serves `tcp_profile`, or the first; after `poll_after_ms` a client polls.
    """

    policy: tuple[TspPolicy, ...] = ()
    profile: tuple[TspProfile, ...] = ()
    tcp_profile: Annotated[str, Meta(max_length=32)] = ""
    poll_after_ms: Annotated[int, Meta(ge=1, le=60_000)] = 2000


class Ledger(_Table, frozen=True):
    """How the ledger is kept: rows in a segment before a new file begins."""

    segment_rows: Annotated[int, Meta(ge=1000, le=100_000_000)] = 1_000_000


class Api(_Table, frozen=True):
    """The application and admin interface; `hosts` stand in its TLS certificate."""

    hosts: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[0-9A-Za-z.:_-]{1,253}\Z")], ...],
        Meta(min_length=1, max_length=16),
    ] = ("localhost", "127.0.0.1", "::1")


class Registry(_Table, frozen=True):
    """Where the registry is: a SQLAlchemy URL of PostgreSQL, "" for SQLite under the state."""

    url: Annotated[str, Meta(pattern=r"^(postgresql\+psycopg://.+)?\Z", max_length=500)] = ""


class OutsideAuthority(_Table, frozen=True):
    """An authority elsewhere: `name` it is asked for by, protocol, URL, and what proves who we are.

    `secret_file` holds a shared secret (CMP) or a password (EST), `reference` is its name or the
    user's; `roots` is a PEM file of the roots that its TLS certificate may have.
    """

    name: Name
    protocol: Literal["cmp", "est"]
    url: Annotated[str, Meta(pattern=r"^https?://[!-~]+\Z", max_length=500)]
    reference: Annotated[str, Meta(min_length=1, max_length=64)]
    secret_file: Annotated[str, Meta(min_length=1, max_length=200)]
    roots: Annotated[str, Meta(max_length=200)] = ""


class Verify(_Table, frozen=True):
    """What verification trusts beside the roots of this box: a PEM file, or nothing.

    A question may carry a document of megabytes, and so has a deadline of its own.  `fetch` are
    addresses under which lists and OCSP answers may be asked for, each within `fetch_deadline_s`.
    """

    roots: str = ""
    body_deadline_s: Seconds = 60.0
    fetch: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https?://[!-~]+\Z", max_length=500)], ...],
        Meta(max_length=64),
    ] = ()
    fetch_deadline_s: Seconds = 5.0


class Pki(_Table, frozen=True):
    """How the authorities of this box issue.

    `public_url` is frozen into certificates as the place of lists, OCSP and issuers; "" means the
    box's own HTTP port in demo, and that production issues nothing.
    """

    public_url: Annotated[
        str, Meta(pattern=r"^(https?://[0-9A-Za-z.:\[\]_/-]+)?\Z", max_length=200)
    ] = ""
    crl_hours: Annotated[int, Meta(ge=1, le=720)] = 24
    ocsp_minutes: Annotated[int, Meta(ge=1, le=1440)] = 60
    same_key_renewals: Annotated[int, Meta(ge=0, le=100)] = 3


class Cosign(_Table, frozen=True):
    """How phones co-sign; `plain_on_loopback` has the TCP port of loopback go without TLS."""

    plain_on_loopback: bool = False


class Limits(_Table, frozen=True):
    """What clients may take of a port: seconds, and numbers over all the fronts together.

    A source is an IPv4 address or an IPv6 /64.  `ntp_per_source_s` are requests a second, and so
    are messages of enrolments and calls of phones that show no right to anything.
    """

    head_deadline_s: Seconds = 10.0
    body_deadline_s: Seconds = 30.0
    idle_s: Seconds = 60.0
    write_deadline_s: Seconds = 30.0
    connections: Annotated[int, Meta(ge=1, le=65_536)] = 4096
    connections_per_source: Annotated[int, Meta(ge=1, le=65_536)] = 256
    ntp_per_source_s: Annotated[int, Meta(ge=1, le=1_000_000)] = 50
    enrol_per_source_s: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    rejected_per_source_s: Annotated[int, Meta(ge=1, le=1_000_000)] = 2


class Settings(_Table, frozen=True):
    """Everything the installer chooses."""

    mode: Literal["demo", "production"] = "demo"
    node: Annotated[int, Meta(ge=1, le=127)] = 1
    fronts: Annotated[int, Meta(ge=0, le=64)] = 0
    listen: Listen = Listen()
    time: Time = Time()
    tsp: Tsp = Tsp()
    ledger: Ledger = Ledger()
    api: Api = Api()
    registry: Registry = Registry()
    authority: tuple[OutsideAuthority, ...] = ()
    verify: Verify = Verify()
    pki: Pki = Pki()
    cosign: Cosign = Cosign()
    limits: Limits = Limits()

    @property
    def front_count(self) -> int:
        """The number of front processes: as configured, else cores - 1, at least one."""
        return self.fronts or max(1, (os.cpu_count() or 1) - 1)

    @property
    def public_url(self) -> str:
        """The URL that certificates name: as configured, or the demo's HTTP port if it is fixed."""
        if self.pki.public_url or self.mode != "demo" or not self.listen.tsp_http_port:
            return self.pki.public_url
        host = self.listen.addresses[0] if self.listen.addresses else "localhost"
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.listen.tsp_http_port}"

    def check(self) -> None:
        """Refuse what no role could serve, so that none starts.  Raises Refused."""
        if self.mode == "production" and self.time.source in TAINTED_SOURCES:
            raise Refused(
                f'production takes no time of source "{self.time.source}": its keys would sign '
                'nothing.  Set [time] source to "hardware", or to "system"'
            )
        if self.time.source == "hardware":
            _refuse_twice("device", [device.name for device in self.time.device])
            _refuse_shared_input(self.time.device)
        self.profiles()

    def profiles(self) -> tuple[Profile, ...]:
        """Give the TSP profiles as the domain knows them, the default first.  Raises Refused."""
        policies, profiles = self.tsp.policy, self.tsp.profile
        if self.mode == "demo" and not policies and not profiles:
            policies, profiles = (TspPolicy(oid=DEMO_POLICY),), DEMO_PROFILES
        if not policies or not profiles:
            raise Refused(f"{self.mode} needs both [[tsp.policy]] and [[tsp.profile]]")
        if self.mode == "production":
            _refuse_example([policy.oid for policy in policies])
        _refuse_twice("policy", [policy.oid for policy in policies])
        _refuse_twice("profile", [profile.name for profile in profiles])
        # A key has one algorithm: paired with two, its name comes twice here.
        kinds = dict.fromkeys((profile.key, profile.algorithm) for profile in profiles)
        _refuse_twice("algorithm for the key", [key for key, _ in kinds])
        if self.tsp.tcp_profile not in ("", *(profile.name for profile in profiles)):
            raise Refused(f"tcp_profile {self.tsp.tcp_profile} is no profile of these settings")
        known = {policy.oid: Policy(policy.oid, policy.max_bound_us * 1000) for policy in policies}
        return tuple(_profile(profile, known) for profile in profiles)


def _refuse_example(oids: Sequence[str]) -> None:
    for oid in oids:
        if f"{oid}.".startswith(f"{EXAMPLE_ARC}."):
            raise Refused(
                f"policy {oid} is under {EXAMPLE_ARC}, the arc for examples: "
                "production needs a policy OID of its own"
            )


def _refuse_shared_input(devices: Sequence[TimeDevice]) -> None:
    holders: dict[str, str] = {}
    for device in devices:
        if device.kind == "gnss":
            place = "BeiDou" if device.constellation == "beidou" else "GPS"
            first = holders.setdefault(place, device.name)
            if first != device.name:
                raise Refused(
                    f"the receivers {first} and {device.name} both have the board's {place} input,"
                    ' which takes one pulse: set another constellation ("mixed" is the GPS input)'
                )


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise Refused(f"the settings have more than one {what} {name}")


def _profile(table: TspProfile, known: dict[str, Policy]) -> Profile:
    missing = [oid for oid in table.policies if oid not in known]
    if missing:
        raise Refused(f"profile {table.name} names policy {missing[0]}, which no [[tsp.policy]] is")
    return Profile(
        name=table.name,
        key=table.key,
        algorithm=KeyAlgorithm(table.algorithm),
        form=TokenForm(table.form),
        policies=tuple(known[oid] for oid in table.policies),
        chain=table.chain,
    )


def load_settings(path: Path | None) -> Settings:
    """Read the settings file; None means all defaults.  Raises Malformed, naming the place."""
    if path is None:
        return Settings()
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Settings)
    except (ValueError, RecursionError) as error:  # tomllib's own, and Python's for its limits
        raise Malformed(f"{path}: {error}") from error
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from error
