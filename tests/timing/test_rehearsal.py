import math

import pytest

from appliance.errors import Malformed
from appliance.timing.holdover.kalman import Moments
from appliance.timing.holdover.rehearsal import HORIZONS_S, Rehearsals

HOUR_S = 3600.0


def still(phase_s=0.0, phase_var=1e-16, tempco=0.0):
    return Moments(phase_s, tempco, phase_var, 0.0, 0.0)


def predict(rehearsals, t_s, moments):
    rehearsals.predict(t_s, 0.0, [moments] * len(HORIZONS_S))


def test_a_miss_is_told_in_units_of_what_had_been_predicted():
    rehearsals = Rehearsals()
    predict(rehearsals, 0.0, still(phase_var=3e-16))
    (seen,) = rehearsals.judge(HOUR_S, 0.0, still(phase_s=6e-8, phase_var=1e-16), 0.0)
    assert (seen.horizon_s, seen.ratio) == (HOUR_S, pytest.approx(3.0))
    assert rehearsals.scores[0].rms_ratio == pytest.approx(3.0)
    assert rehearsals.scores[0].count == 1
    assert rehearsals.scores[1].count == 0


def test_nothing_is_judged_before_its_hour():
    rehearsals = Rehearsals()
    predict(rehearsals, 0.0, still())
    assert rehearsals.judge(HOUR_S - 1.0, 0.0, still(), 0.0) == ()
    assert all(score.rms_ratio == 1.0 for score in rehearsals.scores)


def test_what_temperature_did_meanwhile_is_allowed_for():
    rehearsals = Rehearsals()
    predict(rehearsals, 0.0, still(tempco=1e-11))
    (missed,) = rehearsals.judge(HOUR_S, 3600.0, still(phase_s=3.6e-8), 0.0)
    assert missed.ratio == pytest.approx(0.0)


def test_a_few_minutes_late_are_allowed_for_and_half_an_hour_is_not():
    rehearsals = Rehearsals()
    predict(rehearsals, 0.0, still())
    (missed,) = rehearsals.judge(HOUR_S + 600.0, 0.0, still(phase_s=6e-7), 1e-9)
    assert missed.ratio == pytest.approx(0.0)
    predict(rehearsals, 2 * HOUR_S, still())
    assert rehearsals.judge(3 * HOUR_S + 1801.0, 0.0, still(), 0.0) == ()


def test_predictions_are_made_once_an_hour():
    rehearsals = Rehearsals()
    assert rehearsals.is_due(0.0)
    predict(rehearsals, 0.0, still())
    assert not rehearsals.is_due(3599.0)
    assert rehearsals.is_due(3600.0)


def test_overlapping_rehearsals_count_as_what_they_are_worth():
    rehearsals = Rehearsals()
    for hour in range(80):
        predict(rehearsals, hour * HOUR_S, still())
        rehearsals.judge(hour * HOUR_S, 0.0, still(phase_s=2 * math.sqrt(2) * 1e-8), 0.0)
    by_horizon = dict(zip(HORIZONS_S, rehearsals.scores, strict=True))
    assert 60 < by_horizon[HOUR_S].weight < 80
    assert 2 < by_horizon[24 * HOUR_S].weight < 3
    assert by_horizon[72 * HOUR_S].weight < 0.2
    assert by_horizon[72 * HOUR_S].rms_ratio == pytest.approx(2.0)


def test_memories_of_other_horizons_are_refused():
    with pytest.raises(Malformed):
        Rehearsals.restore(None, ((),), ())
