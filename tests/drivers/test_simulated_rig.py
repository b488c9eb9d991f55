"""The rig in virtual time: what its seed settles, its clocks, its lines, and what bends them."""

import math
import statistics
from itertools import islice

import pytest
from kit.simulated_ears import Ears

from drivers.oscillator import ocb
from drivers.oscillator.ocb import Verb
from drivers.pps.recorded import decode_record
from drivers.simulated import faults
from drivers.simulated.faults import Bends, Fault
from drivers.simulated.rig import MemoryRig
from drivers.simulated.scenario import read_scenario
from drivers.simulated.stage import CAST, GNSS_A, GNSS_B, MODEM, OCXO, PPS
from drivers.simulated.world import LeapSecond, World, WorldSettings, civil_second

NS_PER_S = 10**9


def seconds(rig, count):
    return [heard for _ in range(count) for heard in rig.second()]


# --- what the seed settles ------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_octets_at_the_same_instants():
    first, second = (seconds(MemoryRig(WorldSettings(seed=5)), 100) for _ in range(2))
    assert first == second


def test_another_seed_gives_other_octets():
    first, second = (seconds(MemoryRig(WorldSettings(seed=seed)), 20) for seed in (5, 6))
    assert first != second


def test_a_fault_of_one_device_does_not_change_what_the_others_say():
    healthy, sick = Ears(), Ears()
    sick.begin(Fault.ANTENNA_CUT, GNSS_A)
    for each in (healthy, sick):
        each.listen(50)
    assert [t.beidou_ps for t in healthy.tics] == [t.beidou_ps for t in sick.tics]


# --- the oscillator and the receivers, by their statistics ----------------------------------------


def adev(phases_s, tau):
    """Overlapping Allan deviation of phases a second apart."""
    triples = zip(phases_s, phases_s[tau:], phases_s[2 * tau :], strict=False)
    squares = [(c - 2 * b + a) ** 2 for a, b, c in triples]
    return math.sqrt(sum(squares) / len(squares) / 2) / tau


def test_the_oscillator_has_the_stability_of_its_kind():
    world = World(WorldSettings(seed=3))
    phases_s = []
    for _ in range(6000):
        world.advance((world.tai_s + 1) * NS_PER_S)
        phases_s.append(world.phase_s)
    assert adev(phases_s, 1) == pytest.approx(1.57e-11, rel=0.1)
    assert adev(phases_s, 100) < 8e-12


def test_pulses_of_receivers_scatter_by_some_tens_of_nanoseconds():
    ears = Ears()
    ears.listen(2000)
    between_ps = [t.gps_ps - t.beidou_ps for t in ears.tics if t.gps_ps and t.beidou_ps]
    assert 25_000 < statistics.pstdev(between_ps) < 60_000


# --- the host's clocks ----------------------------------------------------------------------------


def test_arrivals_are_in_order_and_the_truth_is_told_of_each():
    rig = MemoryRig(WorldSettings())
    for _ in range(100):
        arrivals = [heard.raw_ns for heard in rig.second()]
        assert arrivals == sorted(arrivals)
        for raw_ns in arrivals:
            assert 0 < rig.truth_tai_ns(raw_ns) - rig.stage.now_tai_ns < NS_PER_S


def test_the_raw_clock_runs_by_its_error():
    rig = MemoryRig(WorldSettings(raw_ppm=15.0))
    first_ns = rig.raw_ns
    seconds(rig, 1000)
    assert rig.raw_ns - first_ns == pytest.approx(1000 * NS_PER_S * (1 + 15e-6), abs=500_000)


def test_pulses_are_stamped_by_realtime_a_little_late():
    rig = MemoryRig(WorldSettings())
    pulses = [heard for heard in seconds(rig, 300) if heard.source == PPS]
    late_ns = []
    for heard in pulses[-100:]:
        record = decode_record(heard.octets)
        utc_ns = record.real_ns - rig.world.host.realtime_offset_ns
        late_ns.append((utc_ns + NS_PER_S // 2) % NS_PER_S - NS_PER_S // 2)
    assert 1_000 < statistics.median(late_ns) < 10_000
    assert [decode_record(each.octets).sequence for each in pulses] == list(range(1, 301))


def test_a_step_of_realtime_leaves_raw_alone():
    rig = MemoryRig(WorldSettings())
    rig.second()
    before_ns = rig.realtime_ns(rig.raw_ns)
    rig.stage.devices["host"].begin(Fault.REALTIME_STEP, faults.Offset(offset_ns=-5 * NS_PER_S))
    rig.second()
    assert rig.realtime_ns(rig.raw_ns) - before_ns == pytest.approx(-4 * NS_PER_S, abs=100_000)


def test_a_stalled_host_hears_all_at_once_when_it_goes_on():
    rig = MemoryRig(WorldSettings())
    rig.second()
    host = rig.stage.devices["host"]
    host.begin(Fault.RAW_STALL, faults.Nothing())
    before_ns = rig.raw_ns
    assert seconds(rig, 30) == []
    assert rig.raw_ns - before_ns < 2 * NS_PER_S
    host.end(Fault.RAW_STALL)
    bulk = [heard for heard in rig.second() if heard.source == OCXO]
    assert len(bulk) >= 30
    assert max(heard.raw_ns for heard in bulk) - bulk[0].raw_ns < 2 * NS_PER_S


def test_a_rebooted_host_missed_what_was_said_and_counts_anew():
    ears = Ears()
    ears.listen(200)
    ears.begin(Fault.HOST_REBOOT, "host")
    ears.listen(60)
    said = len(ears.tics)
    ears.end(Fault.HOST_REBOOT, "host")
    ears.listen(5)
    assert ears.rig.raw_ns < 60 * NS_PER_S
    assert ears.tics[said].sequence - ears.tics[said - 1].sequence in {61, 62}
    raw_ns = ears.heard[-1].raw_ns
    assert abs(ears.rig.truth_tai_ns(raw_ns) - ears.rig.stage.now_tai_ns) < NS_PER_S


def test_what_is_written_between_arrivals_is_answered_in_time():
    rig = MemoryRig(WorldSettings())
    heard = rig.heard()
    before = next(each for each in heard if each.source == OCXO)
    rig.write(OCXO, ocb.encode_request(ocb.Request(3, Verb.ID)))
    after = next(each for each in islice(heard, 10) if each.source == OCXO)
    assert after.octets.startswith(b"+3,")
    assert 0 < after.raw_ns - before.raw_ns < 50_000_000


# --- serial lines ---------------------------------------------------------------------------------


def bent(fault, count=20):
    ears = Ears()
    ears.listen(10)
    ears.begin(fault, GNSS_A, OCXO)
    ears.listen(count)
    return ears


def test_garbage_between_frames_costs_no_frame():
    ears = bent(Fault.GARBAGE)
    assert len(ears.epochs[GNSS_A]) >= 25
    assert any(len(each.octets) > 400 for each in ears.heard)


def test_a_flipped_bit_is_never_taken_for_a_frame():
    ears, healthy = bent(Fault.BAD_CHECKSUM), Ears()
    healthy.listen(30)
    assert ears.misframed + ears.garbled >= 10
    assert {each.sequence for each in ears.tics} < {each.sequence for each in healthy.tics}
    assert all(each in healthy.tics for each in ears.tics)


def test_split_lines_are_whole_again():
    ears = bent(Fault.SPLIT)
    assert ears.misframed == ears.garbled == 0
    assert len(ears.tics) == 30
    assert sum(each.source == OCXO for each in ears.heard) > 100


def test_merged_lines_come_two_seconds_at_a_time():
    ears = bent(Fault.MERGED)
    assert len(ears.tics) == 30
    assert sum(each.source == OCXO for each in ears.heard) == 20


def test_overlong_lines_are_dropped():
    ears = bent(Fault.OVERLONG)
    assert ears.misframed >= 15
    assert len(ears.epochs[GNSS_A]) >= 25
    assert {each.sequence for each in ears.statuses} >= set(range(11, 31))


def test_an_unplugged_device_neither_speaks_nor_hears():
    ears = bent(Fault.UNPLUG)
    ears.rig.write(OCXO, ocb.encode_request(ocb.Request(3, Verb.ID)))
    ears.listen(2)
    assert len(ears.tics) == 10
    assert ears.answers == []
    ears.end(Fault.UNPLUG, GNSS_A, OCXO)
    ears.listen(2)
    assert len(ears.tics) == 12


# --- leap seconds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [1, -1])
def test_seconds_around_a_leap_second_are_labelled_as_the_standard_says(change):
    midnight = 86_400 * 20_000
    leap = LeapSecond(midnight, change)
    labels = [civil_second(midnight + 37 + d, 37, leap) for d in range(-3, 3)]
    told = [(each.utc_s - midnight, each.is_leap, each.tai_utc_s - 37) for each in labels]
    if change == 1:
        middle = [(-1, False, 0), (0, True, 0), (0, False, 1), (1, False, 1)]
        assert told == [(-3, False, 0), (-2, False, 0), *middle]
    else:
        after = [(0, False, -1), (1, False, -1), (2, False, -1), (3, False, -1)]
        assert told == [(-3, False, 0), (-2, False, 0), *after]


@pytest.mark.parametrize("change", [1, -1])
def test_receivers_announce_and_make_a_leap_second(change):
    text = f"""
        start = 2026-12-31T23:59:00Z
        [[fault]]
        at = 5.0
        do = "leap_second"
        change = {change}
    """
    scenario = read_scenario(text, CAST)
    ears = Ears(rig=MemoryRig(WorldSettings(), scenario))
    ears.listen(40)
    midnight = 1_798_761_600
    for source in (GNSS_A, GNSS_B):
        assert ears.last(source).leap_at_utc_s == midnight
    ears.listen(40)
    for source in (GNSS_A, GNSS_B):
        told = [epoch.utc_s for epoch in ears.epochs[source]]
        assert ears.last(source).tai_utc_s == 37 + change
        assert (midnight - 1 in told) is (change == 1)
        assert told.count(midnight) == (2 if change == 1 else 1)
    octets = b"".join(each.octets for each in ears.heard if each.source == GNSS_A)
    assert (b",235960.000," in octets) is (change == 1)
    assert (b",235959.000," in octets) is (change == 1)


# --- every fault ----------------------------------------------------------------------------------


def test_every_kind_of_device_has_its_faults_and_its_place_in_the_cast():
    assert {fault.bends for fault in Fault} == set(Bends)
    assert set(Bends) == {bends for each in CAST.values() for bends in each}


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_begins_and_ends_on_every_device_that_it_bends(fault):
    able = [name for name, bends in CAST.items() if fault.bends in bends]
    ears = Ears()
    ears.listen(5)
    ears.begin(fault, *able)
    for source in (OCXO, MODEM):
        ears.rig.write(source, b"AT\r\n")
    ears.listen(5)
    ears.end(fault, *able)
    said = len(ears.tics)
    ears.listen(10)
    assert len(ears.tics) > said
    assert ears.rig.stage.devices[able[0]].faults == {}
