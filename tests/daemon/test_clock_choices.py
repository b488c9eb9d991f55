"""What the settings of time come to for the clock."""

import pytest

from appliance.daemon.time.clock_choices import ensemble_config
from appliance.settings import Time, TimeDevice
from appliance.timing.sources.receivers import Input


def receiver(name: str, constellation: str, delay_ns: int = 0) -> TimeDevice:
    return TimeDevice(
        name=name,
        kind="gnss",
        path=name,
        constellation=constellation,  # type: ignore[arg-type]
        cable_delay_ns=delay_ns,
    )


@pytest.mark.parametrize(
    ("constellation", "place"),
    [("gps", Input.GPS), ("beidou", Input.BEIDOU), ("mixed", Input.GPS)],
)
def test_each_receiver_has_its_input_and_its_own_delay(constellation: str, place: Input) -> None:
    config = ensemble_config(Time(), [receiver("a", constellation, 150)], None)
    assert config.inputs == {"a": place}
    assert config.delays_ns == {place: 150}


def test_two_receivers_keep_their_delays_apart() -> None:
    tables = [receiver("a", "mixed", 150), receiver("b", "beidou", 90)]
    config = ensemble_config(Time(), tables, None)
    assert config.delays_ns == {Input.GPS: 150, Input.BEIDOU: 90}


def test_other_devices_have_no_input() -> None:
    board = TimeDevice(name="ocxo", kind="board", path="ocxo")
    assert ensemble_config(Time(), [board], None).inputs == {}


def test_the_clock_is_told_of_servers_floor_leap_seconds_and_beidou() -> None:
    choice = Time(ntp=("ntp.example",), floor_us=12, utc_offset_s=38, beidou_mandatory=True)
    config = ensemble_config(choice, [], None)
    assert config.operators == {"ntp.example": "ntp.example"}
    assert (config.floor_ns, config.tai_utc_s, config.beidou_mandatory) == (12_000, 38, True)
