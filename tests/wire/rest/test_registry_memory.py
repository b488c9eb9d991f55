"""Answers kept by their keys in a registry on SQLite, from one process to the next."""

from pathlib import Path

import pytest
from kit.registration import Town, outcome, town

from appliance.errors import Conflict
from appliance.store.registry import idempotency
from appliance.wire.rest.dispatch import Asked, Kept
from appliance.wire.rooms.memory import RegistryMemory

ASKED = Asked("account", "key", "POST", "/v1/things", "a" * 64)
UNDER_WAY = Kept(is_same=True)
DONE = Kept(is_same=True, status=201, body=b'{"id": "\xe5\xbc\xa0\0"}')


@pytest.fixture
def place(tmp_path: Path) -> Town:
    return town(tmp_path)


def memory(place: Town) -> RegistryMemory:
    """Give the memory of a process that begins now."""
    return RegistryMemory(place.office())


def settle(place: Town, asked: Asked = ASKED) -> None:
    outcome(memory(place).claim(asked))
    outcome(memory(place).settle(asked, DONE.status, DONE.body))


def test_a_key_is_taken_once_and_then_under_way(place: Town) -> None:
    assert outcome(memory(place).claim(ASKED)) is None
    assert outcome(memory(place).claim(ASKED)) == UNDER_WAY


def test_an_answer_outlives_the_process_octet_by_octet(place: Town) -> None:
    settle(place)
    assert outcome(memory(place).claim(ASKED)) == DONE


def test_an_empty_answer_is_an_answer(place: Town) -> None:
    outcome(memory(place).claim(ASKED))
    outcome(memory(place).settle(ASKED, 200, b""))
    assert outcome(memory(place).claim(ASKED)) == Kept(is_same=True, status=200, body=b"")


@pytest.mark.parametrize(
    "other",
    [
        Asked("account", "key", "PUT", "/v1/things", "a" * 64),
        Asked("account", "key", "POST", "/v1/others", "a" * 64),
        Asked("account", "key", "POST", "/v1/things", "b" * 64),
    ],
)
def test_another_call_under_the_key_is_told_apart(place: Town, other: Asked) -> None:
    settle(place)
    kept = outcome(memory(place).claim(other))
    assert kept is not None
    assert not kept.is_same


def test_the_same_key_of_another_account_is_another_key(place: Town) -> None:
    settle(place)
    other = Asked("another", "key", "POST", "/v1/things", "a" * 64)
    assert outcome(memory(place).claim(other)) is None


def test_an_abandoned_key_is_free_and_a_settled_one_stays(place: Town) -> None:
    outcome(memory(place).claim(ASKED))
    outcome(memory(place).abandon(ASKED))
    settle(place)
    outcome(memory(place).abandon(ASKED))
    assert outcome(memory(place).claim(ASKED)) == DONE


def test_an_answer_is_settled_once(place: Town) -> None:
    settle(place)
    with pytest.raises(Conflict):
        outcome(memory(place).settle(ASKED, 200, b"another"))
    assert outcome(memory(place).claim(ASKED)) == DONE


def test_what_a_dead_process_had_under_way_is_free_at_the_next_start(place: Town) -> None:
    outcome(memory(place).claim(ASKED))
    assert place.database.run(idempotency.abandon_all) == 1
    assert outcome(memory(place).claim(ASKED)) is None


def test_the_longest_key_and_path_are_kept(place: Town) -> None:
    asked = Asked("a" * 32, "~" * 255, "POST", "/v1/" + "a" * 500, "f" * 64)
    settle(place, asked)
    assert outcome(memory(place).claim(asked)) == DONE
