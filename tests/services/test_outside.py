"""What `timed` takes from a front."""

from typing import Any

import attrs
import msgspec
import pytest

from appliance.services.messages import OutsideReadings, TimeReport
from appliance.services.outside import outside_readings
from drivers.api import Constellation, GnssEpoch, LeapNotice, NtpSample, Reading

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
EPOCH = GnssEpoch(
    source="gpsd",
    raw_ns=NOW_NS,
    is_simulated=True,
    constellation=Constellation.MIXED,
    is_valid=True,
    utc_s=1_795_396_504,
    satellites=("G01", "C23"),
)
KNOWN = frozenset({"ntp.example", "gpsd"})


def taken(*, ntp: tuple[NtpSample, ...] = (), gnss: tuple[GnssEpoch, ...] = ()) -> list[Reading]:
    found: list[Reading] = []
    frame = OutsideReadings(ntp=list(ntp), gnss=list(gnss))
    refused = outside_readings(frame, found.append, KNOWN, raw_ns=NOW_NS)
    assert refused == len(ntp) + len(gnss) - len(found)
    return found


def test_readings_cross_between_processes_as_they_are() -> None:
    frame = OutsideReadings(ntp=[SAMPLE], gnss=[EPOCH])
    octets = msgspec.msgpack.encode(frame)
    assert msgspec.msgpack.Decoder(TimeReport).decode(octets) == frame


def test_readings_of_configured_sources_are_handed_on() -> None:
    assert taken(ntp=(SAMPLE,), gnss=(EPOCH,)) == [SAMPLE, EPOCH]


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
    assert taken(ntp=(SAMPLE, attrs.evolve(SAMPLE, **changes))) == [SAMPLE]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "gnss-a"},
        {"raw_ns": NOW_NS + 1},
        {"utc_s": -1},
        {"utc_s": 1 << 40},
        {"satellites": ("G01",) * 201},
    ],
    ids=["unknown", "of the future", "before 1970", "far off", "too many satellites"],
)
def test_an_epoch_that_no_source_of_ours_gives_is_refused(changes: dict[str, Any]) -> None:
    assert taken(gnss=(attrs.evolve(EPOCH, **changes), EPOCH)) == [EPOCH]


def test_an_epoch_without_a_date_is_handed_on() -> None:
    undated = attrs.evolve(EPOCH, utc_s=None, is_valid=False)
    assert taken(gnss=(undated,)) == [undated]
