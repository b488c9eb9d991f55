"""`shiyin time plot`: the clock's history and the holdover it foresees, in the terminal or as PNG.

The history is read from its files, so a box that stands still can be plotted too.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import msgspec

from appliance.cli.clock.curves import Minute, Series, stability_curves
from appliance.cli.clock.plot_text import draw_text
from appliance.cli.context import Context, Exit
from appliance.daemon.places import Places
from appliance.errors import Malformed, NotFound
from appliance.quantities import NS_PER_S, NS_PER_US, SECONDS_PER_DAY
from appliance.services.clocks import read_host_clock
from appliance.services.messages import Facts, TimeAsk
from appliance.store.history import HistoryRow, read_history
from appliance.wire.ipc import ask

_DEFAULT_DAYS = 3.0


class Foreseen(msgspec.Struct, frozen=True):
    """One row of the table of holdover, as `timed` tells it."""

    hours: int
    bound_us: int


class Forecast(msgspec.Struct, frozen=True):
    """What is used here of what `timed` tells; a clock without devices foresees nothing."""

    if_satellites_vanished_now: tuple[Foreseen, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what is drawn, and where."""
    parser.add_argument(
        "--png", type=Path, metavar="FILE", help="draw into a PNG, not the terminal / 输出为图片"
    )
    parser.add_argument(
        "--days",
        type=float,
        metavar="N",
        default=_DEFAULT_DAYS,
        help="how many days up to now (default: %(default)g) / 天数",
    )


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Draw the last days.  Raises Malformed, and NotFound when there is no history of them."""
    series = _read_series(Places(context.state), chosen.days)
    if chosen.png is not None:
        # Loading Pillow costs as much as most verbs take.
        from appliance.cli.clock.plot_png import draw_png  # noqa: PLC0415

        chosen.png.write_bytes(draw_png(series))
    if context.is_json:
        context.show(_summary(series, chosen.png))
    elif chosen.png is not None:
        context.show({"png": chosen.png})
    else:
        is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print("\n".join(draw_text(series, is_coloured=is_coloured)))
    return Exit.OK


def _read_series(places: Places, days: float) -> Series:
    if not 0 < days <= 10_000:
        raise Malformed("--days takes a number above 0 and at most 10000")
    now_s = read_host_clock().posix_ns // NS_PER_S
    rows = read_history(places.history, now_s - int(days * SECONDS_PER_DAY))
    if not rows:
        raise NotFound(
            f"there is no history of the clock in {places.history} for the last {days:g} days:"
            " a running box adds a row a minute, and --days N looks further back"
        )
    minutes = sorted(map(_minute, rows), key=lambda minute: minute.utc_s)
    provenance = min(row.provenance for row in rows)  # one simulated minute taints the whole
    return Series(tuple(minutes), provenance, _foreseen(places))


def _minute(row: HistoryRow) -> Minute:
    return Minute(
        row.utc_s,
        row.state,
        row.bound_ns or None,  # 0 where no time could be told
        row.fresh_offset_ns,
        row.offset_ns,
    )


def _foreseen(places: Places) -> tuple[tuple[int, int], ...]:
    """Ask `timed` for its table of holdover: (hours, bound_ns); empty when it cannot be asked."""
    try:
        facts = ask(places.socket("time"), TimeAsk(), Facts).facts
    except (OSError, msgspec.DecodeError):
        return ()
    table = msgspec.convert(facts, Forecast).if_satellites_vanished_now
    return tuple((row.hours, row.bound_us * NS_PER_US) for row in table)


def _summary(series: Series, png: Path | None) -> dict[str, object]:
    start_s, end_s = series.span_s
    return {
        "png": png,
        "provenance": series.provenance.name,
        "start_utc_s": start_s,
        "end_utc_s": end_s,
        "minutes": len(series.minutes),
        "largest_ns": series.top_ns,
        "adev": {curve.name: curve.points for curve in stability_curves(series)},
        "if_satellites_vanished_now": [
            {"hours": hours, "bound_ns": bound_ns} for hours, bound_ns in series.vanished
        ],
    }
