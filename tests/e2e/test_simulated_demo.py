"""The demo as a stranger starts it: simulated devices, the real drivers, and tokens by their bound.

The truth that the simulation keeps aside says whether a token's genTime lies within its accuracy.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.api import Api
from kit.box import SETTINGS, Box, running_box
from kit.polling import wait_until
from kit.tsp_client import make_query, post_query, read_reply, token_of, tst_info

from appliance.quantities import NS_PER_S, NS_PER_US, Provenance, Utc
from appliance.store.history import read_history

pytestmark = pytest.mark.e2e

SIMULATED = SETTINGS.replace('"demo"', '"simulated"')
GUARD_S = 60.0
TAI_MINUS_UTC_S = 37


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(tmp_path_factory.mktemp("demo") / "state", SIMULATED) as running:
        yield running


def truth_ns(box: Box) -> int:
    """Tell the simulation's own TAI now."""
    path = box.state / "run" / "devices" / "truth.json"
    tai_minus_raw_ns: int = json.loads(path.read_text("utf-8"))["tai_minus_raw_ns"]
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) + tai_minus_raw_ns


def told(box: Box) -> dict[str, object]:
    """Ask GET /time."""
    url = box.url().removesuffix("/tsa") + "/time"
    with urllib.request.urlopen(url, timeout=GUARD_S) as answer:
        facts: dict[str, object] = json.load(answer)
    return facts


def test_the_settings_without_a_word_on_time_are_those_of_this_demo() -> None:
    shown = (Path(__file__).parents[2] / "config" / "appliance.toml").read_text("utf-8")
    assert '\nsource = "simulated"\n' in shown


def test_the_clock_locks_and_says_that_it_is_simulated(box: Box) -> None:
    facts = told(box)
    assert facts["state"] == "LOCKED"
    assert facts["provenance"] == "SIMULATED"


def test_the_interface_has_its_certificate_once_there_is_time_to_issue_by(box: Box) -> None:
    api = Api.of(box.facts, "operator")
    api.close()
    rows = [row for row in api.items("/v1/certificates") if row["template"] == "server"]
    api.close()
    keys = [row["spki_sm3"] for row in rows]  # the manager's, and soon the front's
    assert 1 <= len(keys) == len(set(keys))


def test_a_token_carries_the_bound_and_the_truth_lies_within_it(box: Box) -> None:
    before_ns = truth_ns(box)
    reply = post_query(box.url("p256"), make_query())
    after_ns = truth_ns(box)
    assert read_reply(reply).status == 0
    info = tst_info(reply)
    parts = {name: int(part) for name, part in info["accuracy"].items() if part.isValue}
    accuracy_us = parts.get("millis", 0) * 1000 + parts.get("micros", 0)
    assert "seconds" not in parts
    assert 10 <= accuracy_us <= 1000  # the floor without a PTP clock; the policy's limit
    gen_time_us = Utc.parse_generalized_time(str(info["genTime"]).encode()).posix_us
    gen_time_ns = gen_time_us * NS_PER_US + TAI_MINUS_UTC_S * NS_PER_S
    slack_ns = accuracy_us * NS_PER_US
    assert before_ns - slack_ns <= gen_time_ns <= after_ns + slack_ns


def test_the_time_told_lies_within_its_bound_of_the_truth(box: Box) -> None:
    before_ns = truth_ns(box)
    facts = told(box)
    after_ns = truth_ns(box)
    tai_ns, bound_us = facts["tai_ns"], facts["bound_us"]
    assert isinstance(tai_ns, int)
    assert isinstance(bound_us, int)
    assert before_ns - bound_us * NS_PER_US <= tai_ns <= after_ns + bound_us * NS_PER_US


def test_the_truth_is_for_tests_alone(box: Box) -> None:
    folder = box.state / "run" / "devices"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "truth.json").stat().st_mode & 0o777 == 0o600


def test_a_p256_token_of_the_demo_is_whole(box: Box) -> None:
    assert token_of(post_query(box.url("p256"), make_query()))


def shiyin(box: Box, *words: str) -> subprocess.CompletedProcess[str]:
    command = [box.facts["cli"], *words, "--state", str(box.state)]
    return subprocess.run(command, capture_output=True, text=True, timeout=GUARD_S, check=False)


def test_the_operator_sees_sources_and_votes(box: Box) -> None:
    answer = shiyin(box, "time", "--json")
    assert answer.returncode == 0, answer.stderr
    facts = json.loads(answer.stdout)
    assert facts["provenance"] == facts["time"]["provenance"] == "SIMULATED"
    used = {source["name"] for source in facts["sources"] if source["is_used"]}
    assert {"gnss-a", "gnss-b"} <= used
    assert facts["votes"]["dissenting"] == []
    assert all(row["bound_us"] >= 10 for row in facts["if_satellites_vanished_now"])


def test_the_history_of_the_clock_is_kept_from_its_first_second(box: Box) -> None:
    folder = box.state / "timed" / "history"
    rows = wait_until(lambda: read_history(folder, 0), guard_s=GUARD_S, what="a line of history")
    assert {row.provenance for row in rows} == {Provenance.SIMULATED}
    assert shiyin(box, "time", "plot").returncode == 0


def test_the_operator_reads_the_time_in_two_languages(box: Box) -> None:
    text = shiyin(box, "time").stdout
    assert text.startswith("*** SIMULATED TIME 模拟时间 ***")
    assert "Beijing 北京时间" in text


def test_a_confirmation_that_nothing_waits_for_is_refused(box: Box) -> None:
    answer = shiyin(box, "time", "confirm", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout)["confirmed"] is False


def test_a_simulated_clock_is_no_grandmaster_of_the_ptp_timescale(box: Box) -> None:
    answer = shiyin(box, "time", "ptp")
    assert answer.stdout.startswith("SET GRANDMASTER_SETTINGS_NP clockClass 13 ")


def test_without_its_devices_the_clock_holds_and_finds_them_again(box: Box) -> None:
    before = told(box)
    os.kill(box.pid("rig"), 9)
    wait_until(lambda: told(box)["state"] == "HOLDOVER", guard_s=GUARD_S, what="holdover")
    held = told(box)
    assert held["is_trusted"]
    assert isinstance(held["bound_us"], int)
    assert isinstance(before["bound_us"], int)
    assert held["bound_us"] >= before["bound_us"]
    wait_until(lambda: box.pid("rig"), guard_s=GUARD_S, what="the devices again")
    assert read_reply(post_query(box.url(), make_query())).status == 0
