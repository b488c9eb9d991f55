import random  # noqa: TID251  (a seeded jitter)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.quantities import NS_PER_S
from appliance.timing.keeping.tie import LINE_DELAY_NS, Instant, PulseTie, TrustedClock

RATE = 1 + 12e-6


def pulse_ns(sequence: int) -> int:
    return 10**12 + round(sequence * NS_PER_S * RATE)


def tied(pulses: int = 100, jitter_ns: int = 1000) -> PulseTie:
    noise, tie = random.Random(3), PulseTie()
    for sequence in range(pulses):
        tie.take_stamp(sequence, pulse_ns(sequence) + round(noise.gauss(0, jitter_ns)), 5000)
    return tie


def error_ns(tie: PulseTie, sequence: int) -> float:
    base, since_ns = tie.at(pulse_ns(sequence))
    return (base - sequence) * NS_PER_S + since_ns


def test_stamps_tie_the_pulses_to_the_raw_clock_and_learn_its_rate():
    tie = tied()
    assert tie.is_set
    assert tie.period_ns == pytest.approx(NS_PER_S * RATE, abs=500)
    assert abs(error_ns(tie, 100)) <= tie.uncertainty_ns(pulse_ns(100))
    assert tie.uncertainty_ns(pulse_ns(100)) < 12_000


def test_lines_tie_by_their_arrival_when_nothing_stamps():
    tie = PulseTie()
    for sequence in range(50):
        tie.take_line(sequence, pulse_ns(sequence) + LINE_DELAY_NS + 300_000)
    assert abs(error_ns(tie, 50)) <= tie.uncertainty_ns(pulse_ns(50))
    assert tie.uncertainty_ns(pulse_ns(50)) >= 5_000_000


def test_lines_move_nothing_while_pulses_are_stamped():
    tie, other = tied(), tied()
    tie.take_line(100, pulse_ns(100) + 900_000_000)
    assert tie.at(pulse_ns(101)) == other.at(pulse_ns(101))


def test_a_late_line_is_dropped_and_doubts_nothing():
    tie = PulseTie()
    for sequence in range(50):
        late_ns = 400_000_000 if sequence == 40 else 0
        tie.take_line(sequence, pulse_ns(sequence) + LINE_DELAY_NS + late_ns)
    assert tie.torn_ns == 0
    assert tie.tears == 0
    assert abs(error_ns(tie, 50)) < 1_000_000


def test_without_pulses_the_doubt_grows_by_the_wander():
    tie = tied(50)
    grown_ns = tie.uncertainty_ns(pulse_ns(1049)) - tie.uncertainty_ns(pulse_ns(49))
    assert grown_ns == pytest.approx(1000 * 1000, rel=0.01)


def test_a_long_tie_knows_how_little_its_raw_clock_wanders():
    assert tied(1500, 100).wander_ppm < 1.0


@pytest.mark.parametrize("stall_s", [-30, 30])
def test_a_raw_clock_that_stood_or_jumped_is_doubted_at_once_and_tied_anew(stall_s):
    tie = tied()
    gone_ns = stall_s * NS_PER_S
    tie.take_stamp(100, pulse_ns(100) + gone_ns, 5000)
    assert tie.uncertainty_ns(pulse_ns(100) + gone_ns) >= 30 * NS_PER_S
    for sequence in (101, 102):
        tie.take_stamp(sequence, pulse_ns(sequence) + gone_ns, 5000)
    assert tie.tears == 1
    base, since_ns = tie.at(pulse_ns(110) + gone_ns)
    assert base + since_ns / NS_PER_S == pytest.approx(110, abs=1e-3)


def test_a_pause_that_pulses_and_raw_clock_share_is_no_tear():
    tie = tied()
    tie.take_stamp(130, pulse_ns(130), 5000)
    assert tie.tears == 0
    assert tie.torn_ns == 0
    assert abs(error_ns(tie, 131)) < 20_000


def test_the_first_pulse_after_a_gap_is_believed_at_once():
    tie = tied(30)
    late_ns = 20_000
    tie.take_stamp(430, pulse_ns(430) + late_ns, 5000)
    assert error_ns(tie, 430) == pytest.approx(-late_ns, abs=1)


def test_duplicated_pulses_are_dropped():
    tie, other = tied(), tied()
    tie.take_stamp(99, pulse_ns(99) + 3000, 5000)
    tie.take_stamp(50, pulse_ns(50), 5000)
    assert tie.at(pulse_ns(100)) == other.at(pulse_ns(100))


def test_a_restarted_board_is_tied_from_its_first_pulses():
    tie = tied()
    tie.restart()
    assert not tie.is_set
    tie.take_stamp(1, pulse_ns(200), 5000)
    tie.take_stamp(2, pulse_ns(201), 5000)
    assert tie.is_set
    assert tie.at(pulse_ns(202))[0] == 2


def stated(clock: TrustedClock, second: int, off_ns: int = 0) -> Instant:
    return clock.state(second * NS_PER_S, Instant(second * NS_PER_S + off_ns, 0, 100, 0))


def test_the_first_statement_is_the_estimate():
    clock = TrustedClock()
    assert stated(clock, 5, 77).tai_ns == 5 * NS_PER_S + 77


def test_an_estimate_behind_is_slewed_at_the_most_rate_and_the_rest_is_in_the_bound():
    clock = TrustedClock(slew_ppm=10)
    stated(clock, 1)
    told = [stated(clock, second, -60_000) for second in range(2, 30)]
    assert told[0].tai_ns == 2 * NS_PER_S
    assert told[0].bound_ns == 60_100
    assert told[0].rate_e12 == -10_000_000
    assert abs(told[-1].tai_ns - (29 * NS_PER_S - 60_000)) < 100


def test_an_estimate_far_ahead_is_stepped_to():
    clock = TrustedClock()
    stated(clock, 1)
    assert stated(clock, 2, 30 * NS_PER_S).tai_ns == 32 * NS_PER_S


def test_a_clock_that_forgot_begins_anywhere():
    clock = TrustedClock()
    stated(clock, 100)
    clock.forget()
    assert clock.stated_ns(NS_PER_S) is None
    assert stated(clock, 101, -50 * NS_PER_S).tai_ns == 51 * NS_PER_S


@given(
    offs_ns=st.lists(st.integers(-(10**8), 10**8), min_size=2, max_size=30),
    gap_ns=st.integers(1, 4 * NS_PER_S),
)
def test_what_readers_reckoned_is_never_taken_back_and_the_bound_holds(offs_ns, gap_ns):
    clock = TrustedClock()
    for place, off_ns in enumerate(offs_ns):
        raw_ns = place * gap_ns
        reckoned_ns = clock.stated_ns(raw_ns)
        told = clock.state(raw_ns, Instant(raw_ns + off_ns, 0, 100, 0))
        assert reckoned_ns is None or told.tai_ns >= reckoned_ns
        assert abs(told.tai_ns - raw_ns - off_ns) + 100 == told.bound_ns
        assert abs(told.rate_e12) <= 10_000_000


def test_stamps_after_lines_are_as_fine_at_once_as_they_are_alone():
    tie = PulseTie()
    for sequence in range(3):
        tie.take_line(sequence, sequence * NS_PER_S + LINE_DELAY_NS + 3_000_000)
    for sequence in range(8, 12):
        tie.take_stamp(sequence, sequence * NS_PER_S, 5_000)
    assert tie.uncertainty_ns(11 * NS_PER_S) < 10_000


def test_late_lines_do_not_leave_a_rate_that_no_crystal_has():
    tie = PulseTie()
    for sequence in range(2):
        tie.take_line(sequence, sequence * NS_PER_S + LINE_DELAY_NS + 4_000_000 * sequence)
    assert abs(tie.period_ns - NS_PER_S) <= 200_000
    for sequence in range(8, 20):
        tie.take_stamp(sequence, sequence * NS_PER_S, 5_000)
    assert abs(tie.period_ns - NS_PER_S) < 1000
    assert tie.uncertainty_ns(19 * NS_PER_S) < 10_000


def test_a_map_whose_rate_is_wrong_is_given_up_after_a_while():
    tie = PulseTie()
    for sequence in range(4):
        tie.take_stamp(sequence, sequence * NS_PER_S, 5_000)
    for sequence in range(4, 40):
        tie.take_stamp(sequence, round(sequence * NS_PER_S * (1 + 900e-6)), 5_000)
        tie.take_stamp(sequence, sequence * NS_PER_S, 5_000)
    for sequence in range(40, 60):
        tie.take_stamp(sequence, sequence * NS_PER_S + 7 * NS_PER_S // 10, 5_000)
    assert tie.uncertainty_ns(59 * NS_PER_S + 7 * NS_PER_S // 10) < 20_000


def test_lines_in_place_of_stamps_leave_the_learnt_rate_alone():
    tie = PulseTie()
    for sequence in range(200):
        tie.take_stamp(sequence, pulse_ns(sequence), 5_000)
    period_ns = tie.period_ns
    for sequence in range(206, 240):
        tie.take_line(sequence, pulse_ns(sequence) + LINE_DELAY_NS + 3_000_000)
    for sequence in range(240, 243):
        tie.take_stamp(sequence, pulse_ns(sequence), 5_000)
        assert abs(tie.period_ns - period_ns) < 200
        assert tie.uncertainty_ns(pulse_ns(sequence)) < 12_000
