"""Jobs in the registry: items are taken once, and after a kill done anew."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.registry import request_row, row_id

from appliance.errors import Conflict, NotFound
from appliance.pki.states import ItemEvent, ItemState, JobEvent, JobState
from appliance.store.registry import jobs, requests
from appliance.store.registry.jobs import ItemRow, JobFilter, JobRow, Outcome
from appliance.store.registry.rows import Cursor

START = (JobState.QUEUED, JobEvent.STARTED)
NUMBERS = itertools.count(1)  # the examples of a property share their registry


def job(number=1, total=5, **changes):
    fields = {
        "id": row_id(number),
        "kind": "renew",
        "total": total,
        "parameters": {"days": 30, "authority": "issuing", "rekey": False},
        "created_by": "operator",
        "created_us": number,
        "updated_us": number,
    }
    return JobRow(**{**fields, **changes})


def items(number=1, total=5):
    return [ItemRow(row_id(number), position) for position in range(total)]


def begin(database, number=1, total=5):
    database.run(lambda c: jobs.insert(c, job(number, total), items(number, total)))
    database.run(lambda c: jobs.move(c, row_id(number), START, 10))


def claim(database, limit, number=1):
    return [item.position for item in database.run(lambda c: jobs.claim(c, row_id(number), limit))]


def settle(database, *outcomes, number=1):
    return database.run(lambda c: jobs.settle(c, row_id(number), outcomes, 20))


def test_job_comes_back_as_it_was_put(database):
    rows = [ItemRow(row_id(1), 0), ItemRow(row_id(1), 1, request_id=row_id(7), detail="第二")]
    database.run(lambda c: requests.insert(c, [request_row(7)]))
    database.run(lambda c: jobs.insert(c, job(total=2), rows))
    assert database.read(lambda c: jobs.get(c, row_id(1))) == job(total=2)
    assert database.read(lambda c: jobs.find_items(c, row_id(1))) == rows
    assert database.read(lambda c: jobs.find_items(c, row_id(1), after=0)) == rows[1:]
    with pytest.raises(Conflict):
        database.run(lambda c: jobs.insert(c, job(), []))
    with pytest.raises(NotFound):
        database.read(lambda c: jobs.get(c, row_id(2)))


def test_jobs_are_listed_newest_first(database):
    for number in range(1, 6):
        begin(database, number, total=0)
    database.run(lambda c: jobs.insert(c, job(6, kind="import"), []))

    def found(after=None, **wanted):
        listed = database.read(lambda c: jobs.find(c, JobFilter(**wanted), after=after, limit=2))
        return [int(row.id, 16) for row in listed]

    assert found() == [6, 5]
    assert found(after=Cursor(5, row_id(5))) == [4, 3]
    assert found(states=(JobState.QUEUED,), created_by="operator") == [6]
    assert found(kind="renew") == [5, 4]


def test_items_are_taken_in_order_and_once(database):
    begin(database)
    assert claim(database, 2) == [0, 1]
    assert claim(database, 2) == [2, 3]
    assert claim(database, 2) == [4]
    assert claim(database, 2) == []


def test_items_of_a_paused_job_wait_and_what_was_started_still_counts(database):
    begin(database)
    claim(database, 1)
    step = (JobState.RUNNING, JobEvent.PAUSED)
    database.run(lambda c: jobs.move(c, row_id(1), step, 11))
    assert claim(database, 1) == []
    assert settle(database, Outcome(0, ItemEvent.FINISHED)).done == 1


def test_outcomes_are_counted_and_kept(database):
    begin(database)
    claim(database, 3)
    after = settle(
        database,
        Outcome(0, ItemEvent.FINISHED),
        Outcome(1, ItemEvent.FAILED, "上游拒绝"),
        Outcome(2, ItemEvent.FINISHED, "ok"),
    )
    assert (after.done, after.failed, after.updated_us) == (2, 1, 20)
    found = database.read(lambda c: jobs.find_items(c, row_id(1)))
    assert [item.state for item in found] == [
        ItemState.DONE,
        ItemState.FAILED,
        ItemState.DONE,
        ItemState.WAITING,
        ItemState.WAITING,
    ]
    assert found[1].detail == "上游拒绝"


def test_outcome_of_an_item_that_is_not_started_changes_nothing(database):
    begin(database)
    claim(database, 1)
    with pytest.raises(Conflict, match="STARTED"):
        settle(database, Outcome(0, ItemEvent.FINISHED), Outcome(1, ItemEvent.FINISHED))
    assert database.read(lambda c: jobs.get(c, row_id(1))).done == 0
    settle(database, Outcome(0, ItemEvent.FINISHED))
    with pytest.raises(Conflict):
        settle(database, Outcome(0, ItemEvent.FINISHED))


def test_failed_items_wait_again_when_an_operator_says_so(database):
    begin(database, total=2)
    claim(database, 2)
    settle(database, Outcome(0, ItemEvent.FAILED), Outcome(1, ItemEvent.FAILED))
    assert database.run(lambda c: jobs.retry_failed(c, row_id(1), 30)) == 2
    assert database.read(lambda c: jobs.get(c, row_id(1))).failed == 0
    assert claim(database, 9) == [0, 1]
    settle(database, Outcome(0, ItemEvent.FAILED), Outcome(1, ItemEvent.FINISHED))
    database.run(lambda c: jobs.move(c, row_id(1), (JobState.RUNNING, JobEvent.FINISHED), 31))
    with pytest.raises(Conflict, match="DONE"):
        database.run(lambda c: jobs.retry_failed(c, row_id(1), 32))


def test_recovery_gives_back_what_was_started_and_names_the_jobs_to_go_on_with(database):
    for number in (1, 2, 3):
        begin(database, number, total=2)
        claim(database, 1, number)
    database.run(lambda c: jobs.move(c, row_id(2), (JobState.RUNNING, JobEvent.PAUSED), 11))
    database.run(lambda c: jobs.move(c, row_id(3), (JobState.RUNNING, JobEvent.CANCELLED), 11))
    database.run(lambda c: jobs.insert(c, job(4), []))
    assert database.run(lambda c: jobs.recover(c, 40)) == [row_id(1), row_id(4)]
    database.run(lambda c: jobs.move(c, row_id(1), START, 41))
    assert claim(database, 9, 1) == [0, 1]
    assert database.read(lambda c: jobs.get(c, row_id(2))).state is JobState.PAUSED
    assert database.read(lambda c: jobs.get(c, row_id(3))).state is JobState.CANCELLED


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12))
def test_job_killed_anywhere_does_every_item_and_counts_it_once(database, plan):
    number, total, done = next(NUMBERS), 12, []
    begin(database, number, total)
    for limit, is_killed in (*plan, (total, False)):
        taken = claim(database, limit, number)
        if is_killed:
            database.run(lambda c: jobs.recover(c, 50))
            database.run(lambda c: jobs.move(c, row_id(number), START, 51))
        else:
            settle(database, *(Outcome(at, ItemEvent.FINISHED) for at in taken), number=number)
            done += taken
    assert done == list(range(total))
    assert database.read(lambda c: jobs.get(c, row_id(number))).done == total
