"""An issuer with keys, a ledger and a reactor that a test holds in its hand.

Its threads are real; everything a test waits for has a guard against hanging.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs
from twisted.internet.task import Clock

from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import decode_response, decode_tst_info
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Fault, Unavailable
from appliance.services.issuing import Issuer
from appliance.services.messages import StampAsk
from appliance.tsp.record import Stamp
from kit.clock import FakeClock
from kit.stamping import make_authority, request, signature_for

GUARD_S = 20.0

GOOD = request()
BAD = b"not a TimeStampReq"


class FakeKey:
    """A key whose signatures nobody could verify; it waits at its gate and fails when told to."""

    def __init__(self, profile: str, algorithm: KeyAlgorithm) -> None:
        self.algorithm = algorithm
        self.public = b""
        self.gate = threading.Event()
        self.gate.set()
        self.at_work = threading.Semaphore(0)
        self.is_broken = False
        self._profile = profile

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign, once the gate is open."""
        self.at_work.release()
        assert self.gate.wait(GUARD_S)
        if self.is_broken:
            raise Fault("a made signature does not verify")
        return [signature_for(self._profile, message) for message in messages]

    def close(self) -> None:
        """Nothing is there to zero."""


@attrs.define
class FakeLedger:
    """A ledger in memory; it fails as often as told."""

    kept: list[Stamp] = attrs.Factory(list)
    batches: list[int] = attrs.Factory(list)
    failures_left: int = 0
    openings_to_fail: int = 0
    is_rest_broken: bool = False
    gate: threading.Event = attrs.Factory(threading.Event)
    rests: int = 0
    is_closed: bool = False

    def open(self) -> "FakeLedger":
        """Open it, unless it cannot be."""
        if self.openings_to_fail:
            self.openings_to_fail -= 1
            raise Unavailable("the disk is not there")
        return self

    def keep(self, stamps: Sequence[Stamp]) -> None:
        """Keep all or, when it fails, none."""
        assert self.gate.wait(GUARD_S)
        if self.failures_left:
            self.failures_left -= 1
            raise Unavailable("the disk is full")
        self.kept += stamps
        self.batches.append(len(stamps))

    def rest(self) -> None:
        """Count, or fail."""
        self.rests += 1
        if self.is_rest_broken:
            raise Unavailable("no head")

    def close(self) -> None:
        """Close."""
        self.is_closed = True


class ThreadedClock(Clock):
    """A reactor that runs what other threads hand it when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: queue.Queue[Callable[[], object]] = queue.Queue()

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        """Keep a call of another thread."""
        self.handed.put(lambda: function(*args))

    def run_until(self, is_done: Callable[[], bool]) -> None:
        """Run calls until `is_done`; fails when none comes for long."""
        while not is_done():
            self.handed.get(timeout=GUARD_S)()


class World:
    """An issuer of the profiles sm2, gmt (which share a key) and p256."""

    def __init__(self) -> None:
        self.reactor = ThreadedClock()
        self.ledger = FakeLedger()
        self.ledger.gate.set()
        self.sm2 = FakeKey("sm2", KeyAlgorithm.SM2)
        self.p256 = FakeKey("p256", KeyAlgorithm.P256)
        self.clock = FakeClock()
        self.issuer = Issuer(
            self.reactor,
            make_authority(),
            {"sm2": self.sm2, "gmt": self.sm2, "p256": self.p256},
            open_ledger=self.ledger.open,
            read_clock=self.clock,
        )
        self.answers: list[Sequence[bytes]] = []

    def submit(self, *profiles: str, octets: bytes = GOOD) -> None:
        """Submit a batch of one request for each profile."""
        asks = [StampAsk(profile, octets, b"client") for profile in profiles]
        self.issuer.submit(asks, self.answers.append)

    def wait(self, batches: int = 1) -> list[Sequence[bytes]]:
        """Wait until so many batches in all are answered."""
        self.reactor.run_until(lambda: len(self.answers) >= batches)
        return self.answers


@contextmanager
def running() -> Iterator[World]:
    """Give an issuer at work, and stop it."""
    world = World()
    world.issuer.start()
    try:
        yield world
    finally:
        for gate in (world.ledger.gate, world.sm2.gate, world.p256.gate):
            gate.set()
        world.issuer.stop()


def status_of(response: bytes) -> tuple[int, str]:
    """Read status and text of a response."""
    decoded = decode_response(response)
    return decoded.status, "".join(decoded.status_texts)


def serial_of(response: bytes) -> bytes:
    """Read the serial of a granted token."""
    return decode_tst_info(decode_token(decode_response(response).token).econtent).serial_octets
