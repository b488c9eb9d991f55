from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Conflict
from appliance.timing.keeping.states import TABLE, Event, after, diagram, table
from appliance.timing.trusted import MAY_ISSUE, ClockState

DOC = Path(__file__).parents[2] / "docs" / "clock-states.md"


@given(state=st.sampled_from(ClockState), event=st.sampled_from(Event))
def test_an_event_has_a_row_or_is_refused_by_name(state, event):
    if (state, event) in TABLE:
        assert after(state, event) is TABLE[state, event]
    else:
        with pytest.raises(Conflict, match=f"{event.name} in {state.name}"):
            after(state, event)


@given(events=st.lists(st.sampled_from(Event), max_size=40))
def test_time_is_told_only_after_it_was_fixed_or_resumed(events):
    state, was_fixed = ClockState.COLD, False
    for event in events:
        if (state, event) in TABLE:
            was_fixed = was_fixed or event in (Event.FIXED, Event.FIXED_UNCHECKED, Event.RESUMED)
            state = after(state, event)
        assert was_fixed or state not in MAY_ISSUE


def test_every_state_is_reached_and_left():
    assert set(TABLE.values()) == set(ClockState)
    assert {state for state, _ in TABLE} == set(ClockState)


def test_every_event_has_a_row():
    assert {event for _, event in TABLE} == set(Event)


def test_every_state_that_tells_time_can_lose_trust():
    assert all((state, Event.TRUST_LOST) in TABLE for state in MAY_ISSUE)


def test_the_documented_diagram_and_table_are_the_ones_of_the_code():
    text = DOC.read_text("utf-8")
    assert diagram() in text
    assert table() in text
