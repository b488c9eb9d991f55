"""The time page as `timed` writes it, and as a role reads it."""

import time
from pathlib import Path

import pytest
from kit.logs import logged
from kit.pages import BOOT_ID, slot
from twisted.internet.task import Clock

from appliance.errors import Fault
from appliance.quantities import NS_PER_S, Provenance, Utc
from appliance.services.clocks import HostReading, TimeReader, read_host_clock, read_kernel_bound
from appliance.services.timekeeping import GROWTH_E12, TimePublisher, judge_demo, judge_system
from appliance.store.time_page import TimePageFile, TimePageReader
from appliance.timing.page import VALIDITY_NS, PageSlot, choose
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime

READING = HostReading(raw_ns=5 * NS_PER_S, posix_ns=1_800_000_000 * NS_PER_S, sandwich_ns=300)


class World:
    """A publisher whose host clock stands still until it is told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "trusted-time.page"
        self.clock = Clock()
        self.reading = READING
        self.is_broken = False
        self.publisher = TimePublisher(
            TimePageFile.create(self.path),
            judge_demo(500_000),
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
        bound_growth_e12=GROWTH_E12,
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


def test_system_time_has_the_bound_and_the_state_of_the_kernel() -> None:
    is_synchronised, bound_ns = read_kernel_bound()
    state, provenance, found_ns = judge_system(READING)
    assert provenance is Provenance.SYSTEM
    assert state is (ClockState.LOCKED if is_synchronised else ClockState.UNTRUSTED)
    assert found_ns >= READING.sandwich_ns + bound_ns * 9 // 10


# --- the host -------------------------------------------------------------------------------------


def test_the_host_is_read_between_two_readings_of_its_raw_clock() -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    reading = read_host_clock()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    assert before <= reading.raw_ns <= after
    assert 0 <= reading.sandwich_ns <= after - before
    assert abs(reading.posix_ns - time.clock_gettime_ns(time.CLOCK_REALTIME)) < 20 * NS_PER_S


def test_adjtimex_answers_with_an_error_in_nanoseconds() -> None:
    is_synchronised, bound_ns = read_kernel_bound()
    assert isinstance(is_synchronised, bool)
    assert 0 <= bound_ns <= 3600 * NS_PER_S
    assert bound_ns % 1000 == 0


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
