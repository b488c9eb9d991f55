"""`shiyin time`: the clock of the box, its sources, its bound, and the holdover it foresees."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from appliance.cli import time_plot
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
    clock = {"reason": told.reason} if isinstance(told, NoTime) else time_facts(told)
    everything = {**facts, "time": clock}
    if context.is_json:
        context.show(everything)
    else:
        print("\n".join(render(everything)))
    return Exit.OK


def _confirm(context: Context, _chosen: argparse.Namespace) -> Exit:
    facts = ask_clock(context, ConfirmTime())
    is_taken = facts.get("confirmed") is True
    context.show(
        {"confirmed": is_taken, "reason": facts.get("reason"), "state": facts.get("state")}
    )
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
    "confirm": ("believe the satellites again after an alarm / 确认恢复卫星授时", _confirm),
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


def _told(context: Context) -> TrustedTime | NoTime:
    return TimeReader(Places(context.state).time_page, boot_id=read_boot_id()).read()


def render(facts: Mapping[str, Any]) -> list[str]:
    """Lay the facts out for a person, in English and Chinese."""
    told = facts["time"]
    lines = []
    if facts.get("provenance", told.get("provenance")) == "SIMULATED":
        lines += ["*** SIMULATED TIME 模拟时间 ***", ""]
    if "utc" in told:
        lines += [
            f"UTC                {told['utc']}",
            f"Beijing 北京时间   {told['beijing']}",
            f"bound 误差界       +-{told['bound_us']} us",
            f"leap 闰秒          {told['leap']}, TAI - UTC = {told['tai_minus_utc_s']} s",
        ]
    else:
        lines.append(f"no time 无可用时间: {told['reason']}")
    if "state" not in facts:
        return [*lines, f"source 时间来源    {facts['source']} (no devices 无设备)"]
    cause = f" ({facts['cause']})" if facts["cause"] else ""
    lines.append(f"state 状态         {facts['state']}{cause}, for {facts['since_s']} s")
    if facts["offset_ns"] is not None:
        lines.append(
            f"oscillator 晶振    {facts['offset_ns']} ns off, {facts['learned_h']} h learnt"
        )
    lines += ["", "sources 时间源", *_sources(facts["sources"])]
    votes = facts["votes"]
    lines.append(f"votes 表决         for 赞成: {_names(votes['agreeing'])}; ")
    lines[-1] += f"against 反对: {_names(votes['dissenting'])}"
    if facts["if_satellites_vanished_now"]:
        lines += ["", "if satellites vanished now 如现在失去卫星"]
        lines += [
            f"  after {row['hours']:>2} h  +-{row['bound_us']} us"
            for row in facts["if_satellites_vanished_now"]
        ]
    if facts["alarms"]:
        lines += ["", "alarms 告警"]
        lines += [f"  {each['english']} / {each['chinese']}" for each in facts["alarms"]]
    return lines


def _sources(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    if not sources:
        return ["  none 无"]
    rows = []
    for source in sources:
        use = "used 使用" if source["is_used"] else "not used 未用"
        detail = f"  {source['detail']}" if source["detail"] else ""
        rows.append(f"  {source['name']:<12} {source['domain']:<16} {use}{detail}")
    return rows


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "-"
