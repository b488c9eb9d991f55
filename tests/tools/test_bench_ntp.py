"""What the bench of NTP asks and counts."""

from benches.ntp import REQUEST, Turn, best_of

from drivers.ntp.responder import decode_request


def test_the_request_is_one_that_is_answered() -> None:
    assert decode_request(REQUEST) is not None


def test_the_best_turn_counts() -> None:
    turns = [Turn(10.0, 0, 5.0), Turn(30.0, 2, 4.0), Turn(20.0, 0, 3.0)]
    assert best_of(turns) is turns[1]
    assert best_of([]) is None
