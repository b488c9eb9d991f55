"""The signer: every key, the ledger, and the judgement of requests; no network, no device."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.msgpack import Decoder
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.engine import choose_engine
from appliance.daemon.listeners import SOCKET_MODE
from appliance.daemon.places import read_boot_id
from appliance.daemon.roles.certifying import CertifyingPart
from appliance.daemon.roles.setting import Setting, close_ports
from appliance.quantities import NS_PER_US, Utc
from appliance.services.clients import owner_of
from appliance.services.clocks import TimeReader, host_utc
from appliance.services.issuing import Issuer
from appliance.services.messages import (
    PROTOCOL_VERSION,
    ControlQuestion,
    Facts,
    Hello,
    KeysAsk,
    PollAsk,
    PollReply,
    ProfileOffer,
    StampQuestion,
    StampReplies,
)
from appliance.services.polling import PatientIssuer, PollTable
from appliance.services.publishing import publish
from appliance.services.reactor import ListeningPort
from appliance.services.stamp_ledger import StampLedger, Start
from appliance.services.unlocking import Unlocked, unlock_signer
from appliance.store.ledger.ledger import Ledger
from appliance.timing.trusted import NoTime
from appliance.tsp.authority import Authority
from appliance.tsp.gate import TimeRules
from appliance.tsp.serial import START_RANDOM_OCTETS, SerialSource
from appliance.wire.ipc import FrameProtocol, FrameServer

SWITCH_INTERVAL_S = 0.0005
"""A lane back from signing wants the interpreter soon; at Python's 5 ms it waits that long."""

_PR_SET_DUMPABLE = 4  # prctl(2)


def harden_process() -> None:
    """Keep the memory of this process out of core dumps and of other processes' reach."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class SignerRole:
    """Unseals the keys, opens the ledger and serves the fronts and the operator's command."""

    _log = Logger()

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._profiles = setting.settings.profiles()
        self._ports: list[ListeningPort] = []
        self._unlocked: Unlocked | None = None
        self._issuer: Issuer | None = None
        self._patient: PatientIssuer | None = None
        self._certifying: CertifyingPart | None = None
        self._polls = PollTable(setting.reactor, os.urandom)
        self._clock: TimeReader | None = None

    async def start(self) -> None:
        """Unlock, commission what is missing in demo, and open the sockets."""
        harden_process()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        unlocked = self._unlocked = self._unlock()
        self._profiles = tuple(unlocked.profiles)
        if not self._profiles:
            self._log.critical("no TSA has a certificate yet: make one by `shiyin ca request`")
        publish(self._setting.places.public, unlocked.identities.values(), unlocked.ledger_key)
        start_random = os.urandom(START_RANDOM_OCTETS)
        last_gen_time_us = self._begin_ledger(unlocked, start_random)
        self._clock = TimeReader(
            self._setting.places.time_page,
            boot_id=read_boot_id(),
            last_gen_time=Utc(last_gen_time_us),
        )
        settings = self._setting.settings
        authority = Authority(
            {profile.name: profile for profile in self._profiles},
            unlocked.templates(),
            serials=SerialSource(settings.node, start_random),
            last_gen_time_us=last_gen_time_us,
            digests=unlocked.digests,
            rules=TimeRules(
                production=settings.mode == "production",
                allow_system_time=settings.time.source == "system",
                key_periods=unlocked.key_periods(),
            ),
        )
        self._issuer = Issuer(
            self._setting.reactor,
            authority,
            unlocked.keys(),
            open_ledger=lambda: StampLedger(self._open_ledger(unlocked)),
            read_clock=self._clock.read,
        )
        self._issuer.start()
        self._patient = PatientIssuer(
            self._issuer,
            self._polls,
            clock=self._setting.reactor,
            patience_s=self._setting.settings.tsp.poll_after_ms / 1000,
        )
        self._certifying = CertifyingPart(self._setting, unlocked)
        self._certifying.start()
        self._listen(self._certifying)

    async def stop(self) -> None:
        """Take no more batches, finish those under way, write the last head, zero the keys."""
        await close_ports(self._ports)
        if self._certifying is not None:
            await self._certifying.stop()
        if self._issuer is not None:
            self._issuer.close()
            reactor = self._setting.reactor
            await deferToThreadPool(reactor, reactor.getThreadPool(), self._issuer.stop)
        if self._unlocked is not None:
            self._unlocked.close()

    def _unlock(self) -> Unlocked:
        choice = choose_engine()
        if choice.fallback_reason is not None:
            self._log.critical(
                "SM2 runs on the slow engine libcrypto", reason=choice.fallback_reason
            )
        places = self._setting.places
        return unlock_signer(
            self._profiles,
            choice,
            mode=self._setting.settings.mode,
            keys=places.keys,
            certificates=places.certificates,
            secret=places.secret,
        )

    def _open_ledger(self, unlocked: Unlocked) -> Ledger:
        return Ledger.open(
            self._setting.places.ledger,
            sign_head=lambda message: unlocked.ledger_key.sign_many([message])[0],
            utc_now=host_utc,
            sm3=unlocked.choice.engine.sm3,
            rows_per_segment=self._setting.settings.ledger.segment_rows,
        )

    def _begin_ledger(self, unlocked: Unlocked, start_random: bytes) -> int:
        """Record this start and give the newest genTime that any token has."""
        ledger = StampLedger(self._open_ledger(unlocked))
        start = Start(
            self._setting.settings.node,
            start_random,
            unlocked.choice.engine.name,
            host_utc().posix_us,
        )
        ledger.begin(start, unlocked.templates().values())
        last_gen_time_us = ledger.last_gen_time_us()
        ledger.close()
        return last_gen_time_us

    def _listen(self, certifying: CertifyingPart) -> None:
        uids, clock = frozenset({0, os.getuid()}), self._setting.reactor
        stamp = FrameServer(
            Decoder(StampQuestion), self._stamp, hello=self._hello, allowed_uids=uids, clock=clock
        )
        control = FrameServer(
            Decoder(ControlQuestion),
            self._control,
            hello=self._hello,
            allowed_uids=uids,
            clock=clock,
        )
        servers = {"stamp": stamp, "control": control, **certifying.servers(self._hello, uids)}
        for name, factory in servers.items():
            for listener in self._setting.sockets(name):
                self._ports.append(
                    self._setting.reactor.adoptStreamPort(
                        listener.socket.fileno(), listener.socket.family, factory
                    )
                )
                # Twisted opens an adopted Unix socket to everyone.
                Path(listener.socket.getsockname()).chmod(SOCKET_MODE)

    def _hello(self) -> Hello:
        offers = (ProfileOffer(each.name, each.algorithm.value) for each in self._profiles)
        return Hello(PROTOCOL_VERSION, tuple(offers))

    def _stamp(self, line: FrameProtocol[StampQuestion], question: StampQuestion) -> None:
        assert self._issuer is not None
        assert self._patient is not None

        if isinstance(question, PollAsk):
            answer = self._polls.take(question.reference, owner_of(question.client))
            line.send(PollReply(question.batch, answer))
            return

        def reply(responses: Sequence[bytes | int]) -> None:
            line.send(StampReplies(question.batch, responses))

        if question.may_poll:
            self._patient.submit(question.asks, reply)
        else:
            self._issuer.submit(question.asks, reply)

    def _control(self, line: FrameProtocol[ControlQuestion], question: ControlQuestion) -> None:
        facts = self._keys() if isinstance(question, KeysAsk) else self._status()
        line.send(Facts(facts))

    def _status(self) -> dict[str, object]:
        assert self._unlocked is not None
        assert self._clock is not None
        reading = self._clock.read()
        choice = self._unlocked.choice
        return {
            "mode": self._setting.settings.mode,
            "node": self._setting.settings.node,
            "engine": choice.title,
            "engine_alarm": choice.fallback_reason,
            "profiles": [profile.name for profile in self._profiles],
            "time": {"reason": reading.reason}
            if isinstance(reading, NoTime)
            else {
                "utc": Utc.from_tai(reading.tai_ns, reading.utc_offset_s).isoformat(),
                "bound_us": -(-reading.bound_ns // NS_PER_US),
                "state": reading.state.name,
                "provenance": reading.provenance.name,
                "leap": reading.leap.name,
            },
        }

    def _keys(self) -> dict[str, object]:
        assert self._unlocked is not None
        return {
            name: {
                "algorithm": identity.key.algorithm.value,
                "engine": self._engine_of(identity.key.algorithm),
                "subject": str(identity.certificate.subject),
                "issuer": str(identity.certificate.issuer),
                "serial_number": f"{identity.certificate.serial_number:x}",
                "not_before": identity.certificate.validity.not_before.isoformat(),
                "not_after": identity.certificate.validity.not_after.isoformat(),
            }
            for name, identity in self._unlocked.identities.items()
        }

    def _engine_of(self, algorithm: KeyAlgorithm) -> str:
        assert self._unlocked is not None
        is_sm2 = algorithm is KeyAlgorithm.SM2
        return self._unlocked.choice.title if is_sm2 else "cryptography"
