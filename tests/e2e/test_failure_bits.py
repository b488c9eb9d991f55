"""Each PKIFailureInfo bit that can occur, as a client sees it; and when time may not be signed.

A refusal is HTTP 200 with a TimeStampResp of status rejection, exactly one bit, and no token.
"""

import mmap
import os
import signal
import time
from collections.abc import Callable, Iterator

import attrs
import pytest
from kit.box import Box, is_running, paused
from kit.polling import wait_until
from kit.tsp_client import make_query, post_query, read_reply, token_of

from appliance.timing.page import PAGE_SIZE, SLOT_SIZE, SLOT_STRIDE, PageSlot, choose, encode_slot
from appliance.timing.trusted import ClockState, Leap

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
PAGES_TO_RECOVER = 8
SHA1 = "1.3.14.3.2.26"
GRANTED = ()
BAD_ALG, BAD_REQUEST, BAD_DATA_FORMAT = (0,), (2,), (5,)
TIME_NOT_AVAILABLE, UNACCEPTED_POLICY, UNACCEPTED_EXTENSION = (14,), (15,), (16,)
SYSTEM_FAILURE = (25,)


def failures(box: Box, query: bytes, profile: str = "") -> tuple[int, ...]:
    """Ask, and give the failure bits; whatever is not one refusal or one token is a failure."""
    der = post_query(box.url(profile), query)
    reply = read_reply(der)
    if not reply.failures:
        assert token_of(der)
        return reply.failures
    assert (reply.status, reply.token) == (2, b"")
    return reply.failures


@pytest.mark.parametrize("profile", ["sm2", "gmt", "p256", "rsa"])
@pytest.mark.parametrize(
    ("query", "bits"),
    [
        (make_query(), GRANTED),
        (make_query(digest=SHA1, imprint=bytes(20)), BAD_ALG),
        (make_query(version=2), BAD_REQUEST),
        (make_query() + b"\0", BAD_REQUEST),
        (b"no DER at all", BAD_DATA_FORMAT),
        (make_query()[:-1], BAD_DATA_FORMAT),
        (make_query(imprint=bytes(31)), BAD_DATA_FORMAT),
        (make_query(policy="1.2.3.4"), UNACCEPTED_POLICY),
        (make_query(extension="1.2.3.4"), UNACCEPTED_EXTENSION),
    ],
    ids=[
        *("sound", "SHA-1", "version 2", "trailing octet", "not DER", "cut short"),
        *("short imprint", "unknown policy", "extension"),
    ],
)
def test_a_request_is_refused_with_its_own_bit(
    box: Box, profile: str, query: bytes, bits: tuple[int, ...]
) -> None:
    assert failures(box, query, profile) == bits


# --- systemFailure --------------------------------------------------------------------------------


def test_a_killed_signer_is_a_system_failure_until_it_is_back(private_box: Box) -> None:
    pid = private_box.pid("signer")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), guard_s=GUARD_S, what="the signer's end")
    assert failures(private_box, make_query()) == SYSTEM_FAILURE
    until(private_box, GRANTED)


def test_a_signer_that_hangs_is_a_system_failure_until_it_goes_on(private_box: Box) -> None:
    until(private_box, GRANTED)
    with paused(private_box.pid("signer")):
        assert failures(private_box, make_query()) == SYSTEM_FAILURE
    until(private_box, GRANTED)


# --- timeNotAvailable -----------------------------------------------------------------------------


def test_time_runs_out_when_timed_stops_and_comes_back_with_it(private_box: Box) -> None:
    until(private_box, GRANTED)
    with paused(private_box.pid("timed")):
        until(private_box, TIME_NOT_AVAILABLE)
    until(private_box, GRANTED)


@attrs.define
class Forger:
    """Writes the time page in place of a stopped `timed`, from the last slot that it left."""

    page: mmap.mmap
    sound: PageSlot
    sequence: int

    def put(self, change: Callable[[PageSlot], PageSlot] = lambda slot: slot) -> None:
        """Write the next slot: the sound one carried on to now, then changed."""
        self.sequence += 1
        elapsed_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - self.sound.raw_ns
        slot = attrs.evolve(
            self.sound,
            sequence=self.sequence,
            raw_ns=self.sound.raw_ns + elapsed_ns,
            tai_ns=self.sound.tai_ns + elapsed_ns,
            valid_until_raw_ns=self.sound.valid_until_raw_ns + elapsed_ns,
        )
        start = self._place()
        self.page[start : start + SLOT_SIZE] = encode_slot(change(slot))

    def tear(self) -> None:
        """Write half of the next slot over what stood there."""
        self.sequence += 1
        start = self._place() + SLOT_SIZE // 2
        self.page[start : start + SLOT_SIZE // 2] = b"\xa5" * (SLOT_SIZE // 2)

    def _place(self) -> int:
        return (self.sequence & 1) * SLOT_STRIDE


@pytest.fixture
def forger(private_box: Box) -> Iterator[Forger]:
    until(private_box, GRANTED)
    with paused(private_box.pid("timed")):
        path = private_box.state / "run" / "trusted-time.page"
        with path.open("r+b") as file, mmap.mmap(file.fileno(), PAGE_SIZE) as page:
            sound = choose(page[:])
            assert sound is not None
            yield Forger(page, sound, sound.sequence)
    until(private_box, GRANTED)


def until(box: Box, bits: tuple[int, ...]) -> None:
    wait_until(
        lambda: failures(box, make_query()) == bits, guard_s=GUARD_S, what=f"an answer with {bits}"
    )


def aged(slot: PageSlot) -> PageSlot:
    age_ns = 4_000_000_000
    return attrs.evolve(
        slot,
        raw_ns=slot.raw_ns - age_ns,
        tai_ns=slot.tai_ns - age_ns,
        valid_until_raw_ns=slot.valid_until_raw_ns - age_ns,
    )


BAD_TIMES: dict[str, Callable[[PageSlot], PageSlot]] = {
    "stale": aged,
    "UNTRUSTED": lambda slot: attrs.evolve(slot, state=ClockState.UNTRUSTED),
    "warming up": lambda slot: attrs.evolve(slot, state=ClockState.WARMUP),
    "over the policy's limit": lambda slot: attrs.evolve(slot, bound_ns=1_000_001),
    "of another boot": lambda slot: attrs.evolve(slot, boot_id=bytes(16)),
    "before an unknown leap": lambda slot: attrs.evolve(slot, leap=Leap.UNKNOWN),
    "running backwards": lambda slot: attrs.evolve(slot, tai_ns=slot.tai_ns - 10_000_000_000),
    "leaping ahead": lambda slot: attrs.evolve(slot, tai_ns=slot.tai_ns + 10_000_000_000),
}


def test_a_page_that_is_carried_on_soundly_is_signed(private_box: Box, forger: Forger) -> None:
    forger.put()
    assert failures(private_box, make_query()) == GRANTED


@pytest.mark.parametrize("change", BAD_TIMES.values(), ids=BAD_TIMES)
def test_bad_time_is_never_signed(
    private_box: Box, forger: Forger, change: Callable[[PageSlot], PageSlot]
) -> None:
    forger.put(change)
    for profile in ("sm2", "p256"):
        assert failures(private_box, make_query(), profile) == TIME_NOT_AVAILABLE
    recovers(private_box, forger)


def test_a_page_torn_in_one_slot_is_read_in_the_other(private_box: Box, forger: Forger) -> None:
    forger.put()
    forger.tear()
    assert failures(private_box, make_query()) == GRANTED


def test_a_page_torn_in_both_slots_is_no_time(private_box: Box, forger: Forger) -> None:
    forger.tear()
    forger.tear()
    assert failures(private_box, make_query()) == TIME_NOT_AVAILABLE
    recovers(private_box, forger)


def recovers(box: Box, forger: Forger) -> None:
    """Show sound pages until one is signed: a signer that doubted wants a few that agree."""
    for _ in range(PAGES_TO_RECOVER):
        forger.put()
        if failures(box, make_query()) == GRANTED:
            return
    pytest.fail(f"no token after {PAGES_TO_RECOVER} sound pages")
