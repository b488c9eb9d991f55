from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from appliance.cli.clock import plot as time_plot
from appliance.cli.context import Context, Exit
from appliance.errors import Malformed, NotFound
from appliance.store.history import COLUMNS

# Far ahead, so that it lies within the last days of any host's clock.
DAY = "2199-05-01"


def write_history(state: Path, day: str = DAY, provenance: str = "HARDWARE") -> None:
    folder = state / "timed" / "history"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [",".join(COLUMNS)]
    for minute in range(120):
        stamp = f"{day}T{minute // 60:02d}:{minute % 60:02d}:00.000000Z"
        offset = minute % 7 - 3
        lines.append(f"{stamp},{minute},READY,,{provenance},{minute * 2},{offset},10000,5,,,")
    (folder / f"{day}.csv").write_text("\n".join(lines) + "\n")


def plot(state: Path, *arguments: str, is_json: bool = False) -> Exit:
    parser = argparse.ArgumentParser()
    time_plot.add_arguments(parser)
    return time_plot.run(Context(state, is_json), parser.parse_args(arguments))


def test_a_box_at_rest_is_plotted_from_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_history(tmp_path)
    assert plot(tmp_path) is Exit.OK
    text = capsys.readouterr().out
    assert "2199-05-01 00:00 to 2199-05-01 02:00 UTC, 120 minutes" in text
    assert "R READY" in text
    assert "no forecast" in text
    assert "\x1b" not in text


def test_the_picture_goes_where_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_history(tmp_path)
    png = tmp_path / "clock.png"
    assert plot(tmp_path, "--png", str(png)) is Exit.OK
    assert png.read_bytes().startswith(b"\x89PNG")
    assert str(png) in capsys.readouterr().out


def test_one_simulated_day_makes_the_plot_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_history(tmp_path, provenance="SIMULATED")
    write_history(tmp_path, day="2199-05-02")
    plot(tmp_path)
    assert capsys.readouterr().out.startswith("Shiyin: SIMULATED time\n")


def test_programs_are_given_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_history(tmp_path)
    plot(tmp_path, is_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["minutes"] == 120
    assert told["end_utc_s"] - told["start_utc_s"] == 7200
    assert told["largest_ns"] == 10_000
    taus_s = [tau_s for tau_s, _ in told["adev"]["reference - clock"]]
    assert taus_s == [60 * 2**n for n in range(5)]


def test_no_history_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no history of the clock in .* for the last 3 days"):
        plot(tmp_path)


def test_a_history_older_than_the_days_asked_for_is_left_out(tmp_path: Path) -> None:
    write_history(tmp_path, day="2001-05-01")
    with pytest.raises(NotFound, match="--days N looks further back"):
        plot(tmp_path, "--days", "2")


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf"])
def test_days_that_are_none_are_refused(tmp_path: Path, days: str) -> None:
    with pytest.raises(Malformed):
        plot(tmp_path, f"--days={days}")
