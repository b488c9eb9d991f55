"""Scenario files: what is read, what is refused and why, and what is done when."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.simulated_ears import Ears

from drivers.simulated import faults
from drivers.simulated.faults import Fault
from drivers.simulated.rig import MemoryRig
from drivers.simulated.scenario import BadScenario, Injection, read_scenario
from drivers.simulated.stage import CAST, GNSS_A, GNSS_B, REAL_TIME_CAST
from drivers.simulated.world import WorldSettings

EXAMPLES = sorted(Path(__file__).parents[2].glob("config/scenarios/*.toml"))

RAMP = """
about = "a ramp"
start = 2026-06-30T23:00:00Z

[[fault]]
at = 600.0
do = "spoof_ramp"
for = 3600.0
device = "gnss-a"
rate = 1e-9
"""


def test_a_fault_is_read_with_what_it_takes():
    scenario = read_scenario(RAMP, CAST)
    assert scenario.about == "a ramp"
    assert scenario.start_utc_s == 1_782_860_400
    ramp = faults.Ramp(rate=1e-9)
    assert scenario.injections == (Injection(Fault.SPOOF_RAMP, 600.0, 3600.0, (GNSS_A,), ramp),)


def test_without_a_device_every_one_that_it_bends_is_meant():
    scenario = read_scenario('[[fault]]\nat = 1.0\ndo = "jam"\n', CAST)
    assert scenario.injections[0].devices == (GNSS_A, GNSS_B)
    assert scenario.injections[0].lasts_s is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[[fault]\n", "line 1"),
        ("colour = 3\n", "colour"),
        ("start = 2026-06-30T23:00:00\n", "time zone"),
        ('[[fault]]\ndo = "jam"\n', "at"),
        ('[[fault]]\nat = -1.0\ndo = "jam"\n', "at"),
        ('[[fault]]\nat = 1.0\ndo = "rain"\n', "fault 1: no fault is called 'rain'"),
        ('[[fault]]\nat = 1.0\ndo = "jam"\nrate = 1.0\n', "rate"),
        ('[[fault]]\nat = 1.0\ndo = "spoof_ramp"\nrate = "fast"\n', "rate"),
        ('[[fault]]\nat = 1.0\ndo = "spoof_ramp"\nrate = 1.0\n', "rate"),
        ('[[fault]]\nat = 1.0\ndo = "jam"\ndevice = "modem"\n', "bends gnss-a, gnss-b"),
        ('[[fault]]\nat = 1.0\ndo = "unplug"\n', "needs `device`"),
        ('[[fault]]\nat = 1.0\ndo = "leap_second"\nchange = 2\n', "change"),
        ('[[fault]]\nat = 1.0\ndo = "jam"\nfor = "ever"\n', "for"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text, word):
    with pytest.raises(BadScenario) as refusal:
        read_scenario(text, CAST)
    assert word in str(refusal.value)


def test_the_clocks_of_a_real_host_are_not_bent():
    with pytest.raises(BadScenario, match="the host, which is not simulated"):
        read_scenario('[[fault]]\nat = 1.0\ndo = "raw_stall"\n', REAL_TIME_CAST)


@given(st.text(max_size=200) | st.sampled_from(RAMP.splitlines()).map(lambda s: s * 2))
def test_any_text_is_read_or_refused(text):
    try:
        read_scenario(text, CAST)
    except BadScenario:
        return


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_for_operators_are_sound(path):
    assert read_scenario(path.read_text(), CAST).injections


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


def test_a_world_begins_where_the_scenario_says():
    rig = MemoryRig(WorldSettings(), read_scenario(RAMP, CAST))
    assert rig.world.civil(rig.world.tai_s).utc_s == 1_782_860_400


def test_faults_begin_and_end_when_they_are_told_to():
    text = '[[fault]]\nat = 20.0\ndo = "pulse_missing"\nfor = 10.0\ndevice = "gnss-a"\n'
    ears = Ears(rig=MemoryRig(WorldSettings(), read_scenario(text, CAST)))
    ears.listen(60)
    missing = [tic.sequence for tic in ears.tics if tic.gps_ps is None]
    assert [each for each in missing if each > 10] == list(range(20, 30))
