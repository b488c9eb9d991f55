"""Accounts: a token is shown once, and is worth nothing when it should not be."""

import pytest
from kit.registration import outcome, town

from appliance.errors import Conflict, Malformed
from appliance.pki.states import AccountEvent
from appliance.services.registration.accounts import AccountDesk, Role
from appliance.store.registry import accounts
from appliance.store.registry.accounts import AccountFilter


@pytest.fixture
def place(tmp_path):
    """Give an office on a fresh registry."""
    return town(tmp_path)


def test_a_token_finds_its_account_and_is_not_kept(place):
    desk = AccountDesk(place.office())
    account, token = outcome(desk.open("ada", Role.OPERATOR))
    assert outcome(desk.authenticate(token)) == account
    assert outcome(desk.authenticate(token + "x")) is None
    (row,) = place.database.read(lambda connection: accounts.find(connection, AccountFilter()))
    assert token not in str(row)
    assert token not in row.token_sm3


def test_a_suspended_a_closed_and_an_expired_account_have_no_token(place):
    desk = AccountDesk(place.office())
    account, token = outcome(desk.open("ada", Role.AUDITOR))
    outcome(desk.step(account.id, AccountEvent.SUSPENDED))
    assert outcome(desk.authenticate(token)) is None
    outcome(desk.step(account.id, AccountEvent.RESTORED))
    assert outcome(desk.authenticate(token)) is not None
    outcome(desk.step(account.id, AccountEvent.CLOSED))
    assert outcome(desk.authenticate(token)) is None
    end_us = place.posix_us + 10
    _, token = outcome(desk.open("bob", Role.APPLICATION, expires_us=end_us))
    assert outcome(desk.authenticate(token)) is not None
    place.posix_us = end_us
    assert outcome(desk.authenticate(token)) is None


def test_a_new_token_ends_the_old_one(place):
    desk = AccountDesk(place.office())
    account, old = outcome(desk.open("ada", Role.OPERATOR))
    new = outcome(desk.replace_token(account.id))
    assert outcome(desk.authenticate(old)) is None
    assert outcome(desk.authenticate(new)).id == account.id


def test_a_name_is_taken_once_and_can_be_read(place):
    desk = AccountDesk(place.office())
    outcome(desk.open("ada", Role.OPERATOR))
    with pytest.raises(Conflict):
        outcome(desk.open("ada", Role.AUDITOR))
    for name in ("", "  ", "a\nb"):
        with pytest.raises(Malformed):
            outcome(desk.open(name, Role.AUDITOR))


def test_a_demo_credential_is_adopted_again_and_again(place):
    desk = AccountDesk(place.office())
    for token in ("first", "first", "second"):
        outcome(desk.adopt("demo-operator", Role.OPERATOR, token))
        assert outcome(desk.authenticate(token)).name == "demo-operator"
    assert outcome(desk.authenticate("first")) is None
