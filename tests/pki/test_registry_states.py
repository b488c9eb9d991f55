"""The tables of states: what has no row is refused by name, and the page tells the tables."""

import enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.cosign import registry_states
from appliance.errors import Conflict
from appliance.pki import states
from appliance.pki.states import CERTIFICATE, CertificateEvent, CertificateState, Machine

PAGE = Path(__file__).parents[2] / "docs" / "registry-states.md"
AnyMachine = Machine[Any, Any]
MACHINES: tuple[AnyMachine, ...] = (*states.MACHINES, *registry_states.MACHINES)


def events_of(machine: AnyMachine) -> type[enum.Enum]:
    return type(next(event for _, event in machine.table))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_is_reached_and_every_event_has_a_row(machine):
    reached, last = {machine.first}, set()
    while reached != last:
        last = set(reached)
        reached |= {new for (old, _), new in machine.table.items() if old in last}
    assert reached == set(type(machine.first))
    assert {event for _, event in machine.table} == set(events_of(machine))


@given(data=st.data(), machine=st.sampled_from(MACHINES))
def test_walk_of_events_follows_the_table_and_refuses_the_rest_by_name(data, machine):
    state = machine.first
    for event in data.draw(st.lists(st.sampled_from(list(events_of(machine))), max_size=12)):
        following = machine.table.get((state, event))
        if following is None:
            with pytest.raises(Conflict, match=rf"{event.name}.*{machine.name}.*{state.name}"):
                machine.after(state, event)
        else:
            assert machine.after(state, event) is following
            assert state in machine.sources(event)
            assert not machine.is_final(state)
            state = following


def test_final_states_are_those_the_word_says():
    finals = {
        machine.name: {state.value for state in type(machine.first) if machine.is_final(state)}
        for machine in MACHINES
    }
    assert finals == {
        "certificate": {"revoked", "expired"},
        "request": {"issued", "refused", "cancelled"},
        "job": {"done", "failed", "cancelled"},
        "job item": {"done"},
        "batch": {"imported", "cancelled"},
        "account": {"closed"},
        "user": {"closed"},
        "activation": {"used"},
        "device": {"revoked"},
        "task": {"done", "cancelled", "expired"},
        "task item": {"signed", "failed"},
    }


def test_revoked_certificate_never_comes_back():
    for event in CertificateEvent:
        with pytest.raises(Conflict):
            CERTIFICATE.after(CertificateState.REVOKED, event)


def test_page_of_the_docs_tells_the_tables():
    assert PAGE.read_text("utf-8") == states.page(MACHINES)
