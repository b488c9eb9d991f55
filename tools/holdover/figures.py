"""What many runs amount to: the one object of `--json`, and the tables a person reads."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import cast

from benches.figures import Report, percentile

from holdover.replay import HOUR_S, SHOWN_S, Held, Outcome

US_PER_S = 1e6
NS_PER_S = 1e9
WORST_SHARE = 0.1
T4_DAILY_MEAN = 1e-12
T4_ADEV_1S = 2e-11


def report_of(outcomes: Sequence[Outcome]) -> Report:
    """Sum up runs; what no run showed is None."""
    held = [one.longest for one in outcomes if one.longest is not None]
    errors_us = sorted(one.error_s * US_PER_S for one in held)
    limits_us = sorted(one.limit_s * US_PER_S for one in outcomes if one.limit_s is not None)
    coverages = sorted(one.coverage for one in outcomes if one.judged)
    worst = coverages[: math.ceil(len(coverages) * WORST_SHARE)]
    p99_us = _percentile(errors_us, 0.99)
    limit_us = _percentile(limits_us, 0.99)
    bound_us = _median(one.bound_s * US_PER_S for one in held)
    daily = [mean for one in outcomes for mean in one.daily_means]
    return {
        "holdover_h": _rounded(_median(one.held_s / HOUR_S for one in held)),
        "p50_us": _rounded(_percentile(errors_us, 0.5)),
        "p99_us": _rounded(p99_us),
        "max_us": _rounded(errors_us[-1] if errors_us else None),
        "limit_p99_us": _rounded(limit_us),
        "p99_over_limit": _rounded(_ratio(p99_us, limit_us)),
        "coverage": _mean(_weighted(outcomes)),
        "coverage_worst_decile": _mean(worst),
        "runs_covered_whole": _mean([float(one == 1.0) for one in coverages]),
        "bound_median_us": _rounded(bound_us),
        "bound_p95_us": _rounded(_percentile(sorted(one.bound_s * US_PER_S for one in held), 0.95)),
        "sharpness": _rounded(_ratio(bound_us, p99_us)),
        "interval_score_us": _rounded(_mean([one.score_s * US_PER_S for one in outcomes])),
        "by_horizon": _by_horizon(held),
        "locked_rms_ns": _rounded(
            _rms([error_s * NS_PER_S for one in outcomes for error_s in one.locked_errors_s])
        ),
        "daily_mean_rms": _rounded(_rms(daily)),
        "daily_mean_worst": _rounded(max(map(abs, daily), default=None)),
        "daily_mean_limit": T4_DAILY_MEAN,
        "adev_1s_limit": T4_ADEV_1S,
        "rehearsals": _rehearsals(outcomes),
        "runs_with_alarm": sum(bool(one.alarms) for one in outcomes),
    }


def table_of(report: Report) -> str:
    """Write a report of runs as a table."""
    lines = [f"{report['runs']} runs, {report['subject']}; {str(report['provenance']).upper()}"]
    names = {
        "p50_us": "error at the end, median, us",
        "p99_us": "error at the end, 99 %, us",
        "max_us": "error at the end, greatest, us",
        "limit_p99_us": "physical limit of these runs, 99 %, us",
        "p99_over_limit": "99 % over the limit's",
        "bound_median_us": "published bound at the end, median, us",
        "bound_p95_us": "published bound at the end, 95 %, us",
        "sharpness": "sharpness: median bound over 99 % error",
        "coverage": "share of the time the bound held",
        "coverage_worst_decile": "the same in the worst tenth of units",
        "runs_covered_whole": "share of runs the bound held throughout",
        "interval_score_us": "interval score at 99.9 %, us",
        "locked_rms_ns": "error while locked, rms, ns",
        "daily_mean_rms": "daily mean frequency, rms (T4: 1E-12)",
        "daily_mean_worst": "daily mean frequency, worst day",
        "adev_1s": "ADEV at 1 s (T4: 2E-11)",
        "runs_with_alarm": "runs that suspected the reference",
    }
    lines += [f"  {text:<44}{_shown(report.get(name)):>12}" for name, text in names.items()]
    lines.append(f"  {'horizon':<12}{'bound, median us':>20}{'error, 99 % us':>20}")
    lines += [
        f"  {row['hours']:>3} h        {_shown(row['bound_median_us']):>20}"
        f"{_shown(row['p99_us']):>20}"
        for row in _rows(report, "by_horizon")
    ]
    lines.append(f"  {'rehearsed':<12}{'rehearsals a run':>20}{'rms of error/sigma':>20}")
    lines += [
        f"  {row['hours']:>3} h        {_shown(row['count']):>20}{_shown(row['rms_ratio']):>20}"
        for row in _rows(report, "rehearsals")
    ]
    return "\n".join(lines)


def _rows(report: Report, name: str) -> list[Report]:
    return cast("list[Report]", report[name])


def _by_horizon(held: Sequence[Held]) -> list[Report]:
    rows: list[Report] = []
    for horizon_s in SHOWN_S:
        seen = [one for one in held if horizon_s in one.bounds_s]
        errors_us = sorted(one.errors_s[horizon_s] * US_PER_S for one in seen)
        rows.append(
            {
                "hours": round(horizon_s / HOUR_S),
                "bound_median_us": _rounded(
                    _median(one.bounds_s[horizon_s] * US_PER_S for one in seen)
                ),
                "p99_us": _rounded(_percentile(errors_us, 0.99)),
            }
        )
    return rows


def _rehearsals(outcomes: Sequence[Outcome]) -> list[Report]:
    by_horizon = zip(*(one.ratios for one in outcomes), strict=True)
    return [
        {
            "hours": round(row[0][0] / HOUR_S),
            "count": _median(float(count) for _, count, _ in row),
            "rms_ratio": _rounded(_rms([ratio for _, count, ratio in row if count])),
        }
        for row in by_horizon
    ]


def _weighted(outcomes: Sequence[Outcome]) -> list[float]:
    """Give coverage by instants, not by runs."""
    judged = sum(one.judged for one in outcomes)
    return [sum(one.covered for one in outcomes) / judged] if judged else []


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return percentile(ordered, share) if ordered else None


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _rms(values: Sequence[float]) -> float | None:
    return math.sqrt(math.fsum(one * one for one in values) / len(values)) if values else None


def _ratio(value: float | None, by: float | None) -> float | None:
    return value / by if value is not None and by else None


def _rounded(value: float | None) -> float | None:
    """Keep four digits: more would claim what no run of this length can tell."""
    return None if value is None else float(f"{value:.4g}")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
