"""One supervisor to a state folder, and what is left when it was killed."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from appliance.daemon.places import Places
from appliance.daemon.roles.box import BoxRole
from appliance.daemon.roles.setting import Setting
from appliance.daemon.supervision.claim import Claim, withdraw_ready
from appliance.errors import Conflict
from appliance.settings import Settings

SUPERVISOR = 4711


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "state")
    made.make()
    return made


def write_ready(places: Places, supervisor: int = SUPERVISOR) -> None:
    facts = {"tsp_http": "http://box/tsa", "pids": {"supervisor": [supervisor], "front": [1, 2]}}
    places.ready.write_text(json.dumps(facts), "utf-8")


# --- the lock -------------------------------------------------------------------------------------


def test_a_second_claim_is_refused_and_told_whose_the_first_is(places: Places) -> None:
    claim = Claim.take(places.claim)
    told = f"process {os.getpid()} runs a box on {places.state}: stop it first"
    for _ in range(2):
        with pytest.raises(Conflict, match=told):
            Claim.take(places.claim)
    claim.release()


def test_a_claim_that_was_released_can_be_taken(places: Places) -> None:
    Claim.take(places.claim).release()
    Claim.take(places.claim).release()
    assert places.claim.read_text("ascii") == f"{os.getpid()}\n"


def test_a_box_on_a_folder_that_another_has_touches_nothing(places: Places) -> None:
    claim = Claim.take(places.claim)
    write_ready(places)
    before = {path: path.stat().st_mtime_ns for path in places.run.iterdir()}
    role = BoxRole(Setting(MemoryReactorClock(), Settings(), places, []))
    failures: list[object] = []
    Deferred.fromCoroutine(role.start()).addErrback(lambda why: failures.append(why.type))
    Deferred.fromCoroutine(role.stop())
    assert failures == [Conflict]
    assert {path: path.stat().st_mtime_ns for path in places.run.iterdir()} == before
    claim.release()


# --- what a killed supervisor leaves --------------------------------------------------------------


def test_the_ready_json_of_the_supervisor_that_is_gone_is_removed(places: Places) -> None:
    write_ready(places)
    withdraw_ready(places.ready, SUPERVISOR)
    assert not places.ready.exists()
    withdraw_ready(places.ready, SUPERVISOR)


def test_the_ready_json_of_its_successor_stays(places: Places) -> None:
    write_ready(places, SUPERVISOR + 1)
    withdraw_ready(places.ready, SUPERVISOR)
    assert places.ready.exists()


@given(octets=st.binary(max_size=60) | st.sampled_from([b"{}", b'{"pids": {}}', b"[]"]))
def test_what_is_no_ready_json_stays(
    octets: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "ready.json"
    path.write_bytes(octets)
    withdraw_ready(path, SUPERVISOR)
    assert path.read_bytes() == octets
