"""`shiyind run`: a whole box under one supervisor, ready when a stamp asked now is granted."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from appliance.asn1 import oids
from appliance.asn1.tsp import PKIStatus, decode_response, encode_request
from appliance.daemon.listeners import (
    SOCKET_MODE,
    Listener,
    bind_tcp,
    bind_udp,
    bind_unix,
)
from appliance.daemon.roles.setting import Setting
from appliance.daemon.supervision.banner import render_banner
from appliance.daemon.supervision.claim import Claim
from appliance.daemon.supervision.supervisor import Role, Supervisor
from appliance.errors import ApplianceError
from appliance.services.messages import Facts, StatusAsk
from appliance.services.publishing import ROOTS
from appliance.store.files import write_durably
from appliance.wire.ipc import ask
from appliance.wire.tsp.client import post_query

KILL_AFTER_S = 8.0
_INTERNAL = {
    "timed": ("time", "samples"),
    "signer": ("stamp", "control", "admin", "status", "devices", "cosign"),
    "manager": ("manage", "portal"),
}
"""The Unix sockets of the roles inside: a verb set each."""

_POLL_S = 0.05
_PATIENCE_S = 15.0


class BoxRole:
    """Binds every listener once, starts the roles, and says when the box is ready."""

    _log = Logger()

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._claim: Claim | None = None
        self._supervisor: Supervisor | None = None
        self._listeners: list[Listener] = []
        self._is_ready = False

    async def start(self) -> None:
        """Start the roles, wait until a stamp is granted, write ready.json, greet.

        Raises Conflict, having touched nothing, while another box runs on this folder.
        """
        places = self._setting.places
        self._claim = Claim.take(places.claim)
        places.ready.unlink(missing_ok=True)
        self._listeners = self._bind()
        self._supervisor = self._make_supervisor(self._listeners)
        places.notifications.unlink(missing_ok=True)
        self._setting.reactor.listenUNIXDatagram(
            places.notifications.name, self._supervisor, mode=SOCKET_MODE
        )
        self._supervisor.start()
        await self._until_granted(self._supervisor)
        if not self._supervisor.is_stopping:
            self._is_ready = True
            self._write_ready()
            facts = {**self._facts(), "state": self._setting.places.state}
            sys.stdout.write(render_banner(facts, await self._alarms()))
            sys.stdout.flush()

    async def stop(self) -> None:
        """Drain the children, fronts first; kill what has not gone in time."""
        self._is_ready = False
        if self._claim is None:
            return  # what is here belongs to another box
        self._setting.places.ready.unlink(missing_ok=True)
        if self._supervisor is not None:
            await self._end(self._supervisor)
        self._claim.release()

    async def _end(self, supervisor: Supervisor) -> None:
        supervisor.stop("TERM")
        reactor = self._setting.reactor
        deadline = reactor.seconds() + KILL_AFTER_S
        while not supervisor.is_empty:
            if reactor.seconds() > deadline:
                supervisor.stop("KILL")
            await deferLater(reactor, _POLL_S)

    def _bind(self) -> list[Listener]:
        listen = self._setting.settings.listen
        return [
            *bind_tcp("tsp_http", listen.addresses, listen.tsp_http_port),
            *bind_tcp("tsp_tcp", listen.addresses, listen.tsp_tcp_port),
            *bind_tcp("api", listen.addresses, listen.api_port),
            *bind_tcp("device", listen.addresses, listen.device_port),
            *bind_tcp("cosign_tcp", listen.addresses, listen.cosign_tcp_port),
            *bind_udp("ntp", listen.addresses, listen.ntp_port),
            *(
                bind_unix(name, Path(f"{name}.sock"))
                for names in _INTERNAL.values()
                for name in names
            ),
        ]

    def _make_supervisor(self, listeners: list[Listener]) -> Supervisor:
        places, config = self._setting.places, self._setting.config
        of_role = {
            role: tuple(each for each in listeners if each.name in names)
            for role, names in _INTERNAL.items()
        }
        inside = {each.name for found in of_role.values() for each in found}
        managed = tuple(each for each in listeners if each.name == "api")
        clients = tuple(each for each in listeners if each.name not in {*inside, "api"})
        fronts = range(self._setting.settings.front_count)
        command = ["-m", "appliance.daemon.main", "--state", str(places.state)]
        if config is not None:
            command += ["--config", str(config)]
        return Supervisor(
            self._setting.reactor,
            [
                *(Role("rig", 0, ()) for _ in range(self._is_simulated)),
                Role("timed", 0, of_role["timed"]),
                Role("signer", 0, of_role["signer"]),
                Role("manager", 0, (*of_role["manager"], *managed)),
                *(Role("front", index, clients) for index in fronts),
            ],
            command=command,
            run_folder=places.run,
            log_folder=places.logs,
            changed=self._changed,
        )

    @property
    def _is_demo(self) -> bool:
        return self._setting.settings.mode == "demo"

    @property
    def _is_simulated(self) -> bool:
        return self._setting.settings.time.source == "simulated"

    async def _until_granted(self, supervisor: Supervisor) -> None:
        """Ask for a stamp until one is granted; say where to look when it takes long."""
        reactor = self._setting.reactor
        complain_at = reactor.seconds() + _PATIENCE_S
        while not supervisor.is_stopping:
            if supervisor.is_complete and await self._is_granted():
                return
            if reactor.seconds() > complain_at:
                complain_at = float("inf")
                sys.stderr.write(f"still not ready; the logs are in {self._setting.places.logs}\n")
            await deferLater(reactor, _POLL_S)

    async def _is_granted(self) -> bool:
        reactor = self._setting.reactor
        try:
            return bool(
                await deferToThreadPool(
                    reactor, reactor.getThreadPool(), probe, str(self._facts()["tsp_http"])
                )
            )
        except ApplianceError as error:
            self._log.info("no stamp yet", why=str(error))
            return False

    async def _alarms(self) -> list[str]:
        """Ask the signer what an operator must hear at once."""
        reactor, path = self._setting.reactor, self._setting.places.socket("control")
        try:
            answer = await deferToThreadPool(
                reactor, reactor.getThreadPool(), ask, path, StatusAsk(), Facts
            )
        except OSError as error:
            return [f"the signer does not tell its state: {error}"]
        alarm = answer.facts["engine_alarm"]
        return [] if alarm is None else [f"SM2 runs on the slow engine libcrypto: {alarm}"]

    def _changed(self) -> None:
        if self._is_ready:
            self._write_ready()

    def _write_ready(self) -> None:
        assert self._supervisor is not None
        facts = {**self._facts(), "pids": {**self._supervisor.pids(), "supervisor": [os.getpid()]}}
        content = json.dumps(facts, indent=2).encode() + b"\n"
        write_durably(self._setting.places.ready, content, mode=0o644)

    def _facts(self) -> dict[str, object]:
        places = self._setting.places
        certificates: dict[str, str] = {}
        for profile in self._setting.settings.profiles():
            path = places.public / f"{profile.key}.pem"
            certificates.setdefault(profile.algorithm.value, str(path))
        return {
            "tsp_http": f"http://{self._address('tsp_http')}/tsa",
            "tsp_tcp": self._address("tsp_tcp"),
            "api": f"https://{self._address('api')}",
            "ntp": self._address("ntp"),
            **self._device_facts(),
            "ca_cert": str(places.public / ROOTS),
            "tsa_certs": certificates,
            "cli": str(Path(sys.executable).with_name("shiyin")),
            **({"demo_credentials": str(places.demo_credentials)} if self._is_demo else {}),
        }

    def _device_facts(self) -> dict[str, object]:
        """Give where phones co-sign, as far as there are ports for them."""
        bound = {each.name for each in self._listeners}
        spelt = {"device": "https://{}", "cosign_tcp": "{}"}
        return {
            name: form.format(self._address(name)) for name, form in spelt.items() if name in bound
        }

    def _address(self, name: str) -> str:
        """Give the first address of a listener as host:port."""
        listener = next(each for each in self._listeners if each.name == name)
        host, port = listener.socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  any is here too
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def probe(url: str) -> bool:
    """Ask for a stamp over nothing in particular; tell whether it is granted."""
    request = encode_request(hash_algorithm=oids.SHA256, imprint=os.urandom(32), cert_req=False)
    return decode_response(post_query(url, request)).status == PKIStatus.GRANTED
