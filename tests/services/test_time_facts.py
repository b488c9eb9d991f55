"""What the clock tells on its socket."""

import attrs
import msgspec

from appliance.quantities import NS_PER_S, Provenance
from appliance.services.clock.time_facts import status_facts
from appliance.timing.alarms import Alarm
from appliance.timing.keeping.config import EnsembleStatus, SourceStatus
from appliance.timing.keeping.states import Cause
from appliance.timing.trusted import ClockState

STATUS = EnsembleStatus(
    state=ClockState.HOLDOVER,
    cause=Cause.LOST,
    since_raw_ns=NS_PER_S,
    provenance=Provenance.HARDWARE,
    offset_ns=5,
    bound_ns=10_001,
    learned_s=5400.0,
    sources=(SourceStatus("gnss-a", "gnss:gps", False, "antenna"),),
    agreeing=frozenset({"oscillator"}),
    dissenting=frozenset(),
    vanished=((72, 71_400),),
    alarms=frozenset({Alarm.ANTENNA}),
)


def test_the_status_is_told_in_plain_values_with_bounds_rounded_up() -> None:
    facts = status_facts(STATUS, 11 * NS_PER_S)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts)) == facts
    assert (facts["state"], facts["cause"]) == ("HOLDOVER", "no satellites")
    assert (facts["since_s"], facts["bound_us"], facts["learned_h"]) == (10, 11, 1.5)
    assert facts["if_satellites_vanished_now"] == [{"hours": 72, "bound_us": 72}]


def test_without_time_there_is_no_bound_to_tell() -> None:
    cold = attrs.evolve(STATUS, state=ClockState.COLD, bound_ns=None)
    assert status_facts(cold, 0)["bound_us"] is None


def test_alarms_are_told_in_both_languages() -> None:
    (alarm,) = status_facts(STATUS, 0)["alarms"]  # type: ignore[misc]
    assert alarm == {
        "name": "ANTENNA",
        "english": Alarm.ANTENNA.english,
        "chinese": Alarm.ANTENNA.chinese,
    }
