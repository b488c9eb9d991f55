import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.pages import BOOT_ID, RAW_NS, TAI_NS, page_of, slot

from appliance.quantities import NS_PER_S, Provenance, Utc
from appliance.timing.reading import Doubt, DoubtLimits, PageClock, PageVeto, extrapolate
from appliance.timing.trusted import ClockState, Leap, NoTime, TrustedTime

MS = 1_000_000


def told(page_slot, raw_ns) -> TrustedTime:
    time = extrapolate(page_slot, raw_ns, BOOT_ID)
    assert isinstance(time, TrustedTime)
    return time


class Signer:
    """A signer that meets one page a second, read 1 ms after it was written."""

    def __init__(self, limits: DoubtLimits | None = None) -> None:
        self.veto = PageVeto(dict.fromkeys(Provenance, limits)) if limits else PageVeto()
        self.sequence = 0
        self.raw_ns = RAW_NS
        self.last_gen_time: Utc | None = None

    def meet(self, tai_ns: int, *, after_ns: int = NS_PER_S, **fields: object) -> Doubt | None:
        self.sequence += 1
        self.raw_ns += after_ns
        page_slot = slot(self.sequence, raw_ns=self.raw_ns, tai_ns=tai_ns, **fields)
        raw_ns = self.raw_ns + MS
        return self.veto.judge(page_slot, told(page_slot, raw_ns), raw_ns, self.last_gen_time)

    def meet_many(self, tai_ns: int, count: int) -> list[Doubt | None]:
        return [self.meet(tai_ns + step * NS_PER_S) for step in range(count)]


def test_at_the_reading_itself_the_slot_is_told():
    assert extrapolate(slot(), RAW_NS, BOOT_ID) == TrustedTime(
        tai_ns=TAI_NS,
        bound_ns=40_002,
        utc_offset_s=37,
        leap=Leap.NONE,
        leap_at_tai_ns=0,
        state=ClockState.LOCKED,
        provenance=slot().provenance,
    )


@pytest.mark.parametrize("state", [ClockState.COLD, ClockState.ACQUIRE, ClockState.UNTRUSTED])
def test_a_clock_that_knows_no_time_tells_none(state):
    nothing = slot(tai_ns=0, bound_ns=10**18, state=state)
    assert extrapolate(nothing, RAW_NS + MS, BOOT_ID) == NoTime(
        f"the clock is {state.name} and knows no time"
    )


@pytest.mark.parametrize("ppm", [-100, 0, 100])
def test_time_goes_on_at_the_slots_rate(ppm):
    time = told(slot(rate_e12=ppm * 1_000_000), RAW_NS + 2 * NS_PER_S)
    assert time.tai_ns == TAI_NS + 2 * NS_PER_S + 2000 * ppm


def test_the_bound_grows_with_what_elapsed():
    time = told(slot(bound_growth_e12=50 * 1_000_000), RAW_NS + 2 * NS_PER_S)
    assert time.bound_ns == 40_000 + 100_000 + 2


@given(
    elapsed_ns=st.integers(0, 3 * NS_PER_S),
    rate_e12=st.integers(-200_000_000, 200_000_000),
    growth_e12=st.integers(0, 10**9),
)
def test_the_bound_covers_its_own_rounding(elapsed_ns, rate_e12, growth_e12):
    page_slot = slot(rate_e12=rate_e12, bound_growth_e12=growth_e12)
    time = told(page_slot, RAW_NS + elapsed_ns)
    exact_tai_e12 = (TAI_NS + elapsed_ns) * 10**12 + elapsed_ns * rate_e12
    exact_bound_e12 = 40_000 * 10**12 + elapsed_ns * growth_e12
    assert time.bound_ns * 10**12 >= exact_bound_e12 + abs(exact_tai_e12 - time.tai_ns * 10**12)


def test_a_slot_is_believed_up_to_its_last_nanosecond_and_no_further():
    assert isinstance(extrapolate(slot(), RAW_NS + 3 * NS_PER_S, BOOT_ID), TrustedTime)
    assert extrapolate(slot(), RAW_NS + 3 * NS_PER_S + 1, BOOT_ID) == NoTime(
        "the time page is stale: written 3000 ms ago"
    )


def test_a_slot_of_another_boot_tells_no_time():
    assert extrapolate(slot(), RAW_NS, b"z" * 16) == NoTime("the time page is of another boot")


def test_a_raw_clock_before_the_slots_tells_no_time():
    assert extrapolate(slot(), RAW_NS - 1, BOOT_ID) == NoTime(
        "the time page is ahead of the raw clock"
    )


@pytest.mark.parametrize(("leap", "after_s"), [(Leap.INSERT, 38), (Leap.DELETE, 36)])
def test_past_a_leap_the_new_offset_holds(leap, after_s):
    leap_at_ns = TAI_NS + NS_PER_S
    announced = slot(leap=leap, leap_at_tai_ns=leap_at_ns)
    before = told(announced, RAW_NS + NS_PER_S - 1)
    assert (before.utc_offset_s, before.leap, before.leap_at_tai_ns) == (37, leap, leap_at_ns)
    after = told(announced, RAW_NS + NS_PER_S)
    assert (after.utc_offset_s, after.leap, after.leap_at_tai_ns) == (after_s, Leap.NONE, 0)


def test_an_unknown_leap_changes_nothing():
    time = told(slot(leap=Leap.UNKNOWN), RAW_NS + NS_PER_S)
    assert (time.utc_offset_s, time.leap) == (37, Leap.UNKNOWN)


def test_steady_pages_are_believed():
    assert Signer().meet_many(TAI_NS, 10) == [None] * 10


@pytest.mark.parametrize("ppm", [-199, 199])
def test_a_rate_within_the_limit_is_believed(ppm):
    signer = Signer(DoubtLimits(jitter_ns=0))
    assert [signer.meet(TAI_NS + step * (NS_PER_S + ppm * 1000)) for step in range(9)] == [None] * 9


@pytest.mark.parametrize("ppm", [-201, 201])
def test_a_rate_past_the_limit_is_doubted(ppm):
    signer = Signer(DoubtLimits(jitter_ns=0))
    signer.meet(TAI_NS)
    assert signer.meet(TAI_NS + NS_PER_S + ppm * 1000) is Doubt.RATE


@pytest.mark.parametrize(
    ("provenance", "ppm", "doubt"),
    [
        (Provenance.HARDWARE, 200, None),
        (Provenance.HARDWARE, 201, Doubt.RATE),
        (Provenance.SIMULATED, 200, None),
        (Provenance.SIMULATED, 201, Doubt.RATE),
        (Provenance.SYSTEM, 500, None),
        (Provenance.SYSTEM, 1000, None),
        (Provenance.SYSTEM, 1001, Doubt.RATE),
    ],
)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_host_that_slews_is_believed_and_an_oven_that_does_is_not(provenance, ppm, doubt, sign):
    slewing, claiming = Signer(), Signer()
    slewing.meet(TAI_NS, provenance=provenance)
    slewed_ns = NS_PER_S + sign * (ppm * 1000 + DoubtLimits().jitter_ns)
    assert slewing.meet(TAI_NS + slewed_ns, provenance=provenance) is doubt
    assert claiming.meet(TAI_NS, provenance=provenance, rate_e12=sign * ppm * 10**6) is doubt


def test_the_kind_of_clock_is_judged_anew_with_each_page():
    signer = Signer()
    signer.meet(TAI_NS, provenance=Provenance.SYSTEM)
    assert signer.meet(TAI_NS + NS_PER_S + 500_000, provenance=Provenance.SYSTEM) is None
    assert signer.meet(TAI_NS + 2 * NS_PER_S + 10**6) is Doubt.RATE


def test_jitter_is_allowed_beside_the_rate():
    signer = Signer()
    signer.meet(TAI_NS)
    assert signer.meet(TAI_NS + NS_PER_S + 299_000) is None
    assert signer.meet(TAI_NS + 2 * NS_PER_S + 600_001) is Doubt.RATE


def test_many_pages_a_second_gain_no_more_jitter_than_one():
    signer = Signer()
    tai_ns, step_ns, doubts = TAI_NS, NS_PER_S // 100, []
    for _ in range(10):
        doubts.append(signer.meet(tai_ns, after_ns=step_ns))
        tai_ns += step_ns + 50_000
    assert doubts[:3] == [None] * 3
    assert doubts[-1] is Doubt.RATE


@pytest.mark.parametrize("rate_ppm", [-201, 201])
def test_a_page_that_extrapolates_at_an_absurd_rate_is_doubted(rate_ppm):
    assert Signer().meet(TAI_NS, rate_e12=rate_ppm * 1_000_000) is Doubt.RATE


def test_time_that_runs_backwards_is_doubted():
    signer = Signer()
    signer.meet(TAI_NS)
    assert signer.meet(TAI_NS - 1) is Doubt.BACKWARDS


def test_a_step_forward_is_doubted():
    signer = Signer()
    signer.meet(TAI_NS)
    assert signer.meet(TAI_NS + 60 * NS_PER_S) is Doubt.RATE


def test_a_page_behind_the_ledger_is_doubted_from_the_first():
    signer = Signer()
    signer.last_gen_time = Utc((TAI_NS - 37 * NS_PER_S) // 1000 + 2001 + 1)
    assert signer.meet(TAI_NS) is Doubt.BEHIND_LEDGER


def test_a_ledger_ahead_by_what_a_batch_may_be_is_believed():
    signer = Signer()
    signer.last_gen_time = Utc((TAI_NS - 37 * NS_PER_S) // 1000 + 2000)
    assert signer.meet(TAI_NS) is None


def test_a_doubt_stays_until_five_sound_pages_in_a_row():
    signer = Signer()
    signer.meet(TAI_NS)
    stepped_ns = TAI_NS + 60 * NS_PER_S
    doubts = signer.meet_many(stepped_ns, 7)
    assert doubts == [Doubt.RATE] * 5 + [None] * 2


def test_a_bad_page_amid_the_sound_ones_starts_the_count_again():
    signer = Signer()
    signer.meet(TAI_NS)
    signer.meet_many(TAI_NS + 60 * NS_PER_S, 5)
    assert signer.meet(TAI_NS) is Doubt.BACKWARDS
    doubts = signer.meet_many(TAI_NS + NS_PER_S, 5)
    assert doubts == [Doubt.BACKWARDS] * 4 + [None]


def test_a_page_that_jumps_each_time_is_never_believed_again():
    signer = Signer()
    signer.meet(TAI_NS)
    doubts = [signer.meet(TAI_NS + step * 2 * NS_PER_S) for step in range(1, 20)]
    assert doubts == [Doubt.RATE] * 19


def test_the_same_page_read_again_is_not_counted_again():
    signer = Signer()
    signer.meet(TAI_NS)
    signer.meet(TAI_NS + 60 * NS_PER_S)
    page_slot = slot(signer.sequence, raw_ns=signer.raw_ns, tai_ns=TAI_NS + 60 * NS_PER_S)
    for later_ns in range(1, 10):
        raw_ns = signer.raw_ns + later_ns * MS
        assert signer.veto.judge(page_slot, told(page_slot, raw_ns), raw_ns, None) is Doubt.RATE


@pytest.mark.parametrize("step_s", [-60, 60])
def test_another_page_under_the_same_sequence_is_doubted_all_the_same(step_s):
    signer = Signer()
    signer.meet(TAI_NS)
    signer.sequence -= 1
    assert signer.meet(TAI_NS + step_s * NS_PER_S) is not None


def test_a_restarted_signer_starts_without_doubt():
    assert Signer().meet(TAI_NS + 60 * NS_PER_S) is None


def test_a_clock_tells_the_time_of_its_page():
    clock = PageClock(BOOT_ID)
    assert clock.tell(page_of(slot()), RAW_NS) == told(slot(), RAW_NS)
    assert clock.tell(page_of(slot()), RAW_NS + 5) == told(slot(), RAW_NS + 5)
    assert clock.tell(page_of(slot(1), slot(2, tai_ns=7)), RAW_NS) == told(
        slot(2, tai_ns=7), RAW_NS
    )


def test_a_clock_without_a_page_tells_why():
    assert PageClock(BOOT_ID).tell(b"", RAW_NS) == NoTime("there is no sound time page")


def test_a_stale_page_is_told_by_the_clock():
    page = page_of(slot())
    time = PageClock(BOOT_ID, PageVeto()).tell(page, RAW_NS + 4 * NS_PER_S)
    assert time == NoTime("the time page is stale: written 4000 ms ago")


def test_a_clock_passes_on_the_doubt_of_its_veto():
    clock = PageClock(BOOT_ID, PageVeto())
    clock.tell(page_of(slot(1)), RAW_NS)
    assert clock.tell(page_of(slot(2, tai_ns=TAI_NS - NS_PER_S)), RAW_NS) == NoTime(
        "time ran backwards from the page before"
    )


def test_a_clock_doubts_a_page_behind_the_ledger():
    clock = PageClock(BOOT_ID, PageVeto())
    assert clock.tell(page_of(slot()), RAW_NS, Utc(1_900_000_000_000_000)) == NoTime(
        "the page is behind the last genTime in the ledger"
    )


def test_the_first_time_of_a_clock_that_starts_is_compared_with_no_earlier_guess():
    clock = PageClock(BOOT_ID, PageVeto())
    guess = slot(1, tai_ns=TAI_NS - 3600 * NS_PER_S, state=ClockState.COLD)
    clock.tell(page_of(guess), RAW_NS)
    assert isinstance(clock.tell(page_of(guess, slot(2)), RAW_NS), TrustedTime)


def test_a_step_behind_a_page_that_issues_nothing_is_doubted_all_the_same():
    clock = PageClock(BOOT_ID, PageVeto())
    clock.tell(page_of(slot(1)), RAW_NS)
    clock.tell(page_of(slot(2, state=ClockState.UNTRUSTED)), RAW_NS)
    stepped = slot(3, tai_ns=TAI_NS + 10 * NS_PER_S)
    assert isinstance(clock.tell(page_of(stepped), RAW_NS), NoTime)
