"""Which driver stands behind which table of the settings."""

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from appliance.daemon.time.rack import (
    modem_settings,
    open_rack,
    open_rig,
    pulse_settings,
    receiver_settings,
    simulated_devices,
)
from appliance.errors import Malformed
from appliance.settings import Position, TimeDevice
from drivers.api import Reading
from drivers.gnss.ubx_setup import Place
from drivers.modem.modem import ROUND_S
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


def test_a_modem_is_told_the_server_that_it_asks_itself() -> None:
    table = TimeDevice(name="m", kind="modem", path="ttyS2", ntp_server="ntp.example")
    assert modem_settings(table).ntp_server == "ntp.example"


def test_a_modem_that_is_asked_once_a_minute_is_not_called_silent_between() -> None:
    modem = TimeDevice(name="m", kind="modem", path="ttyS2")
    assert modem_settings(modem).line.silence_s > 2 * ROUND_S
    receiver = TimeDevice(name="a", kind="gnss", path="x")
    assert receiver_settings(receiver).line.silence_s == 5.0


def test_pulses_are_allowed_the_latency_of_their_table() -> None:
    table = TimeDevice(name="pps", kind="pps", path="pps0", irq_allowance_ns=25_000)
    assert pulse_settings(table).irq_allowance_ns == 25_000


def test_a_receiver_at_a_known_place_is_told_it_and_another_surveys() -> None:
    position = Position(
        latitude_deg=39.9042, longitude_deg=-116.4074, height_m=43.5, accuracy_mm=20
    )
    fixed = TimeDevice(name="a", kind="gnss", path="x", family="ubx", position=position)
    assert receiver_settings(fixed).place == Place(399_042_000, -1_164_074_000, 4_350, 200)
    surveying = TimeDevice(name="a", kind="gnss", path="x", survey_s=600, survey_accuracy_mm=500)
    settings = receiver_settings(surveying)
    assert (settings.place, settings.survey_s, settings.survey_accuracy_mm) == (None, 600, 500)
