"""Which driver stands behind which table of the settings."""

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from appliance.daemon.rack import open_rack, open_rig, simulated_devices
from appliance.errors import Malformed
from appliance.settings import TimeDevice
from drivers.api import Reading
from drivers.pps.kernel import KernelPulses
from drivers.pps.recorded import RecordedPulses
from drivers.serial_line import SerialLine


class ThreadedClock(Clock):
    """A clock that other threads may call into; here none does."""

    def callFromThread(self, *_: object) -> None:
        """Take no call."""
        raise AssertionError


def opened(*tables: TimeDevice) -> list[object]:
    readings: list[Reading] = []
    rack = open_rack(tables, sink=readings.append, reactor=ThreadedClock(), raw_ns=lambda: 0)
    return list(rack.devices)


def test_every_simulated_device_has_a_real_driver(tmp_path: Path) -> None:
    tables = simulated_devices(tmp_path)
    board, pulses, *others = opened(*tables)
    assert isinstance(board, SerialLine)
    assert isinstance(pulses, RecordedPulses)
    assert all(isinstance(each, SerialLine) for each in others)
    assert len(others) == 3


@pytest.mark.parametrize("path", ["pps0", "/dev/shiyin/pps"])
def test_pulses_below_dev_are_the_kernels_even_before_the_device_is_there(path: str) -> None:
    (pulses,) = opened(TimeDevice(name="pps", kind="pps", path=path))
    assert isinstance(pulses, KernelPulses)


def test_a_receiver_has_the_speed_that_its_table_names() -> None:
    usual, faster = opened(
        TimeDevice(name="a", kind="gnss", path="ttyS0"),
        TimeDevice(name="b", kind="gnss", path="ttyS1", baud=38_400),
    )
    assert isinstance(usual, SerialLine)
    assert isinstance(faster, SerialLine)
    assert (usual.place.baud, faster.place.baud) == (9600, 38_400)


def test_a_scenario_that_is_none_is_refused_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[[fault]]\nat = 'soon'\n", "utf-8")
    with pytest.raises(Malformed, match=r"bad\.toml"):
        open_rig(tmp_path / "devices", seed=1, scenario=path, reactor=Clock())
