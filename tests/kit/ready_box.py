"""A box that is READY, its oscillator learned for days: where most scenarios begin."""

from __future__ import annotations

from typing import Any

from appliance.timing.trusted import ClockState
from drivers.simulated.stage import GNSS_A, GNSS_B
from drivers.simulated.truth import Grade
from drivers.simulated.world import WorldSettings
from kit.virtual_timed import VirtualTimed

RECEIVERS = (GNSS_A, GNSS_B)
READY_S = 180


def ready(
    *,
    days: float = 5.0,
    seed: int = 1,
    grade: Grade = Grade.TYPICAL,
    warm_up_speed: float = 1.0,
    **config: Any,
) -> VirtualTimed:
    """Give a box that follows both constellations."""
    settings = WorldSettings(seed=seed, grade=grade, warm_up_speed=warm_up_speed)
    run = VirtualTimed.learned(days, settings, **config)
    run.go_until(ClockState.READY, most_s=READY_S)
    run.go(10)
    return run
