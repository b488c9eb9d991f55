"""Whatever comes together, what is stated stays true within its bound and never runs back."""

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit.skies import SATELLITES, Sky

from drivers.api import Antenna, Oven


def lose_gps(sky: Sky) -> None:
    sky.gps.is_valid = False


def lose_beidou(sky: Sky) -> None:
    sky.beidou.is_valid = False


def cut_antenna(sky: Sky) -> None:
    for receiver in (sky.gps, sky.beidou):
        receiver.antenna, receiver.pulses = Antenna.OPEN, False


def step_gps(sky: Sky) -> None:
    sky.gps.pulse_error_ns = 800.0


def step_both(sky: Sky) -> None:
    sky.gps.pulse_error_ns = sky.beidou.pulse_error_ns = 20_000.0


def jam(sky: Sky) -> None:
    sky.gps.jamming = sky.beidou.jamming = 3
    sky.gps.pulse_error_ns = 3_000.0


def slip_a_second(sky: Sky) -> None:
    sky.beidou.second_error_s = -1


def lose_satellites(sky: Sky) -> None:
    sky.gps.satellites = SATELLITES[:3]


def silence_board(sky: Sky) -> None:
    sky.board_speaks = False


def drop_stamps(sky: Sky) -> None:
    sky.stamps = False


def cool_oven(sky: Sky) -> None:
    sky.oven = Oven.WARMING


def falsify_network(sky: Sky) -> None:
    sky.ntp_error_ns["ntp-a"] = 10**9


def restart_board(sky: Sky) -> None:
    sky.restart_board(-sky.phase_s)


def mend(sky: Sky) -> None:
    for receiver in (sky.gps, sky.beidou):
        receiver.is_valid = receiver.pulses = True
        receiver.antenna, receiver.jamming = Antenna.OK, 1
        receiver.pulse_error_ns, receiver.second_error_s = 0.0, 0
        receiver.satellites = SATELLITES
    sky.board_speaks = sky.stamps = True
    sky.oven = Oven.READY
    sky.ntp_error_ns["ntp-a"] = 0


FAULTS: list[Callable[[Sky], None]] = [
    lose_gps,
    lose_beidou,
    cut_antenna,
    step_gps,
    step_both,
    jam,
    slip_a_second,
    lose_satellites,
    silence_board,
    drop_stamps,
    cool_oven,
    falsify_network,
    restart_board,
    mend,
]


def is_knowable(script: list[tuple[Callable[[Sky], None], int]]) -> bool:
    """Tell whether a witness is left: all satellites may lie, or the oscillator be lost, not both.

    A step of 20 us is less than the raw clock may wander, so nothing could tell it then.
    """
    faults = {fault for fault, _ in script}
    return step_both not in faults or not faults & {restart_board, cool_oven}


@settings(max_examples=25, deadline=None)
@given(
    learned=st.sampled_from([1400, 2000]),
    script=st.lists(
        st.tuples(st.sampled_from(FAULTS), st.integers(1, 200)), min_size=1, max_size=8
    ).filter(is_knowable),
)
@example(learned=1400, script=[(drop_stamps, 16), (silence_board, 44), (mend, 1)])
def test_a_learned_clock_stays_within_its_bound_through_any_faults(learned, script):
    sky = Sky()
    sky.run(learned)
    for fault, seconds in script:
        fault(sky)
        sky.run(seconds)
        assert sky.worst_ratio <= 1, (fault.__name__, sky.statement)
