"""What is logged of the devices of time, and that their readings go on to the clock."""

from kit.logs import logged
from twisted.logger import LogEvent, LogLevel

from appliance.services.clock.device_log import DeviceLog
from drivers.api import DeviceChange, DeviceState, ModemReport, Reading

REPORT = ModemReport(source="modem", raw_ns=1, is_simulated=False, is_registered=True)


def change(state: DeviceState, source: str = "gnss-a", detail: str = "") -> DeviceChange:
    return DeviceChange(source=source, raw_ns=1, state=state, detail=detail)


def told(*readings: Reading) -> tuple[list[LogEvent], list[Reading]]:
    handed_on: list[Reading] = []
    with logged(LogLevel.info) as events:
        log = DeviceLog(handed_on.append)
        for reading in readings:
            log(reading)
    return events, handed_on


def test_what_a_device_lacks_is_a_warning_and_its_return_is_told() -> None:
    states = (DeviceState.ABSENT, DeviceState.PRESENT, DeviceState.SILENT, DeviceState.GARBLED)
    events, _ = told(*(change(state, detail="why") for state in states))
    assert [event["log_level"] for event in events] == [
        LogLevel.warn,
        LogLevel.info,
        LogLevel.warn,
        LogLevel.warn,
    ]
    assert [event["state"] for event in events] == ["absent", "present", "silent", "garbled"]
    assert {event["source"] for event in events} == {"gnss-a"}
    assert events[0]["detail"] == "why"


def test_a_change_is_logged_once_for_each_device() -> None:
    silent = change(DeviceState.SILENT)
    events, _ = told(silent, silent, change(DeviceState.SILENT, source="gnss-b"), silent)
    assert [event["source"] for event in events] == ["gnss-a", "gnss-b"]


def test_every_reading_goes_on_and_only_changes_are_logged() -> None:
    readings = (REPORT, change(DeviceState.ABSENT), REPORT)
    events, handed_on = told(*readings)
    assert handed_on == list(readings)
    assert len(events) == 1
