"""What `timed` takes from a front."""

from typing import Any

import attrs
import msgspec
import pytest

from appliance.services.clock.outside import outside_readings
from appliance.services.messages import OutsideReadings, TimeReport
from drivers.api import LeapNotice, NtpSample, Reading

NOW_NS = 500 * 10**9
SAMPLE = NtpSample(
    source="ntp.example",
    raw_ns=NOW_NS - 10**9,
    is_simulated=False,
    utc_ns=1_795_396_504 * 10**9,
    delay_ns=20_000_000,
    root_delay_ns=1_000_000,
    root_dispersion_ns=500_000,
    stratum=2,
    leap=LeapNotice.NONE,
)
KNOWN = frozenset({"ntp.example", "gpsd"})


def taken(*samples: NtpSample) -> list[Reading]:
    found: list[Reading] = []
    frame = OutsideReadings(ntp=list(samples))
    refused = outside_readings(frame, found.append, KNOWN, raw_ns=NOW_NS)
    assert refused == len(samples) - len(found)
    return found


def test_readings_cross_between_processes_as_they_are() -> None:
    frame = OutsideReadings(ntp=[SAMPLE])
    octets = msgspec.msgpack.encode(frame)
    assert msgspec.msgpack.Decoder(TimeReport).decode(octets) == frame


def test_samples_of_configured_sources_are_handed_on() -> None:
    gpsd = attrs.evolve(SAMPLE, source="gpsd")
    assert taken(SAMPLE, gpsd) == [SAMPLE, gpsd]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "gnss-a"},
        {"raw_ns": NOW_NS + 1},
        {"raw_ns": NOW_NS - 10 * 10**9 - 1},
        {"utc_ns": 0},
        {"utc_ns": 1 << 62},
        {"delay_ns": -1},
        {"delay_ns": 2_000_000_001},
        {"root_delay_ns": -1},
        {"root_dispersion_ns": -1},
        {"root_dispersion_ns": 1 << 40},
        {"stratum": 0},
        {"stratum": 16},
    ],
    ids=str,
)
def test_a_sample_that_no_source_of_ours_gives_is_refused(changes: dict[str, Any]) -> None:
    assert taken(SAMPLE, attrs.evolve(SAMPLE, **changes)) == [SAMPLE]
