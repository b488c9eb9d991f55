"""The time page as `timed` writes it, and as a role reads it."""

import time
from pathlib import Path

import attrs
import pytest
from kit.logs import logged
from kit.pages import BOOT_ID, slot
from twisted.internet.task import Clock

from appliance.errors import Fault
from appliance.quantities import NS_PER_S, Provenance, Utc
from appliance.services.clock.timekeeping import (
    DEMO_GROWTH_E12,
    SYSTEM_GROWTH_E12,
    Judge,
    Judgement,
    TimePublisher,
    judge_demo,
    judge_system,
)
from appliance.services.clocks import (
    HostReading,
    KernelClock,
    TimeReader,
    read_host_clock,
    read_kernel_clock,
)
from appliance.store.time_page import TimePageFile, TimePageReader
from appliance.timing.page import VALIDITY_NS, PageSlot, choose
from appliance.timing.reading import extrapolate
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime

READING = HostReading(raw_ns=5 * NS_PER_S, posix_ns=1_800_000_000 * NS_PER_S, sandwich_ns=300)


class World:
    """A publisher whose host clock stands still until it is told."""

    def __init__(self, folder: Path, judge: Judge | None = None) -> None:
        self.path = folder / "trusted-time.page"
        self.clock = Clock()
        self.reading = READING
        self.is_broken = False
        self.publisher = TimePublisher(
            TimePageFile.create(self.path),
            judge or judge_demo(500_000),
            clock=self.clock,
            boot_id=BOOT_ID,
            utc_offset_s=37,
            read=self.read,
        )

    def read(self) -> HostReading:
        if self.is_broken:
            raise Fault("no clock")
        return self.reading

    def page(self) -> PageSlot | None:
        return choose(TimePageReader(self.path).read())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- writing --------------------------------------------------------------------------------------


def test_the_first_page_is_there_at_once_with_every_field(world: World) -> None:
    world.publisher.start()
    assert world.page() == PageSlot(
        sequence=1,
        boot_id=BOOT_ID,
        raw_ns=READING.raw_ns,
        tai_ns=READING.posix_ns + 37 * NS_PER_S,
        rate_e12=0,
        bound_ns=500_300,
        bound_growth_e12=DEMO_GROWTH_E12,
        utc_offset_s=37,
        leap=Leap.NONE,
        leap_at_tai_ns=0,
        state=ClockState.READY,
        provenance=Provenance.SIMULATED,
        valid_until_raw_ns=READING.raw_ns + VALIDITY_NS,
    )


def test_a_page_is_written_every_second_until_stopped(world: World) -> None:
    world.publisher.start()
    world.clock.pump([1.0] * 3)
    page = world.page()
    assert page is not None
    assert page.sequence == 4
    world.publisher.stop()
    world.publisher.stop()
    world.clock.pump([1.0] * 3)
    assert world.page() == page
    assert not world.clock.getDelayedCalls()


def test_a_page_that_cannot_be_made_is_told(world: World) -> None:
    world.publisher.start()
    world.is_broken = True
    with logged() as events:
        world.clock.advance(1.0)
    assert [event["log_failure"].type for event in events] == [Fault]


@pytest.mark.parametrize(
    ("kernel", "state"),
    [
        (KernelClock(True, 7_000_000, Leap.INSERT), ClockState.LOCKED),
        (KernelClock(False, 7_000_000, Leap.INSERT), ClockState.UNTRUSTED),
    ],
)
def test_system_time_has_the_bound_the_state_and_the_leap_of_the_kernel(
    kernel: KernelClock, state: ClockState
) -> None:
    assert judge_system(lambda: kernel)(READING) == Judgement(
        state,
        Provenance.SYSTEM,
        7_000_300,
        SYSTEM_GROWTH_E12,
        Leap.INSERT,
    )


@pytest.mark.parametrize(
    ("leap", "last_s", "offset_s"), [(Leap.INSERT, 86_400, 38), (Leap.DELETE, 86_398, 36)]
)
def test_a_leap_the_kernel_announces_is_told_for_the_end_of_the_day(
    tmp_path: Path, leap: Leap, last_s: int, offset_s: int
) -> None:
    world = World(tmp_path, judge_system(lambda: KernelClock(True, 0, leap)))
    world.publisher.publish()
    page = world.page()
    assert page is not None
    # 2027-01-15T08:00:00Z; the day's last second is 23:59:60, or 23:59:58.
    midnight_s = 1_800_000_000 + 16 * 3600
    assert page.leap is leap
    assert page.leap_at_tai_ns == (midnight_s - 86_400 + last_s + 1 + 37) * NS_PER_S
    raw_ns = page.raw_ns + page.leap_at_tai_ns - page.tai_ns
    after = extrapolate(attrs.evolve(page, valid_until_raw_ns=raw_ns), raw_ns, BOOT_ID)
    assert isinstance(after, TrustedTime)
    assert after.utc_offset_s == offset_s
    assert Utc.from_tai(after.tai_ns, after.utc_offset_s) == Utc(midnight_s * 1_000_000)


def test_while_a_leap_second_passes_no_instant_of_it_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, judge_system(lambda: KernelClock(True, 0, Leap.UNKNOWN)))
    world.publisher.publish()
    page = world.page()
    assert page is not None
    assert (page.leap, page.leap_at_tai_ns) == (Leap.UNKNOWN, 0)


# --- the host -------------------------------------------------------------------------------------


def test_the_host_is_read_between_two_readings_of_its_raw_clock() -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    reading = read_host_clock()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    assert before <= reading.raw_ns <= after
    assert 0 <= reading.sandwich_ns <= after - before
    assert abs(reading.posix_ns - time.clock_gettime_ns(time.CLOCK_REALTIME)) < 20 * NS_PER_S


def test_adjtimex_answers_with_an_error_in_nanoseconds() -> None:
    kernel = read_kernel_clock()
    assert 0 <= kernel.bound_ns <= 3600 * NS_PER_S
    assert kernel.bound_ns % 1000 == 0


@pytest.mark.parametrize(
    ("state", "clock"),
    [
        (0, KernelClock(True, 16_000, Leap.NONE)),  # TIME_OK
        (1, KernelClock(True, 16_000, Leap.INSERT)),  # TIME_INS
        (2, KernelClock(True, 16_000, Leap.DELETE)),  # TIME_DEL
        (3, KernelClock(True, 16_000, Leap.UNKNOWN)),  # TIME_OOP
        (4, KernelClock(True, 16_000, Leap.NONE)),  # TIME_WAIT
        (5, KernelClock(False, 16_000, Leap.NONE)),  # TIME_ERROR
    ],
)
def test_the_states_of_adjtimex_are_read_as_its_manual_says(state: int, clock: KernelClock) -> None:
    assert KernelClock.from_adjtimex(state, 16) == clock


# --- reading --------------------------------------------------------------------------------------


def write_page(path: Path, *, tai_ns: int, rate_e12: int = 0) -> None:
    """Write one page as of now, by this host's raw clock."""
    raw_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    page = TimePageFile.create(path)
    page.write(slot(page.next_sequence, raw_ns=raw_ns, tai_ns=tai_ns, rate_e12=rate_e12))
    page.close()


NOON_TAI_NS = 1_800_000_037 * NS_PER_S
NOON = Utc(1_800_000_000_000_000)


def test_a_page_is_carried_on_by_the_reader_s_own_raw_clock(tmp_path: Path) -> None:
    path = tmp_path / "page"
    reader = TimeReader(path, boot_id=BOOT_ID)
    assert isinstance(reader.read(), NoTime)
    write_page(path, tai_ns=NOON_TAI_NS)
    first, second = reader.read(), reader.read()
    assert isinstance(first, TrustedTime)
    assert isinstance(second, TrustedTime)
    assert NOON_TAI_NS <= first.tai_ns <= second.tai_ns < NOON_TAI_NS + 3 * NS_PER_S


def test_a_page_of_another_boot_is_no_time(tmp_path: Path) -> None:
    path = tmp_path / "page"
    write_page(path, tai_ns=NOON_TAI_NS)
    assert isinstance(TimeReader(path, boot_id=bytes(16)).read(), NoTime)


def test_the_signer_doubts_a_page_behind_its_ledger(tmp_path: Path) -> None:
    path = tmp_path / "page"
    write_page(path, tai_ns=NOON_TAI_NS)
    newer = Utc(NOON.posix_us + 60_000_000)
    doubt = TimeReader(path, boot_id=BOOT_ID, last_gen_time=newer).read()
    assert isinstance(doubt, NoTime)
    assert "ledger" in doubt.reason
    assert isinstance(TimeReader(path, boot_id=BOOT_ID, last_gen_time=NOON).read(), TrustedTime)


def test_the_signer_doubts_a_rate_that_no_clock_has_and_a_front_does_not(tmp_path: Path) -> None:
    path = tmp_path / "page"
    write_page(path, tai_ns=NOON_TAI_NS, rate_e12=300_000_000)
    assert isinstance(TimeReader(path, boot_id=BOOT_ID, last_gen_time=Utc(0)).read(), NoTime)
    assert isinstance(TimeReader(path, boot_id=BOOT_ID).read(), TrustedTime)
