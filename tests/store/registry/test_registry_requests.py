"""Requests and offline batches in the registry."""

import pytest
from kit.registry import certificate, request_row, row_id

from appliance.errors import Conflict, NotFound
from appliance.pki.states import BatchEvent, BatchState, RequestEvent, RequestState
from appliance.store.registry import batches, certificates, requests
from appliance.store.registry.batches import BatchFilter, BatchRow
from appliance.store.registry.requests import RequestFilter
from appliance.store.registry.rows import Cursor


def keep(database, *rows):
    database.run(lambda c: requests.insert(c, rows))


def batch(number=1):
    return BatchRow(row_id(number), "issuing", 600, created_us=number, updated_us=number)


def test_request_comes_back_as_it_was_put(database):
    database.run(lambda c: certificates.insert(c, [certificate(1), certificate(2)]))
    database.run(lambda c: batches.insert(c, batch(9)))
    row = request_row(
        1,
        road="offline",
        kind="rekey",
        device="手机",
        csr=b"\x30\x00\xff",
        renews=row_id(1),
        state=RequestState.ISSUED,
        certificate_id=row_id(2),
        reason="补发",
        batch_id=row_id(9),
    )
    keep(database, row, request_row(2))
    assert database.read(lambda c: requests.get(c, row_id(1))) == row
    assert database.read(lambda c: requests.get(c, row_id(2))) == request_row(2)
    with pytest.raises(Conflict):
        keep(database, request_row(2))
    assert database.read(lambda c: requests.find_one(c, row_id(2))) == request_row(2)
    assert database.read(lambda c: requests.find_one(c, row_id(3))) is None
    with pytest.raises(NotFound):
        database.read(lambda c: requests.get(c, row_id(3)))


def test_requests_are_listed_newest_first_by_filter(database):
    keep(
        database,
        *(request_row(number, owner_uid="a") for number in range(1, 6)),
        request_row(6, owner_uid="b", state=RequestState.POLLING, road="cmp"),
    )

    def found(after=None, **wanted):
        listed = database.read(
            lambda c: requests.find(c, RequestFilter(**wanted), after=after, limit=3)
        )
        return [int(row.id, 16) for row in listed]

    assert found() == [6, 5, 4]
    assert found(after=Cursor(4, row_id(4))) == [3, 2, 1]
    assert found(owner_uid="a") == [5, 4, 3]
    assert found(road="cmp") == [6]
    assert found(states=(RequestState.POLLING, RequestState.ISSUED)) == [6]
    oldest = database.read(lambda c: requests.find_oldest(c, RequestState.CREATED, ("builtin",), 2))
    assert [int(row.id, 16) for row in oldest] == [1, 2]
    assert database.read(requests.count_by_state) == {
        RequestState.CREATED: 5,
        RequestState.POLLING: 1,
    }
    counted = database.read(lambda c: requests.count_by_state(c, RequestFilter(owner_uid="b")))
    assert counted == {RequestState.POLLING: 1}


def test_step_of_a_request_keeps_what_came_with_it(database):
    database.run(lambda c: certificates.insert(c, [certificate(1)]))
    keep(database, request_row(1))

    def move(state, event, **details):
        return database.run(lambda c: requests.move(c, row_id(1), (state, event), 50, **details))

    state = move(RequestState.CREATED, RequestEvent.SUBMITTED, csr=b"csr")
    assert state is RequestState.SUBMITTED
    with pytest.raises(Conflict):
        move(RequestState.CREATED, RequestEvent.CANCELLED)
    with pytest.raises(Conflict, match="CANCELLED"):
        move(RequestState.SUBMITTED, RequestEvent.CANCELLED)
    move(RequestState.SUBMITTED, RequestEvent.ISSUED, certificate_id=row_id(1))
    found = database.read(lambda c: requests.get(c, row_id(1)))
    assert (found.csr, found.certificate_id, found.updated_us) == (b"csr", row_id(1), 50)


def test_request_cannot_name_a_certificate_that_is_not_there(database):
    with pytest.raises(Conflict):
        keep(database, request_row(1, certificate_id=row_id(5)))


def test_batch_goes_out_and_comes_back(database):
    database.run(lambda c: batches.insert(c, batch()))
    database.run(lambda c: batches.insert(c, batch(2)))

    def move(state, event, **details):
        return database.run(lambda c: batches.move(c, row_id(1), (state, event), 60, **details))

    move(BatchState.OPEN, BatchEvent.EXPORTED, manifest_sm3="ab" * 32)
    assert move(BatchState.EXPORTED, BatchEvent.PARTLY_IMPORTED) is BatchState.PARTIAL
    assert move(BatchState.PARTIAL, BatchEvent.IMPORTED) is BatchState.IMPORTED
    with pytest.raises(Conflict):
        move(BatchState.IMPORTED, BatchEvent.CANCELLED)
    found = database.read(lambda c: batches.get(c, row_id(1)))
    assert (found.manifest_sm3, found.updated_us, found.count) == ("ab" * 32, 60, 600)
    listed = database.read(lambda c: batches.find(c, BatchFilter(manifest_sm3="ab" * 32)))
    assert listed == [found]
    assert database.read(lambda c: batches.find(c, BatchFilter(), limit=1)) == [batch(2)]
