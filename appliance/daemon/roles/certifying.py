"""The signer's authorities: their thread, that of OCSP, and the sockets `admin` and `status`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from msgspec.msgpack import Decoder
from twisted.internet.threads import deferToThreadPool

from appliance.crypto.verifier import verify_signature
from appliance.daemon.places import Places, read_boot_id
from appliance.daemon.roles.setting import Setting
from appliance.errors import Unavailable
from appliance.quantities import Provenance, Utc
from appliance.services.certifying.authority import Issuer, Rules
from appliance.services.certifying.certifier import Certifier, Site, Tools
from appliance.services.certifying.desk import answer_admin, answer_status
from appliance.services.certifying.journal import Journal
from appliance.services.certifying.messages import AdminQuestion
from appliance.services.certifying.own import Own
from appliance.services.certifying.revocation.status_room import StatusRoom
from appliance.services.certifying.status_messages import OcspQuestion
from appliance.services.certifying.worker import Worker
from appliance.services.clocks import TimeReader, host_utc
from appliance.services.commissioning import Commissioner
from appliance.services.messages import Hello
from appliance.services.unlocking import Unlocked
from appliance.settings import Settings
from appliance.store.issued import IssuedIndex
from appliance.store.keyfiles import KeyFolder
from appliance.store.ledger.ledger import Ledger
from appliance.timing.trusted import MAY_ISSUE, NoTime, TrustedTime
from appliance.tsp.serial import START_RANDOM_OCTETS
from appliance.wire.ipc import FrameProtocol, FrameServer

_JOURNAL_ROWS_PER_SEGMENT = 100_000
_HOUR_S = 3600


class CertifyingPart:
    """What a signer is beside stamping; it stamps though this be broken."""

    def __init__(self, setting: Setting, unlocked: Unlocked) -> None:
        self._setting = setting
        self._unlocked = unlocked
        self._status = Worker(setting.reactor, self._open_status, name="status")
        self._certifier = Worker(setting.reactor, self._open_certifier, name="authorities")

    def start(self) -> None:
        """Begin; questions are answered as soon as the rooms are open."""
        self._status.start()
        self._certifier.start()

    async def stop(self) -> None:
        """Finish what is under way, write the journal's last head, zero the keys."""
        reactor = self._setting.reactor
        for worker in (self._certifier, self._status):
            await deferToThreadPool(reactor, reactor.getThreadPool(), worker.stop)

    def servers(
        self, hello: Callable[[], Hello], uids: frozenset[int]
    ) -> dict[str, FrameServer[AdminQuestion] | FrameServer[OcspQuestion]]:
        """Give what listens on each of the two sockets."""
        clock = self._setting.reactor
        admin = FrameServer(
            Decoder(AdminQuestion), self._admin, hello=hello, allowed_uids=uids, clock=clock
        )
        status = FrameServer(
            Decoder(OcspQuestion), self._answer, hello=hello, allowed_uids=uids, clock=clock
        )
        return {"admin": admin, "status": status}

    def _admin(self, line: FrameProtocol[AdminQuestion], question: AdminQuestion) -> None:
        answer_admin(self._certifier, line, question)

    def _answer(self, line: FrameProtocol[OcspQuestion], question: OcspQuestion) -> None:
        answer_status(self._status, line, question)

    def _open_status(self) -> StatusRoom:
        lifetime_s = self._setting.settings.pki.ocsp_minutes * 60
        return StatusRoom(lifetime_s=lifetime_s, now=self._clock())

    def _open_certifier(self) -> Certifier:
        places, unlocked = self._setting.places, self._unlocked
        journal = Journal(self._open_ledger(), IssuedIndex.open(places.issued))
        try:
            certifier = Certifier(
                journal,
                site_of(self._setting.settings, places),
                self._tools(unlocked),
                start_random=os.urandom(START_RANDOM_OCTETS),
            )
            certifier.begin(host_utc())
        except BaseException:
            journal.close()
            raise
        return certifier

    def _tools(self, unlocked: Unlocked) -> Tools:
        settings, places = self._setting.settings, self._setting.places
        keys = KeyFolder(places.keys, unlocked.kek, unlocked.choice.engine)
        index = IssuedIndex.open(places.issued)  # of the thread of OCSP alone

        def served(issuer: Issuer, own: Own) -> None:
            self._status.tell(lambda room: room.serve(issuer, own, index))

        def changed(serial: bytes) -> None:
            self._status.tell(lambda room: room.forget(serial))

        return Tools(
            keys=keys,
            commissioner=Commissioner(keys, places.certificates, mode=settings.mode, now=host_utc),
            verify=functools.partial(verify_signature, unlocked.choice.engine),
            now=self._clock(),
            draw=os.urandom,
            served=served,
            changed=changed,
        )

    def _open_ledger(self) -> Ledger:
        unlocked = self._unlocked
        return Ledger.open(
            self._setting.places.journal,
            sign_head=lambda message: unlocked.ledger_key.sign_many([message])[0],
            utc_now=host_utc,
            sm3=unlocked.choice.engine.sm3,
            rows_per_segment=_JOURNAL_ROWS_PER_SEGMENT,
        )

    def _clock(self) -> Callable[[], Utc]:
        """Give a clock of one thread's own."""
        reader = TimeReader(self._setting.places.time_page, boot_id=read_boot_id())
        is_production = self._setting.settings.mode == "production"
        return lambda: civil_time(reader.read(), is_production=is_production)


def civil_time(time: TrustedTime | NoTime, *, is_production: bool) -> Utc:
    """Tell the time that certificates are issued by.  Raises Unavailable while there is none."""
    if isinstance(time, NoTime):
        raise Unavailable(f"there is no time yet: {time.reason}")
    if time.state not in MAY_ISSUE:
        raise Unavailable(f"the clock is {time.state.name}")
    if is_production and time.provenance is Provenance.SIMULATED:
        raise Unavailable("a simulated clock issues nothing in production")
    return Utc.from_tai(time.tai_ns, time.utc_offset_s)


def site_of(settings: Settings, places: Places) -> Site:
    """Say where the authorities of this box live, and under which rules."""
    algorithms = dict.fromkeys(profile.algorithm for profile in settings.profiles())
    return Site(
        mode=settings.mode,
        node=settings.node,
        name=f"Shiyin node {settings.node}, {settings.mode}",
        algorithms=tuple(algorithms),
        rules=Rules(
            settings.public_url,
            settings.pki.same_key_renewals,
            is_production=settings.mode == "production",
        ),
        list_lifetime_s=settings.pki.crl_hours * _HOUR_S,
        certificates=places.certificates,
        published=places.published,
        custodians=places.custodians,
    )
