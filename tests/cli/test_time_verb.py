"""`shiyin time`: what a person and a program are shown of the clock."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from kit.clock import GOOD
from kit.frames import control_socket, framed

from appliance.cli.clock.text import render, span
from appliance.cli.main import main
from appliance.services.messages import PROTOCOL_VERSION, ConfirmTime, Facts, Hello, TimeQuestion
from appliance.timing.alarms import Alarm
from appliance.wire.time_http import time_facts

ALARM = Alarm.ANTENNA
FACTS = {
    "source": "hardware",
    "state": "HOLDOVER",
    "cause": "no satellites",
    "since_s": 3720,
    "provenance": "HARDWARE",
    "offset_ns": -704,
    "bound_us": 22,
    "learned_h": 120.5,
    "temperature_mk": 313_150,
    "sources": [
        {
            "name": "gnss-a",
            "domain": "gnss:gps",
            "is_used": False,
            "detail": "no valid fix",
            "offset_ns": None,
        },
        {
            "name": "modem",
            "domain": "cellular",
            "is_used": True,
            "detail": "",
            "offset_ns": -839_538_421,
        },
    ],
    "votes": {"agreeing": ["gnss", "ntp.example"], "dissenting": []},
    "if_satellites_vanished_now": [{"hours": 1, "bound_us": 10}, {"hours": 72, "bound_us": 72}],
    "alarms": [{"name": ALARM.name, "english": ALARM.english, "chinese": ALARM.chinese}],
}


def shown(**changes: object) -> str:
    return "\n".join(render({**FACTS, "time": time_facts(GOOD), **changes}))


@contextmanager
def clock(state: Path, facts: Mapping[str, object]) -> Iterator[list[TimeQuestion]]:
    """Answer one question as `timed` would; gives what was asked."""
    asked: list[TimeQuestion] = []

    def answer(octets: bytes) -> bytes:
        asked.append(msgspec.msgpack.decode(octets, type=TimeQuestion))
        return framed(Facts(dict(facts)))

    path = state / "run" / "time.sock"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    with control_socket(path, answer, framed(Hello(PROTOCOL_VERSION, ()))):
        yield asked


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def tell(*words: str, facts: Mapping[str, object] = FACTS) -> tuple[int, str]:
        with clock(tmp_path, facts):
            status = main(["time", *words, "--state", str(tmp_path)])
        return status, capsys.readouterr().out

    return tell


def test_a_person_is_shown_the_clock_in_two_languages() -> None:
    assert shown() == (
        "UTC                 2026-03-01T12:00:00.000000Z\n"
        "Beijing 北京时间    2026-03-01T20:00:00.000000+08:00\n"
        "bound 误差界        +-100 us\n"
        "leap 闰秒           NONE, TAI - UTC = 37 s\n"
        "state 状态          HOLDOVER (no satellites), for 1 h 2 min\n"
        "oscillator 晶振     -704 ns, learnt for 5 d\n"
        "temperature 温度    40.0 C\n"
        "\n"
        "sources 时间源\n"
        "  gnss-a           gnss:gps         not used 未用                  no valid fix\n"
        "  modem            cellular         used 使用         -839.538 ms\n"
        "votes 表决          for 赞成: gnss, ntp.example; against 反对: -\n"
        "\n"
        "if satellites vanished now 如现在失去卫星\n"
        "  +-10 us after 1 h\n"
        "  +-72 us after 72 h\n"
        "\n"
        "alarms 告警\n"
        "  an antenna is cut or shorted / 天线开路或短路"
    )


def test_what_is_not_known_is_said_to_be_so() -> None:
    text = shown(sources=[], if_satellites_vanished_now=[], alarms=[], offset_ns=None)
    assert text.count("  none 无") == 2
    assert "  not known yet 尚未知" in text
    assert "oscillator" not in text


def test_a_clock_that_knows_no_time_says_so_in_its_first_line() -> None:
    nothing = {"utc": None, "bound_us": None, "reason": "the clock is ACQUIRE and knows no time"}
    first = shown(time=nothing, state="ACQUIRE", cause=None).splitlines()[0]
    assert first == "no time 无可用时间  the clock is ACQUIRE and knows no time"


def test_simulated_time_is_labelled_first() -> None:
    assert shown(provenance="SIMULATED").startswith("*** SIMULATED TIME 模拟时间 ***\n")
    assert "SIMULATED" not in shown()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (7200, "2 h"),
        (90_061, "1 d 1 h"),
        (86_400 * 3 + 59, "3 d"),
    ],
)
def test_a_span_is_told_in_two_units(seconds: int, text: str) -> None:
    assert span(seconds) == text


def test_a_program_is_given_all_that_the_clock_tells(
    told: Callable[..., tuple[int, str]],
) -> None:
    status, output = told("--json")
    facts = json.loads(output)
    assert status == 0
    assert facts.pop("time") == {
        "utc": None,
        "bound_us": None,
        "reason": "there is no sound time page",
    }
    assert facts == FACTS


def test_a_clock_without_devices_shows_its_page_and_its_source() -> None:
    lines = render({"source": "system", "time": time_facts(GOOD)})
    assert lines[0].startswith("UTC ")
    assert lines[-2:] == [
        "state 状态          LOCKED",
        "source 时间来源     system (no devices 无设备)",
    ]


def test_an_operator_confirms_and_is_told_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with clock(tmp_path, {**FACTS, "confirmed": True, "state": "LOCKED"}) as asked:
        assert main(["time", "confirm", "--state", str(tmp_path)]) == 0
    assert asked == [ConfirmTime()]
    assert capsys.readouterr().out == "confirmed 已确认; the clock is LOCKED\n"


def test_alarms_that_a_confirmation_cleared_are_named(told: Callable[..., tuple[int, str]]) -> None:
    facts = {**FACTS, "confirmed": True, "state": "READY", "cleared": ["BOARD_RESTARTED"]}
    assert told("confirm", facts=facts) == (
        0,
        "confirmed 已确认; the clock is READY; cleared 已清除: BOARD_RESTARTED\n",
    )
    assert json.loads(told("confirm", "--json", facts=facts)[1])["cleared"] == ["BOARD_RESTARTED"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({**FACTS, "confirmed": False, "reason": "nothing waits"}, "nothing waits"),
        ({"source": "system"}, "this clock has no satellites to confirm"),
    ],
)
def test_a_confirmation_refused_is_exit_1_and_says_why(
    facts: Mapping[str, object], reason: str, told: Callable[..., tuple[int, str]]
) -> None:
    assert told("confirm", facts=facts) == (1, f"not taken 未接受: {reason}\n")
    status, output = told("confirm", "--json", facts=facts)
    assert (status, json.loads(output)["reason"]) == (1, reason)


def test_a_clock_that_does_not_answer_is_exit_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["time", "--state", str(tmp_path)]) == 3
    assert "the clock does not answer" in capsys.readouterr().err


def test_a_grandmaster_without_a_clock_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["time", "ptp", "--state", str(tmp_path)]) == 0
    assert "clockClass 248 clockAccuracy 0xfe " in capsys.readouterr().out
