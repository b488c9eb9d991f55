"""Accounts and kept answers in the registry."""

import attrs
import pytest
from kit.registry import row_id

from appliance.errors import Conflict, NotFound
from appliance.pki.states import AccountEvent, AccountState
from appliance.store.registry import accounts, idempotency
from appliance.store.registry.accounts import AccountFilter, AccountRow
from appliance.store.registry.idempotency import KeptAnswer


def account(number, **changes):
    row = AccountRow(row_id(number), f"his-{number}", "application", f"{number:064x}", number)
    return attrs.evolve(row, **changes)


def asked(key="k1", account="his", created_us=5, body_sm3="00" * 32):
    return KeptAnswer(account, key, "POST", "/v1/certificates", body_sm3, created_us)


def keep(database, *rows):
    for row in rows:
        database.run(lambda c, row=row: accounts.insert(c, row))


def test_account_is_found_by_token_and_by_name(database):
    rows = (account(1), account(2, expires_us=99, role="auditor"))
    keep(database, *rows)
    assert database.read(lambda c: accounts.get(c, row_id(1))) == rows[0]
    assert database.read(lambda c: accounts.find_by_token(c, f"{2:064x}")) == rows[1]
    assert database.read(lambda c: accounts.find_by_token(c, f"{3:064x}")) is None
    assert database.read(lambda c: accounts.find_by_name(c, "his-1")) == rows[0]
    assert database.read(lambda c: accounts.find_by_name(c, "his-9")) is None
    found = database.read(lambda c: accounts.find(c, AccountFilter()))
    assert found == [*reversed(rows)]
    assert database.read(lambda c: accounts.find(c, AccountFilter(role="auditor"))) == [rows[1]]


def test_name_and_token_are_kept_once(database):
    keep(database, account(1))
    for twin in (account(2, name="his-1"), account(2, token_sm3=f"{1:064x}")):
        with pytest.raises(Conflict):
            keep(database, twin)


def test_digest_of_a_token_is_not_shown(database):
    assert f"{7:064x}" not in repr(account(7))


def test_closed_account_stays_closed(database):
    keep(database, account(1))

    def move(state, event):
        return database.run(lambda c: accounts.move(c, row_id(1), (state, event)))

    assert move(AccountState.ACTIVE, AccountEvent.SUSPENDED) is AccountState.SUSPENDED
    assert move(AccountState.SUSPENDED, AccountEvent.CLOSED) is AccountState.CLOSED
    with pytest.raises(Conflict):
        move(AccountState.CLOSED, AccountEvent.RESTORED)


def test_new_token_takes_the_place_of_the_old(database):
    keep(database, account(1))
    database.run(lambda c: accounts.set_token(c, row_id(1), f"{8:064x}", 70))
    assert database.read(lambda c: accounts.find_by_token(c, f"{1:064x}")) is None
    found = database.read(lambda c: accounts.find_by_token(c, f"{8:064x}"))
    assert found == account(1, token_sm3=f"{8:064x}", expires_us=70)
    with pytest.raises(NotFound):
        database.run(lambda c: accounts.set_token(c, row_id(2), f"{9:064x}", None))


def test_key_is_taken_once_and_then_answers(database):
    assert database.run(lambda c: idempotency.claim(c, asked())) is None
    under_way = database.run(lambda c: idempotency.claim(c, asked(created_us=9)))
    assert under_way == asked()
    assert database.run(lambda c: idempotency.claim(c, asked(account="emr"))) is None
    database.run(lambda c: idempotency.settle(c, "his", "k1", 201, b"{}"))
    other = asked(body_sm3="11" * 32)
    kept = database.run(lambda c: idempotency.claim(c, other))
    assert kept == attrs.evolve(asked(), status=201, response=b"{}")
    assert kept.is_same_request(asked(created_us=9))
    assert not kept.is_same_request(other)
    with pytest.raises(Conflict):
        database.run(lambda c: idempotency.settle(c, "his", "k1", 500, b"other"))


def test_key_is_free_again_when_its_request_had_no_effect(database):
    for key in ("k1", "k2", "k3"):
        database.run(lambda c, key=key: idempotency.claim(c, asked(key)))
    database.run(lambda c: idempotency.settle(c, "his", "k3", 200, b""))
    database.run(lambda c: idempotency.abandon(c, "his", "k1"))
    database.run(lambda c: idempotency.abandon(c, "his", "k3"))
    assert database.run(lambda c: idempotency.claim(c, asked("k1"))) is None
    assert database.run(idempotency.abandon_all) == 2
    assert database.run(lambda c: idempotency.claim(c, asked("k2"))) is None
    assert database.run(lambda c: idempotency.claim(c, asked("k3"))).status == 200


def test_old_answers_are_forgotten_in_portions_and_those_under_way_are_not(database):
    for number in range(6):
        row = asked(f"k{number}", created_us=number)
        database.run(lambda c, row=row: idempotency.claim(c, row))
        if number:
            key = row.key
            database.run(lambda c, key=key: idempotency.settle(c, "his", key, 200, b""))
    forgotten = [database.run(lambda c: idempotency.forget(c, 4, limit=2)) for _ in range(3)]
    assert forgotten == [2, 1, 0]
    assert database.run(lambda c: idempotency.claim(c, asked("k0"))) is not None
    assert database.run(lambda c: idempotency.claim(c, asked("k4"))) is not None
