from kit.skies import Sky

from appliance.timing.trusted import ClockState, Leap


def test_a_warm_board_under_a_clear_sky_locks_within_ten_seconds():
    sky = Sky()
    states = [sky.advance().state for _ in range(10)]
    assert states[0] is ClockState.COLD
    assert states[-1] is ClockState.LOCKED
    assert sky.statement is not None
    assert sky.statement.leap is Leap.NONE
    assert sky.worst_ratio < 1


def test_a_clock_without_satellites_coasts_and_comes_back():
    sky = Sky()
    sky.run(1500)
    sky.gps.is_valid = sky.beidou.is_valid = False
    assert sky.run(30).state is ClockState.HOLDOVER
    sky.run(600)
    sky.gps.is_valid = sky.beidou.is_valid = True
    assert sky.run(30).state is ClockState.REACQUIRE
    assert sky.run(80).state is ClockState.LOCKED
    assert sky.worst_ratio < 1
