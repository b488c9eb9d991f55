"""Pulses on the raw clock: the sandwich, steps of the host's clock, the kernel and its twin."""

import os
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.lines import MemoryLine

from drivers.api import DeviceChange, DeviceState, Garbled, PulseStamp
from drivers.pps import kernel, recorded
from drivers.pps.kernel import HostClocks, KernelPulse, KernelPulses, PulseSettings
from drivers.pps.recorded import RecordedPulses
from drivers.pps.tie import (
    MAX_HALF_WIDTH_NS,
    MAX_OFF_BEAT,
    NS_PER_S,
    TRIES,
    PulseTie,
    Refusal,
    Sandwich,
    Tied,
    take_sandwich,
)

ALLOWANCE_NS = 10_000
FETCH_NS = 60_000
OFFSET_NS = 1_795_000_000 * NS_PER_S
PULSE_NS = 500 * NS_PER_S


def sandwich(raw_ns, offset_ns=OFFSET_NS, half_ns=200):
    return Sandwich(raw_ns + offset_ns - half_ns, raw_ns, raw_ns + offset_ns + half_ns)


class Host:
    """A host whose pulses come each second on the raw clock; its real clock may be stepped."""

    def __init__(self):
        self.tie = PulseTie(ALLOWANCE_NS)
        self.offset_ns = OFFSET_NS
        self.pulse_ns = PULSE_NS

    def pulse(self, *, late_ns=0, step_ns=0, moved_ns=0):
        """Tie the next pulse; the real clock steps between the pulse and the fetch."""
        self.pulse_ns += NS_PER_S + moved_ns
        stamp_ns = self.pulse_ns + late_ns + self.offset_ns
        self.offset_ns += step_ns
        read = sandwich(self.pulse_ns + late_ns + FETCH_NS, self.offset_ns)
        return self.tie.tie(stamp_ns, read)


def test_a_pulse_is_as_long_ago_on_either_clock():
    tied = PulseTie(0).tie(PULSE_NS + OFFSET_NS, sandwich(PULSE_NS + FETCH_NS))
    assert tied == Tied(PULSE_NS, 200 + FETCH_NS // 1000)


@given(st.integers(0, ALLOWANCE_NS), st.integers(0, 100_000_000), st.integers(0, 40_000))
def test_the_pulse_lies_within_its_uncertainty(latency_ns, fetch_ns, half_ns):
    stamp_ns = PULSE_NS + latency_ns
    read = sandwich(stamp_ns + fetch_ns, half_ns=half_ns)
    tied = PulseTie(ALLOWANCE_NS).tie(stamp_ns + OFFSET_NS, read)
    assert abs(tied.raw_ns - PULSE_NS) <= tied.uncertainty_ns


@pytest.mark.parametrize("step_ns", [NS_PER_S, -NS_PER_S, 5_000_000, -2_000_000])
def test_a_step_between_pulse_and_fetch_is_seen(step_ns):
    host = Host()
    assert isinstance(host.pulse(), Tied)
    assert host.pulse(step_ns=step_ns) is Refusal.STEPPED
    assert isinstance(host.pulse(), Tied)


@pytest.mark.parametrize("step_ns", [900_000, -900_000, 60_000, -60_000])
def test_a_step_as_small_as_a_slew_breaks_the_rhythm(step_ns):
    host = Host()
    for _ in range(3):
        assert isinstance(host.pulse(), Tied)
    assert host.pulse(step_ns=step_ns) in {Refusal.OFF_BEAT, Refusal.LATE}
    tied = host.pulse()
    assert abs(tied.raw_ns - host.pulse_ns) <= tied.uncertainty_ns


def test_a_step_long_before_the_pulse_harms_no_later_one():
    host = Host()
    host.pulse()
    host.offset_ns += 3600 * NS_PER_S
    assert host.pulse() is Refusal.STEPPED
    assert isinstance(host.pulse(), Tied)


def test_a_pulse_that_was_noted_late_is_off_the_beat():
    host = Host()
    for _ in range(3):
        host.pulse()
    assert host.pulse(late_ns=60_000) is Refusal.OFF_BEAT
    assert isinstance(host.pulse(), Tied)


def test_a_new_rhythm_is_learnt():
    host = Host()
    for _ in range(3):
        host.pulse()
    answers = [host.pulse(moved_ns=300_000 if not each else 0) for each in range(MAX_OFF_BEAT + 2)]
    assert answers[:MAX_OFF_BEAT] == [Refusal.OFF_BEAT] * MAX_OFF_BEAT
    assert isinstance(answers[-1], Tied)


def test_a_raw_clock_that_runs_fast_has_a_rhythm_too():
    host = Host()
    assert all(isinstance(host.pulse(moved_ns=100_000), Tied) for _ in range(20))


def test_pulses_that_stayed_away_for_long_begin_anew():
    host = Host()
    host.pulse()
    host.pulse()
    assert isinstance(host.pulse(moved_ns=3600 * NS_PER_S), Tied)


@pytest.mark.parametrize("age_ns", [NS_PER_S, -1_000_000])
def test_a_stamp_that_is_old_or_to_come_is_refused(age_ns):
    read = sandwich(PULSE_NS)
    assert PulseTie(0).tie(PULSE_NS + OFFSET_NS - age_ns, read) is Refusal.LATE


def test_a_sandwich_that_is_wide_or_turned_over_is_refused():
    tie = PulseTie(0)
    wide = sandwich(PULSE_NS, half_ns=MAX_HALF_WIDTH_NS + 1)
    assert tie.tie(PULSE_NS + OFFSET_NS, wide) is Refusal.WIDE
    turned = sandwich(PULSE_NS, half_ns=-5_000)
    assert tie.tie(PULSE_NS + OFFSET_NS, turned) is Refusal.STEPPED


def clocks_of(*reads):
    """Give read functions of clocks that give these real and raw readings in turn."""
    reals = iter([each for read in reads for each in (read.before_ns, read.after_ns)])
    raws = iter([read.raw_ns for read in reads])
    return lambda: next(reals), lambda: next(raws)


def test_the_narrowest_sandwich_is_taken():
    wide, narrow = sandwich(1, half_ns=9_000), sandwich(2, half_ns=100)
    assert take_sandwich(*clocks_of(wide, narrow)) == narrow
    widths = [9_000, 8_000, 3_000, 7_000, 6_000]
    reads = [sandwich(each, half_ns=width) for each, width in enumerate(widths)]
    assert len(reads) == TRIES
    assert take_sandwich(*clocks_of(*reads)) == reads[2]


# --- what the kernel fills in ---------------------------------------------------------------------


def kernel_octets(sequence, second, nanosecond):
    """Write struct pps_fdata by hand from linux/pps.h."""
    ktime = struct.pack("=qiI", second, nanosecond, 0)
    info = struct.pack("=II", sequence, 0) + ktime + bytes(16) + struct.pack("=i", 0x1151)
    return info + bytes(4) + bytes(16)


def test_the_kernel_s_structure_is_read():
    octets = kernel_octets(7, 1_795_396_504, 123_456_789)
    assert kernel.decode_answer(octets) == KernelPulse(7, 1_795_396_504_123_456_789)


def test_the_question_is_how_long_to_wait():
    octets = kernel.encode_question(2)
    assert len(octets) == 64
    assert struct.unpack_from("=qiI", octets, 48) == (2, 0, 0)


@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=64))
def test_garbage_in_place_of_the_structure_is_garbled(octets):
    try:
        pulse = kernel.decode_answer(octets)
    except Garbled:
        return
    assert pulse.real_ns >= 0


class NowReactor:
    """Runs at once what another thread hands over."""

    def callFromThread(self, function, *args):
        function(*args)


class Fetches:
    """Stands for the ioctl: gives one answer after the other, then ends the thread."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.device = None
        self.done = threading.Event()

    def __call__(self, descriptor):
        os.fstat(descriptor)
        if not self.answers:
            self.device.stop()
            self.done.set()
            return None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            self.device.stop()
            self.done.set()
            raise answer
        return answer


def run_kernel(tmp_path, *answers):
    """Run the thread over these answers of the kernel; gives what it told."""
    device = tmp_path / "pps0"
    device.touch()
    told = []
    fetches = Fetches(*answers)
    reads = [sandwich(PULSE_NS + FETCH_NS + each * NS_PER_S) for each in range(9)]
    pulses = KernelPulses(
        PulseSettings(source="pps", path=str(device)),
        sink=told.append,
        reactor=NowReactor(),
        fetch=fetches,
        clocks=HostClocks(*clocks_of(*[read for each in reads for read in (each, each)])),
    )
    fetches.device = pulses
    pulses.start()
    assert fetches.done.wait(20)
    return told


def test_pulses_are_fetched_in_a_thread(tmp_path):
    told = run_kernel(tmp_path, KernelPulse(1, PULSE_NS + OFFSET_NS))
    change, stamp = told
    assert (change.state, change.source) == (DeviceState.PRESENT, "pps")
    assert isinstance(stamp, PulseStamp)
    assert (stamp.sequence, stamp.is_simulated) == (1, False)
    assert abs(stamp.raw_ns - PULSE_NS) <= stamp.uncertainty_ns


def test_pulses_that_stay_away_are_told_once(tmp_path):
    told = run_kernel(tmp_path, None, None)
    assert [each.state for each in told] == [DeviceState.SILENT]


def test_a_pulse_fetched_twice_is_silence(tmp_path):
    pulse = KernelPulse(1, PULSE_NS + OFFSET_NS)
    told = run_kernel(tmp_path, pulse, pulse)
    assert [each.state for each in told if isinstance(each, DeviceChange)] == [
        DeviceState.PRESENT,
        DeviceState.SILENT,
    ]


def test_a_device_that_has_no_pulses_is_absent(tmp_path):
    (tmp_path / "pps0").touch()
    told, is_told = [], threading.Event()

    def sink(reading):
        told.append(reading)
        is_told.set()

    settings = PulseSettings(source="pps", path=str(tmp_path / "pps0"))
    pulses = KernelPulses(settings, sink=sink, reactor=NowReactor())
    pulses.start()
    assert is_told.wait(20)
    pulses.stop()
    assert [each.state for each in told] == [DeviceState.ABSENT]


def test_a_name_without_a_slash_is_one_below_dev():
    assert PulseSettings(source="pps", path="pps1").device == "/dev/pps1"


# --- the twin -------------------------------------------------------------------------------------


@given(st.integers(0, 0xFFFF_FFFF), st.integers(0, (1 << 64) - 1))
def test_a_record_comes_back_as_it_was(sequence, real_ns):
    octets = recorded.encode_record(KernelPulse(sequence, real_ns))
    assert recorded.decode_record(octets) == KernelPulse(sequence, real_ns)


@given(st.binary(max_size=40))
def test_a_record_that_is_none_is_garbled(octets):
    with pytest.raises(Garbled):
        recorded.decode_record(octets)


class Twin:
    """The twin on a file, with clocks that follow the test's."""

    def __init__(self, path):
        self.line = MemoryLine()
        self.path = path
        clocks = HostClocks(lambda: self.raw_ns() + OFFSET_NS, self.raw_ns)
        self.pulses = RecordedPulses(
            PulseSettings(source="pps", path=str(path)),
            sink=self.line.readings.append,
            reactor=self.line.reactor,
            clocks=clocks,
        )

    def raw_ns(self):
        return PULSE_NS + round(self.line.reactor.seconds() * NS_PER_S)

    def pulse(self, sequence):
        octets = recorded.encode_record(KernelPulse(sequence, self.raw_ns() + OFFSET_NS))
        self.path.write_bytes(octets)

    def run(self, seconds):
        self.line.reactor.pump([0.001] * round(seconds * 1000))


def test_the_twin_ties_the_pulses_of_its_file(tmp_path):
    twin = Twin(tmp_path / "pulses")
    twin.pulse(1)
    twin.pulses.start()
    pulses_ns = []
    for sequence in range(2, 6):
        twin.run(1)
        pulses_ns.append(twin.raw_ns())
        twin.pulse(sequence)
    twin.run(0.01)
    stamps = twin.line.of(PulseStamp)
    assert [each.sequence for each in stamps] == [2, 3, 4, 5]
    assert all(each.is_simulated for each in stamps)
    for stamp, pulse_ns in zip(stamps, pulses_ns, strict=True):
        assert abs(stamp.raw_ns - pulse_ns) <= stamp.uncertainty_ns


def test_the_twin_tells_when_pulses_end(tmp_path):
    twin = Twin(tmp_path / "pulses")
    twin.pulse(1)
    twin.pulses.start()
    twin.run(1)
    twin.pulse(2)
    twin.run(5)
    states = [each.state for each in twin.line.of(DeviceChange)]
    assert states == [DeviceState.PRESENT, DeviceState.SILENT]


def test_the_twin_waits_for_its_file_and_skips_a_torn_one(tmp_path):
    twin = Twin(tmp_path / "pulses")
    twin.pulses.start()
    assert [each.state for each in twin.line.readings] == [DeviceState.ABSENT]
    twin.path.write_bytes(b"torn")
    twin.run(0.2)
    twin.pulse(1)
    twin.run(1)
    twin.pulse(2)
    twin.run(0.1)
    assert [each.sequence for each in twin.line.of(PulseStamp)] == [2]
    twin.pulses.stop()
    assert twin.line.reactor.getDelayedCalls() == []
