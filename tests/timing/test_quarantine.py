from hypothesis import given
from hypothesis import strategies as st

from appliance.quantities import NS_PER_S
from appliance.timing.sources.quarantine import HOLD_NS, DelayLine, is_drastic

MANY = tuple(f"G{number:02d}" for number in range(10))


def popped(line: DelayLine, until_s: int) -> list[tuple[int, list[int | None]]]:
    found = []
    while sample := line.pop(until_s * NS_PER_S):
        found.append((sample[1], sample[2]))
    return found


def test_a_sample_waits_five_seconds():
    line = DelayLine(1)
    line.push(0, 7, [1])
    assert line.pop(HOLD_NS - 1) is None
    assert line.pop(HOLD_NS) == (0, 7, [1])


@given(change_s=st.integers(0, 59))
def test_samples_within_five_seconds_of_a_change_are_dropped(change_s):
    line = DelayLine(2)
    found = []
    for second in range(60):
        if second == change_s:
            line.change(second * NS_PER_S, 0)
        line.push(second * NS_PER_S, second, [second, second])
        found += popped(line, second)
    found += popped(line, 100)
    assert [sequence for sequence, _ in found] == list(range(60))
    kept = [sequence for sequence, phases in found if phases[0] is not None]
    assert not [second for second in kept if abs(second - change_s) < 5]
    assert {second for second in range(60) if abs(second - change_s) > 5} <= set(kept)
    assert all(phases[1] is not None for _, phases in found)


def test_a_cleared_line_is_empty():
    line = DelayLine(1)
    line.push(0, 1, [1])
    line.clear()
    assert line.pop(10 * HOLD_NS) is None


def test_single_satellites_come_and_go_without_suspicion():
    assert not is_drastic(MANY, MANY)
    assert not is_drastic(MANY, MANY[1:])
    assert not is_drastic(MANY, (*MANY[1:], "G31"))
    assert not is_drastic(MANY, MANY[:5])


def test_the_loss_of_more_than_half_or_all_is_drastic():
    assert is_drastic(MANY, MANY[:4])
    assert is_drastic(MANY, ())
    assert is_drastic((), MANY)
    assert is_drastic(MANY, tuple(f"C{number:02d}" for number in range(10)))
