import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.timing.stability import adev, mtie, octaves, tdev

PHASES = st.lists(st.floats(-1e-3, 1e-3), min_size=3, max_size=60)


def nbs14_phases() -> list[float]:
    """NIST SP 1065 table 30: the 9-point set NBS14 of fractional frequencies, as phases."""
    phases = [0.0]
    for frequency in (892, 809, 823, 798, 671, 644, 883, 903, 677):
        phases.append(phases[-1] + frequency)
    return phases


@pytest.mark.parametrize(("m", "deviation"), [(1, 91.22945), (2, 85.95287)])
def test_the_nbs14_set_has_its_published_overlapping_allan_deviation(m, deviation):
    assert adev(nbs14_phases(), 1.0, m) == pytest.approx(deviation, rel=1e-6)


@pytest.mark.parametrize(("m", "deviation"), [(1, 52.67135), (2, 86.35831)])
def test_the_nbs14_set_has_its_published_time_deviation(m, deviation):
    assert tdev(nbs14_phases(), 1.0, m) == pytest.approx(deviation, rel=1e-6)


def test_a_constant_frequency_has_no_allan_deviation():
    phases = [1e-9 * second for second in range(100)]
    assert adev(phases, 1.0, 7) == pytest.approx(0, abs=1e-20)
    assert tdev(phases, 1.0, 7) == pytest.approx(0, abs=1e-20)
    assert mtie(phases, 7) == pytest.approx(7e-9)


def test_a_drift_has_the_allan_deviation_of_its_closed_form():
    phases = [0.5e-12 * second**2 for second in range(1000)]
    assert adev(phases, 1.0, 100) == pytest.approx(1e-12 * 100 / math.sqrt(2))


@given(phases=PHASES, m=st.integers(1, 30))
def test_mtie_is_the_widest_window_by_brute_force(phases, m):
    windows = [phases[start : start + m + 1] for start in range(len(phases) - m)]
    expected = max((max(each) - min(each) for each in windows), default=None)
    assert mtie(phases, m) == expected


@given(phases=PHASES, m=st.integers(1, 30), shift_s=st.floats(-1, 1))
def test_a_constant_phase_changes_nothing(phases, m, shift_s):
    moved = [phase + shift_s for phase in phases]
    for one, other in (
        (adev(phases, 1.0, m), adev(moved, 1.0, m)),
        (mtie(phases, m), mtie(moved, m)),
    ):
        assert (one is None) is (other is None)
        assert one is None or one == pytest.approx(other, abs=1e-12)


def test_too_short_a_record_has_no_deviation():
    assert adev([0.0, 1.0], 1.0, 1) is None
    assert tdev([0.0, 1.0], 1.0, 1) is None
    assert mtie([0.0], 1) is None
    assert adev([0.0] * 9, 1.0, 0) is None


def test_octaves_leave_enough_windows():
    assert octaves(100) == [1, 2, 4, 8, 16]
