"""`shiyin time`: the clock of the box, its sources, its bound, and the holdover it foresees."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from appliance.cli.clock import plot as time_plot
from appliance.cli.clock.text import render
from appliance.cli.context import Context, Exit, common_options
from appliance.daemon.places import Places, read_boot_id
from appliance.errors import Unavailable
from appliance.services.clocks import TimeReader
from appliance.services.messages import ConfirmTime, Facts, Frame, TimeAsk
from appliance.timing.ptp import grandmaster_settings
from appliance.timing.trusted import NoTime, TrustedTime
from appliance.wire.ipc import ask
from appliance.wire.time_http import time_facts

Run = Callable[[Context, argparse.Namespace], Exit]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what the verb can do beside showing the clock."""
    common = common_options()
    deeds = parser.add_subparsers(dest="do", metavar="DO")
    for name, (sentence, _) in DEEDS.items():
        deed = deeds.add_parser(name, help=sentence, parents=[common])
        if name == "plot":
            time_plot.add_arguments(deed)


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Do what was asked of the clock."""
    return DEEDS[chosen.do or "show"][1](context, chosen)


def _show(context: Context, _chosen: argparse.Namespace) -> Exit:
    facts = ask_clock(context, TimeAsk())
    told = _told(context)
    everything = {**facts, "time": _clock_facts(told)}
    if context.is_json:
        context.show(everything)
    else:
        print("\n".join(render(everything)))
    return Exit.OK


def _confirm(context: Context, _chosen: argparse.Namespace) -> Exit:
    facts = ask_clock(context, ConfirmTime())
    is_taken, reason = facts.get("confirmed") is True, facts.get("reason")
    if not is_taken and reason is None:
        reason = "this clock has no satellites to confirm"
    if context.is_json:
        state, cleared = facts.get("state"), facts.get("cleared", [])
        context.show({"confirmed": is_taken, "reason": reason, "state": state, "cleared": cleared})
    elif is_taken:
        cleared = ", ".join(facts.get("cleared", []))
        print(
            f"confirmed 已确认; the clock is {facts['state']}"
            + (f"; cleared 已清除: {cleared}" if cleared else "")
        )
    else:
        print(f"not taken 未接受: {reason}")
    return Exit.OK if is_taken else Exit.REFUSED


def _ptp(context: Context, _chosen: argparse.Namespace) -> Exit:
    command = grandmaster_settings(_told(context)).pmc_command()
    if context.is_json:
        context.show({"pmc": command})
    else:
        print(command)
    return Exit.OK


DEEDS: dict[str, tuple[str, Run]] = {
    "show": ("sources, votes, bound, holdover foreseen (the default) / 显示时钟", _show),
    "plot": ("draw the history of offset and bound / 绘图", time_plot.run),
    "confirm": (
        "believe the satellites again after an alarm, or clear old alarms / 确认",
        _confirm,
    ),
    "ptp": ("print the settings of a PTP grandmaster for pmc / PTP 设置", _ptp),
}


def ask_clock(context: Context, question: Frame) -> dict[str, Any]:
    """Ask `timed` on its socket.  Raises Unavailable, PermissionError."""
    path = Places(context.state).socket("time")
    try:
        return dict(ask(path, question, Facts).facts)
    except PermissionError:
        raise
    except OSError as error:
        raise Unavailable(f"the clock does not answer on {path}: {error}") from error


def _clock_facts(told: TrustedTime | NoTime) -> dict[str, object]:
    if isinstance(told, NoTime):
        return {"utc": None, "bound_us": None, "reason": told.reason}
    return time_facts(told)


def _told(context: Context) -> TrustedTime | NoTime:
    return TimeReader(Places(context.state).time_page, boot_id=read_boot_id()).read()
