"""The signer's issuer: no token leaves without its row, and every request is answered."""

import threading

import pytest
from kit.clock import NOON, reading_at
from kit.issuing import BAD, GOOD, GUARD_S, World, running, serial_of, status_of
from kit.logs import logged
from twisted.logger import LogLevel

from appliance.asn1.tsp import PKIStatus
from appliance.services.issuing import LANE_LIMIT, THREADS_PER_LANE
from appliance.services.messages import StampAsk
from appliance.timing.trusted import NoTime

REJECTED = PKIStatus.REJECTION


def are_granted(responses: list[bytes]) -> bool:
    return all(status_of(response)[0] == PKIStatus.GRANTED for response in responses)


def are_refused(responses: list[bytes], words: str) -> bool:
    found = [status_of(response) for response in responses]
    return all(status == REJECTED and words in text for status, text in found)


# --- what is answered -----------------------------------------------------------------------------


def test_a_batch_is_answered_whole_and_in_order() -> None:
    with running() as world:
        world.submit("sm2", "p256", "gmt", "sm2")
        (responses,) = world.wait()
        kept = {stamp.serial: stamp.profile for stamp in world.ledger.kept}
        assert [kept[serial_of(each)] for each in responses] == ["sm2", "p256", "gmt", "sm2"]


def test_rejections_keep_their_places_among_tokens() -> None:
    with running() as world:
        asks = [("sm2", GOOD), ("sm2", BAD), ("p256", GOOD), ("nobody", GOOD), ("gmt", GOOD)]
        world.issuer.submit(
            [StampAsk(profile, octets, b"") for profile, octets in asks], world.answers.append
        )
        (responses,) = world.wait()
    granted, rejected, *more = [status_of(response)[0] for response in responses]
    assert [granted, rejected, *more] == [0, REJECTED, 0, REJECTED, 0]
    assert len(world.ledger.kept) == 3


def test_a_batch_of_rejections_is_answered_at_once() -> None:
    with running() as world:
        world.submit("sm2", "sm2", octets=BAD)
        assert len(world.answers) == 1
    assert world.ledger.kept == []


def test_without_time_nothing_is_signed() -> None:
    with running() as world:
        world.clock.reading = NoTime("no page")
        world.submit("sm2")
        assert are_refused(list(world.answers[0]), "no page")


def test_the_row_has_the_client_as_the_front_told_it() -> None:
    with running() as world:
        world.submit("sm2")
        world.wait()
    assert [stamp.client for stamp in world.ledger.kept] == [b"client"]


# --- durable before told --------------------------------------------------------------------------


def test_no_token_is_released_before_the_ledger_kept_it() -> None:
    with running() as world:
        world.ledger.gate.clear()
        world.submit("sm2", "p256", "gmt")
        for key in (world.sm2, world.p256):
            assert key.at_work.acquire(timeout=GUARD_S)
        assert world.reactor.handed.empty()
        assert world.ledger.kept == []
        world.ledger.gate.set()
        (responses,) = world.wait()
    assert {serial_of(each) for each in responses} == {each.serial for each in world.ledger.kept}


def test_what_waited_is_made_durable_in_one_commit() -> None:
    with running() as world:
        world.ledger.gate.clear()
        world.sm2.gate.clear()
        world.submit("sm2")
        assert world.sm2.at_work.acquire(timeout=GUARD_S)
        for _ in range(9):
            world.submit("sm2", "sm2")
        world.sm2.gate.set()
        assert world.sm2.at_work.acquire(timeout=GUARD_S)
        world.ledger.gate.set()
        world.wait(10)
    assert sum(world.ledger.batches) == 19
    assert len(world.ledger.batches) <= 3


def test_a_ledger_that_fails_fails_the_whole_batch_and_the_next_one_works() -> None:
    with running() as world, logged() as events:
        world.ledger.failures_left = 1
        world.submit("sm2", "gmt", "sm2")
        (responses,) = world.wait()
        assert are_refused(list(responses), "the ledger could not be written")
        assert world.ledger.kept == []
        world.submit("sm2")
        assert are_granted(list(world.wait(2)[1]))
    assert len(events) == 1


def test_a_ledger_that_goes_on_failing_is_told_of_once_until_it_works_again() -> None:
    with running() as world, logged(LogLevel.info) as events:
        for round_of_failures in (1, 2):
            world.ledger.failures_left = 3
            for _ in range(4):
                world.submit("sm2")
                world.wait(len(world.answers) + 1)
            told = [event["log_level"] for event in events]
            assert told == [LogLevel.critical, LogLevel.info] * round_of_failures
    assert len(world.ledger.kept) == 2


def test_a_ledger_that_cannot_be_opened_is_opened_later() -> None:
    world = World()
    world.ledger.openings_to_fail = 2
    with logged() as events:
        world.issuer.start()
        world.submit("sm2")
        (responses,) = world.wait()
        assert are_refused(list(responses), "the ledger could not be written")
        world.submit("sm2")
        assert are_granted(list(world.wait(2)[1]))
        world.issuer.stop()
    assert [event["log_level"] for event in events] == [LogLevel.critical]
    assert world.ledger.is_closed


def test_a_head_that_cannot_be_written_holds_up_no_token() -> None:
    with running() as world, logged() as events:
        world.ledger.is_rest_broken = True
        world.submit("sm2")
        assert are_granted(list(world.wait()[0]))
        world.submit("sm2")
        assert are_granted(list(world.wait(2)[1]))
        world.ledger.is_rest_broken = False
    assert events


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_that_fails_fails_its_batch_and_the_next_one_works() -> None:
    with running() as world, logged() as events:
        world.sm2.is_broken = True
        world.submit("sm2", "p256", "gmt")
        (responses,) = world.wait()
        assert are_refused([responses[0], responses[2]], "could not be signed")
        assert are_granted([responses[1]])
        world.sm2.is_broken = False
        world.submit("sm2")
        assert are_granted(list(world.wait(2)[1]))
    assert events


def test_a_slow_key_holds_up_no_other() -> None:
    with running() as world:
        world.p256.gate.clear()
        world.submit("p256")
        assert world.p256.at_work.acquire(timeout=GUARD_S)
        world.submit("sm2")
        (responses,) = world.wait()
        assert [stamp.profile for stamp in world.ledger.kept] == ["sm2"]
        assert are_granted(list(responses))
        world.p256.gate.set()
        world.wait(2)


def test_a_batch_over_two_keys_waits_for_both() -> None:
    with running() as world:
        world.p256.gate.clear()
        world.submit("sm2", "p256")
        world.reactor.run_until(lambda: len(world.ledger.kept) == 1)
        assert world.answers == []
        world.p256.gate.set()
        assert are_granted(list(world.wait()[0]))


def test_profiles_of_one_key_share_its_lane() -> None:
    assert len(World().issuer._threads) == 2 * THREADS_PER_LANE


def test_a_key_signs_one_batch_while_the_ledger_keeps_another() -> None:
    with running() as world:
        world.ledger.gate.clear()
        world.submit("sm2")
        assert world.sm2.at_work.acquire(timeout=GUARD_S)
        world.submit("sm2")
        assert world.sm2.at_work.acquire(timeout=GUARD_S)
        world.ledger.gate.set()
        assert are_granted([each for responses in world.wait(2) for each in responses])


# --- limits and the end ---------------------------------------------------------------------------


def fill(world: World, profile: str, *, later_us: int = 0) -> int:
    """Submit as much as a key may have waiting; gives the number of batches."""
    batches = LANE_LIMIT // 128
    for number in range(batches):
        world.clock.reading = reading_at(NOON.posix_us + later_us + 128 * number)
        world.submit(*[profile] * 128)
    return batches


def test_a_full_lane_is_an_overload_for_its_key_alone_and_empties_again() -> None:
    with running() as world:
        world.sm2.gate.clear()
        batches = fill(world, "sm2")
        world.submit("p256", "gmt")
        assert are_refused(list(world.answers[0]), "overload")
        world.submit("p256")
        assert are_granted(list(world.wait(2)[1]))
        world.sm2.gate.set()
        world.wait(2 + batches)
        assert not world.issuer._queued_of
        world.submit("gmt")
        assert are_granted(list(world.wait(3 + batches)[-1]))


def test_a_full_queue_is_an_overload_for_every_key() -> None:
    with running() as world:
        world.sm2.gate.clear()
        world.p256.gate.clear()
        fill(world, "sm2")
        fill(world, "p256", later_us=LANE_LIMIT)
        world.submit("nobody")
        assert are_refused(list(world.answers[0]), "overload")


@pytest.mark.parametrize("profile", ["sm2", "p256"])
def test_stopping_finishes_what_was_taken(profile: str) -> None:
    world = World()
    world.issuer.start()
    key = world.sm2 if profile == "sm2" else world.p256
    key.gate.clear()
    for _ in range(5):
        world.submit(profile, profile)
    stopper = threading.Thread(target=world.issuer.stop)
    stopper.start()
    key.gate.set()
    stopper.join(GUARD_S)
    assert not stopper.is_alive()
    assert are_granted([each for responses in world.wait(5) for each in responses])
    assert len(world.ledger.kept) == 10
    assert world.ledger.is_closed


def test_a_closed_issuer_refuses_what_comes_and_finishes_what_was_taken() -> None:
    with running() as world:
        world.sm2.gate.clear()
        world.submit("sm2")
        world.issuer.close()
        world.submit("sm2", "p256")
        assert are_refused(list(world.answers[0]), "stopping")
        world.sm2.gate.set()
        assert are_granted(list(world.wait(2)[1]))


def test_an_issuer_that_was_never_asked_stops() -> None:
    with running() as world:
        pass
    assert world.ledger.is_closed
