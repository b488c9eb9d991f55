import csv
import io
import json
import math

import holdover_report
import numpy as np
import pytest
from holdover import figures, series, trials
from holdover.replay import Held, Minute, Outcome, replay
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed
from appliance.timing.holdover.bank import OscillatorClass
from drivers.api import Oven
from drivers.oscillator.ocb import Status, Tic, encode_line
from drivers.simulated.truth import Grade

DAY_S = 86_400.0
KEYS = {
    "grade",
    "runs",
    "lock_days",
    "p50_us",
    "p99_us",
    "max_us",
    "limit_p99_us",
    "coverage",
    "coverage_worst_decile",
    "sharpness",
    "provenance",
    "adev_1s",
    "daily_mean_rms",
    "daily_mean_worst",
}


def columns(rows=400, spacing_s=60.0, gone_from=300):
    times_s = [1e9 + row * spacing_s for row in range(rows)]
    truths_s = [1e-6 + 1e-9 * (t_s - 1e9) for t_s in times_s]
    measured_s = [truth_s if row < gone_from else math.nan for row, truth_s in enumerate(truths_s)]
    return {"t_s": times_s, "x_s": truths_s, "ref_s": measured_s, "temp_k": [298.0] * rows}


def csv_of(table):
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return file.getvalue()


def test_csv_and_npz_of_one_series_are_read_alike(tmp_path):
    table = columns()
    (tmp_path / "unit.csv").write_text(csv_of(table))
    np.savez(tmp_path / "unit.npz", **{name: np.array(values) for name, values in table.items()})
    by_csv = series.read_truth(tmp_path / "unit.csv")
    assert by_csv == series.read_truth(tmp_path / "unit.npz")
    assert by_csv[299].measured_s == by_csv[299].truth_s == pytest.approx(1e-6 + 299 * 6e-8)
    assert by_csv[300].measured_s is None


def test_seconds_are_averaged_to_minutes_and_longer_spacings_stay():
    minutes = series.minutes_of(columns(rows=1200, spacing_s=1.0, gone_from=630))
    assert len(minutes) == 20
    assert minutes[0].t_s == pytest.approx(1e9 + 29.5)
    assert minutes[0].measured_s == pytest.approx(1e-6 + 29.5e-9)
    assert minutes[9].measured_s is not None
    assert minutes[10].measured_s is None
    assert len(series.minutes_of(columns(spacing_s=300.0))) == 400


def test_temperature_and_truth_may_have_holes():
    table = columns()
    table["temp_k"] = [math.nan] * 400
    table["x_s"][7] = math.nan
    minutes = series.minutes_of(table)
    assert minutes[3].temp_k is None
    assert math.isnan(minutes[7].truth_s)
    del table["temp_k"]
    assert series.minutes_of(table)[3].temp_k is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.pop("ref_s"),
        lambda table: table["t_s"].reverse(),
        lambda table: table["t_s"].__setitem__(5, table["t_s"][5] + 20.0),
        lambda table: table["x_s"].pop(),
        lambda table: [values.__delitem__(slice(50, None)) for values in table.values()],
    ],
)
def test_a_series_that_cannot_be_judged_is_refused(spoil):
    table = columns()
    spoil(table)
    with pytest.raises(Malformed):
        series.minutes_of(table)


def test_a_series_with_satellites_throughout_is_blinded_after_the_lock():
    minutes = series.minutes_of(columns(rows=4000, gone_from=4000))
    blinded = series.take_satellites(minutes, 1.0)
    assert blinded[1440].measured_s is not None
    assert blinded[1441].measured_s is None
    own_gap = series.minutes_of(columns())
    assert series.take_satellites(own_gap, 0.01) is own_gap


def lines_of_board(seconds):
    for second in seconds:
        yield (
            b"12:00:00.020 "
            + encode_line(
                Tic(sequence=second, tai_s=0, gps_ps=None, beidou_ps=second * 1000, flags=0)
            )
            + b"\r\n"
        )
        yield b"noise\n"
        yield encode_line(
            Status(
                sequence=second,
                oven=Oven.READY,
                current_ma=200,
                case_mk=298_250,
                board_mk=300_000,
                dac=1,
                efc_uv=1,
                uptime_s=second,
            )
        )


def test_a_boards_log_is_read_by_minutes_and_seconds_without_lines_are_gaps():
    seconds = [*range(100, 400), *range(520, 700)]
    minutes = series.minutes_of(series.columns_of_log(lines_of_board(seconds)))
    assert [one.measured_s is None for one in minutes] == [False] * 5 + [True] * 2 + [False] * 3
    assert minutes[0].measured_s == pytest.approx(129.5e-9)
    assert minutes[0].temp_k == pytest.approx(298.25)


def test_a_log_without_a_phase_is_refused():
    with pytest.raises(Malformed):
        series.columns_of_log([b"$OCTIC,1,2*0000", b""])


@given(st.lists(st.binary(max_size=80).map(lambda octets: b"$OCTIC," + octets)))
def test_garbage_in_a_log_is_passed_over(lines):
    with pytest.raises(Malformed):
        series.columns_of_log(lines)


@given(st.text(max_size=200))
def test_garbage_for_a_csv_is_refused(text):
    with pytest.raises(Malformed):
        series.minutes_of(series.columns_of_csv(io.StringIO(text)))


def test_garbage_for_an_npz_is_refused(tmp_path):
    for octets in (b"PK\x03\x04 no", b"", b"no"):
        (tmp_path / "unit.npz").write_bytes(octets)
        with pytest.raises(Malformed):
            series.read_truth(tmp_path / "unit.npz")
    assert holdover_report.main(["--truth", str(tmp_path / "unit.npz")]) == 3


def test_coverage_counts_what_lies_outside_the_bound():
    outcome = replay(
        [
            Minute(60.0 * m, 0.0 if m < 900 else 1.0, 0.0 if m < 600 else None, 298.0)
            for m in range(1200)
        ],
        OscillatorClass.TYPICAL,
    )
    assert 0.4 < outcome.coverage < 0.6
    assert outcome.longest.error_s == pytest.approx(1.0)
    assert outcome.score_s > 100.0


def test_the_report_takes_the_errors_of_the_longest_holdovers():
    outcomes = [
        Outcome(
            longest=Held(259_200.0, 1e-6 * run, 2e-6 * run, {}, {}),
            limit_s=0.5e-6 * run,
            judged=10,
            covered=10 if run < 100 else 5,
        )
        for run in range(1, 101)
    ]
    report = figures.report_of(outcomes)
    assert report["p50_us"] == 50.0
    assert report["p99_us"] == 99.0
    assert report["p99_over_limit"] == 2.0
    assert report["coverage"] == pytest.approx(0.995)
    assert report["coverage_worst_decile"] == pytest.approx(0.95)
    assert report["sharpness"] == pytest.approx(101.0 / 99.0, rel=1e-3)


def test_a_simulated_report_says_so_and_has_its_figures(capsys):
    arguments = ["--runs", "1", "--lock-days", "1", "--grade", "good"]
    assert holdover_report.main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.keys() >= KEYS
    assert report["provenance"] == "simulated"
    assert report["runs"] == 1
    assert report["coverage"] == 1.0
    assert report["adev_1s"] == pytest.approx(1.5e-11, rel=0.1)
    assert "SIMULATED" in figures.table_of(report)


def test_a_truth_series_is_reported_without_a_limit_and_not_as_simulated(tmp_path, capsys):
    world = trials.World(trials.Trial(grade=Grade.TYPICAL, seed=3, lock_days=2.0))
    rows = [
        (m.t_s, m.truth_s, math.nan if m.measured_s is None else m.measured_s, m.temp_k)
        for m in world.minutes(DAY_S)
    ]
    table = dict(zip(("t_s", "x_s", "ref_s", "temp_k"), zip(*rows, strict=True), strict=True))
    (tmp_path / "unit.csv").write_text(csv_of(table))
    assert holdover_report.main(["--truth", str(tmp_path / "unit.csv"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.keys() >= KEYS
    assert report["limit_p99_us"] is None
    assert report["lock_days"] == pytest.approx(2.0)
    assert report["holdover_h"] == pytest.approx(24.0)
    assert report["coverage"] == 1.0
    assert "simulated" not in report["provenance"]


@pytest.mark.parametrize("stress", sorted(trials.STRESSES.keys() - {"blind-jumps"}))
def test_oscillators_out_of_the_family_stay_within_a_bound(stress):
    calm = trials.run_trial(trials.Trial(grade=Grade.TYPICAL, seed=8, lock_days=3.0))
    strained = trials.run_trial(
        trials.Trial(grade=Grade.TYPICAL, seed=8, lock_days=3.0, stress=stress)
    )
    assert strained.coverage == 1.0
    if stress in ("walk", "retrace"):
        assert strained.longest.bound_s > 2 * calm.longest.bound_s


def test_jumps_that_nobody_can_see_are_reported_as_not_covered():
    trial = trials.Trial(grade=Grade.GOOD, seed=8, lock_days=3.0, stress="blind-jumps")
    assert trials.run_trial(trial).coverage < 1.0
